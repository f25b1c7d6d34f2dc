/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Networks, nodes, and where nodes are. A node's address is its identity here: it changes only when
 * a handshake has shown that the node's key answers there (register.c decides), one node owns an
 * ip:port at a time, and the newest proof wins.
 */
#ifndef RELAY_NODE_H
#define RELAY_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "relay/relay.h"
#include "round_trip.h"
#define TP_HASH_OR_DIE /* half a node in the tables would be worse than a restart */
#include "hash.h"

#define NODE_RECENT	32 /* targets to try first by mac1 */
#define NODE_ONLINE_SEC 90 /* three keepalives and some */

struct flow;
struct own_session;

struct network {
	char *name;
	LIST_HEAD(, node) nodes;
	uint32_t n_nodes;
	struct groups *groups;
	bool keep; /* while reloading */
	UT_hash_handle hh;
};

/* A host prefix (IPv4 address or IPv6 /64) where nodes are registered: possible senders of an
 * initiation that came from there. */
struct site {
	struct tp_addr prefix;
	LIST_HEAD(, node) nodes;
	uint32_t n_nodes;
	uint64_t trial_budget[STANDINGS];
	uint64_t handshake_budget[STANDINGS]; /* the last is the node's own */
	UT_hash_handle hh;
};

struct node {
	char *name;
	uint32_t id; /* names it in the maps; outlives the daemon */
	struct network *network;
	uint16_t group; /* groups.h */
	uint8_t public_key[WG_KEY_LEN];
	struct tp_noise_peer peer;
	struct tp_mac_keys macs;
	struct tp_addr overlay; /* configured, for peer-config */
	unsigned int overlay_bits;
	bool keep; /* while reloading */

	struct site *site; /* NULL: no current address */
	struct tp_endpoint endpoint;
	struct tp_addr local; /* the relay's address it speaks to */
	uint64_t last_seen;   /* 0: never */
	uint8_t tai64n[WG_TIMESTAMP_LEN];
	uint64_t last_initiation; /* accepted from it, to the relay */
	uint64_t last_handshake;  /* with the relay; 0: none since the start */
	uint64_t handshake_told;  /* of these, to the control plane */
	struct tp_round_trips trips;
	uint32_t trip_told; /* us, to the control plane */
	struct tp_endpoint endpoint_told;

	/* as the relay's own peer; register.c and tunnel.c */
	struct own_session *current, *previous, *next;
	LIST_HEAD(, own_session) sessions; /* those and the handshakes under way */
	uint64_t probe_budget, stale_budget;
	uint64_t last_call, last_keepalive;

	/* as a target of handshakes */
	uint8_t cookie[WG_COOKIE_LEN]; /* its own, for messages that come from the relay */
	uint64_t cookie_until;
	uint64_t target_budget[STANDINGS];
	uint64_t response_budget;
	uint64_t handshake_budget;    /* as an initiator from its own address */
	uint32_t recent[NODE_RECENT]; /* ids; 0: none */

	/* flows.c */
	LIST_HEAD(, flow) sends, receives;
	uint32_t n_sends;
	struct relay_count rx, tx;  /* without what live flows still count */
	struct relay_bucket bucket; /* the daemon's path */

	LIST_ENTRY(node) in_network, in_site;
	UT_hash_handle hh_key, hh_id, hh_endpoint, hh_name;
};

struct nodes {
	struct network *networks;
	struct node *by_key, *by_id, *by_endpoint, *by_name;
	struct site *sites;
	uint32_t next_id;
	bool *reserved; /* ids that pinned flows may still use, until they are adopted */
	uint32_t n_reserved;
};

int nodes_new(struct relay *r);
void nodes_free(struct relay *r);
/* Can every new key be used? 0 or -EINVAL, logged. */
int nodes_check(const struct relay *r, const struct relay_config *config);
/* Makes nodes and networks what `config` says; counts changes for the log. */
int nodes_configure(struct relay *r, const struct relay_config *config, uint64_t now);
/* Ids, addresses and marks from the pinned map. */
void nodes_adopt(struct relay *r, uint64_t now);

struct node *node_by_key(const struct relay *r, const uint8_t public_key[WG_KEY_LEN]);
struct node *node_by_id(const struct relay *r, uint32_t id);
struct node *node_by_name(const struct relay *r, const char *name);
/* As people say it: a name, or the only one's that begins with the word and a dot. A control
 * plane's ann is ann.office@0123abcd here. */
struct node *node_by_word(const struct relay *r, const char *word);
struct node *node_by_endpoint(const struct relay *r, const struct tp_endpoint *e);
struct site *site_of(const struct relay *r, const struct tp_addr *addr);

bool node_online(const struct node *n, uint64_t now);
/* The node answers at `e`, speaking to `local`. The former owner of `e` loses it. Flows are not
 * touched. */
void node_place(struct relay *r, struct node *n, const struct tp_endpoint *e,
		const struct tp_addr *local, uint64_t now);
void node_unplace(struct relay *r, struct node *n);
/* Writes what must outlive the daemon. */
void node_save(struct relay *r, const struct node *n);
/* Puts `target` in front of those to try first for messages from n. */
void node_remember_target(struct node *n, const struct node *target);

#endif
