/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What nodes send. */
#ifndef TP_BPF_GATEWAY_OVERLAY_IN_H
#define TP_BPF_GATEWAY_OVERLAY_IN_H

#include "admit.h"
#include "fast.h"
#include "fragment.h"
#include "icmp.h"

TP_INLINE void gw_key_out(const struct __sk_buff *skb, struct gw_flow_key *key,
			  const struct gw_packet *p)
{
	tp_copy16(key->node, p->src);
	tp_copy16(key->remote, p->dst);
	key->node_port = p->src_port;
	key->remote_port = p->dst_port;
	key->overlay = gw_id(skb);
	key->proto = p->proto;
}

/* Why a node's packet goes nowhere, told to the node where that is its business. */
static __noinline int gw_refuse_out(struct __sk_buff *skb, const struct gw_packet *p,
				    const struct gw_flow_key *key, __u32 why)
{
	switch (why) {
	case GW_DROP_policy_denied:
		return gw_answer_refused(skb, p, key, GW_ANSWER_refused, GW_DROP_policy_denied);
	case GW_DROP_not_advertised:
		return gw_answer_refused(skb, p, key, GW_ANSWER_refused, GW_DROP_not_advertised);
	case GW_DROP_ports_full:
	case GW_DROP_node_quota:
	case GW_DROP_filter_quota:
	case GW_DROP_flows_full:
	case GW_DROP_mappings_full:
		gw_count(why, 1, skb->len);
		return gw_answer_refused(skb, p, key, GW_ANSWER_table_full,
					 GW_DROP_refused_quietly);
	default: return gw_leave(skb, why);
	}
}

/* A node answers a node: the flow has the key of who spoke first. */
static __noinline struct gw_flow *gw_flow_between(struct gw_flow_key *key, __u32 now)
{
	struct gw_flow_key turned = *key;
	struct gw_flow *flow;
	bool dead;

	tp_copy16(turned.node, key->remote);
	tp_copy16(turned.remote, key->node);
	turned.node_port = key->remote_port;
	turned.remote_port = key->node_port;
	flow = gw_flow_find(&turned, now, &dead);
	if (!flow || flow->kind != GW_FLOW_OVERLAY)
		return NULL;
	*key = turned;
	return flow;
}

static __noinline int gw_send_between(struct __sk_buff *skb, const struct gw_packet *p,
				      const struct gw_flow_key *key, struct gw_flow *flow,
				      __u32 now)
{
	struct gw_flow_key came = {};
	struct gw_way way;

	if (!gw_way_overlay(&way, key->overlay))
		return gw_leave(skb, GW_DROP_overlay_down);
	if (p->part == GW_FIRST_FRAGMENT) {
		gw_key_out(skb, &came, p);
		gw_fragment_lead(skb, p, &came);
	}
	return gw_out_plain(skb, p, key, flow, &way, false, now);
}

/* The flow of a node's packet, if it is alive and the present policy lets it be. NULL with *why. A
 * flow whose mapping is gone (its address is, or it was idle too long) is ended, to come anew. */
static __noinline struct gw_flow *gw_known_out(const struct gw_flow_key *key, __u64 policy,
					       __u32 now, int *why)
{
	struct gw_flow *flow;
	bool dead;

	*why = CARRY_ON;
	flow = gw_flow_find(key, now, &dead);
	if (!flow) {
		gw_clear(key, dead);
		return NULL;
	}
	if (flow->generation != gw_policy_generation(policy)) {
		*why = gw_again(key, flow, policy);
		if (*why != CARRY_ON)
			return NULL;
	}
	if (flow->kind != GW_FLOW_NAT && flow->kind != GW_FLOW_HAIRPIN)
		return flow;
	if (gw_keep(flow, now))
		return flow;
	gw_flow_end(key, flow->until);
	return NULL;
}

TP_INLINE int gw_from_node(struct __sk_buff *skb, const struct gw_packet *p,
			   struct gw_flow_key *key, __u64 policy, __u32 now)
{
	struct gw_flow *flow;
	bool dead;
	int why;

	if (p->part == GW_LATER_FRAGMENT && !gw_fragment_follow(skb, p, key))
		return gw_punt_early(skb, p);
	flow = gw_known_out(key, policy, now, &why);
	if (why != CARRY_ON)
		return gw_refuse_out(skb, p, key, why);
	if (!flow) {
		struct gw_flow *between = gw_flow_between(key, now);

		if (between && between->generation != gw_policy_generation(policy) &&
		    gw_again(key, between, policy) != CARRY_ON)
			return gw_leave(skb, GW_DROP_policy_changed);
		if (between)
			return gw_send_between(skb, p, key, between, now);
		why = gw_admit_out(p, key, policy, now);
		if (why != CARRY_ON)
			return gw_refuse_out(skb, p, key, why);
		flow = gw_flow_find(key, now, &dead);
		if (!flow)
			return gw_leave(skb, GW_DROP_raced);
	}
	if (p->part == GW_FIRST_FRAGMENT)
		gw_fragment_lead(skb, p, key);
	return gw_out(skb, p, key, flow, now);
}

/* For this host, as a neighbour. IPv4 hosts forward link-local addresses like any other. */
TP_INLINE bool gw_is_to_neighbour(const struct __sk_buff *skb, const struct gw_packet *p)
{
	bool group = bpf_ntohl(tp_mapped_v4(p->dst)) >> 28 >= 0xe;

	return gw_is_neighbourly(p) && (p->v6 || group || gw_is_local(p->dst, gw_id(skb)));
}

TP_INLINE int gw_overlay_packet(struct __sk_buff *skb)
{
	struct gw_flow_key key = {};
	__u64 policy = gw_policy_now();
	struct gw_packet p = {};
	__u32 now = gw_ticks();
	int why;

	if (!gw_begin(skb))
		return gw_leave(skb, GW_DROP_overlay_down);
	if (gw_is_others(skb))
		return gw_leave(skb, GW_PASS_other_host);
	why = gw_fast_out(skb, policy, now);
	if (why != CARRY_ON)
		return why;
	why = gw_parse(skb, &p);
	if (why == GW_PASS_not_ip)
		return gw_leave(skb, self.l2_len ? GW_PASS_not_ip : GW_DROP_malformed);
	if (self.l2_len && gw_is_to_neighbour(skb, &p))
		return gw_leave(skb, GW_PASS_link_scope);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (gw_is_to_group(skb) && !gw_is_local(p.dst, gw_id(skb)))
		return gw_leave(skb, GW_DROP_link_group);
	if (p.icmp_error)
		return gw_icmp_from_node(skb, &p, gw_id(skb), now);
	gw_key_out(skb, &key, &p);
	return gw_from_node(skb, &p, &key, policy, now);
}

#endif
