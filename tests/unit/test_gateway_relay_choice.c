/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which relay a peer goes through: case by case, and at random against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/relay_choice.h"

#define MS	1000u
#define ROUNDS	200000
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct gw_choice_relay relays[GW_RELAYS_MAX];
static struct gw_choice_peer peer;
static enum gw_choice_why why;

/* Two relays that are alive, 10 and 20 ms away, and a peer of which nothing is known. */
static int setup(void **state)
{
	(void)state;
	memset(relays, 0, sizeof(relays));
	for (uint8_t i = 0; i < GW_RELAYS_MAX; i++) {
		relays[i].public_key[31] = (uint8_t)(i + 1);
		relays[i].state = GW_RELAY_ALIVE;
		relays[i].rtt_us = 10 * MS * (i + 1);
		peer.rtt_us[i] = GW_NO_PATH;
	}
	peer.relay = peer.pin = GW_NO_RELAY;
	return 0;
}

static int choose(size_t n)
{
	return gw_relay_choose(relays, n, &peer, &why);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_int_equal(choose(2), 0);
	assert_int_equal(why, GW_WHY_NEAREST);
	peer.rtt_us[0] = 40 * MS; /* the sum counts, not the own way alone */
	peer.rtt_us[1] = 10 * MS;
	assert_int_equal(choose(2), 1);
	assert_int_equal(gw_relay_way_us(relays, &peer, 1), 30 * MS);
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(choose(0), GW_NO_RELAY);
}

static void test_tie(void **state)
{
	(void)state;
	relays[0].rtt_us = relays[1].rtt_us;
	assert_int_equal(choose(2), 0);
	relays[0].public_key[0] = 1; /* now the greater one */
	assert_int_equal(choose(2), 1);
}

static void test_hysteresis(void **state)
{
	(void)state;
	peer.relay = 1;
	relays[1].rtt_us = 15 * MS; /* 5 ms more: not enough */
	assert_int_equal(choose(2), 1);
	assert_int_equal(why, GW_WHY_KEPT);
	relays[1].rtt_us = 15 * MS + 1;
	assert_int_equal(choose(2), 0);
	relays[0].rtt_us = 100 * MS; /* 10 ms of 110: not a tenth */
	relays[1].rtt_us = 110 * MS;
	assert_int_equal(choose(2), 1);
	relays[1].rtt_us = 112 * MS;
	assert_int_equal(choose(2), 0);
}

static void test_death(void **state)
{
	(void)state;
	peer.relay = 0;
	relays[0].state = GW_RELAY_DEAD;
	assert_int_equal(choose(2), 1);
	assert_int_equal(why, GW_WHY_ONLY);
	relays[1].state = GW_RELAY_DEAD; /* nowhere to go */
	assert_int_equal(choose(2), 0);
	assert_int_equal(why, GW_WHY_NONE_ANSWERS);
}

static void test_return(void **state)
{
	(void)state;
	peer.relay = 1;
	relays[0].state = GW_RELAY_RETURNING;
	assert_int_equal(choose(2), 1);
	relays[1].state = GW_RELAY_DEAD; /* better than nothing */
	assert_int_equal(choose(2), 0);
	peer.relay = 0; /* who waited for it stays */
	relays[1].state = GW_RELAY_ALIVE;
	assert_int_equal(choose(2), 0);
}

/* A relay peer: as good as none, unless an operator says so. */
static void test_assigned_only(void **state)
{
	(void)state;
	relays[0].assigned_only = true;
	assert_int_equal(choose(2), 1);
	assert_int_equal(choose(1), GW_NO_RELAY);
	peer.relay = 0; /* it was assigned, and is not any more */
	relays[1].state = GW_RELAY_DEAD;
	assert_int_equal(choose(2), 1);
	peer.pin = 0;
	assert_int_equal(choose(2), 0);
	assert_int_equal(why, GW_WHY_PINNED);
}

static void test_peer_does_not_reach_it(void **state)
{
	(void)state;
	peer.relay = 0;
	peer.rtt_us[1] = 90 * MS;
	assert_int_equal(choose(2), 1);
	assert_int_equal(why, GW_WHY_ONLY);
	relays[1].state = GW_RELAY_DEAD;
	assert_int_equal(choose(2), 0);
}

