/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The relay as an ordinary WireGuard peer of its nodes: handshakes for its own key, and what they
 * say about where a node is.
 *
 * An address is adopted only when it was shown to answer:
 *   (a) the first data packet of a new keypair, from the address to which message 2 went, or
 *   (b) a message 2 that answers the relay's own initiation, from the address to which that went.
 * Anything else from a new address (a keepalive, a data packet of a known flow) leads to (b), which
 * is probe.h's business.
 */
#ifndef RELAY_REGISTER_H
#define RELAY_REGISTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "relay/node.h"

#define OWN_HANDSHAKES 8 /* under way with one node at a time: a second of both budgets */

enum own_state {
	OWN_INITIATED, /* message 1 sent */
	OWN_KEYPAIR,   /* usable */
	OWN_STALE,     /* an index from before a restart: the keypair is lost */
};

/* What an initiation of ours was sent for; see probe.h. */
enum own_purpose {
	OWN_CALL,    /* an answer moves the node there */
	OWN_DOUBTED, /* only when it doesn't answer where it was */
	OWN_GUARD,   /* asks just that */
};

struct own_session {
	uint32_t index; /* ours, as on the wire */
	enum own_state state;
	struct node *node;
	uint64_t born;
	struct tp_endpoint at; /* where message 1 or 2 of ours went */
	struct tp_addr local;
	enum own_purpose purpose;
	uint8_t mac1[WG_MAC_LEN]; /* of our message, for a cookie reply to it */
	struct tp_noise_handshake hs;
	struct tp_keypair *kp;
	LIST_ENTRY(own_session) in_node;
	UT_hash_handle hh;
};

int own_sessions_new(struct relay *r);
void own_sessions_free(struct relay *r);
void own_sessions_adopt(struct relay *r, uint64_t now);
void own_sessions_tick(struct relay *r, uint64_t now);
void own_sessions_drop_node(struct relay *r, struct node *n);
struct own_session *own_session_find(const struct relay *r, uint32_t index);
/* One byte that all of the relay's indices carry on top, for the split of its sockets. */
uint8_t own_index_tag(const uint8_t public_key[WG_KEY_LEN]);

/* Initiation whose mac1 is made for the relay's key. */
void register_initiation(struct relay *r, const struct packet *p, enum standing standing);
/* Response to an initiation of the relay's own. */
void register_response(struct relay *r, const struct packet *p, struct own_session *s);
/* Cookie reply to a message of the relay's own; false when it is none. */
bool register_cookie(struct relay *r, const struct packet *p, struct own_session *s);

/* Sends the node an initiation at `at`. NULL when it just had one, or on failure. */
struct own_session *register_call(struct relay *r, struct node *n, const struct tp_endpoint *at,
				  const struct tp_addr *local, uint64_t now);
/* The node has answered at `at`: it and its flows are there now. */
void register_adopt(struct relay *r, struct node *n, const struct tp_endpoint *at,
		    const struct tp_addr *local, uint64_t now);
/* First data packet of the keypair that the node initiated: it is confirmed, case (a). */
void register_confirm(struct relay *r, struct own_session *s, const struct packet *p);
/* Sends an empty (keepalive) or full data packet to where the node is. */
void register_send(struct relay *r, struct own_session *s, const struct tp_addr *local,
		   const struct tp_endpoint *to, const void *inner, size_t len);

#endif
