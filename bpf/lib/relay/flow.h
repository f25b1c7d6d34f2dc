/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program and the daemon must compute alike about a flow: where it is in the table,
 * the checksum changes of its rewrite, and the bit of its index in the index filter.
 */
#ifndef TP_BPF_RELAY_FLOW_H
#define TP_BPF_RELAY_FLOW_H

#include "../../abi/relay.h"
#include "../mapped.h"
#include "../checksum.h"

/* The key's hash. A sum of products of key and seed words: whatever two keys a sender chooses, over
 * all seeds they agree in the upper half no more often than by chance (pair-multiply-shift, M.
 * Thorup, "High Speed Hashing for Integers and Strings", 3.5). The last steps, which can be undone,
 * bring the upper half's quality to all bits. */
TP_INLINE __u64 tp_flow_hash(const struct relay_flow_key *key, const struct relay_flow_seed *seed)
{
	__u64 a = tp_get64(key->addr), b = tp_get64(key->addr + 8), c = tp_get64(&key->index);
	__u64 hash = (seed->word[0] + (a >> 32)) * (seed->word[1] + (__u32)a) +
		     (seed->word[2] + (b >> 32)) * (seed->word[3] + (__u32)b) +
		     (seed->word[4] + (c >> 32)) * (seed->word[5] + (__u32)c);

	hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

/* What an entry tells of its key's hash; never 0. */
TP_INLINE __u32 tp_flow_fingerprint(__u64 hash)
{
	return hash >> 32 | 1;
}

/* Where in its bucket an entry is, unless another was there first: most look-ups end with the first
 * comparison, and the processor can tell beforehand that they will. */
TP_INLINE __u32 tp_flow_way(__u32 fingerprint)
{
	return fingerprint >> 1 & (TP_FLOW_WAYS - 1);
}

TP_INLINE __u64 tp_flow_entry(__u32 fingerprint, __u32 slot)
{
	return (__u64)fingerprint << 32 | slot;
}

/* The two buckets in which a flow may be; the second for when the first is full. */
TP_INLINE __u32 tp_flow_bucket(__u64 hash, __u32 mask)
{
	return hash & mask;
}

TP_INLINE __u32 tp_flow_second_bucket(__u64 hash, __u32 mask)
{
	return (hash ^ hash >> 33) & mask;
}

/* Of a filled place. The prefix of mapped addresses sums to nothing. */
TP_INLINE void tp_place_sums(struct relay_place *place)
{
	__u64 addrs = tp_sum128(place->addr) + tp_sum128(place->local);

	place->l3_sum = tp_sum_fold(addrs);
	place->l4_sum = tp_sum_fold(addrs + place->port);
}

/* What the rewrite of a packet from `src` to `dst` adds to its IPv4 header sum (v4 to v4), the
 * TTL's decrement included. */
TP_INLINE __u32 tp_l3_change(const struct relay_place *src, const struct relay_place *dst)
{
	return (__u32)dst->l3_sum + (__u16)~src->l3_sum + (__u16)~tp_htons(0x0100);
}

/* What it adds to the UDP sum. The relay's port is in both packets; length and protocol weigh the
 * same in both pseudo headers, so this serves every pair of families. */
TP_INLINE __u32 tp_l4_change(const struct relay_place *src, const struct relay_place *dst)
{
	return (__u32)dst->l4_sum + (__u16)~src->l4_sum;
}

/* Is a packet with this key one of a slot's, which names this place as its source? */
TP_INLINE bool tp_flow_matches(const struct relay_slot *slot, const struct relay_place *src,
			       const struct relay_flow_key *key)
{
	return slot->index == key->index && src->port == key->port &&
	       tp_equal16(src->addr, key->addr);
}

/* Where a receiver index, as on the wire, has its bit: in which word of the index filter... */
TP_INLINE __u32 tp_index_word(__u32 index)
{
	return (tp_htole32(index) >> 6) & (TP_INDEX_WORDS - 1);
}

/* ... and which one. */
TP_INLINE __u64 tp_index_bit(__u32 index)
{
	return 1ull << (tp_htole32(index) & 63);
}

#endif
