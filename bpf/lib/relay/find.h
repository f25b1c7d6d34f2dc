/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow of a packet. */
#ifndef TP_BPF_RELAY_FIND_H
#define TP_BPF_RELAY_FIND_H

#include "flow.h"
#include "maps.h"

/* What is known of a packet's flow, each where it lies. */
struct flow {
	struct relay_slot *slot;
	const struct relay_place *src, *dst;
};

/* The bucket's one entry with this fingerprint, 0 for none. */
TP_INLINE __u64 entry_in(const struct relay_flow_bucket *bucket, __u32 fingerprint)
{
	const volatile __u64 *entries = bucket->entry;
	__u64 entry = entries[tp_flow_way(fingerprint)];

	for (int i = 0; entry >> 32 != fingerprint && i < TP_FLOW_WAYS; i++)
		entry = entries[i];
	return entry >> 32 == fingerprint ? entry : 0;
}

TP_INLINE const struct relay_place *place_at(__u32 number)
{
	return bpf_map_lookup_elem(&flow_places, &number);
}

/* The flow with this key, if bucket number `at` has it. The fingerprint leads to no more than one
 * slot, and the slot's key says whether it is the one. */
TP_INLINE bool flow_in_bucket(struct flow *flow, const struct relay_flow_key *key,
			      __u32 fingerprint, __u32 at)
{
	const struct relay_flow_bucket *bucket = bpf_map_lookup_elem(&flow_index, &at);
	__u64 entry;
	__u32 number;

	if (!bucket)
		return false;
	entry = entry_in(bucket, fingerprint);
	if (!entry)
		return false;
	number = entry;
	flow->slot = bpf_map_lookup_elem(&flow_slots, &number);
	if (!flow->slot)
		return false;
	flow->src = place_at(flow->slot->src);
	flow->dst = place_at(flow->slot->dst);
	return flow->src && flow->dst && tp_flow_matches(flow->slot, flow->src, key);
}

/* Not by value: a copy of what is volatile would go to the stack and back, word by word. */
TP_INLINE const struct relay_flow_seed *flow_seed_in_place(void)
{
	const struct relay_flow_seed *seed = (const struct relay_flow_seed *)&knobs.flow_seed;

	barrier_var(seed); /* else the compiler takes it for the zeros that it is before loading */
	return seed;
}

/* The mask is read once: while the index grows, both the old one and the new lead to the flow. And
 * it is read first: what is in registers at a call, and a look-up is one to the compiler, goes to
 * the stack. */
TP_INLINE bool flow_find(struct flow *flow, const struct relay_flow_key *key)
{
	__u32 zero = 0, fingerprint, mask;
	const volatile __u32 *in_use = bpf_map_lookup_elem(&flow_mask, &zero);
	__u64 hash;

	if (!in_use)
		return false;
	mask = *in_use;
	hash = tp_flow_hash(key, flow_seed_in_place());
	fingerprint = tp_flow_fingerprint(hash);
	return flow_in_bucket(flow, key, fingerprint, tp_flow_bucket(hash, mask)) ||
	       flow_in_bucket(flow, key, fingerprint, tp_flow_second_bucket(hash, mask));
}

#endif
