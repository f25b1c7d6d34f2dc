/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet whose flow is known. All that can stop it is asked before its first byte is changed. */
#ifndef TP_BPF_FORWARD_H
#define TP_BPF_FORWARD_H

#include "limit.h"
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
TP_INLINE int admit(const struct packet *p, const struct relay_flow *flow)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	if (now >= flow->expires_at)
		return TP_DROP_flow_expired;
	if (packet_ttl(p) <= 1)
		return TP_DROP_ttl;
	return limit_node(flow->src_node, p->ip_len, now);
}

TP_INLINE void count_forwarded(const struct packet *p, const struct relay_flow *flow)
{
	struct relay_count *count = bpf_map_lookup_elem(&flow_counts, &flow->counter);

	if (count) {
		count->packets++;
		count->bytes += p->payload;
	}
}

/* Rewrites and sends. */
TP_INLINE int send(struct xdp_md *ctx, struct packet *p, const struct relay_flow *flow,
		   const struct relay_nexthop *nh, bool same_length)
{
	int verdict;

	if (same_length)
		rewrite_in_place(p, flow, nh);
	else if (reframe(ctx, p, flow, nh))
		return leave(ctx, TP_DROP_no_room);
	verdict = nexthop_send(ctx, nh);
	if (verdict == XDP_DROP)
		return leave(ctx, TP_DROP_no_port);
	count_forwarded(p, flow);
	return verdict;
}

/* `entry` may be given to another key while it is read: its copy counts if the tag, read last, is
 * still ours. */
TP_INLINE int forward(struct xdp_md *ctx, struct packet *p, const struct relay_flow *entry)
{
	struct relay_flow flow = *entry;
	const struct relay_nexthop *nh;
	bool to_v6, same_length;
	__u16 grow, mtu;
	int why;

	barrier();
	if (entry->tag != tp_flow_tag(&p->key))
		return leave(ctx, TP_DROP_flow_reused);
	why = admit(p, &flow);
	if (why != CARRY_ON)
		return leave(ctx, why);
	nh = nexthop_find(flow.nexthop);
	if (!nh)
		return leave(ctx, TP_PASS_slow);
	to_v6 = !tp_is_mapped(flow.dst);
	grow = (to_v6 ? IPV6_LEN : IPV4_LEN) - l3_len(p);
	mtu = (flow.mtu < nh->mtu ? flow.mtu : nh->mtu) - grow;
	if (p->ip_len > mtu)
		return answer_too_big(ctx, p, mtu);
	if (to_v6 && !p->udp->check)
		return leave(ctx,
			     TP_PASS_slow); /* IPv6 wants a sum over all of it (RFC 8200, 8.1) */
	same_length = !grow && !p->trailer && p->l2_len == nexthop_l2_len(nh);
	return send(ctx, p, &flow, nh, same_length);
}

#endif
