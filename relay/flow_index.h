/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where flows are found: the entries of flow_index (bpf/abi/relay.h), for the flow table alone.
 *
 * The index grows with the flows, by doubling. Entries that belong in the new half are copied
 * there, where nobody looks yet; one store of the mask lets readers look; when the last of those
 * who read the old mask is done, the entries that have moved are cleared. A daemon that dies in
 * between leaves copies that the next one removes.
 */
#ifndef RELAY_FLOW_INDEX_H
#define RELAY_FLOW_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/relay.h"

/* What XDP reads. */
struct relay_flow_memory {
	struct relay_flow_bucket *buckets;
	struct relay_slot *slots;
	uint64_t *sessions; /* one a slot */
	struct relay_place *places;
	uint32_t *mask;	    /* buckets in use, less one; 0 in a table never used */
	uint32_t n_buckets; /* what there is room for; power of two */
	uint32_t n_slots;
	uint32_t n_places;
	struct relay_flow_seed seed;
};

/* The two buckets where a flow may be. */
struct flow_home {
	struct relay_flow_bucket *first, *second;
	uint32_t fingerprint;
};

static inline uint32_t flow_entry_slot(uint64_t entry)
{
	return (uint32_t)entry;
}

static inline uint32_t flow_entry_fingerprint(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

/* What was written into the slot before is seen by whoever sees the entry. */
static inline void flow_entry_publish(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* Buckets to have room for this many flows, at most a quarter filled. */
uint32_t relay_flow_buckets(uint32_t flows);

struct relay_flow_key flow_key_of(const struct relay_flow_memory *m, const struct relay_slot *slot);

/* Good until the index grows. */
struct flow_home flow_index_home(const struct relay_flow_memory *m,
				 const struct relay_flow_key *key);
/* NULL: no such flow. */
uint64_t *flow_index_find(const struct relay_flow_memory *m, const struct flow_home *home,
			  const struct relay_flow_key *key);
/* A free entry for a new flow, when `live` are there; growing may change *home. NULL: both buckets
 * are full, or have the fingerprint already. */
uint64_t *flow_index_room(const struct relay_flow_memory *m, struct flow_home *home,
			  const struct relay_flow_key *key, uint32_t live);
/* Would a look-up find the key at this entry? */
bool flow_index_right(const struct relay_flow_memory *m, const uint64_t *entry,
		      const struct relay_flow_key *key);
/* Calls fn for each entry that is not 0, which it may change; it returns non-zero to stop. */
void flow_index_each(const struct relay_flow_memory *m, int (*fn)(void *arg, uint64_t *entry),
		     void *arg);
/* Brings what an earlier run left, or nobody, to a size that makes sense. */
void flow_index_adopt(const struct relay_flow_memory *m);

/* An RCU grace period: every XDP program that runs now has ended after it. 0 or -errno. */
int flow_readers_wait(void);

#endif
