/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks with many packets: on what the relay's work and its budgets are shared by. */
#include "sim_cast.h"

#include <stdio.h>
#include <string.h>

#include "relay/admit.h"
#include "relay/flows_internal.h"
#include "relay/node.h"
#include "relay/pending.h"

#define CROWD 1000

/* A network of a thousand. */
static struct sim_peer crowd[CROWD];

/* Starts with the cast and n more in their network, all at one address. */
static void start_with_crowd(unsigned int n)
{
	cast_config();
	for (unsigned int i = 0; i < n; i++) {
		char name[16], at[32];

		snprintf(name, sizeof(name), "n%u", i);
		snprintf(at, sizeof(at), "198.51.100.7:%u", 2000 + i);
		sim_peer_init(&crowd[i], name, at);
		sim_config_add(&config, "office", &crowd[i]);
	}
	sim_start(&sim, &config, NULL);
	cast_register();
}

static void register_crowd(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		sim_register(&sim, &crowd[i], &own);
}

static void forge_initiation(struct wg_initiation *m, const struct tp_mac_keys *keys,
			     const uint8_t *cookie, uint32_t index)
{
	tp_random(m, sizeof(*m));
	m->type = htole32(WG_INITIATION);
	m->sender = htole32(index);
	tp_macs_write(keys, cookie, m, sizeof(*m));
}

static void forget_counted(void)
{
	for (int i = 0; i < TP_REASON_MAX; i++)
		sim.counted[i] = sim.relay->reasons[i].packets;
}

/* --- the relay's own key --- */

static struct tp_endpoint spoofed(uint32_t i)
{
	struct tp_endpoint e = sim_endpoint("10.0.0.1:1");

	memcpy(&e.addr.b[12], &(uint32_t){htobe32(0x0a000000 | (i & 0xffffff))}, 4);
	return e;
}

/* What the relay gives a stranger for proof of his address. */
static void fetch_cookie(const struct tp_mac_keys *keys, uint8_t cookie[WG_COOKIE_LEN])
{
	struct wg_initiation m;

	for (unsigned int i = 0; i < 1000; i++) {
		sim_forget(&sim);
		forge_initiation(&m, keys, NULL, i);
		sim_deliver(&sim, &stranger, &m, sizeof(m));
		if (sim.n && sim.queue[sim.first].type == htole32(WG_COOKIE_REPLY))
			break;
	}
	assert_int_equal(tp_cookie_open(keys, m.macs.mac1,
					&sim_take(&sim, WG_COOKIE_REPLY, &stranger)->cookie,
					cookie),
			 0);
	sim_forget(&sim);
}

/* One second of 20,000 packets: half of them the stranger's, with a cookie, half of them from
 * addresses he makes up. */
static void flood_registration(const uint8_t cookie[WG_COOKIE_LEN])
{
	struct wg_initiation proven, unproven;
	static uint32_t serial;

	forge_initiation(&proven, &sim.relay->macs, cookie, 1);
	forge_initiation(&unproven, &sim.relay->macs, NULL, 2);
	for (unsigned int i = 0; i < 10000; i++) {
		struct tp_endpoint from = spoofed(serial++);

		sim.now += TP_MS(1) / 10;
		sim_deliver(&sim, &stranger, &proven, sizeof(proven));
		sim_deliver_at(&sim, &from, &stranger.relay, &unproven, sizeof(unproven));
		sim_forget(&sim);
	}
	forget_counted();
}

/* Carol as stock does it: challenged, she comes back 5 s later. */
static void carol_registers_under_flood(const uint8_t cookie[WG_COOKIE_LEN])
{
	struct wg_initiation msg;
	struct sim_end e = {0};

	flood_registration(cookie);
	sim_initiate(&sim, &e, &carol, sim.relay->identity.public_key, &msg);
	sim_deliver(&sim, &carol, &msg, sizeof(msg));
	assert_int_equal(sim_keep_cookie(&e, &sim_take(&sim, WG_COOKIE_REPLY, &carol)->cookie), 0);
	sim_assert_counted(&sim, TP_ANSWER_challenge);
	sim.now += TP_SEC(4);
	flood_registration(cookie);
	sim_initiate(&sim, &e, &carol, sim.relay->identity.public_key, &msg);
	sim_deliver(&sim, &carol, &msg, sizeof(msg));
	assert_int_equal(sim_finish(&e, &sim_take(&sim, WG_RESPONSE, &carol)->response), 0);
	sim_assert_none_counted(&sim);
}

static void test_register_lockout(void **state)
{
	uint8_t cookie[WG_COOKIE_LEN];

	(void)state;
	fetch_cookie(&sim.relay->macs, cookie);
	carol_registers_under_flood(cookie);
	sim_peer_move(&carol, "198.51.100.33:3333");
	carol_registers_under_flood(cookie);
}

/* --- an unregistered host behind alice's NAT --- */

static void flood_pair(const struct tp_endpoint *from, const uint8_t *cookie, unsigned int seconds)
{
	struct wg_initiation m;
	static uint32_t index = 0x50000;

	for (unsigned int i = 0; i < 20 * seconds; i++) {
		sim.now += TP_MS(50);
		forge_initiation(&m, &bob.macs, NULL, index++);
		sim_deliver_at(&sim, from, &alice.relay, &m, sizeof(m));
		forge_initiation(&m, &bob.macs, cookie, index++);
		sim_deliver_at(&sim, from, &alice.relay, &m, sizeof(m));
		sim_forget(&sim);
	}
	forget_counted();
}

