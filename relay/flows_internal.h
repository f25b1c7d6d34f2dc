/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by flows.c, flows_move.c, flows_slots.c and flows_adopt.c only. */
#ifndef RELAY_FLOWS_INTERNAL_H
#define RELAY_FLOWS_INTERNAL_H

#include "relay/flows.h"

#define INDEX_BUCKETS 65536
#define SLOT_REST_SEC \
	2 /* a packet under way may still count into the slot of a flow that is gone */

/* A counter slot at rest: XDP may have counted a little more since its flow was removed. */
struct resting_slot {
	uint32_t slot;
	uint32_t from, to; /* node ids */
	uint64_t since;
	struct relay_count seen;
	STAILQ_ENTRY(resting_slot) next;
};

struct slots {
	uint32_t *free;
	uint32_t n_free;
	STAILQ_HEAD(, resting_slot) resting;
};

struct flows {
	struct flow *by_key;
	TAILQ_HEAD(, session) by_age;
	struct pair *pairs;
	LIST_HEAD(, pair) narrow; /* those with a path MTU */
	uint64_t next_forget;
	uint32_t next_session;
	uint32_t capacity; /* of the map: the limit and the headroom for moves */
	struct slots slots;
	uint8_t *index_uses; /* per bit of the index filter */
	LIST_HEAD(, flow) by_index[INDEX_BUCKETS];
};

int slots_init(struct slots *s, uint32_t capacity);
void slots_fini(struct slots *s);
/* Takes a particular slot out (adoption). */
void slots_claim(struct slots *s, const bool *used, uint32_t capacity);
/* A zeroed slot; false when none is free. */
bool slot_take(struct relay *r, uint32_t *slot);
/* Books what the flow counted to its nodes and lays its slot to rest. */
void slot_release(struct relay *r, const struct flow *f, uint64_t now);
void slots_recycle(struct relay *r, uint64_t now);

void index_add(struct relay *r, struct flow *f);
void index_remove(struct relay *r, struct flow *f);

/* Puts a filled flow into all the daemon's tables, or takes it out; the map is the caller's. */
void flow_enter(struct relay *r, struct flow *f, struct session *s);
void flow_leave(struct relay *r, struct flow *f);
/* Tag, sums, next hop: all that derives from the addresses. Takes a next-hop reference. */
void flow_resolve(struct relay *r, struct flow *f);
void flow_unresolve(struct relay *r, struct flow *f);

/* Path MTUs that have served their time. */
void mtus_tick(struct relay *r, uint64_t now);

struct session *session_new(struct relay *r, struct pair *p, uint32_t id, uint64_t handshake,
			    uint64_t expires_at);
/* Removes the session and its flows everywhere. */
void session_end(struct relay *r, struct session *s, uint64_t now);

#endif
