/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between wireguard_state.c and wireguard_plan.c: what a state is made of. */
#ifndef TP_WIREGUARD_STATE_H
#define TP_WIREGUARD_STATE_H

#include "hash.h"
#include "wireguard_plan.h"

struct state_peer;

struct state_prefix {
	struct tp_wireguard_prefix key; /* cleared behind its bits */
	struct state_peer *owner;
	struct state_prefix *next; /* of the same owner */
	UT_hash_handle hh;
};

struct state_peer {
	uint8_t public_key[WG_KEY_LEN];
	uint8_t preshared_print[WG_MAC_LEN]; /* zero: none */
	struct tp_endpoint endpoint;
	uint16_t keepalive;
	struct state_prefix *allowed;
	size_t index; /* in the config that it is of */
	UT_hash_handle hh;
};

struct tp_wireguard_state {
	uint8_t private_key[WG_KEY_LEN]; /* while it is being filled; wiped then */
	uint8_t public_key[WG_KEY_LEN];	 /* zero: no key */
	uint16_t listen_port;
	uint32_t fwmark;
	struct state_peer *peers;
	struct state_prefix *prefixes;
};

struct state_peer *tp_wireguard_state_peer(const struct tp_wireguard_state *state,
					   const uint8_t public_key[WG_KEY_LEN]);
struct state_prefix *tp_wireguard_state_prefix(const struct tp_wireguard_state *state,
					       const struct tp_wireguard_prefix *prefix);

#endif
