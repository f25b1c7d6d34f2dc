/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts and drops the packets of bench/source.c, lets all else pass. Every so many of them are
 * looked at closely: is it where its receiver index should lead, is its UDP checksum right?
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>

#include "../bpf/lib/checksum.h"
#include "../bpf/lib/ethernet.h"
#include "../bpf/lib/mapped.h"
#include "flow_headers.h"

#define WG_DATA	     4
#define SUM_STEP     64
#define SUM_STEPS    24 /* up to 1536 bytes of UDP are summed */
#define UDP_PROTOCOL tp_htons(IPPROTO_UDP)

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bench_arrivals);
	__uint(max_entries, 1);
} arrivals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct bench_expected);
	__uint(max_entries, 1);
} expected SEC(".maps");

const volatile __u32 check_every; /* 0: none */

struct data_header {
	__u32 type;
	__u32 receiver;
	__u64 counter;
};

struct arrived {
	struct udphdr *udp;
	struct data_header *wg;
	__u32 offset; /* of the UDP header */
	__u8 dst[16];
	__u64 address_sum; /* of the pseudo header */
};

TP_INLINE bool parse_addresses(struct arrived *a, void *ip, void *end, __be16 proto)
{
	struct iphdr *v4 = ip;
	struct ipv6hdr *v6 = ip;

	if (proto == tp_htons(ETH_P_IP)) {
		if ((void *)(v4 + 1) > end || v4->protocol != IPPROTO_UDP || v4->ihl != 5)
			return false;
		tp_map_v4(a->dst, v4->daddr);
		a->address_sum = (__u64)v4->saddr + v4->daddr;
		a->udp = (void *)(v4 + 1);
		return true;
	}
	if (proto != tp_htons(ETH_P_IPV6) || (void *)(v6 + 1) > end || v6->nexthdr != IPPROTO_UDP)
		return false;
	tp_copy16(a->dst, &v6->daddr);
	a->address_sum = tp_sum128(&v6->saddr) + tp_sum128(&v6->daddr);
	a->udp = (void *)(v6 + 1);
	return true;
}

/* Is it one of ours? */
TP_INLINE bool parse(struct xdp_md *ctx, struct arrived *a)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + ETH_HLEN > end ||
	    !parse_addresses(a, data + ETH_HLEN, end, tp_get16(data + ETH_HLEN - 2)))
		return false;
	a->wg = (void *)(a->udp + 1);
	a->offset = (void *)a->udp - data;
	return (void *)(a->wg + 1) <= end && a->wg->type == tp_htole32(WG_DATA) &&
	       a->wg->counter == BENCH_COUNTER;
}

static __noinline __u64 udp_sum(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	__u8 bytes[SUM_STEP];
	__u64 sum = 0;

	for (int i = 0; i < SUM_STEPS && len; i++) {
		__u32 step = len < SUM_STEP ? len : SUM_STEP;

		__builtin_memset(bytes, 0, sizeof(bytes));
		if (step < 1 || step > SUM_STEP || bpf_xdp_load_bytes(ctx, offset, bytes, step))
			return 0;
		for (int w = 0; w < SUM_STEP; w += 4)
			sum += tp_sum32(bytes + w);
		offset += step;
		len -= step;
	}
	return sum;
}

TP_INLINE bool checksum_right(struct xdp_md *ctx, const struct arrived *a)
{
	__u16 len = tp_htons(a->udp->len);
	__u64 sum = a->address_sum + a->udp->len + UDP_PROTOCOL;

	return !a->udp->check || tp_sum_fold(sum + udp_sum(ctx, a->offset, len)) == 0xffff;
}

TP_INLINE void check(struct xdp_md *ctx, const struct arrived *a, struct bench_arrivals *n)
{
	__u32 index = a->wg->receiver;
	const struct bench_expected *to = bpf_map_lookup_elem(&expected, &index);

	n->checked++;
	if (!to)
		n->wrong_index++;
	else if (!tp_equal16(to->addr, a->dst) || to->port != a->udp->dest)
		n->wrong_destination++;
	if (!checksum_right(ctx, a))
		n->wrong_checksum++;
}

SEC("xdp")
int sink_xdp(struct xdp_md *ctx)
{
	struct bench_arrivals *n;
	struct arrived a = {};
	__u32 zero = 0;

	if (!parse(ctx, &a))
		return XDP_PASS;
	n = bpf_map_lookup_elem(&arrivals, &zero);
	if (!n)
		return XDP_ABORTED;
	n->packets++;
	n->bytes += ctx->data_end - ctx->data;
	if (check_every && n->packets % check_every == 0)
		check(ctx, &a, n);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