static void test_unknown(void **state)
{
	(void)state;
	relays[0].state = relays[1].state = GW_RELAY_UNKNOWN;
	peer.relay = 1;
	assert_int_equal(choose(2), 1);
	assert_int_equal(why, GW_WHY_WAITING);
	relays[0].state = GW_RELAY_ALIVE; /* it will be known in a moment */
	assert_int_equal(choose(2), 1);
	relays[0].state = GW_RELAY_UNKNOWN;
	relays[1].state = GW_RELAY_ALIVE;
	assert_int_equal(choose(2), 1);
	assert_int_equal(why, GW_WHY_ONLY);
	relays[1].state = GW_RELAY_DEAD;
	assert_int_equal(choose(2), 0);
}

static void test_drain(void **state)
{
	(void)state;
	peer.relay = 0;
	relays[0].drain = true;
	assert_int_equal(choose(2), 1);
	relays[1].state = GW_RELAY_RETURNING; /* a drained one that works comes first */
	assert_int_equal(choose(2), 0);
	relays[1].state = GW_RELAY_ALIVE;
	relays[1].drain = true;
	assert_int_equal(choose(2), 0);
}

static void test_pin(void **state)
{
	(void)state;
	peer.relay = 0;
	peer.pin = 1;
	relays[1].state = GW_RELAY_DEAD;
	relays[1].drain = true;
	assert_int_equal(choose(2), 1);
	assert_int_equal(why, GW_WHY_PINNED);
}

/* --- at random ---------------------------------------------------------------------------------
 */

static uint32_t seed = 1;

static uint32_t roll(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void roll_relay(struct gw_choice_relay *r)
{
	r->state = (enum gw_relay_state)roll(4);
	r->rtt_us =
		(r->state == GW_RELAY_ALIVE || r->state == GW_RELAY_RETURNING) ? roll(40) * MS : 0;
	r->drain = roll(4) == 0;
	r->public_key[0] = (uint8_t)roll(256);
}

static size_t roll_world(void)
{
	size_t n = 1 + roll(5);

	for (size_t i = 0; i < n; i++) {
		roll_relay(&relays[i]);
		peer.rtt_us[i] = roll(3) ? roll(40) * MS : GW_NO_PATH;
	}
	for (size_t i = 0; roll(4) == 0 && i < n; i++)
		peer.rtt_us[i] = GW_NO_PATH;
	peer.relay = roll(3) ? (int)roll((uint32_t)n) : GW_NO_RELAY;
	peer.pin = roll(20) ? GW_NO_RELAY : (int)roll((uint32_t)n);
	return n;
}

/* The model: what stands better, as one number each, and rules as sentences. */
static bool anything_known(size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		known += peer.rtt_us[i] != GW_NO_PATH;
	return known != 0;
}

static int model_class(size_t n, size_t i)
{
	bool reached = peer.rtt_us[i] != GW_NO_PATH || !anything_known(n);
	bool trusted = relays[i].state == GW_RELAY_ALIVE ||
		       (relays[i].state == GW_RELAY_RETURNING && (int)i == peer.relay);

	if (relays[i].state == GW_RELAY_DEAD)
		return 3;
	if (!reached || !trusted)
		return 2;
	return relays[i].drain;
}

static uint64_t model_way(size_t i)
{
	return relays[i].rtt_us + (peer.rtt_us[i] == GW_NO_PATH ? 0ull : peer.rtt_us[i]);
}

static bool model_beats(size_t n, size_t a, size_t b)
{
	int key = memcmp(relays[a].public_key, relays[b].public_key, WG_KEY_LEN);

	if (model_class(n, a) != model_class(n, b))
		return model_class(n, a) < model_class(n, b);
	return model_way(a) < model_way(b) || (model_way(a) == model_way(b) && key < 0);
}

static int model_choose(size_t n)
{
	bool settled = true;
	size_t best = 0, now = (size_t)peer.relay;
	double gain;

	if (peer.pin >= 0)
		return peer.pin;
	for (size_t a = 0; a < n; a++) { /* the one that nobody beats */
		bool beaten = false;

		for (size_t b = 0; b < n; b++)
			beaten = beaten || (a != b && model_beats(n, b, a));
		if (!beaten)
			best = a;
		settled = settled && relays[a].state != GW_RELAY_UNKNOWN;
	}
	if (peer.relay < 0)
		return (int)best;
	if (relays[now].state == GW_RELAY_UNKNOWN)
		return peer.relay;
	if (model_class(n, best) < model_class(n, now))
		return (int)best;
	if (model_class(n, now) > 1 || !settled)
		return peer.relay;
	gain = (double)model_way(now) - (double)model_way(best);
	return gain > 5000 && gain > 0.1 * (double)model_way(now) ? (int)best : peer.relay;
}

static void test_model(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = roll_world();
		int got = choose(n);

		if (got != model_choose(n))
			fail_msg("round %d: chose %d, the model %d", i, got, model_choose(n));
	}
}

