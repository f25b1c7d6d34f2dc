/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow of a packet. */
#ifndef TP_BPF_FIND_H
#define TP_BPF_FIND_H

#include "flow.h"
#include "maps.h"

/* The flow with this key, if bucket number `at` has it. The fingerprint leads to no more than one
 * slot, and the slot's key says whether it is the one. */
TP_INLINE struct relay_flow *flow_in_bucket(const struct relay_flow_key *key, __u32 fingerprint,
					    __u32 at)
{
	const struct relay_flow_bucket *bucket = bpf_map_lookup_elem(&flow_index, &at);
	struct relay_flow *flow;
	__u32 slot;

	if (!bucket)
		return NULL;
	for (int i = 0; i < TP_FLOW_WAYS; i++) {
		__u64 entry = *(const volatile __u64 *)&bucket->entry[i];

		if (entry >> 32 != fingerprint)
			continue;
		slot = entry;
		flow = bpf_map_lookup_elem(&flow_slots, &slot);
		return flow && tp_flow_key_equal(&flow->key, key) ? flow : NULL;
	}
	return NULL;
}

TP_INLINE struct relay_flow *flow_find(const struct relay_flow_key *key)
{
	struct relay_flow_seed seed = knobs.flow_seed;
	__u64 hash = tp_flow_hash(key, &seed);
	__u32 fingerprint = tp_flow_fingerprint(hash);
	struct relay_flow *flow;

	flow = flow_in_bucket(key, fingerprint, tp_flow_bucket(hash, knobs.flow_mask));
	if (flow)
		return flow;
	return flow_in_bucket(key, fingerprint, tp_flow_second_bucket(hash, knobs.flow_mask));
}

#endif
