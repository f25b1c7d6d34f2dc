/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet becomes its flow's: addresses, ports, TTL, checksums. DSCP and ECN stay. In place when
 * the headers keep their length; reframe() moves the start of the frame when they do not.
 */
#ifndef TP_BPF_RELAY_REWRITE_H
#define TP_BPF_RELAY_REWRITE_H

#include "flow.h"
#include "header.h"
#include "nexthop.h"

TP_INLINE void rewrite_ipv4(struct iphdr *ip, const struct relay_place *src,
			    const struct relay_place *dst)
{
	ip->ttl--;
	ip->check = tp_csum_update(ip->check, tp_l3_change(src, dst));
	ip->saddr = tp_mapped_v4(dst->local);
	ip->daddr = tp_mapped_v4(dst->addr);
}

TP_INLINE void rewrite_ipv6(struct ipv6hdr *ip, const struct relay_place *dst)
{
	ip->hop_limit--;
	tp_copy16(&ip->saddr, dst->local);
	tp_copy16(&ip->daddr, dst->addr);
}

/* From the port that it came to. */
TP_INLINE void rewrite_udp(struct udphdr *udp, const struct relay_place *src,
			   const struct relay_place *dst)
{
	udp->source = knobs.listen_port;
	udp->dest = dst->port;
	if (udp->check)
		udp->check = tp_csum_udp(tp_csum_update(udp->check, tp_l4_change(src, dst)));
}

TP_INLINE void rewrite_in_place(struct packet *p, const struct relay_place *src,
				const struct relay_place *dst, const struct relay_nexthop *nh)
{
	nexthop_write(p->eth, nh);
	if (p->v6)
		rewrite_ipv6(p->ip, dst);
	else
		rewrite_ipv4(p->ip, src, dst);
	rewrite_udp(p->udp, src, dst);
}

/* What the new header of the other family takes over from the old one (RFC 7915, 4.1 and 5.1). */
TP_INLINE struct ip_fields translated(const struct packet *p, const struct relay_place *dst)
{
	struct ip_fields f = {
		.src = dst->local,
		.dst = dst->addr,
		.proto = IPPROTO_UDP,
	};

	if (p->v6) {
		struct ipv6hdr *ip = p->ip;

		f.traffic_class = bpf_ntohs(tp_get16(ip)) >> 4;
		f.ttl = ip->hop_limit - 1;
		f.len = p->ip_len - IPV6_LEN + IPV4_LEN;
	} else {
		struct iphdr *ip = p->ip;

		f.traffic_class = ip->tos;
		f.ttl = ip->ttl - 1;
		f.len = p->ip_len - IPV4_LEN + IPV6_LEN;
	}
	return f;
}

/* Rewrites what may change family, number of VLAN tags, or lose bytes behind the IP packet. What
 * was read from the packet is used up before its start moves. 0, or -1 with the packet spoilt. */
static __noinline int reframe(struct xdp_md *ctx, const struct relay_place *src,
			      const struct relay_place *dst, const struct relay_nexthop *nh)
{
	struct packet packet, *p = &packet;
	int why = parse_packet(ctx, p);
	bool to_v6 = !tp_is_mapped(dst->addr);
	__u32 new_l3_len = to_v6 ? IPV6_LEN : IPV4_LEN;
	__u32 proto_at = nexthop_l2_len(nh) - sizeof(__be16);
	int grow;
	struct ip_fields f;
	bool translate;
	struct udphdr *udp;
	void *eth, *proto, *ip;

	if (why != CARRY_ON)
		return -1;
	f = translated(p, dst);
	translate = to_v6 != p->v6;
	barrier_var(proto_at); /* the verifier wants pointers that only move forward */
	grow = proto_at + sizeof(__be16) + new_l3_len - l2_len(p) - l3_len(p);
	if (trailer_len(p) && bpf_xdp_adjust_tail(ctx, -(int)trailer_len(p)))
		return -1;
	if (bpf_xdp_adjust_head(ctx, -grow))
		return -1;
	eth = (void *)(long)ctx->data;
	proto = eth + proto_at;
	ip = proto + sizeof(__be16);
	udp = ip + new_l3_len;
	if (eth + L2_LEN_MAX > (void *)(long)ctx->data_end ||
	    ip + IPV6_LEN + sizeof(*udp) > (void *)(long)ctx->data_end)
		return -1;
	nexthop_write(eth, nh);
	tp_put16(proto, to_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
	if (translate && to_v6)
		write_ipv6(ip, &f);
	else if (translate)
		write_ipv4(ip, &f);
	else if (to_v6)
		rewrite_ipv6(ip, dst);
	else
		rewrite_ipv4(ip, src, dst);
	rewrite_udp(udp, src, dst);
	return 0;
}

#endif
