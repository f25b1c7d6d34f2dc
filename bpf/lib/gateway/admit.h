/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first packet of a flow, and the flow of an older policy: who speaks to whom, does the policy
 * allow it, and, when it is to be masqueraded, as whom. Everything that takes something (a port, a
 * filter, a place in the table) comes after the policy's word.
 */
#ifndef TP_BPF_GATEWAY_ADMIT_H
#define TP_BPF_GATEWAY_ADMIT_H

#include "established.h"

/* What a first packet needs besides, kept off the stack: calls go deep from here. Programs of one
 * CPU do not interrupt each other, as they run with softirqs off. */
struct gw_scratch {
	struct gw_question q;
	struct gw_flow_key key; /* 6.1 looks nothing up by an argument of a global function */
	struct gw_flow flow;
	struct gw_flow_key back_key; /* the other half of a hairpin */
	struct gw_flow back;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct gw_scratch);
	__uint(max_entries, 1);
} gw_scratches SEC(".maps");

TP_INLINE struct gw_scratch *gw_scratch(__u64 policy, __u32 what)
{
	__u32 zero = 0;
	struct gw_scratch *s = bpf_map_lookup_elem(&gw_scratches, &zero);

	if (!s)
		return NULL;
	__builtin_memset(s, 0, sizeof(*s));
	s->q.policy = policy;
	s->q.what = what;
	return s;
}

