/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer to a packet larger than its path: ICMP "fragmentation needed" (RFC 792, RFC 1191) or
 * ICMPv6 "packet too big" (RFC 4443, 3.2), made from the packet itself.
 *
 *   was   | Ethernet |            IP | UDP | WireGuard ...
 *   is    | Ethernet | IP | ICMP | IP | UDP | the first bytes of WireGuard |
 */
#ifndef TP_BPF_RELAY_TOO_BIG_H
#define TP_BPF_RELAY_TOO_BIG_H

#include "header.h"

#define QUOTE_LEN    128
#define ICMP_LEN     8 /* of both ICMPs: type, code, checksum, MTU */
#define IPV6_MIN_MTU 1280

/* Type and code. */
#define ICMP_FRAG_NEEDED      0x0304
#define ICMPV6_PACKET_TOO_BIG 0x0200

/* Writes the ICMP header before the quote; `sum` is what else its checksum covers. */
TP_INLINE void write_icmp(void *icmp, __u16 type_code, __u16 mtu, __u64 sum)
{
	tp_put16(icmp, type_code);
	tp_put16(icmp + 2, 0);
	tp_put32(icmp + 4, bpf_htonl(mtu));
	sum += bpf_csum_diff(NULL, 0, icmp, ICMP_LEN + QUOTE_LEN, 0);
	tp_put16(icmp + 2, ~tp_sum_fold(sum));
}

TP_INLINE int answer_ipv4(struct xdp_md *ctx, const struct packet *p, void *ip, __u16 mtu)
{
	struct ip_fields f = {
		.src = p->local.addr,
		.dst = p->key.addr,
		.len = IPV4_LEN + ICMP_LEN + QUOTE_LEN,
		.ttl = HEADER_TTL,
		.proto = IPPROTO_ICMP,
	};

	if (ip + f.len > (void *)(long)ctx->data_end)
		return TP_DROP_no_room;
	write_ipv4(ip, &f);
	write_icmp(ip + IPV4_LEN, bpf_htons(ICMP_FRAG_NEEDED), mtu, 0);
	return TP_ANSWER_too_big;
}

TP_INLINE int answer_ipv6(struct xdp_md *ctx, const struct packet *p, void *ip, __u16 mtu)
{
	struct ip_fields f = {
		.src = p->local.addr,
		.dst = p->key.addr,
		.len = IPV6_LEN + ICMP_LEN + QUOTE_LEN,
		.ttl = HEADER_TTL,
		.proto = IPPROTO_ICMPV6,
	};

	if (ip + f.len > (void *)(long)ctx->data_end)
		return TP_DROP_no_room;
	write_ipv6(ip, &f);
	write_icmp(ip + IPV6_LEN, bpf_htons(ICMPV6_PACKET_TOO_BIG), mtu,
		   pseudo_sum(f.src, f.dst, f.proto, ICMP_LEN + QUOTE_LEN));
	return TP_ANSWER_too_big;
}

/* Cuts the frame down to the quote and moves its start `grow` bytes forward, Ethernet header and
 * tags with it. */
TP_INLINE int make_room(struct xdp_md *ctx, const struct packet *p, int grow)
{
	void *eth, *was;

	if (bpf_xdp_adjust_tail(ctx, l2_len(p) + QUOTE_LEN - (int)bpf_xdp_get_buff_len(ctx)) ||
	    bpf_xdp_adjust_head(ctx, -grow))
		return -1;
	eth = (void *)(long)ctx->data;
	was = eth + grow;
	if (eth + L2_LEN_MAX > (void *)(long)ctx->data_end ||
	    was + L2_LEN_MAX > (void *)(long)ctx->data_end)
		return -1;
	for (int at = 0; at < L2_LEN_MAX; at += 2) /* without tags, what follows is written next */
		tp_put16(eth + at, tp_get16(was + at));
	swap_macs(eth);
	return 0;
}

/* Tells the sender of a packet that at most `mtu` bytes of IP, as it counts them, get through. What
 * may be fragmented, and what IPv6 does not know how to say, is left to the kernel. */
static __noinline int answer_too_big(struct xdp_md *ctx, __u16 mtu)
{
	struct packet packet, *p = &packet;
	int why = parse_packet(ctx, p);
	const struct iphdr *ip;
	void *start;

	if (why != CARRY_ON)
		return leave(ctx, why);
	ip = p->ip;
	if (p->ip_len < QUOTE_LEN)
		return leave(ctx, TP_PASS_slow);
	if (p->v6 ? mtu < IPV6_MIN_MTU : !(ip->frag_off & bpf_htons(IPV4_DF)))
		return leave(ctx, TP_PASS_slow);
	if (make_room(ctx, p, l3_len(p) + ICMP_LEN))
		return leave(ctx, TP_DROP_no_room);
	start = (void *)(long)ctx->data + l2_len(p);
	return leave(ctx,
		     p->v6 ? answer_ipv6(ctx, p, start, mtu) : answer_ipv4(ctx, p, start, mtu));
}

#endif
