/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table as its only writer sees it: two regions of memory, flow_index and flow_slots
 * (bpf/abi/relay.h), which XDP reads while they are written. Nobody ever sees half of a change:
 *
 *   - A slot is filled while no entry names it; one store of the entry then publishes it.
 *   - A flow that changes gets another slot, and its entry is switched over, again by one store.
 *   - A slot given up rests for FLOW_REST_SEC before it is used again, so whoever found it before
 *     is done with it. When none is left to use, the kernel is asked to wait for all who read.
 *   - The index grows with the flows, by doubling. Entries that belong in the new half are copied
 *     there, where nobody looks yet; one store of the mask lets readers look; when the last of
 *     those who read the old mask is done, the entries that have moved are cleared. A daemon that
 *     dies in between leaves copies that the next one removes.
 */
#ifndef RELAY_FLOW_TABLE_H
#define RELAY_FLOW_TABLE_H

#include <stdint.h>

#include "bpf/abi/relay.h"

#define FLOW_REST_SEC 2

/* A slot's last word: what was counted into it after its flow had left it. *flow is as it was. */
typedef void relay_flow_late_fn(void *arg, const struct relay_flow *flow, struct relay_count late);

struct relay_flow_memory {
	struct relay_flow_bucket *buckets;
	struct relay_flow *slots;
	uint32_t *mask;	    /* buckets in use, less one; 0 in a table never used */
	uint32_t n_buckets; /* what there is room for; power of two */
	uint32_t n_slots;
	struct relay_flow_seed seed;
};

struct flow_rest {
	uint64_t since;
	uint32_t slot;
	struct relay_count seen;
};

struct relay_flow_table {
	struct relay_flow_memory mem;
	uint32_t *free; /* slots, a stack */
	uint32_t n_free;
	struct flow_rest *resting; /* a ring of n_slots, oldest at `oldest` */
	uint32_t oldest, n_resting;
	relay_flow_late_fn *late; /* NULL: nobody asks */
	void *late_arg;
};

/* Slots and buckets to have room for this many flows: a quarter more slots, for flows that change,
 * and buckets of which at most a quarter is filled. */
uint32_t relay_flow_slots(uint32_t flows);
uint32_t relay_flow_buckets(uint32_t flows);

/* Takes over what the memory holds; entries that make no sense are removed. The memory remains the
 * caller's and outlives the table. 0 or -ENOMEM. */
int relay_flow_table_init(struct relay_flow_table *t, const struct relay_flow_memory *mem);
void relay_flow_table_fini(struct relay_flow_table *t);

/* The slot in force for a key, NULL for none; good until the next change. */
struct relay_flow *relay_flow_table_find(const struct relay_flow_table *t,
					 const struct relay_flow_key *key);
/* Adds flow->key or changes what is there; a changed flow keeps its counter, a new one starts with
 * flow->count. now: CLOCK_MONOTONIC, ns. 0, or -E2BIG: no slot, or both buckets are full. */
int relay_flow_table_put(struct relay_flow_table *t, const struct relay_flow *flow, uint64_t now);
/* What the flow has counted so far goes to *count (may be NULL); zero when it was not there. */
void relay_flow_table_del(struct relay_flow_table *t, const struct relay_flow_key *key,
			  struct relay_count *count, uint64_t now);
/* fn returns non-zero to stop; it must not change the table. */
void relay_flow_table_each(const struct relay_flow_table *t,
			   int (*fn)(void *arg, const struct relay_flow *flow), void *arg);
/* Makes slots that have rested usable again. */
void relay_flow_table_recycle(struct relay_flow_table *t, uint64_t now);

#endif
