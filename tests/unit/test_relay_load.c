/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nodes under load and floods: cookies, challenges, budgets. */
#include "sim_cast.h"

#include <string.h>

#include "relay/admit.h"
#include "relay/budget.h"
#include "relay/node.h"
#include "relay/pending.h"

static bool has_mac2(const struct wg_macs *macs)
{
	static const uint8_t none[WG_MAC_LEN];

	return memcmp(macs->mac2, none, sizeof(none)) != 0;
}

/* Does mac2 suit the cookies that `p` hands out to the relay? */
static bool mac2_suits(struct sim_peer *p, const struct sim_message *m)
{
	struct tp_endpoint relay = {p->relay, htons(SIM_PORT)};

	return tp_mac2_fits(&p->cookie_secret, &relay, m->bytes, m->len, sim.now);
}

/* --- cookies of the target --- */

static void test_cookie_passed_on(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;
	struct wg_cookie_reply cookie;
	const struct sim_message *m;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	m = sim_take(&sim, WG_INITIATION, &bob);
	sim_hand_out_cookie(&sim, &bob, m->bytes, m->len, &cookie);
	sim_deliver(&sim, &carol, &cookie, sizeof(cookie));
	sim_assert_refused(&sim, TP_DROP_cookie_unknown);
	sim_deliver(&sim, &bob, &cookie, sizeof(cookie));
	m = sim_take(&sim, WG_COOKIE_REPLY, &alice);
	assert_int_equal(sim_keep_cookie(&ea, &m->cookie), 0);
	sim_assert_none_counted(&sim);
	/* Carol never heard of it, and her initiation bears it too. */
	cast_initiate(&carol, &own, &bob, &msg);
	assert_false(has_mac2(&msg.macs));
	m = sim_take(&sim, WG_INITIATION, &bob);
	assert_true(mac2_suits(&bob, m));
	assert_memory_equal(&m->initiation, &msg, offsetof(struct wg_initiation, macs.mac2));
	sim.now += TP_SEC(5);
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_true(mac2_suits(&bob, &sim.queue[sim.first]));
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
}

static void test_cookie_ends(void **state)
{
	struct wg_initiation msg;
	struct wg_cookie_reply cookie;
	const struct sim_message *m;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	m = sim_take(&sim, WG_INITIATION, &bob);
	sim_hand_out_cookie(&sim, &bob, m->bytes, m->len, &cookie);
	sim_deliver(&sim, &bob, &cookie, sizeof(cookie));
	sim_forget(&sim);
	sim_wait(&sim, TP_SEC(WG_COOKIE_SECRET_TIME));
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_false(has_mac2(&sim_take(&sim, WG_INITIATION, &bob)->initiation.macs));
}

static void test_forged_cookie(void **state)
{
	struct wg_initiation msg, other;
	struct wg_cookie_reply cookie;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_forget(&sim);
	other = msg;
	other.macs.mac1[0] ^= 1; /* whoever has not seen the initiation does not know its mac1 */
	sim_hand_out_cookie(&sim, &bob, &other, sizeof(other), &cookie);
	sim_deliver(&sim, &bob, &cookie, sizeof(cookie));
	sim_assert_refused(&sim, TP_DROP_cookie_invalid);
	cast_initiate(&carol, &own, &bob, &msg);
	assert_false(has_mac2(&sim_take(&sim, WG_INITIATION, &bob)->initiation.macs));
}

/* Alice is under load when bob's response comes. */
static void test_cookie_for_response(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;
	struct wg_cookie_reply cookie;
	const struct sim_message *m;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	m = sim_take(&sim, WG_RESPONSE, &alice);
	sim_hand_out_cookie(&sim, &alice, m->bytes, m->len, &cookie);
	sim_deliver(&sim, &alice, &cookie, sizeof(cookie));
	assert_int_equal(sim_keep_cookie(&eb, &sim_take(&sim, WG_COOKIE_REPLY, &bob)->cookie), 0);
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer); /* his answer would bear it; carol's does by the relay */
	cast_initiate(&alice, &ea, &carol, &msg);
	cast_respond(&carol, &own, &answer);
	assert_false(has_mac2(&answer.macs));
	sim_deliver(&sim, &carol, &answer, sizeof(answer));
	assert_true(mac2_suits(&alice, sim_take(&sim, WG_RESPONSE, &alice)));
}

/* --- load --- */

static void forget_counted(void)
{
	for (int i = 0; i < TP_REASON_MAX; i++)
		sim.counted[i] = sim.relay->reasons[i].packets;
}

