// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Compiled policies in the kernel's maps: the programs' judge says what the model says, and a
 * policy that cannot be put in force leaves the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "gateway/datapath_policy.h"
#include "tests/bpf/policy.skel.h"
#include "tests/unit/policy_world.h"

#define POLICIES 20
#define FLOWS	 60

static struct policy_bpf *skel;
static struct gw_datapath_policy *dp;
static struct world world;

static struct gw_policy_maps map_fds(void)
{
	return (struct gw_policy_maps){
		.policy = bpf_map__fd(skel->maps.gw_policy),
		.nodes = bpf_map__fd(skel->maps.policy_nodes),
		.prefixes = bpf_map__fd(skel->maps.policy_prefixes),
		.classes = bpf_map__fd(skel->maps.policy_classes),
		.pairs = bpf_map__fd(skel->maps.policy_pairs),
		.segments = bpf_map__fd(skel->maps.policy_segments),
		.hits = bpf_map__fd(skel->maps.policy_hits),
	};
}

static void open_publisher(void)
{
	struct gw_policy_maps maps = map_fds();

	assert_int_equal(gw_datapath_policy_open(&dp, &maps), 0);
}

static int set_up(void **state)
{
	(void)state;
	skel = policy_bpf__open_and_load();
	assert_non_null(skel);
	open_publisher();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	gw_datapath_policy_close(dp);
	policy_bpf__destroy(skel);
	return 0;
}

/* --- questions ------------------------------------------------------------------------------- */

struct flow {
	struct gw_policy_end src, dst;
	uint8_t proto;
	uint16_t port;
};

static struct policy_node_key key_of(const struct gw_policy_end *end)
{
	struct policy_node_key key = {.overlay = end->overlay};

	if (end->overlay == GW_POLICY_OUTSIDE)
		key.overlay = GW_LOCAL_ELSEWHERE;
	memcpy(key.addr, end->addr.b, sizeof(key.addr));
	return key;
}

static void ask(const struct flow *f)
{
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);

	skel->bss->from = key_of(&f->src);
	skel->bss->to = key_of(&f->dst);
	skel->bss->what = (uint32_t)f->proto << 16 | f->port;
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.policy_ask), &opts), 0);
}

static struct flow random_flow(void)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 47};
	struct flow f = {.src = world_end(&world), .dst = world_end(&world)};

	f.proto = protos[world_random(&world, sizeof(protos))];
	if (f.proto == IPPROTO_TCP || f.proto == IPPROTO_UDP)
		f.port = (uint16_t)world_random(&world, 25);
	return f;
}

static void expect_model(const struct gw_policy_tables *t, const struct flow *f)
{
	struct gw_policy_verdict v = gw_policy_judge(t, &f->src, &f->dst, f->proto, f->port);

	ask(f);
	assert_int_equal(skel->bss->passes, v.passes);
	assert_int_equal(skel->bss->rule, v.rule);
	assert_int_equal(skel->bss->shadow, v.shadow);
	assert_int_equal(skel->bss->is_node, gw_policy_is_node(t, &f->src));
}

static struct gw_policy_tables *compile(const struct gw_policy_input *in)
{
	struct gw_policy_tables *t;

	assert_int_equal(gw_policy_compile(in, &t, NULL), 0);
	return t;
}

/* --- a policy of one node and one LAN -------------------------------------------------------- */

static char *from_alice[] = {"alice"}, *from_tag[] = {"tag:staff"}, *to_lan[] = {"10.0.0.0/8"};
static char *web[] = {"80"}, *ssh[] = {"22"}, *staff[] = {"staff"};
static struct tp_prefix alice_addr;
static struct gw_policy_node alice = {
	.name = "alice",
	.addrs = &alice_addr,
	.n_addrs = 1,
	.tags = staff,
	.n_tags = 1,
};

static struct gw_policy_rule rule(const char *name, char **from, char **ports)
{
	return (struct gw_policy_rule){.name = name,
				       .from = from,
				       .n_from = 1,
				       .to = to_lan,
				       .n_to = 1,
				       .protocol = "tcp",
				       .ports = ports,
				       .n_ports = 1};
}

static struct gw_policy_input office(const struct gw_policy_rule *rules, size_t n)
{
	tp_addr_parse_cidr("100.64.1.1", &alice_addr.addr, &alice_addr.bits);
	return (struct gw_policy_input){
		.nodes = &alice, .n_nodes = 1, .rules = rules, .n_rules = n};
}

static struct flow alice_to(uint16_t port)
{
	struct flow f = {.proto = IPPROTO_TCP, .port = port};

	f.src.addr = alice_addr.addr;
	tp_addr_parse("10.1.2.3", &f.dst.addr);
	f.dst.overlay = GW_POLICY_OUTSIDE;
	return f;
}

static bool passes(uint16_t port)
{
	struct flow f = alice_to(port);

	ask(&f);
	return skel->bss->passes;
}

static void publish(const struct gw_policy_rule *rules, size_t n)
{
	struct gw_policy_input in = office(rules, n);
	struct gw_policy_tables *t = compile(&in);

	assert_int_equal(gw_datapath_policy_publish(dp, t), 0);
	gw_policy_free(t);
}

