/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which relays a stock peer's file has, and in which order, by what is known when it is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/paths.h"
#include "control/stock_relays.h"

#define NOW 1000000

enum { FRA, AMS, PAR, LON, N };

static struct ctl_relay relays[N];
static struct ctl_member alice, bob;
static struct ctl_world world;
static struct ctl_paths *paths;
static struct ctl_stock_relays got;
static char had[CTL_STOCK_HAD_LEN];

static void member_init(struct ctl_member *m, uint8_t number)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->peer.device, CTL_ID_LEN, "018bcfe5-6800-7000-8000-0000000000%02x", number);
	m->peer.public_key[0] = number;
}

static int setup(void **state)
{
	(void)state;
	memset(relays, 0, sizeof(relays));
	for (int i = 0; i < N; i++) {
		snprintf(relays[i].id, CTL_ID_LEN, "018bcfe5-6800-7000-8000-00000000000%d", i);
		snprintf(relays[i].device, CTL_ID_LEN, "018bcfe5-6800-7000-8000-00000000001%d", i);
		relays[i].public_key[0] = (uint8_t)(i + 1);
	}
	member_init(&alice, 0xaa);
	member_init(&bob, 0xbb);
	paths = ctl_paths_new(NOW);
	world = (struct ctl_world){.relays = relays, .n_relays = N, .paths = paths};
	*had = '\0';
	return paths ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ctl_paths_free(paths);
	return 0;
}

static void measured(const struct ctl_member *m, int relay, uint32_t ms)
{
	ctl_paths_measure(paths, relays[relay].public_key, m->peer.public_key, ms * 1000);
}

static void assert_relays(const struct ctl_stock_relays *r, const int *expected, size_t n)
{
	assert_int_equal(r->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(r->list[i] - relays, expected[i]);
}
#define ASSERT_RELAYS(...) \
	assert_relays(&got, (const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

static void choose(int64_t now)
{
	ctl_stock_relays_choose(&got, &world, &alice, now, had);
}

static long towards_bob(void)
{
	const struct ctl_relay *r = ctl_stock_relay_to(&got, &world, &alice, &bob);

	return r ? r - relays : -1;
}

static void test_nothing_is_known(void **state)
{
	(void)state;
	choose(NOW);
	ASSERT_RELAYS(FRA, AMS, PAR);
	assert_int_equal(towards_bob(), FRA);
	world.n_relays = 0;
	choose(NOW);
	assert_int_equal(got.n, 0);
	assert_int_equal(towards_bob(), -1);
}

static void test_nearest_first(void **state)
{
	(void)state;
	measured(&alice, LON, 10);
	measured(&alice, PAR, 20);
	measured(&alice, AMS, 30);
	measured(&alice, FRA, 40);
	choose(NOW);
	ASSERT_RELAYS(LON, PAR, AMS);
	/* It keeps to them when a daemon that has just started knows nothing. */
	world.paths = NULL;
	choose(NOW);
	ASSERT_RELAYS(LON, PAR, AMS);
	ctl_stock_relays_keep(&got, &world, &alice, had);
	ASSERT_RELAYS(LON, PAR, AMS);
}

static void test_what_varies_changes_no_file(void **state)
{
	(void)state;
	measured(&alice, PAR, 20);
	choose(NOW);
	ASSERT_RELAYS(PAR, FRA, AMS);
	measured(&alice, PAR, 90);
	measured(&alice, AMS, 10);
	ctl_stock_relays_keep(&got, &world, &alice, had);
	ASSERT_RELAYS(PAR, FRA, AMS);
	relays[FRA].draining = true; /* what operators do, does */
	ctl_stock_relays_keep(&got, &world, &alice, had);
	ASSERT_RELAYS(PAR, AMS, LON);
}

static void test_draining(void **state)
{
	(void)state;
	relays[FRA].draining = relays[AMS].draining = true;
	measured(&alice, FRA, 1);
	choose(NOW);
	ASSERT_RELAYS(PAR, LON);
	strcpy(alice.peer.relay, relays[AMS].id);
	choose(NOW);
	ASSERT_RELAYS(AMS, PAR, LON);
	assert_int_equal(towards_bob(), AMS);
}

static void test_gone(void **state)
{
	(void)state;
	for (int i = 0; i < N; i++)
		ctl_paths_connected(paths, relays[i].device);
	measured(&alice, FRA, 10);
	measured(&bob, FRA, 10);
	measured(&alice, AMS, 20);
	measured(&bob, AMS, 20);
	ctl_paths_disconnected(paths, relays[FRA].device, NOW);
	choose(NOW + CTL_PATHS_GONE_MS);
	ASSERT_RELAYS(FRA, AMS, PAR);
	assert_int_equal(towards_bob(), FRA);
	choose(NOW + CTL_PATHS_GONE_MS + 1);
	ASSERT_RELAYS(AMS, PAR, LON);
	/* With no more than these it is there, the last, and nothing is led through it. */
	world.n_relays = 2;
	choose(NOW + CTL_PATHS_GONE_MS + 1);
	ASSERT_RELAYS(AMS, FRA);
	assert_int_equal(towards_bob(), AMS);
	ctl_paths_connected(paths, relays[FRA].device);
	choose(NOW + CTL_PATHS_GONE_MS + 2);
	ASSERT_RELAYS(FRA, AMS);
}

/* The daemon has started, and one does not come back. */
static void test_never_came(void **state)
{
	(void)state;
	for (int i = AMS; i < N; i++)
		ctl_paths_connected(paths, relays[i].device);
	choose(NOW + CTL_PATHS_GONE_MS);
	ASSERT_RELAYS(FRA, AMS, PAR);
	*relays[FRA].device = '\0'; /* it has no agent: nobody waits for it */
	choose(NOW + CTL_PATHS_GONE_MS + 1);
	ASSERT_RELAYS(FRA, AMS, PAR);
	strcpy(relays[FRA].device, "018bcfe5-6800-7000-8000-000000000010");
	choose(NOW + CTL_PATHS_GONE_MS + 1);
	ASSERT_RELAYS(AMS, PAR, LON);
}

static void test_least_way(void **state)
{
	(void)state;
	measured(&alice, FRA, 10);
	measured(&alice, AMS, 20);
	measured(&alice, PAR, 30);
	choose(NOW);
	assert_int_equal(towards_bob(), FRA); /* of bob nothing is known */
	measured(&bob, FRA, 50);
	measured(&bob, AMS, 30);
	assert_int_equal(towards_bob(), AMS);
	strcpy(bob.peer.relay, relays[PAR].id);
	assert_int_equal(towards_bob(), PAR);
	strcpy(bob.peer.relay, relays[LON].id); /* where alice is not registered */
	assert_int_equal(towards_bob(), AMS);
	strcpy(alice.peer.relay, relays[FRA].id);
	choose(NOW);
	assert_int_equal(towards_bob(), FRA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nearest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_varies_changes_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_draining, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_came, setup, teardown),
		cmocka_unit_test_setup_teardown(test_least_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
