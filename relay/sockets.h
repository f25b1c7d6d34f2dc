/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's UDP sockets on listen_port and stun.port, both families, and relay_ops over them. */
#ifndef RELAY_SOCKETS_H
#define RELAY_SOCKETS_H

#include "relay/relay.h"

struct event_base;
struct sockets;

extern const struct relay_ops sockets_ops; /* their ctx is a struct sockets */

/* Opens and binds. A family that the host does not have is left out. 0 or -errno, logged. */
int sockets_new(struct sockets **out, const struct relay_config *config, uint8_t index_tag);
/* Starts to hand packets to r. 0 or -ENOMEM. */
int sockets_start(struct sockets *s, struct event_base *base, struct relay *r);
void sockets_free(struct sockets *s);

#endif