/* Someone sends in alice's name, from her address, until the relay asks for a cookie. */
static void flood_in_name_of(const struct sim_peer *p, const struct sim_peer *to, unsigned int n)
{
	struct wg_initiation junk = {.type = htole32(WG_INITIATION)};
	static uint32_t serial;

	for (unsigned int i = 0; i < n; i++) {
		junk.sender = htole32(0xf0000000u + serial++);
		tp_macs_write(&to->macs, NULL, &junk, sizeof(junk));
		sim_deliver(&sim, p, &junk, sizeof(junk));
		sim_forget(&sim);
	}
	forget_counted();
}

static void test_challenge_in_targets_name(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;
	const struct sim_message *m;

	(void)state;
	flood_in_name_of(&alice, &bob, 100);
	cast_initiate(&alice, &ea, &bob, &msg);
	m = sim_take(&sim, WG_COOKIE_REPLY, &alice);
	assert_true(m->len <= sizeof(msg));
	assert_int_equal(sim_keep_cookie(&ea, &m->cookie), 0); /* as from bob */
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	sim.now += TP_SEC(5);
	flood_in_name_of(&alice, &bob, 100);
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_true(has_mac2(&msg.macs));
	assert_false(has_mac2(&sim.queue[sim.first].initiation.macs)); /* it was for the relay */
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	sim_assert_passes(&sim, &ea, &eb);
}

/* The flood is kept from bob, and from others' handshakes with him. */
static void test_flood_is_bounded(void **state)
{
	uint64_t before = sim.relay->stats.initiations;

	(void)state;
	flood_in_name_of(&alice, &bob, 1000);
	assert_int_equal(sim.relay->stats.initiations - before, 8);
	sim_connect(&sim, &carol, &ea, &bob, &eb);
	sim_connect(&sim, &alice, &ea, &carol, &eb);
}

