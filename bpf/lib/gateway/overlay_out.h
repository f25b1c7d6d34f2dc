/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this host sends into an overlay, and what others have it route there. */
#ifndef TP_BPF_GATEWAY_OVERLAY_OUT_H
#define TP_BPF_GATEWAY_OVERLAY_OUT_H

#include "admit.h"
#include "icmp.h"

TP_INLINE void gw_key_in(struct gw_flow_key *key, const struct gw_packet *p, __u32 overlay)
{
	tp_copy16(key->node, p->dst);
	tp_copy16(key->remote, p->src);
	key->node_port = p->dst_port;
	key->remote_port = p->src_port;
	key->overlay = overlay;
	key->proto = p->proto;
}

TP_INLINE int gw_host_packet(struct __sk_buff *skb)
{
	struct gw_flow_key key = {};
	struct gw_packet p = {};
	__u64 policy = gw_policy_now();
	__u32 now = gw_ticks();
	struct gw_flow *flow;
	bool own, dead;
	int why;

	if (skb->mark == knobs.mark) {
		skb->mark = 0;
		return gw_leave(skb, GW_PASS_own_send);
	}
	if (!gw_begin(skb))
		return gw_leave(skb, GW_DROP_overlay_down);
	why = gw_parse(skb, &p);
	if (why == GW_PASS_not_ip || gw_is_neighbourly(&p))
		return gw_leave(skb, GW_PASS_not_ip);
	own = gw_is_local(p.src, gw_id(skb));
	if (own && (p.icmp_error || p.part == GW_LATER_FRAGMENT))
		return gw_leave(skb, GW_PASS_local);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (p.icmp_error)
		return gw_leave(skb, GW_DROP_icmp_stray);
	gw_key_in(&key, &p, gw_id(skb));
	flow = gw_known_in(&key, policy, now, &why);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (!flow) {
		why = gw_admit_host(&p, &key, own, policy, now);
		if (own && why == GW_DROP_no_flow)
			return gw_leave(skb, GW_PASS_local); /* a reset, say: opens nothing */
		if (why != CARRY_ON)
			return gw_leave(skb, why);
		flow = gw_flow_find(&key, now, &dead);
		if (!flow)
			return gw_leave(skb, GW_DROP_raced);
	}
	gw_note(flow, &p, false, now);
	return gw_leave(skb, GW_PASS_local);
}

#endif
