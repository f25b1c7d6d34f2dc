/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows and the sessions they belong to. A session is what one handshake between two nodes made:
 * two flows, one for each direction, that live as long as the keypair may (180 s and 10 more). They
 * end by time, in the order they came; nobody else's new session ever pushes them out.
 *
 * This table is the truth; the BPF map follows it. The daemon's own forwarder reads this one.
 */
#ifndef RELAY_FLOWS_H
#define RELAY_FLOWS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "relay/flow_table.h"
#include "relay/node.h"

#define FLOW_LIFE_SEC 190 /* WG_REJECT_AFTER_TIME + 10 */
/* A stock pair has two or three live sessions: keypairs last three minutes and are renewed after
 * two. It has more when a peer is restarted, or moved to this relay and away, again and again. Who
 * wants still more shows first that it can be reached (which takes a stock peer 5 s), else forged
 * handshakes could push out the real ones; then the pair's own oldest goes. */
#define PAIR_SESSIONS	6
#define PAIR_UNPROVEN	(PAIR_SESSIONS - 1)
#define PATH_MTU_SEC	600 /* RFC 1191, 6.3 */
#define FLOW_SEE_NO_MTU 0xffff

struct flow {
	struct relay_flow_key key;
	struct relay_flow value;
	struct node *from, *to;
	struct session *session;
	struct relay_count user;    /* passed on by the daemon */
	struct relay_count earlier; /* counted by XDP under earlier keys; booked to the nodes */
	uint64_t probe_budget;
	LIST_ENTRY(flow) in_session, in_sends, in_receives, in_index, in_place;
	UT_hash_handle hh;
};

/* One flow towards the initiator, and one towards the responder for each response that its
 * initiation got: a forged response can't displace the real one. */
struct session {
	uint32_t id;
	uint64_t expires_at;
	uint64_t handshake; /* the initiation it came of */
	LIST_HEAD(, flow) flows;
	struct pair *pair;
	TAILQ_ENTRY(session) in_age, in_pair;
};

/* What is known of two nodes together; `explain` tells from it. */
struct pair {
	uint32_t ids[2]; /* ascending */
	TAILQ_HEAD(, session) sessions;
	uint32_t n_sessions;
	uint64_t last_initiation[2]; /* [ids[0] is the initiator ? 0 : 1] */
	uint64_t last_response[2];   /* to that initiation */
	int last_refusal[2];	     /* enum tp_reason, -1: passed on */
	uint64_t last_end;
	uint16_t mtu[2]; /* path MTU learned when ids[0], ids[1] sends; 0: none */
	uint64_t mtu_until[2];
	bool narrow; /* in flows.narrow: has one of them */
	LIST_ENTRY(pair) in_narrow;
	UT_hash_handle hh;
};

/* One end of a session, as observed in its handshake. */
struct flow_end {
	struct node *node;
	struct tp_endpoint at;
	struct tp_addr local; /* the relay's address on this side */
	uint32_t index;	      /* chosen by this node: what the other puts into `receiver` */
};

int flows_new(struct relay *r);
void flows_free(struct relay *r);
void flows_adopt(struct relay *r, uint64_t now);
void flows_tick(struct relay *r, uint64_t now);

/* Both flows of a new session, in the map before this returns. The same handshake again renews
 * nothing and is fine. `proven`: the initiator's address is, and so the session may push the pair's
 * oldest out. 0, or the reason it was refused as -1 - enum tp_reason. */
int flows_install(struct relay *r, const struct flow_end *initiator,
		  const struct flow_end *responder, uint64_t handshake, bool proven, uint64_t now);

struct flow *flow_find(const struct relay *r, const struct tp_endpoint *from, uint32_t index);
bool flows_use_index(const struct relay *r, uint32_t index);
/* Flows whose receiver index is `index`, whoever sends: for a sender that moved. fn returns
 * non-zero to stop. */
void flows_each_index(struct relay *r, uint32_t index, int (*fn)(void *arg, struct flow *f),
		      void *arg);
bool flow_live(const struct flow *f, uint64_t now);
/* As it is now: value.nexthop is as it was when the flow was last put. */
uint32_t flow_nexthop(const struct relay *r, const struct flow *f);

/* The node's end at `old` is now at `to`, speaking to `local`: both directions follow, of all its
 * sessions there or of only one. */
void flows_move(struct relay *r, struct node *n, const struct session *only,
		const struct tp_endpoint *old, const struct tp_endpoint *to,
		const struct tp_addr *local, uint64_t now);
void flows_drop_node(struct relay *r, struct node *n, uint64_t now);
/* Ends what admit_may_talk() no longer allows; returns the number of sessions. */
unsigned int flows_drop_refused(struct relay *r, uint64_t now);
/* The address is n's now: the sessions that any other node had there end. */
void flows_claim(struct relay *r, const struct node *n, const struct tp_endpoint *at, uint64_t now);
/* A route moved: XDP is told the next hop of every place that flows lead to. */
void flows_refresh_nexthops(struct relay *r);
/* The path of f takes no more than mtu bytes (an ICMP error that quoted it), for all flows from the
 * same node to the same node and for PATH_MTU_SEC. True when that is news. */
bool flows_path_mtu(struct relay *r, struct flow *f, uint16_t mtu, uint64_t now);
/* What was learned of the paths to n: it is elsewhere now. */
void flows_forget_mtu(struct relay *r, const struct node *n);
/* The least path MTU learned of the flows towards n; 0: none. */
uint16_t node_path_mtu(const struct node *n);

/* Packets and bytes of a flow so far, both paths. */
struct relay_count flow_count(const struct relay *r, const struct flow *f);
/* Received from and sent to a node, live flows included. */
void node_counts(const struct relay *r, const struct node *n, struct relay_count *rx,
		 struct relay_count *tx);
uint32_t flows_total(const struct relay *r);
int flows_each(const struct relay *r, int (*fn)(void *arg, const struct flow *f), void *arg);

/* The pair's record, made when missing (NULL: out of memory), or only looked up. */
struct pair *pair_get(struct relay *r, const struct node *a, const struct node *b);
struct pair *pair_find(const struct relay *r, const struct node *a, const struct node *b);
/* 0 when n is ids[0], else 1. */
int pair_side(const struct pair *p, const struct node *n);

#endif
