/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which relay a peer is reached through. One pure function of what is known at a time: the same
 * knowledge gives both ends of a pair the same relay, and its own answer, put back in, is never
 * left again without news.
 */
#ifndef GATEWAY_RELAY_CHOICE_H
#define GATEWAY_RELAY_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

#define GW_RELAYS_MAX 16	 /* of a network */
#define GW_NO_PATH    UINT32_MAX /* instead of a round trip */
#define GW_NO_RELAY   (-1)

/* A relay that works is left for a nearer one only if the way gets shorter by more than both. */
#define GW_HYSTERESIS_PERCENT 10
#define GW_HYSTERESIS_US      5000

enum gw_relay_state {
	GW_RELAY_UNKNOWN, /* has not been asked often enough */
	GW_RELAY_ALIVE,
	GW_RELAY_RETURNING, /* was dead and answers again, not long enough to be trusted */
	GW_RELAY_DEAD,
};

struct gw_choice_relay {
	uint8_t public_key[WG_KEY_LEN];
	enum gw_relay_state state; /* as this node sees it */
	uint32_t rtt_us;	   /* of one that is alive or returning */
	bool drain;		   /* is to be left */
	bool assigned_only;	   /* for those whom an operator wants there */
};

struct gw_choice_peer {
	int relay; /* that it goes through now, or GW_NO_RELAY */
	int pin;   /* that an operator wants, or GW_NO_RELAY */
	/* The peer's own round trips, by relay; GW_NO_PATH: does not answer there. Of a peer of
	 * which none is known only this node's own count. */
	uint32_t rtt_us[GW_RELAYS_MAX];
};

enum gw_choice_why {
	GW_WHY_PINNED,
	GW_WHY_NEAREST,
	GW_WHY_KEPT, /* another is nearer, by too little */
	GW_WHY_ONLY, /* no other works */
	GW_WHY_WAITING,
	GW_WHY_NONE_ANSWERS,
};

/* The place of the relay to go through; GW_NO_RELAY when there is none. */
int gw_relay_choose(const struct gw_choice_relay *relays, size_t n,
		    const struct gw_choice_peer *peer, enum gw_choice_why *why);

/* From here to the peer through the relay, as far as it is known. */
uint64_t gw_relay_way_us(const struct gw_choice_relay *relays, const struct gw_choice_peer *peer,
			 int relay);

const char *gw_choice_why_name(enum gw_choice_why why);
const char *gw_relay_state_name(enum gw_relay_state state);

#endif