/* Only what opens a conversation may open a flow. */
TP_INLINE int gw_may_open(const struct gw_packet *p)
{
	if (p->part == GW_LATER_FRAGMENT)
		return GW_DROP_fragment_early;
	if (p->proto == IPPROTO_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN
			       ? CARRY_ON
			       : GW_DROP_no_flow;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return p->icmp_query ? CARRY_ON : GW_DROP_no_flow;
	return CARRY_ON;
}

TP_INLINE __u32 gw_what(__u8 proto, __be16 port)
{
	bool ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP;

	return (__u32)proto << 16 | (ports ? bpf_ntohs(port) : 0);
}

TP_INLINE void gw_end(struct policy_node_key *end, const __u8 *addr, __u32 overlay)
{
	tp_copy16(end->addr, addr);
	end->overlay = overlay;
}

/* Has this host the address, on this overlay or on a device that is none? */
static __noinline bool gw_is_local(const __u8 *addr, __u32 overlay)
{
	struct policy_node_key GW_WORDS key;

	gw_end(&key, addr, overlay);
	if (bpf_map_lookup_elem(&gw_locals, &key))
		return true;
	key.overlay = GW_LOCAL_ELSEWHERE;
	return bpf_map_lookup_elem(&gw_locals, &key);
}

TP_INLINE void gw_flow_init(struct gw_flow *flow, const struct gw_packet *p, __u8 kind, __u8 flags,
			    __u64 policy, __u32 now)
{
	bool out = !(flags & GW_FLOW_FROM_REMOTE);

	flow->kind = kind;
	flow->flags = flags;
	flow->generation = gw_policy_generation(policy);
	flow->started = now;
	if (p->proto == IPPROTO_TCP)
		flow->tcp_state = gw_tcp_next(GW_TCP_NONE, p->tcp_flags, out, false);
	flow->until = now + gw_lifetime(p->proto, flow->tcp_state);
}

/* Asks the policy; notes the rule in the flow. */
TP_INLINE int gw_ask(struct gw_question *q, struct gw_flow *flow)
{
	int why = gw_judge(q);

	flow->rule = q->rule;
	if (q->shadowed)
		flow->flags |= GW_FLOW_SHADOW;
	return why;
}

/* Makes room for a new flow where a dead one still stands. */
TP_INLINE void gw_clear(const struct gw_flow_key *key, bool dead)
{
	const struct gw_flow *flow = dead ? bpf_map_lookup_elem(&gw_flows, key) : NULL;

	if (flow)
		gw_flow_end(key, flow->until);
}

/* Where a node's packet to `dst` goes. Sets kind and uplink, and whom to ask the policy about. */
static __noinline int gw_classify(const struct gw_packet *p, const struct gw_flow_key *key,
				  struct gw_flow *flow, struct gw_question *q)
{
	struct gw_prefix prefix;
	const struct gw_subnet *subnet;

	if (gw_is_local(p->dst, key->overlay)) {
		flow->kind = GW_FLOW_LOCAL;
		q->to.overlay = GW_LOCAL_ELSEWHERE;
		return CARRY_ON;
	}
	if (gw_is_node(&q->to, gw_policy_set(q->policy))) {
		flow->kind = GW_FLOW_OVERLAY;
		return CARRY_ON;
	}
	gw_prefix_of(&prefix, p->dst);
	subnet = bpf_map_lookup_elem(&gw_subnets, &prefix.key);
	if (!subnet)
		return GW_DROP_not_advertised;
	q->to.overlay = GW_LOCAL_ELSEWHERE;
	flow->uplink = subnet->uplink;
	flow->kind = subnet->masquerade && !p->v6 ? GW_FLOW_NAT : GW_FLOW_ROUTED;
	return CARRY_ON;
}

/* Is it for one of our own mappings? Sets the flow to a hairpin and asks about the node behind.
 * ICMP's identifiers are no ports: queries to our address are for this host. */
static __noinline int gw_classify_hairpin(const struct gw_packet *p, struct gw_flow *flow,
					  struct gw_question *q, __u32 now)
{
	struct gw_flow_key peer = {};
	struct gw_mapping m = {};
	const struct gw_uplink *uplink;
	int why;

	if (p->v6 || p->proto == IPPROTO_ICMP)
		return GW_PASS_not_ours;
	for (__u32 id = 0; id < TP_GW_UPLINKS; id++) {
		__u32 at = id;

		uplink = bpf_map_lookup_elem(&gw_uplinks, &at);
		if (!uplink || !uplink->ifindex)
			continue;
		why = gw_behind(uplink, id, tp_mapped_v4(p->dst), p->dst_port, p->proto, now, &peer,
				&m);
		if (why == GW_PASS_not_ours)
			continue;
		if (!knobs.hairpin)
			return GW_DROP_hairpin_off;
		if (why != CARRY_ON)
			return why;
		flow->kind = GW_FLOW_HAIRPIN;
		flow->uplink = id;
		gw_end(&q->to, peer.node, peer.overlay);
		q->what = gw_what(p->proto, peer.node_port);
		return CARRY_ON;
	}
	return GW_PASS_not_ours;
}

/* The flow gets a mapping and, when that is how it filters, opens it for the remote address. */
TP_INLINE int gw_map(const struct gw_flow_key *key, struct gw_flow *flow)
{
	struct gw_mapping m = {};
	__u32 id = flow->uplink;
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	int why;

	if (!uplink || !uplink->ifindex || !uplink->n_addrs)
		return GW_DROP_uplink_down;
	why = gw_mapping_get(key, id, uplink, flow->until, &m);
	if (why != CARRY_ON)
		return why;
	flow->mapping = m.index;
	flow->claim = m.claim;
	flow->ext_addr = m.ext_addr;
	flow->ext_port = m.ext_port;
	return gw_filter_open(key, flow);
}

/* The other half of a hairpin: what the node behind the mapping sends back. */
static __noinline int gw_pair_hairpin(const struct gw_packet *p, struct gw_scratch *s, __u32 now)
{
	struct gw_flow_key *key = &s->back_key;
	const struct gw_uplink *uplink;
	struct gw_mapping m = {};
	__u32 id = s->flow.uplink;
	bool dead;

	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!uplink || gw_behind(uplink, id, tp_mapped_v4(p->dst), p->dst_port, p->proto, now, key,
				 &m) != CARRY_ON)
		return GW_DROP_no_mapping;
	tp_map_v4(key->remote, s->flow.ext_addr);
	key->remote_port = s->flow.ext_port;
	key->proto = p->proto;
	if (knobs.filtering == GW_FILTER_ADDRESS_DEPENDENT &&
	    !gw_filter_passes(key, &m, gw_policy_generation(s->q.policy), now))
		return GW_DROP_filtered;
	if (gw_flow_find(key, now, &dead))
		return CARRY_ON;
	gw_clear(key, dead);
	gw_flow_init(&s->back, p, GW_FLOW_HAIRPIN, GW_FLOW_FROM_REMOTE, s->q.policy, now);
	s->back.rule = s->flow.rule;
	s->back.uplink = id;
	s->back.mapping = m.index;
	s->back.claim = m.claim;
	s->back.ext_addr = m.ext_addr;
	s->back.ext_port = m.ext_port;
	return gw_flow_add(key, &s->back);
}

