// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The data path while it changes: resized, moved between layouts and modes, interrupted, without
 * its device, without root, beside another program. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

#include "datapath_lab.h"
#include "log.h"
#include "priv.h"

/* --- change --------------------------------------------------------------------------------- */

static void test_resize(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);

	(void)state;
	put_flows(dp, 1000);
	count_of(dp, 7)->packets = 77;
	relay_datapath_close(dp);

	c.limits.flows = 2 * FLOWS;
	dp = must_open(&c);
	assert_true(relay_datapath_adopted(dp));
	assert_int_equal(size_of_map(in_v("flow_slots")), relay_flow_slots(2 * FLOWS + 64));
	assert_int_equal(size_of_map(in_v("flow_index")), relay_flow_buckets(2 * FLOWS + 64));
	assert_int_equal(count_flows(dp), 1000);
	assert_int_equal(count_of(dp, 7)->packets, 77);
	put_flows(dp, 1000); /* slots of their own, that only the kernel waits for */
	assert_int_equal(count_flows(dp), 1000);
	relay_datapath_close(dp);

	c.limits.flows = 500; /* more flows are live */
	dp = must_open(&c);
	assert_int_equal(size_of_map(in_v("flow_slots")), relay_flow_slots(2 * FLOWS + 64));
	assert_int_equal(count_flows(dp), 1000);
	relay_datapath_close(dp);

	c.limits.flows = 1000;
	dp = must_open(&c);
	assert_int_equal(size_of_map(in_v("flow_slots")), relay_flow_slots(1064));
	assert_int_equal(count_flows(dp), 1000);
	assert_int_equal(count_of(dp, 7)->packets, 77);
	assert_false(exists(at("next")));
	relay_datapath_close(dp);
}

static void test_other_layout(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	uint32_t link, prog;

	(void)state;
	put_flows(dp, 1000);
	relay_datapath_nexthop_id(dp, 17, 170);
	relay_datapath_close(dp);
	link = link_id(in_v("link_tpa"));
	prog = program_on("tpa", true);
	assert_int_equal(rename(at(ABI), at("v9")), 0);
	assert_int_equal(mkdir(at("v8"), 0700), 0); /* older, and left over */

	dp = must_open(&c);
	assert_true(relay_datapath_adopted(dp));
	assert_int_equal(count_flows(dp), 1000);
	assert_int_equal(link_id(in_v("link_tpa")), link);
	assert_int_not_equal(program_on("tpa", true), prog);
	assert_false(exists(at("v9")));
	assert_false(exists(at("v8")));
	assert_false(exists(at("next")));
	relay_datapath_close(dp);
}

/* Killed after the directories were swapped and before the links were moved; and before that. */
static void test_interrupted(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	uint32_t link = link_id(in_v("link_tpa"));

	(void)state;
	put_flows(dp, 10);
	relay_datapath_close(dp);
	assert_int_equal(mkdir(at("next"), 0700), 0);
	assert_int_equal(rename(in_v("link_tpa"), at("next/link_tpa")), 0);
	dp = must_open(&c);
	assert_int_equal(link_id(in_v("link_tpa")), link);
	assert_int_equal(count_flows(dp), 10);
	relay_datapath_close(dp);

	assert_int_equal(mkdir(at("next"), 0700), 0);
	assert_int_equal(rename(in_v("reasons"), at("next/reasons")), 0);
	dp = must_open(&c);
	assert_int_equal(link_id(in_v("link_tpa")), link);
	assert_int_equal(count_flows(dp), 10);
	assert_true(exists(in_v("reasons")));
	assert_false(exists(at("next")));
	relay_datapath_close(dp);
}

static void test_mode_change(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);

	(void)state;
	put_flows(dp, 10);
	relay_datapath_close(dp);
	c.attach = RELAY_ATTACH_GENERIC;
	dp = must_open(&c);
	assert_string_equal(relay_datapath_mode(dp), "generic");
	assert_int_equal(program_on("tpa", true), 0);
	assert_int_not_equal(program_on("tpa", false), 0);
	assert_int_equal(count_flows(dp), 10);
	relay_datapath_close(dp);
}

static void test_device_comes_back(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	int slot = relay_datapath_port(dp, (int)if_nametoindex("tpa"));

	(void)state;
	assert_true(relay_datapath_attached(dp, "tpa"));
	assert_false(relay_datapath_attached(dp, "tpb"));
	must("ip link del tpa");
	assert_false(relay_datapath_attached(dp, "tpa"));
	assert_int_equal(relay_datapath_reattach(dp), 0);
	assert_false(relay_datapath_attached(dp, "tpa"));
	must("ip link add tpa type veth peer name tpb");
	assert_int_equal(relay_datapath_reattach(dp), 0);
	assert_true(relay_datapath_attached(dp, "tpa"));
	assert_int_not_equal(program_on("tpa", true), 0);
	assert_int_equal(relay_datapath_port(dp, (int)if_nametoindex("tpa")), slot);
	relay_datapath_close(dp);

	must("ip link del tpa && ip link add tpa type veth peer name tpb");
	dp = must_open(&c);
	assert_int_not_equal(program_on("tpa", true), 0);
	relay_datapath_close(dp);
}