static void test_cookie_absorbed(void **state)
{
	struct wg_initiation msg;
	struct wg_cookie_reply cookie;
	struct wg_response answer;
	const struct sim_message *m;

	(void)state;
	flood_in_name_of(&alice, &bob, 100);
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_int_equal(sim_keep_cookie(&ea, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	sim.now += TP_SEC(5);
	flood_in_name_of(&alice, &bob, 100);
	cast_initiate(&alice, &ea, &bob, &msg);
	m = sim_take(&sim, WG_INITIATION, &bob);
	sim_hand_out_cookie(&sim, &bob, m->bytes, m->len, &cookie);
	sim_deliver(&sim, &bob, &cookie, sizeof(cookie));
	sim_assert_refused(&sim, TP_DROP_cookie_absorbed); /* hers is the relay's, and stays so */
	sim.now += TP_SEC(5);
	cast_initiate(&alice, &ea, &bob,
		      &msg); /* with the relay's cookie; the relay swaps it for bob's */
	assert_true(mac2_suits(&bob, &sim.queue[sim.first]));
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
}

/* A stock peer under load takes 20 a second from one address: proven and unproven together stay
 * below that. */
static void test_loaded_target_is_paced(void **state)
{
	struct wg_initiation msg;
	struct wg_cookie_reply cookie;
	const struct sim_message *m;
	uint64_t before;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	m = sim_take(&sim, WG_INITIATION, &bob);
	sim_hand_out_cookie(&sim, &bob, m->bytes, m->len, &cookie);
	sim_deliver(&sim, &bob, &cookie, sizeof(cookie));
	sim_forget(&sim);
	sim.now += TP_SEC(10);
	/* Many sites: the pair's own budget does not hide it. */
	before = sim.relay->stats.initiations;
	for (unsigned int i = 0; i < 100; i++) {
		memset(sim.relay->pair_budget, 0, sizeof(sim.relay->pair_budget));
		flood_in_name_of(i % 2 ? &alice : &carol, &bob, 1);
		sim.now += TP_MS(10);
	}
	assert_in_range(sim.relay->stats.initiations - before, 6, 9);
	flood_in_name_of(&carol, &bob, 3);
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_take(&sim, WG_COOKIE_REPLY, &alice);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
}

static void test_target_at_ease_is_paced(void **state)
{
	uint64_t before = sim.relay->stats.initiations;

	(void)state;
	config.c.limits.handshakes_per_node = 1000;
	for (unsigned int i = 0; i < 1000; i++) {
		memset(sim.relay->pair_budget, 0, sizeof(sim.relay->pair_budget));
		flood_in_name_of(i % 2 ? &alice : &carol, &bob, 1);
	}
	assert_int_equal(sim.relay->stats.initiations - before, 200);
}

static void test_node_quota(void **state)
{
	struct wg_initiation msg;
	uint64_t before = sim.relay->stats.initiations;

	(void)state;
	config.c.limits.handshakes_per_node = 5;
	for (unsigned int i = 0; i < 100; i++) {
		memset(sim.relay->pair_budget, 0, sizeof(sim.relay->pair_budget));
		flood_in_name_of(&alice, i % 2 ? &carol : &bob, 1);
	}
	assert_int_equal(sim.relay->stats.initiations - before, 10);
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_int_equal(sim_keep_cookie(&ea, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	cast_initiate(&alice, &ea, &bob, &msg); /* proven: a bucket of its own */
	sim_take(&sim, WG_INITIATION, &bob);
	for (unsigned int i = 0; i < 9; i++) {
		memset(sim.relay->pair_budget, 0, sizeof(sim.relay->pair_budget));
		cast_initiate(&alice, &ea, &bob, &msg);
		sim_forget(&sim);
	}
	sim_assert_none_counted(&sim);
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_handshake_quota);
}

static void test_trial_budget(void **state)
{
	struct wg_initiation msg;
	struct site *site;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	site = sim_node(&sim, &alice)->site;
	site->trial_budget[0] = sim.now + TP_SEC(60);
	sim.now += TP_SEC(5);
	cast_initiate(&alice, &ea, &carol, &msg);
	sim_assert_refused(&sim, TP_DROP_trial_budget);
	sim_connect(&sim, &alice, &ea, &bob, &eb); /* a recent target costs next to nothing */
	site->trial_budget[0] = 0;
	sim.relay->trial_budget[0] = sim.now + TP_SEC(60);
	cast_initiate(&alice, &ea, &carol, &msg);
	sim_assert_refused(&sim, TP_DROP_trial_budget);
	sim.relay->trial_budget[0] = 0;
	cast_initiate(&alice, &ea, &carol, &msg);
	sim_take(&sim, WG_INITIATION, &carol);
}

/* After a start of the relay, all nodes of a network of 1,000 come at once. */
static void test_trials_at_once(void **state)
{
	static struct site sites[2 * 400];
	const uint32_t keys = 1000;
	unsigned int i;

	(void)state;
	sim.now += TP_SEC(5);
	for (i = 0; i < 400; i++)
		assert_true(admit_trial(sim.relay, &sites[i], keys, STANDING_UNPROVEN, sim.now));
	assert_false(admit_trial(sim.relay, &sites[i], keys, STANDING_UNPROVEN, sim.now));
	sim.now += TP_SEC(1);
	for (; i < 800; i++)
		assert_true(admit_trial(sim.relay, &sites[i], keys, STANDING_UNPROVEN, sim.now));
	assert_false(admit_trial(sim.relay, &sites[0], keys, STANDING_UNPROVEN, sim.now));
}

/* Half of the second's worth is one site's, and a key that was not tried costs nothing. */
static void test_trials_of_one_site(void **state)
{
	static struct site offices[2], elsewhere;
	const uint32_t keys = 1000;

	(void)state;
	sim.now += TP_SEC(5);
	for (unsigned int i = 0; i < 200; i++)
		assert_true(admit_trial(sim.relay, &offices[0], keys, STANDING_UNPROVEN, sim.now));
	assert_false(admit_trial(sim.relay, &offices[0], keys, STANDING_UNPROVEN, sim.now));
	for (unsigned int i = 0; i < 399; i++) {
		assert_true(admit_trial(sim.relay, &offices[1], keys, STANDING_UNPROVEN, sim.now));
		admit_untried(sim.relay, &offices[1], keys / 2, STANDING_UNPROVEN);
	}
	assert_false(admit_trial(sim.relay, &offices[1], keys, STANDING_UNPROVEN, sim.now));
	assert_false(admit_trial(sim.relay, &elsewhere, keys, STANDING_UNPROVEN, sim.now));
	assert_true(elsewhere.trial_budget[STANDING_UNPROVEN] <= sim.now);
}

static uint32_t place_in_network(const struct node *n)
{
	const struct node *other;
	uint32_t place = 0;

	LIST_FOREACH (other, &n->network->nodes, in_network) {
		place++;
		if (other == n)
			break;
	}
	return place;
}

static void test_what_was_tried_is_charged(void **state)
{
	struct sim_peer *targets[] = {&bob, &carol};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct node *target = sim_node(&sim, targets[i]);
		struct site *site = sim_node(&sim, &alice)->site;
		uint32_t place = place_in_network(target);
		struct wg_initiation msg;

		assert_true(place < target->network->n_nodes);
		sim.now += TP_SEC(5);
		cast_initiate(&alice, &ea, targets[i], &msg);
		sim_take(&sim, WG_INITIATION, targets[i]);
		assert_int_equal(site->trial_budget[STANDING_UNPROVEN],
				 sim.now + TP_NS_PER_SEC / 100000 * place);
		assert_int_equal(sim.relay->trial_budget[0],
				 sim.now + TP_NS_PER_SEC / 400000 * place);
	}
}

/* Whoever knows two public keys can make handshakes of the two, answers included, that differ from
 * real ones only to them. He can't receive, and so pushes nobody's session out. */
static void test_forged_sessions(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	for (uint32_t i = 0; i < 50; i++) {
		struct wg_initiation msg = {.type = htole32(WG_INITIATION),
					    .sender = htole32(0x77770000 + i)};
		struct wg_response answer = {.type = htole32(WG_RESPONSE),
					     .sender = htole32(0x99990000 + i),
					     .receiver = msg.sender};

		tp_macs_write(&bob.macs, NULL, &msg, sizeof(msg));
		tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
		sim_deliver(&sim, &alice, &msg, sizeof(msg));
		sim_deliver(&sim, &bob, &answer, sizeof(answer));
		sim_forget(&sim);
		sim.now += TP_SEC(1);
	}
	forget_counted();
	cast_assert_both_pass(&ea, &eb);
	sim_connect(&sim, &alice, &ec, &bob, &ed); /* she proves herself, and may */
	cast_assert_both_pass(&ec, &ed);
}

/* Those who only receive at an address of alice's site use up nothing of hers. */
static void test_neighbour_with_a_cookie(void **state)
{
	struct sim_peer neighbour = alice;
	struct sim_end e = {0};
	struct wg_initiation msg;

	(void)state;
	neighbour.at.port = htons(7777);
	flood_in_name_of(&alice, &bob, 100);
	cast_initiate(&neighbour, &e, &bob, &msg);
	assert_int_equal(sim_keep_cookie(&e, &sim_take(&sim, WG_COOKIE_REPLY, &neighbour)->cookie),
			 0);
	cast_initiate(&alice, &ea, &bob, &msg);
	assert_int_equal(sim_keep_cookie(&ea, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	for (unsigned int i = 0; i < 500; i++) {
		cast_initiate(&neighbour, &e, &bob, &msg);
		sim_forget(&sim);
	}
	forget_counted();
	sim_connect(&sim, &alice, &ea, &bob, &eb);
}

/* Many initiations to one target with one index would make each answer to it slow to place. */
static void test_one_index_often(void **state)
{
	struct wg_initiation msg;

	(void)state;
	config.c.limits.handshakes_per_node = 1000;
	for (unsigned int i = 0; i < PENDING_SAME; i++) {
		sim.next_index = 0x5555;
		cast_initiate(i % 2 ? &alice : &carol, &ea, &bob, &msg);
		sim_take(&sim, WG_INITIATION, &bob);
	}
	sim.next_index = 0x5555;
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_handshake_quota);
}

/* Eve and oscar do all they can with each other: nobody else notices. */
static void test_colluding_nodes(void **state)
{
	struct sim_end e = {0}, o = {0};

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	for (unsigned int i = 0; i < 20; i++) {
		sim.now += TP_SEC(1);
		sim_connect(&sim, &eve, &e, &oscar, &o);
	}
	flood_in_name_of(&eve, &oscar, 500);
	flood_in_name_of(&eve, &bob, 500);
	sim_assert_passes(&sim, &ea, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	sim_connect(&sim, &bob, &eb, &carol, &ea);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTERED(test_cookie_passed_on),
		REGISTERED(test_cookie_ends),
		REGISTERED(test_forged_cookie),
		REGISTERED(test_cookie_for_response),
		REGISTERED(test_challenge_in_targets_name),
		REGISTERED(test_flood_is_bounded),
		REGISTERED(test_cookie_absorbed),
		REGISTERED(test_loaded_target_is_paced),
		REGISTERED(test_target_at_ease_is_paced),
		REGISTERED(test_node_quota),
		REGISTERED(test_trial_budget),
		REGISTERED(test_trials_at_once),
		REGISTERED(test_trials_of_one_site),
		REGISTERED(test_what_was_tried_is_charged),
		REGISTERED(test_forged_sessions),
		REGISTERED(test_neighbour_with_a_cookie),
		REGISTERED(test_one_index_often),
		REGISTERED(test_colluding_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
