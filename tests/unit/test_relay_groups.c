/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Groups of nodes: who may talk to whom inside a network. */
#include "sim_cast.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/flows.h"
#include "relay/groups.h"
#include "relay/node.h"

/* --- the matrix --- */

static struct groups *matrix(char **admit, size_t n)
{
	static struct relay_config_node nodes[] = {
		{.group = "b"}, {.group = NULL}, {.group = "a"}, {.group = "b"}, {.group = "c"},
	};
	const struct relay_config_network w = {
		.nodes = nodes, .n_nodes = 5, .admit = admit, .n_admit = n};
	struct groups *g;

	assert_int_equal(groups_new(&g, &w), 0);
	return g;
}

static bool may(const struct groups *g, const char *a, const char *b)
{
	bool there = groups_admit(g, groups_find(g, a), groups_find(g, b));

	assert_int_equal(there, groups_admit(g, groups_find(g, b), groups_find(g, a)));
	return there;
}

static void test_pairs(void **state)
{
	char *admit[] = {"a b", "c c"};
	struct groups *g = matrix(admit, 2);

	(void)state;
	assert_string_equal(groups_name(g, groups_find(g, "b")), "b");
	assert_null(groups_name(g, groups_find(g, "d")));
	assert_true(may(g, "a", "b"));
	assert_true(may(g, "c", "c"));
	assert_false(may(g, "a", "a"));
	assert_false(may(g, "b", "b"));
	assert_false(may(g, "a", "c"));
	assert_false(may(g, NULL, "a"));
	assert_false(may(g, NULL, NULL));
	groups_free(g);
}

static void test_asterisks(void **state)
{
	char *one[] = {"* a"}, *all[] = {"* *"}, *unknown[] = {"a d"};
	struct groups *g = matrix(one, 1);

	(void)state;
	assert_true(may(g, "a", "a"));
	assert_true(may(g, "a", "c"));
	assert_true(may(g, NULL, "a"));
	assert_false(may(g, "b", "c"));
	assert_false(may(g, NULL, "b"));
	groups_free(g);
	g = matrix(all, 1);
	assert_true(may(g, NULL, NULL));
	assert_true(may(g, "b", "c"));
	groups_free(g);
	g = matrix(unknown, 1);
	assert_false(may(g, NULL, "a")); /* a group without nodes is not "no group" */
	groups_free(g);
	g = matrix(NULL, 0);
	assert_false(may(g, "a", "a"));
	assert_false(may(g, NULL, NULL));
	groups_free(g);
}

static void test_bad_pairs(void **state)
{
	static const char *const bad[] = {"", " ", "a", "a ", " a", "a  b", "a b c"};
	char *a, *b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = strdup(bad[i]);

		assert_false(groups_split(text, &a, &b));
		free(text);
	}
}

static void test_too_many(void **state)
{
	static struct relay_config_node nodes[GROUPS_MAX + 1];
	static char names[GROUPS_MAX + 1][8];
	struct relay_config_network w = {.nodes = nodes, .n_nodes = GROUPS_MAX};
	struct groups *g;

	(void)state;
	for (unsigned int i = 0; i <= GROUPS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "g%u", i);
		nodes[i].group = names[i];
	}
	assert_int_equal(groups_new(&g, &w), 0);
	assert_int_equal(groups_find(g, "g1023") > 0, 1);
	groups_free(g);
	w.n_nodes++;
	assert_int_equal(groups_new(&g, &w), -EINVAL);
	assert_null(g);
}

/* --- in the relay --- */

static char *servers_only[] = {"phones servers", "servers servers"};

static void group(struct sim_config *c, const struct sim_peer *p, char *name)
{
	for (size_t i = 0; i < c->networks[0].n_nodes; i++)
		if (!strcmp(c->nodes[0][i].name, p->name))
			c->nodes[0][i].group = name;
}

/* The present config with alice and bob as phones and carol as a server. */
static void grouped(struct sim_config *fresh, char **admit, size_t n)
{
	*fresh = config;
	fresh->c.networks = fresh->networks;
	for (unsigned int i = 0; i < SIM_NETWORKS; i++)
		fresh->networks[i].nodes = fresh->nodes[i];
	group(fresh, &alice, "phones");
	group(fresh, &bob, "phones");
	group(fresh, &carol, "servers");
	fresh->networks[0].admit = admit;
	fresh->networks[0].n_admit = n;
	assert_int_equal(relay_reload(sim.relay, &fresh->c, sim.now), 0);
}

static void settle(struct sim_config *fresh)
{
	config = *fresh;
	config.c.networks = config.networks;
	for (unsigned int i = 0; i < SIM_NETWORKS; i++)
		config.networks[i].nodes = config.nodes[i];
	sim.relay->config = &config.c;
}

static void test_handshakes(void **state)
{
	struct sim_config fresh;
	struct wg_initiation msg;

	(void)state;
	grouped(&fresh, servers_only, 2);
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_target_unknown);
	sim_connect(&sim, &alice, &ea, &carol, &ec);
	sim_connect(&sim, &carol, &ed, &bob, &eb);
	settle(&fresh);
}

static void test_response_after_the_change(void **state)
{
	struct sim_config fresh;
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	grouped(&fresh, servers_only, 2);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_mac1);
	assert_int_equal(flows_total(sim.relay), 0);
	settle(&fresh);
}

static void test_change_ends_sessions(void **state)
{
	struct sim_config fresh;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &alice, &own, &carol, &ec);
	grouped(&fresh, servers_only, 2);
	cast_assert_no_flow(&ea);
	cast_assert_no_flow(&eb);
	cast_assert_both_pass(&own, &ec);
	assert_int_equal(flows_total(sim.relay), 2);
	grouped(&fresh, NULL, 0);
	assert_int_equal(flows_total(sim.relay), 0);
	settle(&fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),	       cmocka_unit_test(test_asterisks),
		cmocka_unit_test(test_bad_pairs),      cmocka_unit_test(test_too_many),
		REGISTERED(test_handshakes),	       REGISTERED(test_response_after_the_change),
		REGISTERED(test_change_ends_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
