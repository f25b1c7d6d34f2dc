/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finding out where a node is: the relay calls it (an initiation of its own) at an address from
 * which something came, and believes only an answer from there.
 *
 * A call that nothing authentic asked for is doubted: whoever knows a receiver index could have it
 * sent to himself, hand it to the node and hand back the answer. So the place where the node was is
 * called right after. When that stays silent for PROBE_DOUBT_MS, the node has moved, with all its
 * flows; when it answers, too, only the session that the index belongs to is led to the new place.
 */
#ifndef RELAY_PROBE_H
#define RELAY_PROBE_H

#include "relay/node.h"

#define PROBE_DOUBT_MS 400
#define PROBE_GUARD_MS 50 /* more than the 20 ms that WireGuard wants between initiations */
#define PROBE_TICK_MS  50

struct own_session;

/* A packet of the relay's own session with n, authentic, came from a new address. */
void probe_session(struct relay *r, struct node *n, const struct packet *p);
/* A data packet with the receiver index of flow f came from an address that has no such flow. */
void probe_flow(struct relay *r, struct flow *f, const struct packet *p);
/* An index of the relay's own, from before a restart: its keypair is lost, so call the node. */
void probe_stale(struct relay *r, struct node *n, const struct packet *p);

/* The node answered the call s, which was for finding it. */
void probe_answered(struct relay *r, struct own_session *s, uint64_t now);

int probes_new(struct relay *r);
void probes_free(struct relay *r);
void probes_drop_node(struct relay *r, const struct node *n);
/* Every PROBE_TICK_MS. */
void probes_tick(struct relay *r, uint64_t now);

#endif
