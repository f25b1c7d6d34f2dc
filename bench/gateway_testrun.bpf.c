/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs that bench/gateway_testrun.c has the kernel run over and over on one frame. A test run
 * leaves the frame as the program before it made it, so each first writes the headers of the next
 * packet: IPv4 and UDP, with the end that the next of `packets` says. What that costs is in all of
 * them and in none of the differences. `packets` is read in order, which the prefetcher hides.
 */
#include "../bpf/lib/gateway/overlay_in.h"
#include "../bpf/lib/gateway/uplink_in.h"
#include "gateway_testrun.h"

const volatile __u32 n_packets;
const volatile __u16 ip_len;
struct bench_common common;
struct bench_end packets[BENCH_FLOWS];
__u32 position;

/* Each field by a store of its own, so that no load of the program measured straddles two. */
TP_INLINE void write_headers(struct ethhdr *eth, const struct bench_end *end)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__be32 host = bpf_htonl(end->host);
	bool to_node = common.to_node;

	tp_put64(eth, 0);
	tp_put32((__u8 *)eth + 8, 0);
	eth->h_proto = bpf_htons(ETH_P_IP);
	tp_put16(ip, bpf_htons(IPV4_PLAIN << 8));
	ip->tot_len = bpf_htons(ip_len);
	tp_put32(&ip->id, 0);
	tp_put16(&ip->ttl, bpf_htons(BENCH_TTL << 8 | IPPROTO_UDP));
	ip->check = ~tp_sum_fold((__u64)common.sum + host);
	ip->saddr = to_node ? common.src : common.src + host;
	ip->daddr = to_node ? common.dst + host : common.dst;
	udp->source = to_node ? common.src_port : end->port;
	udp->dest = to_node ? end->port : common.dst_port;
	udp->len = bpf_htons(ip_len - IPV4_LEN);
	udp->check = bpf_htons(0x1234);
}

TP_INLINE int prepare(struct __sk_buff *skb)
{
	__u32 at = position;
	void *frame = (void *)(long)skb->data;

	if (at >= BENCH_FLOWS ||
	    frame + ETH_HLEN + IPV4_LEN + sizeof(struct udphdr) > (void *)(long)skb->data_end)
		return -1;
	position = at + 1 < n_packets ? at + 1 : 0;
	write_headers(frame, &packets[at]);
	skb->mark = 0;
	return 0;
}

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	return prepare(skb) ? TC_ACT_SHOT : TC_ACT_REDIRECT;
}

SEC("tc")
int bench_overlay(struct __sk_buff *skb)
{
	return prepare(skb) ? TC_ACT_SHOT : gw_overlay_packet(skb);
}

SEC("tc")
int bench_uplink(struct __sk_buff *skb)
{
	return prepare(skb) ? TC_ACT_SHOT : gw_uplink_packet(skb);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
