/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Data packets of the relay's own sessions: keepalives, and pings to the service address. */
#ifndef RELAY_TUNNEL_H
#define RELAY_TUNNEL_H

#include "relay/register.h"

void tunnel_receive(struct relay *r, const struct packet *p, struct own_session *s);

/* Turns an ICMP or ICMPv6 echo request to `service` (RFC 792, RFC 4443) into its reply, in place.
 * Returns the packet's length without padding, or 0 when it is something else. */
size_t tunnel_echo(uint8_t *inner, size_t len, const struct tp_addr *service);

#endif
