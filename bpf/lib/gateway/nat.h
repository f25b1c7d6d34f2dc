/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Endpoint-independent mappings (RFC 4787 REQ-1, 5382 REQ-1, 5508 REQ-1): one external port for a
 * node's address and port, whomever it speaks to. Order: take the port's word, publish where it
 * leads, publish the way to it; who comes second with the latter gives his port back.
 */
#ifndef TP_BPF_GATEWAY_NAT_H
#define TP_BPF_GATEWAY_NAT_H

#include "blocks.h"

struct gw_mapping {
	__u32 index;
	__u32 claim;
	__be32 ext_addr;
	__be16 ext_port;
	__u16 pad;
};

/* enum gw_nat_proto, or -1. */
TP_INLINE int gw_nat_proto_of(__u8 proto)
{
	switch (proto) {
	case IPPROTO_UDP: return GW_NAT_UDP;
	case IPPROTO_TCP: return GW_NAT_TCP;
	case IPPROTO_ICMP: return GW_NAT_ICMP;
	default: return -1;
	}
}

/* Address and port of a word. False when the slot has no address. */
TP_INLINE bool gw_mapping_ends(struct gw_mapping *m, const struct gw_uplink *uplink, __u32 index)
{
	__u32 slot = index / ((__u32)knobs.nat_range * GW_NAT_PROTOS) % TP_GW_ADDRS;

	m->index = index;
	m->ext_addr = uplink->addr[slot];
	m->ext_port = bpf_htons(knobs.nat_base + index % knobs.nat_range);
	return m->ext_addr != 0;
}

TP_INLINE void gw_reverse_put(__u32 index, const struct gw_flow_key *key, __u32 claim)
{
	struct gw_reverse *reverse = bpf_map_lookup_elem(&nat_reverse, &index);

	if (!reverse)
		return;
	/* Readers look at the claim before and after: nobody else writes here while it is ours. */
	*(volatile __u32 *)&reverse->claim = 0;
	reverse->node = tp_mapped_v4(key->node);
	reverse->node_port = key->node_port;
	reverse->overlay = key->overlay;
	reverse->holders = 0;
	barrier();
	*(volatile __u32 *)&reverse->claim = claim;
}

TP_INLINE bool gw_mapping_keep(__u32 index, __u32 claim, __u32 now, __u32 until)
{
	__u64 *word = bpf_map_lookup_elem(&nat_words, &index);

	return word && gw_word_keep(word, claim, now, until);
}

TP_INLINE void gw_forward_key_of(struct gw_forward_key *to, const struct gw_flow_key *key,
				 __u32 nat_proto, __u32 uplink)
{
	to->node = tp_mapped_v4(key->node);
	to->node_port = key->node_port;
	to->overlay = key->overlay;
	to->nat_proto = nat_proto;
	to->uplink = uplink;
}

/* Is this mapping alive, and its address still ours? */
TP_INLINE bool gw_forward_alive(__u32 index, __u32 claim, const struct gw_uplink *uplink)
{
	const __u64 *at = bpf_map_lookup_elem(&nat_words, &index);
	struct gw_mapping m;
	__u64 word;

	if (!at || !gw_mapping_ends(&m, uplink, index))
		return false;
	word = *(const volatile __u64 *)at;
	return gw_word_claim(word) == claim && gw_word_alive(word, gw_ticks());
}

/* The mapping that is there, if it is alive and its address still ours. */
static __noinline bool gw_mapping_find(const struct gw_forward_key *key,
				       const struct gw_uplink *uplink, __u32 until,
				       struct gw_mapping *m)
{
	struct gw_forward *forward = bpf_map_lookup_elem(&nat_forward, key);

	if (!forward || !uplink || !m)
		return false;
	m->claim = forward->claim;
	return gw_mapping_ends(m, uplink, forward->mapping) &&
	       gw_mapping_keep(m->index, m->claim, gw_ticks(), until);
}

/* Takes a port: out of the node's blocks, else out of a new one. */
TP_INLINE int gw_port_take(const struct gw_flow_key *key, const struct gw_uplink *uplink,
			   __u32 uplink_id, struct gw_port_search *s)
{
	__u32 parity = key->proto == IPPROTO_UDP ? bpf_ntohs(key->node_port) & 1 : 2;
	struct gw_node_key owner = {};
	__u64 word;

	gw_node_key_of(&owner, key, uplink_id);
	word = tp_mapped_v4(key->node) | (__u64)key->overlay << 32 | GW_BLOCK_TAKEN;
	s->node = gw_node_get(&owner);
	if (!s->node || !uplink)
		return GW_DROP_mappings_full;
	if (gw_on_address(s->node, uplink, uplink_id) &&
	    (gw_port_find(s, parity) || (parity < 2 && gw_port_find(s, 2))))
		return CARRY_ON;
	/* Also when there was no block to take: another CPU may have been given the last one for
	 * this very node. */
	gw_node_grow(s->node, uplink, word, uplink_id);
	return gw_port_find(s, parity) || (parity < 2 && gw_port_find(s, 2)) ? CARRY_ON
									     : GW_DROP_ports_full;
}

/* A forward entry in one word, as it is exchanged; 0: the sweeper has taken it. */
TP_INLINE __u64 gw_forward_word(const struct gw_forward *forward)
{
	return *(const volatile __u64 *)forward;
}

/* Makes the node's end lead to the mapping: a new entry, or in place of a dead one, which is
 * exchanged, so that of several CPUs one wins. 0, or -EEXIST: another was first. */