/* Where it goes, and what the policy says. */
TP_INLINE int gw_judge_out(const struct gw_packet *p, const struct gw_flow_key *key,
			   struct gw_scratch *s, __u32 now)
{
	int why;

	gw_end(&s->q.from, p->src, key->overlay);
	gw_end(&s->q.to, p->dst, key->overlay);
	if (!gw_is_node(&s->q.from, gw_policy_set(s->q.policy)))
		return GW_DROP_overlay_unknown;
	if (gw_is_link_scope(p->dst))
		return GW_DROP_not_advertised;
	why = gw_classify_hairpin(p, &s->flow, &s->q, now);
	if (why == GW_PASS_not_ours)
		why = gw_classify(p, key, &s->flow, &s->q);
	return why == CARRY_ON ? gw_ask(&s->q, &s->flow) : why;
}

/* A node's first packet: CARRY_ON with the flow in the table, or why not. */
__noinline int gw_admit_out(const struct gw_packet *p, const struct gw_flow_key *of, __u64 policy,
			    __u32 now)
{
	struct gw_scratch *s;
	int why;

	if (!p || !of)
		return GW_DROP_raced;
	s = gw_scratch(policy, gw_what(p->proto, p->dst_port));
	why = gw_may_open(p);
	if (!s || why != CARRY_ON)
		return s ? why : GW_DROP_raced;
	s->key = *of;
	why = gw_judge_out(p, &s->key, s, now);
	if (why != CARRY_ON)
		return why;
	gw_flow_init(&s->flow, p, s->flow.kind, s->flow.flags, policy, now);
	if (s->flow.kind == GW_FLOW_NAT || s->flow.kind == GW_FLOW_HAIRPIN)
		why = gw_map(&s->key, &s->flow);
	if (why == CARRY_ON && s->flow.kind == GW_FLOW_HAIRPIN)
		why = gw_pair_hairpin(p, s, now);
	return why == CARRY_ON ? gw_flow_add(&s->key, &s->flow) : why;
}

/* Who may speak first from beyond an uplink: nobody with an address of ours. */
TP_INLINE int gw_judge_in(const struct gw_packet *p, const struct gw_flow_key *key,
			  const struct gw_mapping *m, struct gw_scratch *s, __u32 now)
{
	gw_end(&s->q.from, p->src, key->overlay);
	gw_end(&s->q.to, key->node, key->overlay);
	if (gw_is_local(p->src, key->overlay) || gw_is_node(&s->q.from, gw_policy_set(s->q.policy)))
		return GW_DROP_spoofed_source;
	s->q.from.overlay = GW_LOCAL_ELSEWHERE;
	if (!m || knobs.filtering == GW_FILTER_ENDPOINT_INDEPENDENT)
		return gw_ask(&s->q, &s->flow);
	/* The node's own sending there was admitted, and that stands for what comes back. */
	return gw_filter_passes(key, m, gw_policy_generation(s->q.policy), now) ? CARRY_ON
										: GW_DROP_filtered;
}

/* A first packet from beyond this uplink to a node, through mapping *m or (NULL) routed. */
__noinline int gw_admit_in(const struct gw_packet *p, const struct gw_flow_key *of,
			   const struct gw_mapping *m, __u64 policy, __u32 uplink)
{
	__u32 now = gw_ticks();
	struct gw_scratch *s;
	int why;

	if (!p || !of)
		return GW_DROP_raced;
	s = gw_scratch(policy, gw_what(p->proto, of->node_port));
	why = gw_may_open(p);
	if (!s || why != CARRY_ON)
		return s ? why : GW_DROP_raced;
	s->key = *of;
	why = gw_judge_in(p, &s->key, m, s, now);
	if (why != CARRY_ON && why != GW_DROP_spoofed_source && p->proto == IPPROTO_TCP)
		return GW_DROP_unsolicited_syn;
	if (why != CARRY_ON)
		return why;
	gw_flow_init(&s->flow, p, m ? GW_FLOW_NAT : GW_FLOW_ROUTED,
		     s->flow.flags | GW_FLOW_FROM_REMOTE, policy, now);
	s->flow.uplink = uplink;
	if (m) {
		s->flow.mapping = m->index;
		s->flow.claim = m->claim;
		s->flow.ext_addr = m->ext_addr;
		s->flow.ext_port = m->ext_port;
	}
	return gw_flow_add(&s->key, &s->flow);
}

