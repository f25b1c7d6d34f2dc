// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Policies flipped while a program judges without pause: each question is answered by one policy
 * whole. The two have the same nodes in another order, so that the number of alice's class in one
 * is bob's in the other: whoever mixes their tables lets alice go where only bob may.
 * POLICY_FLIPS sets how often; docs/acl.md has the result of a thousand.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "gateway/datapath_policy.h"
#include "tests/bpf/policy.skel.h"

#define FLIPS 30
/* Each flip waits six times for all programs that run: an RCU grace period, which a CPU that only
 * goes from one test run to the next holds up for a quarter of a second unless it yields. */
#define BURST 2000

static struct tp_prefix addrs[2];
static struct gw_policy_node nodes[2][2];
static char *bob[] = {"bob"}, *alice[] = {"alice"}, *lan[] = {"10.0.0.0/8"};
static char *secret[] = {"443"}, *web[] = {"80"};
static const struct gw_policy_rule rules[] = {
	{.name = "secret",
	 .from = bob,
	 .n_from = 1,
	 .to = lan,
	 .n_to = 1,
	 .protocol = "tcp",
	 .ports = secret,
	 .n_ports = 1},
	{.name = "web",
	 .from = alice,
	 .n_from = 1,
	 .to = lan,
	 .n_to = 1,
	 .protocol = "tcp",
	 .ports = web,
	 .n_ports = 1},
};
static bool stop;
static int run_error;

/* Policy 1 has bob first. */
static struct gw_policy_tables *compile(int which)
{
	struct gw_policy_input in = {
		.nodes = nodes[which], .n_nodes = 2, .rules = rules, .n_rules = 2};
	struct gw_policy_tables *t;

	for (int i = 0; i < 2; i++)
		nodes[which][i ^ which] = (struct gw_policy_node){
			.name = i ? "bob" : "alice", .addrs = &addrs[i], .n_addrs = 1};
	assert_int_equal(gw_policy_compile(&in, &t, NULL), 0);
	return t;
}

static struct policy_node_key key_of(const struct tp_addr *addr, uint32_t overlay)
{
	struct policy_node_key key = {.overlay = overlay};

	memcpy(key.addr, addr->b, sizeof(key.addr));
	return key;
}

static struct policy_bpf *load(void)
{
	struct policy_bpf *skel = policy_bpf__open_and_load();
	struct tp_addr dst;

	assert_non_null(skel);
	tp_addr_parse_cidr("100.64.1.1", &addrs[0].addr, &addrs[0].bits);
	tp_addr_parse_cidr("100.64.1.2", &addrs[1].addr, &addrs[1].bits);
	tp_addr_parse("10.1.2.3", &dst);
	skel->bss->never = key_of(&addrs[0].addr, 0);
	skel->bss->always = key_of(&addrs[1].addr, 0);
	skel->bss->to = key_of(&dst, GW_LOCAL_ELSEWHERE);
	skel->bss->what = IPPROTO_TCP << 16 | 443;
	return skel;
}

static struct gw_datapath_policy *open_publisher(const struct policy_bpf *skel)
{
	const struct gw_policy_maps maps = {
		.policy = bpf_map__fd(skel->maps.gw_policy),
		.nodes = bpf_map__fd(skel->maps.policy_nodes),
		.prefixes = bpf_map__fd(skel->maps.policy_prefixes),
		.classes = bpf_map__fd(skel->maps.policy_classes),
		.pairs = bpf_map__fd(skel->maps.policy_pairs),
		.segments = bpf_map__fd(skel->maps.policy_segments),
		.hits = bpf_map__fd(skel->maps.policy_hits),
	};
	struct gw_datapath_policy *p;

	assert_int_equal(gw_datapath_policy_open(&p, &maps), 0);
	return p;
}

static void *watch(void *arg)
{
	const struct policy_bpf *skel = arg;
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = BURST);

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE) && !run_error) {
		run_error =
			bpf_prog_test_run_opts(bpf_program__fd(skel->progs.policy_watch), &opts);
		sched_yield();
	}
	return NULL;
}

static int flips(void)
{
	const char *text = getenv("POLICY_FLIPS");

	return text ? atoi(text) : FLIPS;
}

static void no_mixture(void **state)
{
	struct policy_bpf *skel = load();
	struct gw_policy_tables *t[] = {compile(0), compile(1)};
	struct gw_datapath_policy *p = open_publisher(skel);
	pthread_t thread;

	(void)state;
	assert_int_equal(gw_datapath_policy_publish(p, t[0]), 0);
	assert_int_equal(pthread_create(&thread, NULL, watch, skel), 0);
	for (int i = 1; i <= flips(); i++)
		assert_int_equal(gw_datapath_policy_publish(p, t[i % 2]), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(run_error, 0);
	print_message("%llu questions, %d flips\n", (unsigned long long)skel->bss->asked, flips());
	assert_in_range(skel->bss->asked, BURST, UINT64_MAX);
	assert_int_equal(skel->bss->leaked, 0);
	assert_int_equal(skel->bss->lost, 0);
	gw_datapath_policy_close(p);
	policy_bpf__destroy(skel);
	gw_policy_free(t[0]);
	gw_policy_free(t[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_mixture)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
