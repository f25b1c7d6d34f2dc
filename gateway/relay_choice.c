/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/relay_choice.h"

#include <string.h>

/* The less, the better. Between those of one standing the way decides. */
enum standing { WORKS, DRAINS, UNSURE, DEAD, NEVER };

static bool is_measured(const struct gw_choice_peer *peer, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (peer->rtt_us[i] != GW_NO_PATH)
			return true;
	return false;
}

/* One that returns is good enough for who waited there, and no reason to go there. */
static enum standing standing_of(const struct gw_choice_relay *relays, size_t n,
				 const struct gw_choice_peer *peer, int i)
{
	const struct gw_choice_relay *r = &relays[i];

	if (r->assigned_only)
		return NEVER;
	if (r->state == GW_RELAY_DEAD)
		return DEAD;
	if (r->state == GW_RELAY_UNKNOWN || (r->state == GW_RELAY_RETURNING && i != peer->relay))
		return UNSURE;
	if (peer->rtt_us[i] == GW_NO_PATH && is_measured(peer, n))
		return UNSURE;
	return r->drain ? DRAINS : WORKS;
}

uint64_t gw_relay_way_us(const struct gw_choice_relay *relays, const struct gw_choice_peer *peer,
			 int relay)
{
	uint32_t rest = peer->rtt_us[relay];

	return (uint64_t)relays[relay].rtt_us + (rest == GW_NO_PATH ? 0 : rest);
}

struct ranked {
	int relay;
	enum standing standing;
	uint64_t way;
};

static struct ranked rank(const struct gw_choice_relay *relays, size_t n,
			  const struct gw_choice_peer *peer, int i)
{
	return (struct ranked){i, standing_of(relays, n, peer, i),
			       gw_relay_way_us(relays, peer, i)};
}

/* By key at last, so that both ends of a pair take the same one. */
static bool is_better(const struct gw_choice_relay *relays, const struct ranked *a,
		      const struct ranked *b)
{
	if (a->standing != b->standing)
		return a->standing < b->standing;
	if (a->way != b->way)
		return a->way < b->way;
	return memcmp(relays[a->relay].public_key, relays[b->relay].public_key, WG_KEY_LEN) < 0;
}

/* The best, and how many stand as well as it does. */
static struct ranked best_of(const struct gw_choice_relay *relays, size_t n,
			     const struct gw_choice_peer *peer, size_t *equals)
{
	struct ranked best = rank(relays, n, peer, 0);

	*equals = 1;
	for (size_t i = 1; i < n; i++) {
		struct ranked r = rank(relays, n, peer, (int)i);

		if (r.standing < best.standing)
			*equals = 1;
		else if (r.standing == best.standing)
			++*equals;
		if (is_better(relays, &r, &best))
			best = r;
	}
	return best;
}

static bool any_unknown(const struct gw_choice_relay *relays, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (relays[i].state == GW_RELAY_UNKNOWN)
			return true;
	return false;
}

static bool is_worth_it(const struct ranked *now, const struct ranked *best)
{
	uint64_t gain = now->way > best->way ? now->way - best->way : 0;

	return gain > GW_HYSTERESIS_US && gain * 100 > now->way * GW_HYSTERESIS_PERCENT;
}

/* A relay that the peer goes through now: whether to stay there although `best` ranks better. */
static bool stays(const struct gw_choice_relay *relays, size_t n, const struct ranked *now,
		  const struct ranked *best)
{
	if (relays[now->relay].state == GW_RELAY_UNKNOWN)
		return true; /* which is over soon */
	if (best->standing < now->standing)
		return false;
	return now->standing >= UNSURE || any_unknown(relays, n) || !is_worth_it(now, best);
}

static enum gw_choice_why why_of(const struct gw_choice_relay *relays, const struct ranked *taken,
				 const struct ranked *best, size_t equals)
{
	if (relays[taken->relay].state == GW_RELAY_UNKNOWN)
		return GW_WHY_WAITING;
	if (taken->standing >= UNSURE)
		return GW_WHY_NONE_ANSWERS;
	if (taken->relay != best->relay)
		return GW_WHY_KEPT;
	return equals > 1 ? GW_WHY_NEAREST : GW_WHY_ONLY;
}

int gw_relay_choose(const struct gw_choice_relay *relays, size_t n,
		    const struct gw_choice_peer *peer, enum gw_choice_why *why)
{
	struct ranked best, taken;
	size_t equals;

	*why = peer->pin >= 0 ? GW_WHY_PINNED : GW_WHY_NONE_ANSWERS;
	if (peer->pin >= 0 || !n)
		return peer->pin;
	taken = best = best_of(relays, n, peer, &equals);
	if (peer->relay >= 0) {
		struct ranked now = rank(relays, n, peer, peer->relay);

		if (stays(relays, n, &now, &best))
			taken = now;
	}
	*why = why_of(relays, &taken, &best, equals);
	return taken.standing == NEVER ? GW_NO_RELAY : taken.relay;
}

const char *gw_choice_why_name(enum gw_choice_why why)
{
	static const char *const names[] = {
		[GW_WHY_PINNED] = "assigned",	       [GW_WHY_NEAREST] = "nearest",
		[GW_WHY_KEPT] = "near enough to stay", [GW_WHY_ONLY] = "the only one that works",
		[GW_WHY_WAITING] = "not measured yet", [GW_WHY_NONE_ANSWERS] = "none works",
	};

	return names[why];
}

const char *gw_relay_state_name(enum gw_relay_state state)
{
	static const char *const names[] = {
		[GW_RELAY_UNKNOWN] = "unknown",
		[GW_RELAY_ALIVE] = "alive",
		[GW_RELAY_RETURNING] = "returning",
		[GW_RELAY_DEAD] = "dead",
	};

	return names[state];
}
