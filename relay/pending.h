/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Remembered handshakes: which initiation went to whom, so that its response and any cookie reply
 * find their way. A few responses may come to one initiation, because a forged one must not use up
 * the real one's place.
 */
#ifndef RELAY_PENDING_H
#define RELAY_PENDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "relay/node.h"

#define PENDING_LIFE_SEC  10 /* a stock initiator gives an attempt 5 s */
#define PENDING_MAX	  65536
#define PENDING_SAME	  4 /* to one target with one index, whoever sent them */
#define PENDING_RESPONSES 3

struct pending {
	uint64_t id; /* never 0; names the handshake in sessions */
	uint64_t born;
	uint32_t target; /* node id */
	uint32_t sender; /* node id, known once a response came; 0 */
	struct tp_endpoint from;
	struct tp_addr local;	      /* the relay's address the initiator spoke to */
	struct tp_endpoint target_at; /* where it was sent */
	uint32_t initiator_index;     /* as on the wire */
	uint32_t responder_index[PENDING_RESPONSES];
	uint8_t mac1[WG_MAC_LEN]; /* of the initiation */
	uint8_t response_mac1[PENDING_RESPONSES][WG_MAC_LEN];
	unsigned int responses;
	bool proven; /* it carried the relay's own cookie */
	TAILQ_ENTRY(pending) in_age;
	LIST_ENTRY(pending) by_initiator, by_responder[PENDING_RESPONSES];
};

int pendings_new(struct relay *r);
void pendings_free(struct relay *r);
void pendings_tick(struct relay *r, uint64_t now);
/* Forgets handshakes with nodes that are gone, before their ids mean others. */
void pendings_drop_orphans(struct relay *r);
uint32_t pendings_total(const struct relay *r);

/* NULL when PENDING_MAX are under way, or PENDING_SAME with this index (each pair is bounded by its
 * rate; indices that meet by chance are rare). The caller fills what is
 * not an argument. */
struct pending *pending_add(struct relay *r, const struct node *target,
			    const struct tp_endpoint *from, uint32_t initiator_index, uint64_t now);
/* The same message is already under way (a duplicate, or a replay). */
bool pending_known(const struct relay *r, const struct node *target, const struct tp_endpoint *from,
		   uint32_t initiator_index, const uint8_t mac1[WG_MAC_LEN]);
/* First of those that went to `at` with this index, or the next after `after`. */
struct pending *pending_find(const struct relay *r, const struct tp_endpoint *at,
			     uint32_t initiator_index, const struct pending *after);
void pending_add_response(struct relay *r, struct pending *p, uint32_t responder_index,
			  const uint8_t mac1[WG_MAC_LEN]);
/* Whose response with this index went to `at`; *which says which of them. */
struct pending *pending_find_response(const struct relay *r, const struct tp_endpoint *at,
				      uint32_t responder_index, unsigned int *which);

#endif
