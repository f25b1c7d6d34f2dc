// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The data path while it changes: resized, moved between layouts and modes, interrupted, without
 * its device, without root, beside another program. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
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
	slot_of(dp, 7)->packets = 77;
	relay_datapath_close(dp);

	c.limits.flows = 2 * FLOWS;
	dp = must_open(&c);
	assert_true(relay_datapath_adopted(dp));
	assert_int_equal(size_of_map(in_v("flow_slots")), relay_flow_slots(2 * FLOWS + 64));
	assert_int_equal(size_of_map(in_v("flow_index")), relay_flow_buckets(2 * FLOWS + 64));
	assert_int_equal(count_flows(dp), 1000);
	assert_int_equal(packets_of(dp, 7), 77);
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
	assert_int_equal(packets_of(dp, 7), 77);
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

/* ABI 2: no places, each flow whole in its slot of 128 bytes. */
struct slot_2 {
	struct relay_flow_key key;
	uint64_t expires_at;
	uint8_t local[16];
	uint32_t nexthop, src_node;
	uint16_t mtu, l3_sum, l4_sum, pad;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint32_t dst_node, session, pad2;
	uint64_t packets, bytes;
};

#define SLOTS_2 64
#define FLOWS_2 40

static int pinned_array(const char *dir, const char *name, uint32_t value_size)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, value_size, SLOTS_2, &opts);
	char path[256];

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	return fd;
}

/* Flow i, at the other end of the slots, differs from flow 0 in every member. */
static void fill_2(int index, int slots)
{
	for (uint32_t i = 0; i < FLOWS_2; i++) {
		uint32_t at = SLOTS_2 - 1 - i, bucket = i / TP_FLOW_WAYS;
		struct relay_flow flow = make_flow(i);
		struct slot_2 slot = {.key = flow.key,
				      .expires_at = flow.expires_at + i, /* to the ns then */
				      .nexthop = i,
				      .src_node = 100 + i,
				      .dst_node = 200 + i,
				      .mtu = (uint16_t)(1300 + i),
				      .src_port = htons(51820),
				      .dst_port = (uint16_t)i,
				      .session = flow.session,
				      .packets = i,
				      .bytes = 1000 * i};
		struct relay_flow_bucket b;

		memset(slot.local, (int)i, 16);
		memset(slot.src, (int)(i + 1), 16);
		memset(slot.dst, (int)(i + 2), 16);
		assert_int_equal(bpf_map_lookup_elem(index, &bucket, &b), 0);
		b.entry[i % TP_FLOW_WAYS] = (uint64_t)(i + 1) << 32 | at;
		assert_int_equal(bpf_map_update_elem(index, &bucket, &b, 0), 0);
		assert_int_equal(bpf_map_update_elem(slots, &at, &slot, 0), 0);
	}
}

static int check_2(void *arg, const struct relay_flow *flow)
{
	uint32_t i = flow->key.index - 1;
	uint8_t wanted[3][16];

	for (int k = 0; k < 3; k++)
		memset(wanted[k], (int)i + k, 16);
	assert_memory_equal(flow->local, wanted[0], 16);
	assert_memory_equal(flow->src, wanted[1], 16);
	assert_memory_equal(flow->dst, wanted[2], 16);
	assert_int_equal(flow->dst_port, i);
	assert_int_equal(flow->nexthop, i);
	assert_int_equal(flow->src_node, 100 + i);
	assert_int_equal(flow->dst_node, 200 + i);
	assert_int_equal(flow->mtu, 1300 + i);
	assert_int_equal(flow->count.packets, i);
	assert_int_equal(flow->count.bytes, 1000 * i);
	++*(uint32_t *)arg;
	return 0;
}

static void test_from_abi_2(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	uint32_t seen = 0;
	int index, slots;

	(void)state;
	relay_datapath_close(dp);
	assert_int_equal(rename(at(ABI), at("v2")), 0);
	assert_int_equal(unlink(at("v2/flow_places")), 0);
	assert_int_equal(unlink(at("v2/flow_sessions")), 0);
	index = pinned_array(at("v2"), "flow_index", sizeof(struct relay_flow_bucket));
	slots = pinned_array(at("v2"), "flow_slots", sizeof(struct slot_2));
	fill_2(index, slots);
	close(index);
	close(slots);

	dp = must_open(&c);
	assert_true(relay_datapath_adopted(dp));
	assert_int_equal(count_flows(dp), FLOWS_2);
	relay_datapath_flows_each(dp, check_2, &seen);
	assert_int_equal(seen, FLOWS_2);
	assert_false(exists(at("v2")));
	relay_datapath_close(dp);
}

/* Somebody took pins away, so that flows cannot be read any more: the relay comes up without. */
static void test_pins_missing(void **state)
{
	const char *const missing[] = {"flow_index", "flow_slots", "flow_sessions", "flow_places"};
	struct relay_config c = base_config();

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct relay_datapath *dp = must_open(&c);

		put_flows(dp, 10);
		relay_datapath_close(dp);
		assert_int_equal(unlink(in_v(missing[i])), 0);
		dp = must_open(&c);
		assert_int_equal(count_flows(dp), 0);
		put_flows(dp, 10);
		assert_int_equal(count_flows(dp), 10);
		relay_datapath_detach(dp);
		relay_datapath_close(dp);
	}
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
	if (relay_datapath_flow_put(dp, &flow, 0) || !slot_of(dp, 1))
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
		CASE(test_resize),
		CASE(test_other_layout),
		CASE(test_from_abi_2),
		CASE(test_pins_missing),
		CASE(test_interrupted),
		CASE(test_mode_change),
		CASE(test_device_comes_back),
		CASE(test_without_root),
		CASE(test_slots_are_kept),
		CASE(test_coexist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return datapath_tests(run);
}
