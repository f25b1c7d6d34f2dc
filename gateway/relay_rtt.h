/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The round trip to one relay and whether it lives, out of echoes that are sent and answered. Sends
 * nothing and reads no clock. All times are nanoseconds of any one clock.
 *
 * Three echoes in a row that are not answered within a second each are a death. Who comes back from
 * one has to answer for a while before it is alive, the longer the more often it died lately.
 */
#ifndef GATEWAY_RELAY_RTT_H
#define GATEWAY_RELAY_RTT_H

#include "gateway/relay_choice.h"
#include "round_trip.h"

#define GW_RTT_ECHOES 8 /* whose answers still count */

#define GW_RTT_SUSPECT_MS 1000 /* between echoes to one that is not known, or is in doubt */
#define GW_RTT_BUSY_MS	  2000 /* to one that peers are reached through */
#define GW_RTT_IDLE_MS	  5000
#define GW_RTT_DEAD_MS	  2000
#define GW_RTT_MISSES	  3
#define GW_RTT_SETTLED	  3 /* samples that a round trip is made of at least */
#define GW_RTT_HOLD_MIN_S 10
#define GW_RTT_HOLD_MAX_S 320
#define GW_RTT_GOOD_S	  600 /* alive so long, and former deaths are forgotten */

struct gw_relay_rtt {
	enum gw_relay_state state;
	uint32_t rtt_us; /* what others are told: follows notable changes alone; 0: not known */
	uint64_t next;	 /* gw_relay_rtt_tick() has something to do */
	uint64_t sent[GW_RTT_ECHOES]; /* by sequence number; 0: answered, or given up */
	uint16_t seq;		      /* of the latest */
	struct tp_round_trips trips;
	uint32_t misses, deaths;
	uint64_t since; /* of the state */
	bool waiting, answered_ever;
};

void gw_relay_rtt_init(struct gw_relay_rtt *r, uint64_t now);

/* To be called at `next` or later. Whether an echo is to be sent now, with number r->seq. busy:
 * peers are reached through the relay. */
bool gw_relay_rtt_tick(struct gw_relay_rtt *r, uint64_t now, bool busy);

/* The echo of that number was answered. Numbers that were not sent lately, or were answered, are
 * ignored. */
void gw_relay_rtt_answer(struct gw_relay_rtt *r, uint16_t seq, uint64_t now);

#endif
