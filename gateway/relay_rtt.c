/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/relay_rtt.h"

#include <string.h>

#include "clock.h"

#define RTT_MAX_US 60000000 /* that a report may have */

void gw_relay_rtt_init(struct gw_relay_rtt *r, uint64_t now)
{
	memset(r, 0, sizeof(*r));
	r->next = r->since = now;
}

/* --- life and death --- */

static void enter(struct gw_relay_rtt *r, enum gw_relay_state state, uint64_t now)
{
	r->state = state;
	r->since = now;
}

static void die(struct gw_relay_rtt *r, uint64_t now)
{
	if (r->state == GW_RELAY_ALIVE && now - r->since >= TP_SEC(GW_RTT_GOOD_S))
		r->deaths = 0;
	r->deaths++;
	r->trips.n = 0;
	r->rtt_us = 0;
	enter(r, GW_RELAY_DEAD, now);
}

static uint64_t hold(const struct gw_relay_rtt *r)
{
	uint64_t s = GW_RTT_HOLD_MIN_S;

	for (uint32_t i = 1; i < r->deaths && s < GW_RTT_HOLD_MAX_S; i++)
		s *= 2;
	return TP_SEC(s);
}

static void follow(struct gw_relay_rtt *r)
{
	uint32_t us = tp_round_trip_least(&r->trips);

	us = us < RTT_MAX_US ? us : RTT_MAX_US;
	if (!r->rtt_us || tp_round_trip_notable(r->rtt_us, us))
		r->rtt_us = us;
}

/* What an answer, or time with answers, makes of it. */
static void advance(struct gw_relay_rtt *r, uint64_t now)
{
	bool settled = r->trips.n >= GW_RTT_SETTLED;

	if (!r->answered_ever)
		r->deaths = 0;
	if (r->state == GW_RELAY_DEAD)
		enter(r, r->answered_ever ? GW_RELAY_RETURNING : GW_RELAY_UNKNOWN, now);
	else if (settled && (r->state == GW_RELAY_UNKNOWN ||
			     (r->state == GW_RELAY_RETURNING && now - r->since >= hold(r))))
		enter(r, GW_RELAY_ALIVE, now);
	if (settled)
		follow(r);
}

static void miss(struct gw_relay_rtt *r, uint64_t now)
{
	if (r->misses < GW_RTT_MISSES)
		r->misses++;
	if (r->state == GW_RELAY_RETURNING)
		r->since = now;
	if (r->misses == GW_RTT_MISSES && r->state != GW_RELAY_DEAD)
		die(r, now);
}

void gw_relay_rtt_answer(struct gw_relay_rtt *r, uint16_t seq, uint64_t now)
{
	uint64_t *sent = &r->sent[seq % GW_RTT_ECHOES];

	if ((uint16_t)(r->seq - seq) >= GW_RTT_ECHOES || !*sent)
		return;
	tp_round_trip_add(&r->trips, now - *sent);
	*sent = 0;
	r->misses = 0;
	advance(r, now);
	r->answered_ever = true;
}

/* --- time --- */

static uint64_t pause_of(const struct gw_relay_rtt *r, bool busy)
{
	if (r->state == GW_RELAY_DEAD)
		return TP_MS(GW_RTT_DEAD_MS);
	if (r->state != GW_RELAY_ALIVE || r->misses || r->trips.n < TP_ROUND_TRIPS)
		return TP_MS(GW_RTT_SUSPECT_MS);
	return TP_MS(busy ? GW_RTT_BUSY_MS : GW_RTT_IDLE_MS);
}

bool gw_relay_rtt_tick(struct gw_relay_rtt *r, uint64_t now, bool busy)
{
	bool open = r->sent[r->seq % GW_RTT_ECHOES];

	if (now < r->next)
		return false;
	if (r->waiting) { /* the second of the latest echo is over */
		r->waiting = false;
		if (open)
			miss(r, now);
		r->next += pause_of(r, busy) - TP_MS(GW_RTT_SUSPECT_MS);
		if (now < r->next)
			return false;
	}
	r->seq++;
	r->sent[r->seq % GW_RTT_ECHOES] = now;
	r->waiting = true;
	r->next = now + TP_MS(GW_RTT_SUSPECT_MS);
	return true;
}
