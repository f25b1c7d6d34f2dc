/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet whose flow is known, from the node or to it. */
#ifndef TP_BPF_GATEWAY_ESTABLISHED_H
#define TP_BPF_GATEWAY_ESTABLISHED_H

#include "judge.h"
#include "nat.h"
#include "send.h"

TP_INLINE void gw_note(struct gw_flow *flow, const struct gw_packet *p, bool out, __u32 now)
{
	gw_flow_touch(flow, p, out, now);
	gw_flow_count(flow, p, out);
}

/* Where a packet to a masquerade address of this uplink leads. CARRY_ON with *to and its mapping.
 */
TP_INLINE int gw_behind(const struct gw_uplink *uplink, __u32 id, __be32 addr, __be16 port,
			__u8 proto, __u32 now, struct gw_flow_key *to, struct gw_mapping *m)
{
	int nat_proto = gw_nat_proto_of(proto);
	__u32 slot = TP_GW_ADDRS;

	for (__u32 i = 0; i < TP_GW_ADDRS; i++)
		if (uplink->addr[i] == addr && addr)
			slot = i;
	if (slot == TP_GW_ADDRS || nat_proto < 0 || !gw_in_range(port))
		return GW_PASS_not_ours;
	m->index = gw_word_index(id * TP_GW_ADDRS + slot, nat_proto, bpf_ntohs(port));
	m->ext_addr = addr;
	m->ext_port = port;
	return gw_mapping_back(m->index, now, to, &m->claim) ? CARRY_ON : GW_DROP_no_mapping;
}

/* The mapping of a masqueraded flow lives as long as the flow. False: it is gone. */
TP_INLINE bool gw_keep(const struct gw_flow *flow, __u32 now)
{
	return gw_mapping_keep(flow->mapping, flow->claim, now, flow->until);
}

/* node -> uplink, masqueraded. */
TP_INLINE int gw_out_nat(struct __sk_buff *skb, const struct gw_packet *p,
			 const struct gw_flow_key *key, struct gw_flow *flow, __u32 now)
{
	struct gw_ends to = gw_ends_of(p);
	struct gw_way way;
	__u32 until;
	int why;

	to.src = flow->ext_addr;
	to.src_port = flow->ext_port;
	if (p->proto == IPPROTO_ICMP)
		to.dst_port = flow->ext_port;
	if (!gw_way_uplink(&way, flow->uplink))
		return gw_leave(skb, GW_DROP_uplink_down);
	why = gw_fits(skb, p, key, &way);
	if (why != CARRY_ON)
		return why;
	until = flow->until;
	gw_note(flow, p, true, now);
	if (flow->until == until)
		return gw_send(skb, p, &way, &to, GW_FORWARD_to_uplink);
	gw_keep(flow, now);
	if (flow->flags & GW_FLOW_FROM_REMOTE)
		return gw_send(skb, p, &way, &to, GW_FORWARD_to_uplink);
	why = gw_filter_open(key, flow);
	return why == CARRY_ON ? gw_send(skb, p, &way, &to, GW_FORWARD_to_uplink)
			       : gw_leave(skb, why);
}

/* node -> another node's mapping: RFC 4787 REQ-9, with the external source shown. */
TP_INLINE int gw_out_hairpin(struct __sk_buff *skb, const struct gw_packet *p,
			     const struct gw_flow_key *key, struct gw_flow *flow, __u32 now)
{
	struct gw_ends to = gw_ends_of(p);
	struct gw_flow_key peer = {};
	struct gw_mapping m = {};
	const struct gw_uplink *uplink;
	__u32 id = flow->uplink;
	struct gw_way way;
	int why;

	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!uplink)
		return gw_leave(skb, GW_DROP_uplink_down);
	/* By the key: a later fragment has no ports of its own. */
	why = gw_behind(uplink, id, to.dst, key->remote_port, p->proto, now, &peer, &m);
	if (why != CARRY_ON)
		return gw_leave(skb, GW_DROP_no_mapping);
	if (!gw_way_overlay(&way, peer.overlay))
		return gw_leave(skb, GW_DROP_overlay_down);
	to.src = flow->ext_addr;
	to.src_port = flow->ext_port;
	to.dst = tp_mapped_v4(peer.node);
	to.dst_port = peer.node_port;
	why = gw_fits(skb, p, key, &way);
	if (why != CARRY_ON)
		return why;
	gw_note(flow, p, true, now);
	gw_keep(flow, now);
	return gw_send(skb, p, &way, &to, GW_FORWARD_hairpin);
}

TP_INLINE int gw_out_plain(struct __sk_buff *skb, const struct gw_packet *p,
			   const struct gw_flow_key *key, struct gw_flow *flow,
			   const struct gw_way *way, bool out, __u32 now)
{
	int why = gw_fits(skb, p, key, way);

	if (why != CARRY_ON)
		return why;
	gw_note(flow, p, out, now);
	return gw_send(skb, p, way, NULL,
		       way->overlay ? GW_FORWARD_between_nodes : GW_FORWARD_to_uplink);
}

/* From an overlay. */
static __noinline int gw_out(struct __sk_buff *skb, const struct gw_packet *p,
			     const struct gw_flow_key *key, struct gw_flow *flow, __u32 now)
{
	struct gw_way way;

	switch (flow->kind) {
	case GW_FLOW_NAT: return gw_out_nat(skb, p, key, flow, now);
	case GW_FLOW_HAIRPIN: return gw_out_hairpin(skb, p, key, flow, now);
	case GW_FLOW_LOCAL: gw_note(flow, p, true, now); return gw_leave(skb, GW_PASS_local);
	case GW_FLOW_ROUTED:
		if (!gw_way_uplink(&way, flow->uplink))
			return gw_leave(skb, GW_DROP_uplink_down);
		return gw_out_plain(skb, p, key, flow, &way, true, now);
	default:
		if (!gw_way_overlay(&way, key->overlay))
			return gw_leave(skb, GW_DROP_overlay_down);
		return gw_out_plain(skb, p, key, flow, &way, true, now);
	}
}

/* From an uplink to a node. */
static __noinline int gw_in(struct __sk_buff *skb, const struct gw_packet *p,
			    const struct gw_flow_key *key, struct gw_flow *flow, __u32 now)
{
	struct gw_ends to = gw_ends_of(p);
	struct gw_way way;
	int why;

	if (!gw_way_overlay(&way, key->overlay))
		return gw_leave(skb, GW_DROP_overlay_down);
	why = gw_fits(skb, p, key, &way);
	if (why != CARRY_ON)
		return why;
	gw_note(flow, p, false, now);
	if (flow->kind != GW_FLOW_NAT)
		return gw_send(skb, p, &way, NULL, GW_FORWARD_to_overlay);
	if (p->proto == IPPROTO_TCP)
		gw_keep(flow, now);
	to.dst = tp_mapped_v4(key->node);
	to.dst_port = key->node_port;
	if (p->proto == IPPROTO_ICMP)
		to.src_port = key->node_port;
	return gw_send(skb, p, &way, &to, GW_FORWARD_to_overlay);
}

#endif