static __noinline int gw_forward_put(const struct gw_forward_key *from, const struct gw_forward *to,
				     const struct gw_uplink *uplink)
{
	struct gw_forward *there = bpf_map_lookup_elem(&nat_forward, from);
	__u64 was;

	if (!there)
		return bpf_map_update_elem(&nat_forward, from, to, BPF_NOEXIST);
	was = gw_forward_word(there);
	if (!was || gw_forward_alive(there->mapping, there->claim, uplink))
		return -EEXIST;
	return __sync_val_compare_and_swap((__u64 *)there, was, gw_forward_word(to)) == was
		       ? 0
		       : -EEXIST;
}

/* A new mapping for the flow's node end. */
static __noinline int gw_mapping_make(const struct gw_flow_key *key, const struct gw_uplink *uplink,
				      __u32 until, struct gw_mapping *m)
{
	struct gw_forward_key from = {};
	struct gw_port_search s = {.now = gw_ticks(), .until = until};
	struct gw_forward to __attribute__((aligned(8)));
	__u32 uplink_id;
	__u64 *word;
	int why, err;

	if (!uplink || !m || !key)
		return GW_DROP_uplink_down;
	uplink_id = m->index; /* in: the uplink's number */
	s.nat_proto = gw_nat_proto_of(key->proto);
	why = gw_port_take(key, uplink, uplink_id, &s);
	if (why != CARRY_ON)
		return why;
	gw_reverse_put(s.index, key, s.claim);
	to.mapping = s.index;
	to.claim = s.claim;
	gw_forward_key_of(&from, key, s.nat_proto, uplink_id);
	err = gw_forward_put(&from, &to, uplink);
	if (!err && gw_mapping_ends(m, uplink, s.index)) {
		m->claim = s.claim;
		return CARRY_ON;
	}
	word = bpf_map_lookup_elem(&nat_words, &s.index);
	if (word)
		gw_word_release(word, s.claim, until);
	if (err == -EEXIST && gw_mapping_find(&from, uplink, until, m))
		return CARRY_ON;
	return err == -EEXIST ? GW_DROP_raced : GW_DROP_mappings_full;
}

/* The mapping of the flow's node end on an uplink, found or made, alive until `until` at least. */
TP_INLINE int gw_mapping_get(const struct gw_flow_key *key, __u32 uplink_id,
			     const struct gw_uplink *uplink, __u32 until, struct gw_mapping *m)
{
	struct gw_forward_key from = {};
	int proto = gw_nat_proto_of(key->proto);

	if (proto < 0)
		return GW_DROP_proto_unmapped;
	gw_forward_key_of(&from, key, proto, uplink_id);
	if (gw_mapping_find(&from, uplink, until, m))
		return CARRY_ON;
	m->index = uplink_id;
	return gw_mapping_make(key, uplink, until, m);
}

/* Whom a live external port leads to. False: nobody. Fills node, node_port and overlay of *key. */
TP_INLINE bool gw_mapping_back(__u32 index, __u32 now, struct gw_flow_key *key, __u32 *claim)
{
	const __u64 *at = bpf_map_lookup_elem(&nat_words, &index);
	const struct gw_reverse *reverse = bpf_map_lookup_elem(&nat_reverse, &index);
	__u64 word;

	if (!at || !reverse)
		return false;
	word = *(const volatile __u64 *)at;
	*claim = gw_word_claim(word);
	if (!gw_word_alive(word, now) || *(const volatile __u32 *)&reverse->claim != *claim)
		return false;
	tp_map_v4(key->node, reverse->node);
	key->node_port = reverse->node_port;
	key->overlay = reverse->overlay;
	barrier();
	return *(const volatile __u32 *)&reverse->claim == *claim;
}

/* --- filtering: what the node has sent to, from this mapping (RFC 4787 REQ-8) ---------------- */

/* The node sends to the remote, under this policy: what comes from there may come in. */
static __noinline int gw_filter_open(const struct gw_flow_key *key, const struct gw_flow *flow)
{
	struct gw_filter_key at = {flow->mapping, flow->claim, tp_mapped_v4(key->remote)};
	struct gw_filter *filter, fresh = {.until = flow->until,
					   .generation = flow->generation,
					   .node = tp_mapped_v4(key->node),
					   .overlay = key->overlay};
	struct gw_node_key owner = {};
	struct gw_node *node;

	if (knobs.filtering != GW_FILTER_ADDRESS_DEPENDENT)
		return CARRY_ON;
	filter = bpf_map_lookup_elem(&nat_filters, &at);
	if (filter) {
		__u32 was = *(volatile __u32 *)&filter->until;

		filter->generation = flow->generation;
		if (was && (__s32)(flow->until - was) >= GW_TICKS_STEP)
			__sync_val_compare_and_swap(&filter->until, was, flow->until);
		return CARRY_ON;
	}
	gw_node_key_of(&owner, key, GW_NODE_OF_FLOWS);
	node = gw_node_get(&owner);
	if (!node || node->filters >= knobs.filters_per_node)
		return GW_DROP_filter_quota;
	if (!bpf_map_update_elem(&nat_filters, &at, &fresh, BPF_NOEXIST))
		__sync_fetch_and_add(&node->filters, 1);
	return CARRY_ON;
}

/* Has the mapping sent to the remote, under a policy of this generation? */
TP_INLINE bool gw_filter_passes(const struct gw_flow_key *key, const struct gw_mapping *m,
				__u32 generation, __u32 now)
{
	struct gw_filter_key at = {m->index, m->claim, tp_mapped_v4(key->remote)};
	const struct gw_filter *filter = bpf_map_lookup_elem(&nat_filters, &at);

	return filter && now < filter->until && filter->generation == generation;
}

#endif
