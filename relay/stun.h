/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon's STUN server (RFC 8489, Binding without authentication): for all requests with
 * attach = "off", and else for those that XDP leaves to it, being too long or in need of an error.
 */
#ifndef RELAY_STUN_H
#define RELAY_STUN_H

#include <stddef.h>
#include <stdint.h>

#include "userspace/addr.h"

#define RELAY_STUN_LEN_MAX   1280 /* longer requests get no answer */
#define RELAY_STUN_REPLY_MAX 96	  /* room that any reply fits into */

/* The reply to a datagram that came from `from`: a success response with that address, or error 420
 * naming attributes that we'd have to understand (6.3.1). Writes it to out, which has `size` bytes,
 * and returns its length, at most 2.5 times the request's; 0 when nothing is to be sent, because
 * the datagram is no well-formed Binding request (6.3) or size is below RELAY_STUN_REPLY_MAX. */
size_t relay_stun_reply(const uint8_t *msg, size_t len, const struct tp_endpoint *from,
			uint8_t *out, size_t size);

#endif