/* Without news nothing moves again. */
static void test_settles(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = roll_world();
		int first = choose(n);

		peer.relay = first;
		if (choose(n) != first)
			fail_msg("round %d: %d after %d", i, choose(n), first);
	}
}

/* Both ends of a pair, who know each other's round trips, choose the same relay. */
static void test_both_ends(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct gw_choice_relay other[GW_RELAYS_MAX];
		struct gw_choice_peer back = {.relay = GW_NO_RELAY, .pin = GW_NO_RELAY};
		size_t n = 1 + roll(5);
		int here;

		for (size_t k = 0; k < n; k++) {
			relays[k].state = roll(4) ? GW_RELAY_ALIVE : GW_RELAY_DEAD;
			relays[k].rtt_us = roll(40) * MS;
			relays[k].drain = roll(4) == 0;
			other[k] = relays[k];
			other[k].state = roll(4) ? GW_RELAY_ALIVE : GW_RELAY_DEAD;
			other[k].rtt_us = roll(40) * MS;
			peer.rtt_us[k] =
				other[k].state == GW_RELAY_ALIVE ? other[k].rtt_us : GW_NO_PATH;
			back.rtt_us[k] =
				relays[k].state == GW_RELAY_ALIVE ? relays[k].rtt_us : GW_NO_PATH;
		}
		here = choose(n);
		if (relays[here].state != GW_RELAY_ALIVE || other[here].state != GW_RELAY_ALIVE)
			continue; /* no relay works for both */
		if (gw_relay_choose(other, n, &back, &why) != here)
			fail_msg("round %d: the ends disagree", i);
	}
}

/* Round trips that shake by less than the hysteresis move nobody, however long. */
static void test_noise(void **state)
{
	(void)state;
	peer.relay = choose(2);
	for (int i = 0; i < ROUNDS; i++) {
		relays[0].rtt_us = 50 * MS + roll(4900);
		relays[1].rtt_us = 50 * MS + roll(4900);
		assert_int_equal(choose(2), 0);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(gw_choice_why_name(GW_WHY_PINNED), "assigned");
	assert_string_equal(gw_relay_state_name(GW_RELAY_RETURNING), "returning");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nearest, setup),
		cmocka_unit_test_setup(test_none, setup),
		cmocka_unit_test_setup(test_tie, setup),
		cmocka_unit_test_setup(test_hysteresis, setup),
		cmocka_unit_test_setup(test_death, setup),
		cmocka_unit_test_setup(test_return, setup),
		cmocka_unit_test_setup(test_assigned_only, setup),
		cmocka_unit_test_setup(test_peer_does_not_reach_it, setup),
		cmocka_unit_test_setup(test_unknown, setup),
		cmocka_unit_test_setup(test_drain, setup),
		cmocka_unit_test_setup(test_pin, setup),
		cmocka_unit_test_setup(test_model, setup),
		cmocka_unit_test_setup(test_settles, setup),
		cmocka_unit_test_setup(test_both_ends, setup),
		cmocka_unit_test_setup(test_noise, setup),
		cmocka_unit_test_setup(test_names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
