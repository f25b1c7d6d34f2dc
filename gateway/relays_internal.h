/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between relays*.c: what is known of networks, relays and peers. */
#ifndef GATEWAY_RELAYS_INTERNAL_H
#define GATEWAY_RELAYS_INTERNAL_H

#include "gateway/relay_probe.h"
#include "gateway/relay_rtt.h"
#include "gateway/relays.h"

#define RELAY_ENDPOINTS 8

struct relay {
	uint8_t public_key[WG_KEY_LEN];
	char name[TP_NCP_NAME_SIZE];
	struct tp_endpoint endpoints[RELAY_ENDPOINTS]; /* the first is the one to use */
	size_t n_endpoints;
	struct tp_addr service_address; /* zero: it cannot be measured */
	bool drain;
	bool is_peer; /* a relay peer: only who is assigned to it goes through it, nobody asks it */
	struct gw_relay_rtt rtt;
};

/* One that is reached through a relay of the network's, or might be. */
struct relayed {
	uint8_t public_key[WG_KEY_LEN];
	char name[TP_NCP_NAME_SIZE];
	struct gw_choice_peer choice;
	enum gw_choice_why why;
	struct tp_endpoint endpoint; /* that its device is given */
	bool direct;		     /* at its own endpoint, of which only the settings know */
	bool leads;		     /* of the two ends this one begins handshakes after a move */
	uint64_t due;	   /* its device is to be changed then; 0: it is as it should be */
	uint64_t moved;	   /* the choice did; 0: never */
	bool moving, kick; /* while its device is changed */
};

struct network {
	char device[IFNAMSIZ];
	struct relay relays[GW_RELAYS_MAX];
	size_t n_relays;
	struct relayed *peers; /* by key */
	size_t n_peers;
};

/* What shape() makes of peers that move, one after the other. */
enum move_step { STEP_NONE, STEP_OUT, STEP_KICK };

struct gw_relays {
	struct event_base *base;
	const struct gw_state *state;
	struct gw_relay_probe *probe; /* NULL: could not be had */
	struct gw_overlays *overlays; /* NULL: not started */
	struct tp_member *member;
	struct event *timer;
	struct network *networks;
	size_t n_networks;
	enum move_step step;
	struct tp_ncp_path said[GW_RELAYS_MAX]; /* the last report */
	size_t n_said;
	bool unsaid;
	uint64_t said_at;
	uint64_t moves;
};

struct relayed *relays_peer(const struct network *n, const uint8_t public_key[WG_KEY_LEN]);
/* What gw_relay_choose() wants to know. */
void relays_known(const struct network *n, struct gw_choice_relay out[GW_RELAYS_MAX]);
/* The place of a relay that has this endpoint, or GW_NO_RELAY. */
int relays_at(const struct network *n, const struct tp_endpoint *endpoint);
int relays_place(const struct network *n, const uint8_t public_key[WG_KEY_LEN]);
size_t relays_through(const struct network *n, int relay); /* how many peers */

/* relays_move.c: has all peers that should go elsewhere go there. Returns when it should be called
 * again, UINT64_MAX: with the next news. */
uint64_t relays_decide(struct gw_relays *r, uint64_t now);

/* relays_say.c: reports, if that is due; returns when it should be tried again, UINT64_MAX: when
 * something has changed. */
uint64_t relays_say(struct gw_relays *r, uint64_t now);

#endif
