/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow of a packet. */
#ifndef TP_BPF_RELAY_FIND_H
#define TP_BPF_RELAY_FIND_H

#include "flow.h"
#include "maps.h"

/* The bucket's one entry with this fingerprint, 0 for none. */
TP_INLINE __u64 entry_in(const struct relay_flow_bucket *bucket, __u32 fingerprint)
{
	const volatile __u64 *entries = bucket->entry;
	__u64 entry = entries[tp_flow_way(fingerprint)];

	for (int i = 0; entry >> 32 != fingerprint && i < TP_FLOW_WAYS; i++)
		entry = entries[i];
	return entry >> 32 == fingerprint ? entry : 0;
}

/* The flow with this key, if bucket number `at` has it. The fingerprint leads to no more than one
 * slot, and the slot's key says whether it is the one. */
TP_INLINE struct relay_flow *flow_in_bucket(const struct relay_flow_key *key, __u32 fingerprint,
					    __u32 at)
{
	const struct relay_flow_bucket *bucket = bpf_map_lookup_elem(&flow_index, &at);
	struct relay_flow *flow;
	__u64 entry;
	__u32 slot;

	if (!bucket)
		return NULL;
	entry = entry_in(bucket, fingerprint);
	if (!entry)
		return NULL;
	slot = entry;
	flow = bpf_map_lookup_elem(&flow_slots, &slot);
	return flow && tp_flow_key_equal(&flow->key, key) ? flow : NULL;
}

/* Not by value: a copy of what is volatile would go to the stack and back, word by word. */
TP_INLINE const struct relay_flow_seed *flow_seed_in_place(void)
{
	const struct relay_flow_seed *seed = (const struct relay_flow_seed *)&knobs.flow_seed;

	barrier_var(seed); /* else the compiler takes it for the zeros that it is before loading */
	return seed;
}

/* The mask is read once: while the index grows, both the old one and the new lead to the flow. */
TP_INLINE struct relay_flow *flow_find(const struct relay_flow_key *key)
{
	__u64 hash = tp_flow_hash(key, flow_seed_in_place());
	__u32 fingerprint = tp_flow_fingerprint(hash), zero = 0;
	const volatile __u32 *in_use = bpf_map_lookup_elem(&flow_mask, &zero);
	struct relay_flow *flow;
	__u32 mask;

	if (!in_use)
		return NULL;
	mask = *in_use;
	flow = flow_in_bucket(key, fingerprint, tp_flow_bucket(hash, mask));
	if (flow)
		return flow;
	return flow_in_bucket(key, fingerprint, tp_flow_second_bucket(hash, mask));
}

#endif
