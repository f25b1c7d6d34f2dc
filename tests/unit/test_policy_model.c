// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Thousands of random policies: the compiled tables decide as the rules do, read one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "policy_world.h"

#define POLICIES 3000
#define FLOWS	 60

static struct world world;

struct flow {
	struct gw_policy_end src, dst;
	uint8_t proto;
	uint16_t port;
};

static struct flow make_flow(void)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
					 47};
	struct flow f = {.src = world_end(&world), .dst = world_end(&world)};

	f.proto = protos[world_random(&world, sizeof(protos))];
	if (f.proto == IPPROTO_TCP || f.proto == IPPROTO_UDP)
		f.port = (uint16_t)world_random(&world, 25);
	return f;
}

static bool matches(const struct gw_policy_rule *rule, const struct flow *f)
{
	return world_matches(&world, rule, &f->src, &f->dst, f->proto, f->port);
}

/* Number of the first rule of the kind that matches, 0: none. */
static uint32_t first_match(const struct flow *f, bool shadow)
{
	for (uint32_t i = 0; i < world.in.n_rules; i++)
		if (world.rules[i].shadow == shadow && matches(&world.rules[i], f))
			return i + 1;
	return 0;
}

static void check_flow(const struct gw_policy_tables *t, const struct flow *f)
{
	struct gw_policy_verdict v = gw_policy_judge(t, &f->src, &f->dst, f->proto, f->port);
	uint32_t rule = first_match(f, false), shadow = first_match(f, true);

	assert_int_equal(v.allowed, rule || world.in.allow);
	assert_int_equal(v.passes, v.allowed || world.in.shadow);
	assert_int_equal(v.rule != 0, rule != 0);
	if (v.rule) {
		assert_true(matches(&world.rules[v.rule - 1], f));
		assert_false(world.rules[v.rule - 1].shadow);
		assert_true(v.rule >= rule);
	} else {
		assert_int_equal(v.shadow != 0, shadow != 0);
	}
	if (v.shadow) {
		assert_true(matches(&world.rules[v.shadow - 1], f));
		assert_true(world.rules[v.shadow - 1].shadow);
	}
}

static struct gw_policy_tables *compile(void)
{
	struct gw_policy_tables *t;

	assert_int_equal(gw_policy_compile(&world.in, &t, NULL), 0);
	return t;
}

static void random_policies(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < POLICIES; seed++) {
		struct gw_policy_tables *t;

		world_make(&world, seed);
		t = compile();
		for (int i = 0; i < FLOWS; i++) {
			struct flow f = make_flow();

			check_flow(t, &f);
		}
		gw_policy_free(t);
	}
}

/* Nodes that were put into a compiled policy are judged as if they had been compiled. */
static void random_changes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < POLICIES / 3; seed++) {
		struct gw_policy_tables *t;

		world_make(&world, seed);
		t = compile();
		for (int i = 0; i < FLOWS; i++) {
			size_t node = world_random(&world, WORLD_NODES);
			struct flow f;

			world_retag(&world, node);
			if (world_random(&world, 2))
				gw_policy_node_del(t, &world.nodes[node]);
			assert_int_equal(gw_policy_node_put(t, &world.nodes[node]), 0);
			f = make_flow();
			check_flow(t, &f);
		}
		gw_policy_free(t);
	}
}

/* For one pair of selectors the first rule of the file wins each port. */
static void first_rule_wins(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < POLICIES; seed++) {
		struct gw_policy_tables *t;

		world_make(&world, seed);
		for (size_t i = 0; i < world.in.n_rules; i++) {
			world.from[i][0] = world.to[i][0] = "any";
			world.rules[i].n_from = world.rules[i].n_to = 1;
		}
		t = compile();
		for (int i = 0; i < FLOWS; i++) {
			struct flow f = make_flow();
			struct gw_policy_verdict v =
				gw_policy_judge(t, &f.src, &f.dst, f.proto, f.port);

			assert_int_equal(v.rule, first_match(&f, false));
			assert_int_equal(v.shadow, first_match(&f, true));
		}
		gw_policy_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies),
		cmocka_unit_test(random_changes),
		cmocka_unit_test(first_rule_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