/* What the daemon does after it gave up root, with the way to its pins closed. */
static int unprivileged(int ready, int go)
{
	static const int keep[] = {CAP_BPF, CAP_NET_ADMIN};
	static const char *const calls[] = {"bpf"};
	struct relay_config c = base_config();
	struct relay_datapath *dp;
	struct relay_flow flow = make_flow(1);
	char byte = 0;

	if (relay_datapath_open(&dp, &c) || tp_priv_chown(pins, "nobody") || chmod(top, 0700))
		return 1;
	if (tp_priv_drop("nobody", keep, 2) || tp_priv_seccomp(calls, 1) || !access(pins, F_OK))
		return 2;
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		return 3;
	if (relay_datapath_reattach(dp) || !program_on("tpa", true))
		return 4;
	if (relay_datapath_flow_put(dp, &flow, 0) || !count_of(dp, 1))
		return 5;
	relay_datapath_flow_del(dp, &flow.key, NULL, 0);
	if (relay_datapath_detach(dp) || program_on("tpa", true))
		return 6;
	relay_datapath_close(dp);
	return 0;
}

static void test_without_root(void **state)
{
	int ready[2], go[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready) | pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(unprivileged(ready[1], go[0]));
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		must("ip link del tpa && ip link add tpa type veth peer name tpb");
		assert_int_equal(write(go[1], &byte, 1), 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(exists(at("")));
	close(ready[0]);
	close(go[0]);
	close(go[1]);
}

static void test_slots_are_kept(void **state)
{
	char *both[] = {"tpa", "tp.c"}, *other[] = {"tp.c", "tpa"}, *one[] = {"tp.c"};
	struct relay_config c = base_config();
	struct relay_datapath *dp;
	int a, b;

	(void)state;
	must("ip link add tp.c type veth peer name tpd");
	c.interfaces = both;
	c.n_interfaces = 2;
	dp = must_open(&c);
	a = relay_datapath_port(dp, (int)if_nametoindex("tpa"));
	b = relay_datapath_port(dp, (int)if_nametoindex("tp.c"));
	assert_int_not_equal(a, b);
	relay_datapath_close(dp);
	c.interfaces = other;
	dp = must_open(&c);
	assert_int_equal(relay_datapath_port(dp, (int)if_nametoindex("tpa")), a);
	assert_int_equal(relay_datapath_port(dp, (int)if_nametoindex("tp.c")), b);
	relay_datapath_close(dp);
	c.interfaces = one;
	c.n_interfaces = 1;
	dp = must_open(&c);
	assert_int_equal(program_on("tpa", true), 0); /* no longer configured */
	assert_int_equal(relay_datapath_port(dp, (int)if_nametoindex("tpa")), -1);
	assert_int_equal(relay_datapath_port(dp, (int)if_nametoindex("tp.c")), b);
	relay_datapath_close(dp);
	must("ip link del tp.c");
}

static void test_coexist(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp;
	uint32_t prog;

	(void)state;
	c.coexist = true;
	dp = must_open(&c);
	put_flows(dp, 10);
	prog = program_on("tpa", true);
	assert_int_not_equal(prog, 0);
	assert_false(exists(in_v("link_tpa")));
	assert_int_equal(relay_datapath_reattach(dp), 0);
	assert_int_equal(program_on("tpa", true), prog);
	relay_datapath_close(dp);
	assert_int_equal(program_on("tpa", true), prog);

	must("ip link set dev tpa mtu 9000"); /* frames in fragments */
	dp = must_open(&c);
	assert_int_not_equal(program_on("tpa", true), prog);
	assert_int_equal(count_flows(dp), 10);
	must("ip link set dev tpa xdp off");
	assert_int_equal(relay_datapath_reattach(dp), 0);
	assert_int_not_equal(program_on("tpa", true), 0);
	relay_datapath_close(dp);
	must("ip link set dev tpa mtu 1500");

	c.coexist = false; /* its predecessor is recognised and goes */
	dp = must_open(&c);
	assert_true(exists(in_v("link_tpa")));
	relay_datapath_close(dp);
	c.coexist = true;
	dp = must_open(&c);
	assert_false(exists(in_v("link_tpa")));
	relay_datapath_close(dp);
	assert_int_equal(relay_datapath_detach_pins(c.pin_path, c.instance), 0);
	assert_int_equal(program_on("tpa", true), 0);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_resize),	   CASE(test_other_layout),	 CASE(test_interrupted),
		CASE(test_mode_change),	   CASE(test_device_comes_back), CASE(test_without_root),
		CASE(test_slots_are_kept), CASE(test_coexist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return datapath_tests(run);
}
