/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Round trips that were reported: whose word counts, and what is news. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/paths.h"
#include "crypto.h"

#define ALICE "018bcfe5-6800-7000-8000-0000000000aa"

static struct ctl_paths *p;
static const uint8_t fra[WG_KEY_LEN] = {1}, ams[WG_KEY_LEN] = {2}, alice[WG_KEY_LEN] = {3};

static int setup(void **state)
{
	(void)state;
	p = ctl_paths_new(0);
	return p ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ctl_paths_free(p);
	return 0;
}

static struct tp_ncp_path path(const uint8_t relay[WG_KEY_LEN], uint32_t us)
{
	struct tp_ncp_path out = {.rtt_us = us};

	memcpy(out.public_key, relay, WG_KEY_LEN);
	return out;
}

static long known(const uint8_t relay[WG_KEY_LEN])
{
	uint32_t us;

	return ctl_paths_get(p, ALICE, alice, relay, &us) ? (long)us : -1;
}

static void test_own_word(void **state)
{
	struct tp_ncp_path both[] = {path(fra, 10000), path(ams, 40000)};

	(void)state;
	assert_int_equal(known(fra), -1);
	assert_true(ctl_paths_say(p, ALICE, both, 2));
	assert_int_equal(known(fra), 10000);
	assert_int_equal(known(ams), 40000);
	/* 2 ms, or a fifth */
	both[0].rtt_us = 12000;
	both[1].rtt_us = 48000;
	assert_false(ctl_paths_say(p, ALICE, both, 2));
	assert_int_equal(known(fra), 10000);
	both[1].rtt_us = 48001;
	assert_true(ctl_paths_say(p, ALICE, both, 2));
	assert_int_equal(known(fra), 12000);
	/* A relay that is not named does not answer, whatever it says itself. */
	assert_true(ctl_paths_measure(p, fra, alice, 11000));
	assert_true(ctl_paths_say(p, ALICE, &both[1], 1));
	assert_int_equal(known(fra), -1);
	assert_int_equal(known(ams), 48001);
	assert_true(ctl_paths_say(p, ALICE, NULL, 0));
	assert_false(ctl_paths_say(p, ALICE, NULL, 0));
	assert_int_equal(known(ams), -1);
	ctl_paths_forget(p, ALICE);
	assert_int_equal(known(fra), 11000);
}

static void test_relays_word(void **state)
{
	(void)state;
	assert_true(ctl_paths_measure(p, fra, alice, 20000));
	assert_false(ctl_paths_measure(p, fra, alice, 16000));
	assert_int_equal(known(fra), 20000);
	assert_true(ctl_paths_measure(p, fra, alice, 15999));
	assert_true(ctl_paths_measure(p, ams, alice, 5000));
	ctl_paths_forget_relay(p, fra);
	assert_int_equal(known(fra), -1);
	assert_int_equal(known(ams), 5000);
}

/* More relays than anybody has: the first ones count, and saying the same is no news. */
static void test_too_many(void **state)
{
	struct tp_ncp_path many[CTL_PATHS_MAX + 4] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i].public_key[0] = (uint8_t)(i + 1);
	assert_true(ctl_paths_say(p, ALICE, many, sizeof(many) / sizeof(many[0])));
	assert_false(ctl_paths_say(p, ALICE, many, sizeof(many) / sizeof(many[0])));
	assert_int_equal(known(many[CTL_PATHS_MAX - 1].public_key), 0);
	assert_int_equal(known(many[CTL_PATHS_MAX].public_key), -1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_own_word),
		CASE(test_relays_word),
		CASE(test_too_many),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
