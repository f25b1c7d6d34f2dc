/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A new configuration touches what it changes, and nothing else. */
#include "sim_cast.h"

#include <string.h>

#include "relay/node.h"
#include "relay/pending.h"

static void assert_all_gone(struct sim_end *x, struct sim_end *y)
{
	cast_assert_no_flow(x);
	cast_assert_no_flow(y);
}

/* --- reload --- */

static void reload(struct sim_config *fresh)
{
	assert_int_equal(relay_reload(sim.relay, &fresh->c, sim.now), 0);
	config = *fresh;
	config.c.networks = config.networks;
	for (unsigned int i = 0; i < SIM_NETWORKS; i++)
		config.networks[i].nodes = config.nodes[i];
	sim.relay->config = &config.c;
}

static void test_reload_of_the_same(void **state)
{
	struct sim_config fresh = config;
	uint32_t id = sim_node(&sim, &bob)->id;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
	reload(&fresh);
	cast_assert_both_pass(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	assert_int_equal(sim_node(&sim, &bob)->id, id);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
}

static void test_node_removed(void **state)
{
	struct sim_config fresh;
	struct sim_peer dave;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &alice, &own, &carol, &bob_own);
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
	sim_peer_init(&dave, "dave", "198.51.100.4:1004");
	sim_config_init(&fresh);
	sim_config_add(&fresh, "office", &dave);
	sim_config_add(&fresh, "office", &alice);
	sim_config_add(&fresh, "office", &carol);
	sim_config_add(&fresh, "other", &eve);
	sim_config_add(&fresh, "other", &oscar);
	reload(&fresh);
	assert_null(node_by_key(sim.relay, bob.id.public_key));
	assert_null(node_by_name(sim.relay, "bob"));
	assert_null(node_by_endpoint(sim.relay, &bob.at));
	assert_int_equal(flows_total(sim.relay), 4);
	assert_all_gone(&ea, &eb);
	cast_assert_both_pass(&own, &bob_own);
	cast_assert_both_pass(&ec, &ed);
	sim_register(&sim, &dave, &ea);
	sim_connect(&sim, &dave, &ea, &alice, &eb);
}

/* Whoever is new may have the id of whoever is gone. */
static void test_handshakes_of_the_removed(void **state)
{
	struct sim_config fresh;
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_initiate(&bob, &eb, &carol, &msg);
	sim_take(&sim, WG_INITIATION, &bob);
	cast_respond(&carol, &ed, &answer);
	sim_deliver(&sim, &carol, &answer, sizeof(answer)); /* now its sender is known */
	cast_initiate(&alice, &ec, &carol, &msg);
	sim_forget(&sim);
	assert_int_equal(pendings_total(sim.relay), 3);
	sim_config_init(&fresh);
	sim_config_add(&fresh, "office", &alice);
	sim_config_add(&fresh, "office", &carol);
	reload(&fresh);
	assert_int_equal(pendings_total(sim.relay), 1);
	assert_non_null(pending_find(sim.relay, &carol.at, ec.index, NULL));
}

static void test_node_moved_to_another_network(void **state)
{
	struct sim_config fresh;
	struct wg_initiation msg;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
	sim_config_init(&fresh);
	sim_config_add(&fresh, "office", &alice);
	sim_config_add(&fresh, "office", &carol);
	sim_config_add(&fresh, "other", &bob);
	sim_config_add(&fresh, "other", &eve);
	sim_config_add(&fresh, "other", &oscar);
	reload(&fresh);
	assert_all_gone(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	assert_string_equal(sim_node(&sim, &bob)->network->name, "other");
	assert_null(sim_node(&sim, &bob)->site); /* it has to register anew */
	sim_register(&sim, &bob, &own);
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_target_unknown);
	sim_connect(&sim, &bob, &ea, &eve, &eb);
}

static void test_names_swapped(void **state)
{
	struct sim_config fresh = config;
	char *name = fresh.nodes[0][0].name;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	for (unsigned int i = 0; i < SIM_NETWORKS; i++)
		fresh.networks[i].nodes = fresh.nodes[i];
	fresh.c.networks = fresh.networks;
	fresh.nodes[0][0].name = fresh.nodes[0][1].name;
	fresh.nodes[0][1].name = name;
	reload(&fresh);
	cast_assert_both_pass(&ea, &eb);
	assert_ptr_equal(node_by_name(sim.relay, "alice"), sim_node(&sim, &bob));
	assert_ptr_equal(node_by_name(sim.relay, "bob"), sim_node(&sim, &alice));
}

static void test_names_in_short(void **state)
{
	struct sim_config fresh;

	(void)state;
	sim_config_init(&fresh);
	sim_config_add(&fresh, "office", &alice);
	sim_config_add(&fresh, "office", &bob);
	sim_config_add(&fresh, "other", &eve);
	fresh.nodes[0][0].name = (char[]){"ann.office@1"};
	fresh.nodes[0][1].name = (char[]){"annette.office@1"};
	fresh.nodes[1][0].name = (char[]){"bea.office@1"};
	reload(&fresh);
	assert_ptr_equal(node_by_word(sim.relay, "ann"), sim_node(&sim, &alice));
	assert_ptr_equal(node_by_word(sim.relay, "annette.office@1"), sim_node(&sim, &bob));
	assert_ptr_equal(node_by_word(sim.relay, "annette"), sim_node(&sim, &bob));
	assert_null(node_by_word(sim.relay, "an"));
	assert_null(node_by_word(sim.relay, ""));
	fresh.nodes[1][0].name = (char[]){"ann.lab@2"};
	reload(&fresh);
	assert_null(node_by_word(sim.relay, "ann"));
	assert_ptr_equal(node_by_word(sim.relay, "ann.lab@2"), sim_node(&sim, &eve));
}

static void test_bad_key_changes_nothing(void **state)
{
	struct sim_config fresh = config;
	struct sim_peer dave = {.name = "dave"}; /* a key of small order */

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	for (unsigned int i = 0; i < SIM_NETWORKS; i++)
		fresh.networks[i].nodes = fresh.nodes[i];
	fresh.c.networks = fresh.networks;
	fresh.networks[0].n_nodes = 0;
	sim_config_add(&fresh, "office", &dave);
	assert_int_not_equal(relay_reload(sim.relay, &fresh.c, sim.now), 0);
	assert_ptr_equal(sim.relay->config, &config.c);
	cast_assert_both_pass(&ea, &eb);
	assert_null(node_by_name(sim.relay, "dave"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTERED(test_reload_of_the_same),
		REGISTERED(test_node_removed),
		REGISTERED(test_handshakes_of_the_removed),
		REGISTERED(test_node_moved_to_another_network),
		REGISTERED(test_names_swapped),
		REGISTERED(test_names_in_short),
		REGISTERED(test_bad_key_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
