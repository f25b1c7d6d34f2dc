/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table as its only writer sees it: regions of memory, flow_index, flow_slots and
 * flow_places (bpf/abi/relay.h), which XDP reads while they are written. Nobody ever sees half of a
 * change:
 *
 *   - A slot is filled while no entry names it; one store of the entry then publishes it.
 *   - A flow that changes gets another slot, and its entry is switched over, again by one store.
 *   - A slot given up rests for FLOW_REST_SEC before it is used again, and its places with it, so
 *     whoever found it before is done with it. When none is left to use, the kernel is asked to
 *     wait for all who read.
 *   - The index grows with the flows (relay/flow_index.h).
 */
#ifndef RELAY_FLOW_TABLE_H
#define RELAY_FLOW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi/relay.h"
#include "relay/flow_index.h"
#include "relay/flow_places.h"

#define FLOW_REST_SEC 2

/* A flow in one piece. Every byte is a member's: flows are compared as memory. */
struct relay_flow {
	struct relay_flow_key key;
	uint64_t expires_at;	  /* ns of CLOCK_MONOTONIC, see relay_flow_expiry() */
	uint8_t local[16];	  /* destination the packet must carry */
	uint8_t src[16], dst[16]; /* rewritten source and destination */
	__be16 dst_port;
	uint16_t mtu;	  /* path MTU towards dst as learned from ICMP; 0xffff: the next hop's */
	uint32_t nexthop; /* next-hop id; one for all flows from src to dst */
	uint32_t src_node, dst_node;
	uint32_t session; /* the two flows of a session share it */
	uint32_t pad;
	struct relay_count count;
};
_Static_assert(offsetof(struct relay_flow, pad) + 4 == offsetof(struct relay_flow, count),
	       "no padding but `pad`");

/* A slot's last word: what was counted into it after its flow had left it. *flow is as it was. */
typedef void relay_flow_late_fn(void *arg, const struct relay_flow *flow, struct relay_count late);

struct flow_rest {
	uint64_t since;
	uint32_t slot;
	struct relay_count seen;
};

struct relay_flow_table {
	struct relay_flow_memory mem;
	struct flow_places places;
	uint32_t *free; /* slots, a stack */
	uint32_t n_free;
	struct flow_rest *resting; /* a ring of n_slots, oldest at `oldest` */
	uint32_t oldest, n_resting;
	relay_flow_late_fn *late; /* NULL: nobody asks */
	void *late_arg;
};

/* The last moment, no later than this, that a slot can name: it counts in steps of 0.27 s. */
uint64_t relay_flow_expiry(uint64_t ns);

/* Slots to have room for this many flows: a quarter more, for flows that change. As many places as
 * slots are enough: the flows of a session lie between the same ones. */
uint32_t relay_flow_slots(uint32_t flows);

/* Takes over what the memory holds; entries that make no sense are removed. The memory remains the
 * caller's and outlives the table. 0 or -ENOMEM. */
int relay_flow_table_init(struct relay_flow_table *t, const struct relay_flow_memory *mem);
void relay_flow_table_fini(struct relay_flow_table *t);

/* The slot in force for a key, NULL for none; good until the next change. */
struct relay_slot *relay_flow_table_find(const struct relay_flow_table *t,
					 const struct relay_flow_key *key);
/* The flow of a slot, with what XDP has counted by now. */
struct relay_flow relay_flow_of(const struct relay_slot *slot, const struct relay_place *src,
				const struct relay_place *dst, uint32_t session);
struct relay_flow relay_flow_table_get(const struct relay_flow_table *t,
				       const struct relay_slot *slot);
/* Adds flow->key or changes what is there; a changed flow keeps its counter, a new one starts with
 * flow->count. now: CLOCK_MONOTONIC, ns. 0, or -E2BIG: no slot, no place, or both
 * buckets are full; one that only gets another next hop takes none. */
int relay_flow_table_put(struct relay_flow_table *t, const struct relay_flow *flow, uint64_t now);
/* What the flow has counted so far goes to *count (may be NULL); zero when it was not there. */
void relay_flow_table_del(struct relay_flow_table *t, const struct relay_flow_key *key,
			  struct relay_count *count, uint64_t now);
/* What has been counted of one flow, zero when it is not there; and of all in the table. */
struct relay_count relay_flow_table_count(const struct relay_flow_table *t,
					  const struct relay_flow_key *key);
struct relay_count relay_flow_table_count_all(const struct relay_flow_table *t);
/* fn returns non-zero to stop; it must not change the table. */
void relay_flow_table_each(const struct relay_flow_table *t,
			   int (*fn)(void *arg, const struct relay_flow *flow), void *arg);
/* Makes slots that have rested usable again. */
void relay_flow_table_recycle(struct relay_flow_table *t, uint64_t now);

#endif
