/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet whose flow is known. All that can stop it is asked before its first byte is changed. */
#ifndef TP_BPF_RELAY_FORWARD_H
#define TP_BPF_RELAY_FORWARD_H

#include "find.h"
#include "limit.h"
#include "now.h"
#include "nexthop.h"
#include "rewrite.h"
#include "too_big.h"

TP_INLINE __u8 packet_ttl(const struct packet *p)
{
	const struct ipv6hdr *ip6 = p->ip;
	const struct iphdr *ip4 = p->ip;

	return p->v6 ? ip6->hop_limit : ip4->ttl;
}

/* May it go on? */
TP_INLINE int admit(const struct packet *p, const struct flow *flow)
{
	__u64 now = coarse_now();

	if (now >> TP_EXPIRY_SHIFT >= flow->slot->expires_at)
		return TP_DROP_flow_expired;
	if (packet_ttl(p) <= 1)
		return TP_DROP_ttl;
	return limit_node(flow->src->node, p->ip_len, now);
}

/* Rewrites and sends. */
TP_INLINE int send(struct xdp_md *ctx, struct packet *p, const struct flow *flow,
		   const struct relay_nexthop *nh, bool same_length)
{
	int verdict;

	if (same_length)
		rewrite_in_place(p, flow->src, flow->dst, nh);
	else if (reframe(ctx, flow->src, flow->dst, nh))
		return leave(ctx, TP_DROP_no_room);
	verdict = nexthop_send(ctx, nh);
	if (verdict == XDP_DROP)
		return leave(ctx, TP_DROP_no_port);
	flow->slot->packets++;
	flow->slot->bytes += payload_len(p);
	return verdict;
}

/* The flow is read in place: nothing but its counters changes while anybody may have it. */
TP_INLINE int forward(struct xdp_md *ctx, struct packet *p, const struct flow *flow)
{
	const struct relay_nexthop *nh;
	bool to_v6, same_length;
	__u16 grow, mtu;
	int why = admit(p, flow);

	if (why != CARRY_ON)
		return leave(ctx, why);
	nh = nexthop_find(flow->dst->nexthop);
	if (!nh)
		return leave(ctx, TP_PASS_slow);
	to_v6 = !tp_is_mapped(flow->dst->addr);
	grow = (to_v6 ? IPV6_LEN : IPV4_LEN) - l3_len(p);
	mtu = (flow->slot->mtu < nh->mtu ? flow->slot->mtu : nh->mtu) - grow;
	if (p->ip_len > mtu)
		return answer_too_big(ctx, mtu);
	if (to_v6 && !p->udp->check)
		return leave(ctx,
			     TP_PASS_slow); /* IPv6 wants a sum over all of it (RFC 8200, 8.1) */
	same_length = !grow && !trailer_len(p) && p->l2_len == nexthop_l2_len(nh);
	return send(ctx, p, flow, nh, same_length);
}

#endif