static uint64_t hits(uint32_t number)
{
	struct policy_hit all[3];

	assert_int_equal(gw_datapath_policy_hits(dp, all, 3), 0);
	return all[number].flows;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void no_policy_no_passage(void **state)
{
	(void)state;
	assert_int_equal(gw_datapath_policy_generation(dp), 0);
	office(NULL, 0);
	assert_false(passes(80));
}

static void random_policies(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < POLICIES; seed++) {
		struct gw_policy_tables *t;

		world_make(&world, seed);
		t = compile(&world.in);
		assert_int_equal(gw_datapath_policy_publish(dp, t), 0);
		assert_int_equal(gw_datapath_policy_generation(dp), seed + 1);
		for (int i = 0; i < FLOWS; i++) {
			struct flow f = random_flow();

			expect_model(t, &f);
		}
		gw_policy_free(t);
	}
}

static void random_changes(void **state)
{
	struct gw_policy_tables *t;

	(void)state;
	world_make(&world, 7);
	t = compile(&world.in);
	assert_int_equal(gw_datapath_policy_publish(dp, t), 0);
	for (int i = 0; i < 20 * FLOWS; i++) {
		struct gw_policy_node *node = &world.nodes[world_random(&world, WORLD_NODES)];
		struct flow f = random_flow();

		world_retag(&world, (size_t)(node - world.nodes));
		if (world_random(&world, 3))
			assert_int_equal(gw_datapath_policy_node_put(dp, t, node), 0);
		else
			assert_int_equal(gw_datapath_policy_node_del(dp, t, node), 0);
		expect_model(t, &f);
	}
	gw_policy_free(t);
}

/* Flows must be judged again when a known node changed, and need not be when one joined. */
static void generation_of_changes(void **state)
{
	const struct gw_policy_rule rules[] = {rule("web", from_tag, web)};
	struct gw_policy_node bob = {.name = "bob", .n_addrs = 1};
	struct tp_prefix bob_addr = {.bits = 32};
	struct gw_policy_input in = office(rules, 1);
	struct gw_policy_tables *t = compile(&in);

	(void)state;
	tp_addr_parse("100.64.1.2", &bob_addr.addr);
	bob.addrs = &bob_addr;
	assert_int_equal(gw_datapath_policy_publish(dp, t), 0);
	assert_true(passes(80));
	assert_int_equal(gw_datapath_policy_node_put(dp, t, &bob), 0);
	assert_int_equal(gw_datapath_policy_node_put(dp, t, &alice), 0);
	assert_int_equal(gw_datapath_policy_generation(dp), 1);
	alice.n_tags = 0;
	assert_int_equal(gw_datapath_policy_node_put(dp, t, &alice), 0);
	alice.n_tags = 1;
	assert_int_equal(gw_datapath_policy_generation(dp), 3);
	assert_false(passes(80));
	assert_int_equal(gw_datapath_policy_node_del(dp, t, &bob), 0);
	assert_int_equal(gw_datapath_policy_generation(dp), 5);
	gw_policy_free(t);
}

static void hits_go_with_the_name(void **state)
{
	const struct gw_policy_rule before[] = {rule("web", from_alice, web)};
	const struct gw_policy_rule after[] = {rule("ssh", from_alice, ssh),
					       rule("web", from_alice, web)};

	(void)state;
	publish(before, 1);
	assert_true(passes(80));
	assert_true(passes(80));
	assert_false(passes(22));
	assert_int_equal(hits(1), 2);
	publish(after, 2);
	assert_true(passes(22));
	assert_true(passes(80));
	assert_int_equal(hits(1), 1);
	assert_int_equal(hits(2), 3);
}

static void restart_goes_on(void **state)
{
	const struct gw_policy_rule rules[] = {rule("web", from_alice, web)};

	(void)state;
	publish(rules, 1);
	assert_true(passes(80));
	gw_datapath_policy_close(dp);
	open_publisher();
	assert_int_equal(gw_datapath_policy_generation(dp), 1);
	assert_true(passes(80));
	assert_int_equal(hits(1), 2);
	publish(rules, 1);
	assert_int_equal(gw_datapath_policy_generation(dp), 2);
	assert_true(passes(80));
	assert_int_equal(hits(1), 3);
}

/* The last of the maps cannot be put. */
static void failure_keeps_the_old(void **state)
{
	const struct gw_policy_rule rules[] = {rule("web", from_alice, web)};
	const struct gw_policy_rule other[] = {rule("ssh", from_alice, ssh)};
	struct gw_policy_input in = office(other, 1);
	struct gw_policy_tables *t = compile(&in);
	struct gw_policy_maps maps = map_fds();

	(void)state;
	publish(rules, 1);
	gw_datapath_policy_close(dp);
	maps.segments = -1;
	assert_int_equal(gw_datapath_policy_open(&dp, &maps), 0);
	assert_int_not_equal(gw_datapath_policy_publish(dp, t), 0);
	assert_int_equal(gw_datapath_policy_generation(dp), 1);
	assert_true(passes(80));
	assert_false(passes(22));
	gw_policy_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_policy_no_passage),  TEST(random_policies),	  TEST(random_changes),
		TEST(generation_of_changes), TEST(hits_go_with_the_name), TEST(restart_goes_on),
		TEST(failure_keeps_the_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
