/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What arrives on an uplink: for a mapping, for a node that is reached by its own address, or none
 * of ours, and then untouched. A masquerade address is this host's too: a port outside the range is
 * the host's, one inside is never handed to it, since it would answer with a reset.
 */
#ifndef TP_BPF_GATEWAY_UPLINK_IN_H
#define TP_BPF_GATEWAY_UPLINK_IN_H

#include "fast.h"
#include "fragment.h"
#include "icmp.h"
#include "overlay_out.h"

/* The overlay that has this node: the first one that is there, else one that is not. CARRY_ON, or
 * why the packet goes to none. */
static __noinline int gw_overlay_of(const struct gw_packet *p, __u32 set, __u32 *overlay)
{
	struct policy_node_key GW_WORDS key;
	int why = GW_PASS_not_ours;

	gw_end(&key, p->dst, 0);
	for (__u32 i = 0; i < TP_GW_OVERLAYS; i++) {
		__u32 id = i;
		const struct gw_overlay *at = bpf_map_lookup_elem(&gw_overlays, &id);

		if (!at || !at->mtu)
			continue;
		key.overlay = i;
		if (!gw_is_node(&key, set))
			continue;
		*overlay = i;
		if (at->ifindex)
			return CARRY_ON;
		why = GW_DROP_overlay_down; /* the host would send it back where it came from */
	}
	return why;
}

/* May the remote of a known flow be beyond an uplink, and speak to the node by mapping *m or (NULL)
 * by its address? A flow with this host is another's only when the host has routed it. */
static __noinline int gw_may_enter(const struct gw_flow_key *key, const struct gw_flow *flow,
				   const struct gw_mapping *m)
{
	if (flow->kind == (m ? GW_FLOW_NAT : GW_FLOW_ROUTED))
		return CARRY_ON;
	if (flow->kind == GW_FLOW_NAT || flow->kind == GW_FLOW_ROUTED)
		return GW_DROP_no_mapping;
	return flow->kind == GW_FLOW_LOCAL && !m && !gw_is_local(key->remote, key->overlay)
		       ? CARRY_ON
		       : GW_DROP_spoofed_source;
}

/* To a node, by mapping *m or (NULL) by its address. */
static __noinline int gw_to_node(struct __sk_buff *skb, const struct gw_packet *p,
				 const struct gw_flow_key *key, const struct gw_mapping *m,
				 __u64 policy)
{
	__u32 now = gw_ticks();
	struct gw_flow *flow;
	bool dead;
	int why;

	flow = gw_known_in(key, policy, now, &why);
	if (flow)
		why = gw_may_enter(key, flow, m);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (flow && m && flow->claim != m->claim) {
		gw_flow_end(key, flow->until); /* of an earlier owner of the port */
		flow = NULL;
	}
	if (!flow) {
		why = gw_admit_in(p, key, m, policy, gw_id(skb));
		if (why != CARRY_ON)
			return gw_leave(skb, why);
		flow = gw_flow_find(key, now, &dead);
		if (!flow)
			return gw_leave(skb, GW_DROP_raced);
	}
	if (p->part == GW_FIRST_FRAGMENT)
		gw_fragment_lead(skb, p, key);
	return gw_in(skb, p, key, flow, now);
}

/* ICMP has no ports, only identifiers that this host's own queries may have too: what no node's
 * flow claims is the host's. */
TP_INLINE bool gw_is_hosts_icmp(const struct gw_packet *p, const struct gw_flow_key *key, __u32 now)
{
	bool dead;

	return p->proto == IPPROTO_ICMP && (p->icmp_query || !gw_flow_find(key, now, &dead));
}

/* To a masquerade address: to a node, by its mapping, or to this host. */
static __noinline int gw_to_masquerade(struct __sk_buff *skb, const struct gw_packet *p,
				       const struct gw_uplink *uplink, __u64 policy)
{
	struct gw_flow_key key = {};
	struct gw_mapping m = {};
	__u32 now = gw_ticks();
	int why;

	if (!uplink)
		return gw_leave(skb, GW_PASS_not_ours);
	why = gw_behind(uplink, gw_id(skb), tp_mapped_v4(p->dst), p->dst_port, p->proto, now, &key,
			&m);
	tp_copy16(key.remote, p->src);
	key.proto = p->proto;
	key.remote_port = p->proto == IPPROTO_ICMP ? key.node_port : p->src_port;
	if (why == GW_PASS_not_ours || gw_is_hosts_icmp(p, &key, now))
		return gw_leave(skb, GW_PASS_not_ours);
	return why == CARRY_ON ? gw_to_node(skb, p, &key, &m, policy) : gw_leave(skb, why);
}

TP_INLINE bool gw_is_masquerade(const struct gw_uplink *uplink, const struct gw_packet *p)
{
	if (p->v6)
		return false;
	for (__u32 i = 0; i < TP_GW_ADDRS; i++)
		if (uplink->addr[i] && uplink->addr[i] == tp_mapped_v4(p->dst))
			return true;
	return false;
}

/* A later fragment of what came for a mapping or a node. One that is early may still be the host's
 * own: a masquerade address is the host's too. So the host gets it as well, and whose it is will be
 * seen: the daemon lets it go when no first fragment makes it a node's. */
