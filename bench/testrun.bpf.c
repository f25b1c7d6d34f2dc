/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs that bench/testrun.c has the kernel run over and over on one frame. A test run does not
 * restore the frame between two runs, so each program first writes the headers of the next packet:
 * those of `frame`, with source, port and receiver index from the next of `keys`. The programs
 * differ only in what they do then, so what the writing costs is in all of them and in none of the
 * differences. keys is read in order, which the prefetcher hides; flows lie in another, random
 * order.
 */
#include "../bpf/lib/relay/relay.h"
#include "testrun_key.h"

#define IP_WORDS 8 /* IPv6, UDP, 16 bytes of WireGuard */

const volatile struct {
	__u64 macs[2]; /* 12 bytes of them */
	__u64 ip[IP_WORDS];
	__u32 len;
	__u32 keys;
	__be16 proto;
	bool v6;
} frame;

__u32 position;
__u32 keys[BENCH_KEYS];

/* In words that hold whole fields, so that no load of the program measured straddles two stores. */
TP_INLINE void write_headers(void *data)
{
	tp_put64(data, frame.macs[0]);
	tp_put32(data + 8, frame.macs[1]);
	tp_put16(data + 12, frame.proto);
	for (int i = 0; i < IP_WORDS; i++)
		tp_put64(data + ETH_HLEN + i * sizeof(__u64), frame.ip[i]);
}

/* Undoes what the last run did to the frame's length, and writes the next packet. */
TP_INLINE void write_key(void *data, __u32 key)
{
	__u32 l3 = frame.v6 ? IPV6_LEN : IPV4_LEN;

	tp_put32(data + (frame.v6 ? 34 : 26), bpf_htonl(bench_address(key)));
	tp_put16(data + ETH_HLEN + l3, bpf_htons(bench_port(key)));
	tp_put32(data + ETH_HLEN + l3 + 12, bench_index(key));
}

/* Undoes what the last run did to the frame's length, and writes the next packet. */
TP_INLINE int prepare(struct xdp_md *ctx)
{
	__u32 at = position;
	int grown = frame.len - (ctx->data_end - ctx->data);
	void *data;

	if (at >= BENCH_KEYS || (grown && bpf_xdp_adjust_head(ctx, -grown)))
		return -1;
	position = at + 1 < frame.keys ? at + 1 : 0;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + sizeof(frame.ip) > (void *)(long)ctx->data_end)
		return -1;
	write_headers(data);
	write_key(data, keys[at]);
	return 0;
}

SEC("xdp.frags")
int bench_empty(struct xdp_md *ctx)
{
	return prepare(ctx) ? XDP_ABORTED : XDP_TX;
}

SEC("xdp.frags")
int bench_swap(struct xdp_md *ctx)
{
	void *eth;

	if (prepare(ctx))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if (eth + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	swap_macs(eth);
	return XDP_TX;
}

/* The relay's own steps, one more each. */
SEC("xdp.frags")
int bench_parse(struct xdp_md *ctx)
{
	struct packet p;

	if (prepare(ctx) || parse_packet(ctx, &p) != CARRY_ON)
		return XDP_ABORTED;
	return wg_is_data(ctx, &p) ? XDP_TX : XDP_ABORTED;
}

SEC("xdp.frags")
int bench_lookup(struct xdp_md *ctx)
{
	struct packet p;
	struct flow flow;

	if (prepare(ctx) || parse_packet(ctx, &p) != CARRY_ON || !wg_is_data(ctx, &p))
		return XDP_ABORTED;
	return flow_find(&flow, &p.key) && tp_equal16(flow.src->local, p.local.addr) ? XDP_TX
										     : XDP_ABORTED;
}

SEC("xdp.frags")
int bench_relay(struct xdp_md *ctx)
{
	return prepare(ctx) ? XDP_ABORTED : relay_packet(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
