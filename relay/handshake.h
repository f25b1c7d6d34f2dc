/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handshakes between nodes. The relay reads no more than anyone who knows the public keys can: mac1
 * names the receiver of an initiation, and in the response it names the initiator.
 */
#ifndef RELAY_HANDSHAKE_H
#define RELAY_HANDSHAKE_H

#include "relay/relay.h"

/* `msg` is the message of packet p, and p->data points to it; its mac2 may be rewritten. */
void handshake_initiation(struct relay *r, const struct packet *p, void *msg);
void handshake_response(struct relay *r, const struct packet *p, void *msg);
void handshake_cookie(struct relay *r, const struct packet *p, void *msg);

#endif