/* What this host, or (routed by it) somebody else sends to a node. */
__noinline int gw_admit_host(const struct gw_packet *p, const struct gw_flow_key *of, bool own,
			     __u64 policy, __u32 now)
{
	struct gw_scratch *s;
	int why;

	if (!p || !of)
		return GW_DROP_raced;
	s = gw_scratch(policy, gw_what(p->proto, p->dst_port));
	why = gw_may_open(p);
	if (!s || why != CARRY_ON)
		return s ? why : GW_DROP_raced;
	s->key = *of;
	gw_end(&s->q.from, p->src, GW_LOCAL_ELSEWHERE);
	gw_end(&s->q.to, p->dst, of->overlay);
	if (!own)
		why = gw_ask(&s->q, &s->flow);
	if (why != CARRY_ON)
		return why;
	gw_flow_init(&s->flow, p, GW_FLOW_LOCAL, s->flow.flags | GW_FLOW_FROM_REMOTE, policy, now);
	return gw_flow_add(&s->key, &s->flow);
}

/* The far end of a hairpin, as the policy knows it: the node behind the mapping. */
static __noinline bool gw_hairpin_end(const struct gw_flow_key *key, const struct gw_flow *flow,
				      struct gw_flow_key *peer)
{
	__u32 id = flow->uplink;
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	struct gw_mapping m = {};

	return uplink && gw_behind(uplink, id, tp_mapped_v4(key->remote), key->remote_port,
				   key->proto, gw_ticks(), peer, &m) == CARRY_ON;
}

/* Fills in the question that admitted the flow. False: it can't be asked any more. */
static __noinline bool gw_question_of(const struct gw_flow_key *key, const struct gw_flow *flow,
				      struct gw_question *q)
{
	__u32 far = flow->kind == GW_FLOW_OVERLAY ? key->overlay : GW_LOCAL_ELSEWHERE;
	struct policy_node_key GW_WORDS node, remote;
	struct gw_flow_key peer = {};
	__be16 remote_port = key->remote_port;

	gw_end(&node, key->node, key->overlay);
	gw_end(&remote, key->remote, far);
	if (flow->kind == GW_FLOW_HAIRPIN) {
		if (!gw_hairpin_end(key, flow, &peer))
			return false;
		gw_end(&remote, peer.node, peer.overlay);
		remote_port = peer.node_port;
	}
	if (flow->flags & GW_FLOW_FROM_REMOTE) {
		q->from = remote;
		q->to = node;
		q->what = gw_what(key->proto, key->node_port);
	} else {
		q->from = node;
		q->to = remote;
		q->what = gw_what(key->proto, remote_port);
	}
	return true;
}

/* A flow that an older policy admitted: the same question again. About what this host opened, no
 * policy was asked. */
__noinline int gw_again(const struct gw_flow_key *of, struct gw_flow *flow, __u64 policy)
{
	struct gw_scratch *s = gw_scratch(policy, 0);
	int why = CARRY_ON;
	bool own;

	if (!of || !flow || !s)
		return GW_DROP_raced;
	s->key = *of;
	own = flow->kind == GW_FLOW_LOCAL && flow->flags & GW_FLOW_FROM_REMOTE &&
	      gw_is_local(of->remote, of->overlay);
	s->q.again = true;
	if (!own)
		why = gw_question_of(&s->key, flow, &s->q) ? gw_ask(&s->q, flow)
							   : GW_DROP_no_mapping;
	if (why == CARRY_ON) {
		flow->generation = gw_policy_generation(policy);
		if (flow->kind == GW_FLOW_NAT && !(flow->flags & GW_FLOW_FROM_REMOTE))
			gw_filter_open(&s->key, flow);
		return CARRY_ON;
	}
	gw_flow_end(&s->key, flow->until);
	return GW_DROP_policy_changed;
}

/* The live flow with this key, judged again if need be. NULL with *why. */
static __noinline struct gw_flow *gw_known_in(const struct gw_flow_key *key, __u64 policy,
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
	if (flow->generation == gw_policy_generation(policy))
		return flow;
	*why = gw_again(key, flow, policy);
	return *why == CARRY_ON ? flow : NULL;
}

#endif
