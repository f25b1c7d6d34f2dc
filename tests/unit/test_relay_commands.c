/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the control socket is asked for, and how much of it comes. */
#include "sim_cast.h"

#include <stdio.h>
#include <string.h>

#include "relay/commands.h"
#include "relay/daemon.h"

static struct daemon host;

static int setup(void **state)
{
	cast_setup_registered(state);
	memset(&host, 0, sizeof(host));
	host.relay = sim.relay;
	host.dp = sim.dp;
	host.nexthops = sim.nexthops;
	host.config = &config.c;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &carol, &ec, &bob, &ed);
	return 0;
}

/* How many flows come for these members of a request (NULL, or ending in a comma); -1: an error. */
static int flows_for(const char *members)
{
	char text[128];
	json_t *request, *reply;
	int n;

	snprintf(text, sizeof(text), "{%s\"command\":\"flows\"}", members);
	request = json_loads(text, 0, NULL);
	assert_non_null(request);
	reply = relay_command(&host, request);
	assert_non_null(reply);
	n = json_is_array(reply) ? (int)json_array_size(reply) : -1;
	json_decref(reply);
	json_decref(request);
	return n;
}

static void test_flows_of_a_node(void **state)
{
	(void)state;
	assert_int_equal(flows_for(""), 6);
	assert_int_equal(flows_for("\"node\":\"bob\","), 6);
	assert_int_equal(flows_for("\"node\":\"alice\","), 4);
	assert_int_equal(flows_for("\"node\":\"carol\","), 2);
	assert_int_equal(flows_for("\"node\":\"eve\","), 0);
	assert_int_equal(flows_for("\"node\":\"nobody\","), -1);
	assert_int_equal(flows_for("\"node\":7,"), -1);
}

static void test_flows_limit(void **state)
{
	(void)state;
	assert_int_equal(flows_for("\"limit\":5,"), 5);
	assert_int_equal(flows_for("\"limit\":7,"), 6);
	assert_int_equal(flows_for("\"node\":\"alice\",\"limit\":1,"), 1);
	assert_int_equal(flows_for("\"node\":\"alice\",\"limit\":3,"), 3);
	assert_int_equal(flows_for("\"limit\":0,"), -1);
	assert_int_equal(flows_for("\"limit\":-1,"), -1);
	assert_int_equal(flows_for("\"limit\":\"many\","), -1);
}

#define CONNECTED(fn) cmocka_unit_test_setup_teardown(fn, setup, cast_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTED(test_flows_of_a_node),
		CONNECTED(test_flows_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
