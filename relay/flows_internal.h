/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by flows.c, flows_move.c, flows_counts.c and flows_adopt.c only. */
#ifndef RELAY_FLOWS_INTERNAL_H
#define RELAY_FLOWS_INTERNAL_H

#include "relay/flows.h"

#define INDEX_BUCKETS 65536
#define PLACE_BUCKETS 65536

LIST_HEAD(flow_list, flow);

struct flows {
	struct flow *by_key;
	TAILQ_HEAD(, session) by_age;
	struct pair *pairs;
	LIST_HEAD(, pair) narrow; /* those with a path MTU */
	uint64_t next_forget;
	uint32_t next_session;
	uint8_t *index_uses; /* per bit of the index filter */
	LIST_HEAD(, flow) by_index[INDEX_BUCKETS];
	struct flow_list by_place[PLACE_BUCKETS]; /* by the address and port that they come from */
};

/* Takes the flow out of the map, where it is by `key`, and books what it counted there. */
void flow_withdraw(struct relay *r, struct flow *f, const struct relay_flow_key *key, uint64_t now);
/* relay_flow_late_fn; arg: the relay. */
void book_late(void *arg, const struct relay_flow *flow, struct relay_count late);

bool flow_comes_from(const struct flow *f, const struct tp_endpoint *at);

/* Into and out of the tables that go by f->key: around each change of it. */
void flow_key_add(struct relay *r, struct flow *f);
void flow_key_remove(struct relay *r, struct flow *f);
void index_add(struct relay *r, struct flow *f);
void index_remove(struct relay *r, struct flow *f);

/* Puts a filled flow into all the daemon's tables, or takes it out; the map is the caller's. */
void flow_enter(struct relay *r, struct flow *f, struct session *s);
void flow_leave(struct relay *r, struct flow *f);
/* Key, sums, next hop: all that derives from the addresses. Takes a next-hop reference. */
void flow_resolve(struct relay *r, struct flow *f);
void flow_unresolve(struct relay *r, struct flow *f);

/* Path MTUs that have served their time. */
void mtus_tick(struct relay *r, uint64_t now);

struct session *session_new(struct relay *r, struct pair *p, uint32_t id, uint64_t handshake,
			    uint64_t expires_at);
/* Removes the session and its flows everywhere. */
void session_end(struct relay *r, struct session *s, uint64_t now);

#endif