static __noinline int gw_later_fragment(struct __sk_buff *skb, const struct gw_packet *p,
					const struct gw_uplink *uplink, __u64 policy, __u32 now)
{
	struct gw_flow_key key = {};
	struct gw_flow *flow;
	int why;

	if (!gw_fragment_follow(skb, p, &key)) {
		if (gw_is_masquerade(uplink, p))
			gw_punt(skb, p, GW_PUNT_EARLY, 0, 0);
		return gw_leave(skb, GW_PASS_not_ours);
	}
	flow = gw_known_in(&key, policy, now, &why);
	if (flow)
		return gw_in(skb, p, &key, flow, now);
	return gw_leave(skb, why == CARRY_ON ? GW_DROP_raced : why);
}

/* To a node's own address. */
static __noinline int gw_to_address(struct __sk_buff *skb, const struct gw_packet *p, __u32 overlay,
				    __u64 policy)
{
	struct gw_flow_key key = {};

	gw_key_in(&key, p, overlay);
	return gw_to_node(skb, p, &key, NULL, policy);
}

/* Not to a masquerade address: to a node, or to this host or by it. */
TP_INLINE int gw_to_other(struct __sk_buff *skb, const struct gw_packet *p, __u64 policy)
{
	__u32 overlay = 0;
	int why;

	if (gw_is_local(p->dst, GW_LOCAL_ELSEWHERE))
		return gw_leave(skb, GW_PASS_not_ours);
	why = gw_overlay_of(p, gw_policy_set(policy), &overlay);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	return p->icmp_error ? gw_icmp_to_node(skb, p, overlay, gw_ticks())
			     : gw_to_address(skb, p, overlay, policy);
}

/* TCP or UDP behind IPv4 options, to a port in the range? */
static __noinline bool gw_options_in_range(struct __sk_buff *skb)
{
	struct iphdr ip;
	__be16 port;

	if (bpf_skb_load_bytes(skb, GW_L3, &ip, sizeof(ip)) ||
	    (ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP) ||
	    bpf_skb_load_bytes(skb, GW_L3 + ip.ihl * 4 + 2, &port, sizeof(port)))
		return false;
	return gw_in_range(port);
}

/*
 * XDP's generic hook copies a packet that it may not write to, and in kernels that have pages for
 * that (6.18 is one) the copy does not know how long its Ethernet header is: it begins with IP
 * here. Puts the header back in front. False: no room.
 */
static __noinline bool gw_begin_with_ethernet(struct __sk_buff *skb)
{
	__u64 eth[2] = {}, first[2] = {};

	if (bpf_skb_load_bytes_relative(skb, 0, eth, ETH_HLEN, BPF_HDR_START_MAC) ||
	    bpf_skb_load_bytes(skb, 0, first, ETH_HLEN) || tp_equal16(eth, first))
		return true;
	return !bpf_skb_change_head(skb, ETH_HLEN, 0) &&
	       !bpf_skb_store_bytes(skb, 0, eth, ETH_HLEN, 0);
}

/* What came to a group of the link is for this host, or for nobody. */
static __noinline int gw_to_group(const struct gw_packet *p, const struct gw_uplink *uplink,
				  __u32 set)
{
	__u32 overlay = 0;

	if (uplink && gw_is_masquerade(uplink, p))
		return (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) &&
				       p->part != GW_LATER_FRAGMENT && gw_in_range(p->dst_port)
			       ? GW_DROP_link_group
			       : GW_PASS_not_ours;
	if (gw_is_local(p->dst, GW_LOCAL_ELSEWHERE) ||
	    gw_overlay_of(p, set, &overlay) == GW_PASS_not_ours)
		return GW_PASS_not_ours;
	return GW_DROP_link_group;
}

TP_INLINE int gw_uplink_packet(struct __sk_buff *skb)
{
	__u64 policy = gw_policy_now();
	const struct gw_uplink *uplink;
	struct gw_packet p = {};
	__u32 now = gw_ticks();
	__u32 id;
	int why;

	if (!gw_begin(skb))
		return gw_leave(skb, GW_PASS_not_ours);
	if (gw_is_others(skb))
		return gw_leave(skb, GW_PASS_other_host);
	id = gw_id(skb);
	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!uplink || !uplink->ifindex)
		return gw_leave(skb, GW_PASS_not_ours);
	if (self.copied && !gw_begin_with_ethernet(skb))
		return gw_leave(skb, GW_DROP_rewrite_failed);
	why = gw_fast_in(skb, uplink, policy, now);
	if (why != CARRY_ON)
		return why;
	why = gw_parse(skb, &p);
	if (gw_is_link_scope(p.dst))
		return gw_leave(skb, GW_PASS_not_ours);
	/* What we would not forward is still the host's to receive, but for what it would reset. */
	if (why == GW_DROP_ip_options && gw_is_masquerade(uplink, &p) && gw_options_in_range(skb))
		return gw_leave(skb, why);
	if (why != CARRY_ON)
		return gw_leave(skb, GW_PASS_not_ours);
	if (gw_is_to_group(skb))
		return gw_leave(skb, gw_to_group(&p, uplink, gw_policy_set(policy)));
	if (p.part == GW_LATER_FRAGMENT)
		return gw_later_fragment(skb, &p, uplink, policy, now);
	if (!gw_is_masquerade(uplink, &p))
		return gw_to_other(skb, &p, policy);
	if (p.icmp_error)
		return gw_icmp_from_uplink(skb, &p, uplink, now);
	return gw_to_masquerade(skb, &p, uplink, policy);
}

#endif