static void test_pair_lockout(void **state)
{
	struct sim_peer home = stranger;
	uint8_t cookie[WG_COOKIE_LEN];
	struct wg_initiation msg;

	(void)state;
	stranger.at = alice.at;
	stranger.at.port = htons(6666);
	fetch_cookie(&bob.macs, cookie);
	flood_pair(&stranger.at, cookie, 10);
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_int_equal(sim_keep_cookie(&ea, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	for (unsigned int i = 0; i < 5; i++) {
		flood_pair(&stranger.at, cookie, 5);
		cast_initiate(&alice, &ea, &bob, &msg);
		sim_take(&sim, WG_INITIATION, &bob);
		sim_assert_none_counted(&sim);
	}
	stranger = home;
}

/* --- garbage in alice's name, in a large network --- */

static void test_trial(void **state)
{
	struct wg_initiation msg, junk;

	(void)state;
	start_with_crowd(CROWD - 3);
	for (unsigned int i = 0; i < 20; i++) {
		char at[32];

		snprintf(at, sizeof(at), "198.51.101.%u:1", i);
		sim_peer_move(&crowd[i], at);
		sim_register(&sim, &crowd[i], &own);
		sim_connect(&sim, &alice, &ea, &crowd[i], &eb);
	}
	tp_random(&junk, sizeof(junk));
	junk.type = htole32(WG_INITIATION);
	sim.now += TP_SEC(5);
	for (unsigned int i = 0; i < 2000; i++) {
		sim.now += TP_MS(5);
		sim_deliver(&sim, &alice, &junk, sizeof(junk));
		sim_assert_quiet(&sim);
		if (i % 100 != 99)
			continue;
		cast_initiate(&alice, &ea, &crowd[i / 100], &msg);
		sim_take(&sim, WG_INITIATION, &crowd[i / 100]);
	}
	assert_true(sim.relay->reasons[TP_DROP_trial_budget].packets > 500);
}

/* --- a large site: what is remembered, and what a response costs --- */

/* Initiations for n nodes that are offline. */
static unsigned int new_pairs(const struct sim_peer *from, unsigned int first, unsigned int n)
{
	unsigned int before = HASH_COUNT(sim.relay->flows->pairs);
	struct wg_initiation m;

	for (unsigned int i = first; i < first + n; i++) {
		forge_initiation(&m, &crowd[i].macs, NULL, i);
		sim.now += TP_MS(50);
		sim_deliver(&sim, from, &m, sizeof(m));
		sim_assert_quiet(&sim);
	}
	return HASH_COUNT(sim.relay->flows->pairs) - before;
}

static void test_pairs_of_a_site(void **state)
{
	struct sim_peer unregistered;

	(void)state;
	start_with_crowd(700);
	register_crowd(500);
	assert_int_equal(new_pairs(&crowd[0], 500, 100), 100);
	unregistered = crowd[0];
	unregistered.at.port = htons(60000);
	assert_in_range(new_pairs(&unregistered, 600, 100), 100, 400);
}

static void forge_response(struct wg_response *m, uint32_t index)
{
	tp_random(m, sizeof(*m));
	m->type = htole32(WG_RESPONSE);
	m->receiver = htole32(index);
}

static void test_response_work(void **state)
{
	struct wg_initiation m;
	struct wg_response forged;

	(void)state;
	start_with_crowd(CROWD);
	register_crowd(CROWD);
	sim_wait(&sim, TP_SEC(1));
	/* Whoever sends them, and from wherever behind this address: four with one index. */
	for (unsigned int i = 0; i < 100; i++) {
		sim.now += TP_MS(50);
		forge_initiation(&m, &bob.macs, NULL, 0x4242);
		sim_deliver(&sim, &crowd[i], &m, sizeof(m));
		sim_forget(&sim);
	}
	assert_int_equal(pendings_total(sim.relay), PENDING_SAME);
	/* One response is compared with all keys of the site for each of them, and that is as
	 * much as a node may ask for at once. */
	forget_counted();
	forge_response(&forged, 0x4242);
	sim_deliver(&sim, &bob, &forged, sizeof(forged));
	sim_assert_refused(&sim, TP_DROP_response_mac1);
	assert_false(admit_response_trial(sim_node(&sim, &bob), 1, sim.now));
	/* The node that is registered where the response goes needs no budget. */
	sim.now += TP_MS(10);
	while (admit_response_trial(sim_node(&sim, &bob), 1, sim.now))
		;
	assert_int_equal(pendings_total(sim.relay), PENDING_SAME);
	sim_connect(&sim, &crowd[777], &ea, &bob, &eb);
	cast_assert_both_pass(&ea, &eb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTERED(test_register_lockout),
		REGISTERED(test_pair_lockout),
		cmocka_unit_test_teardown(test_trial, cast_teardown),
		cmocka_unit_test_teardown(test_pairs_of_a_site, cast_teardown),
		cmocka_unit_test_teardown(test_response_work, cast_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
