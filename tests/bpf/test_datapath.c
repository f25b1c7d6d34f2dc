// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The data path: opened, closed, adopted, detached; what it refuses; its maps. */
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

static int stop_at_once(void *arg, const struct relay_flow *flow)
{
	(void)flow;
	(*(uint32_t *)arg)++;
	return 1;
}

/* --- life ----------------------------------------------------------------------------------- */

static void test_pins_survive(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	uint32_t prog = program_on("tpa", true), link;

	(void)state;
	assert_false(relay_datapath_adopted(dp));
	assert_string_equal(relay_datapath_mode(dp), "native");
	assert_int_equal(relay_datapath_port(dp, (int)if_nametoindex("tpa")), 0);
	assert_int_equal(relay_datapath_port(dp, 1), -1);
	put_flows(dp, 1000);
	slot_of(dp, 5)->packets = 99;
	relay_datapath_index_filter(dp)[3] = 0xf0;
	assert_null(slot_of(dp, 1000));
	relay_datapath_close(dp);

	assert_int_equal(program_on("tpa", true), prog);
	link = link_id(in_v("link_tpa"));
	dp = must_open(&c);
	assert_true(relay_datapath_adopted(dp));
	assert_int_not_equal(program_on("tpa", true), prog);
	assert_int_not_equal(program_on("tpa", true), 0);
	assert_int_equal(link_id(in_v("link_tpa")), link); /* so there was no moment without */
	assert_int_equal(count_flows(dp), 1000);
	assert_int_equal(packets_of(dp, 5), 99);
	assert_int_equal(relay_datapath_index_filter(dp)[3], 0xf0);
	relay_datapath_close(dp);
}

static void test_detach_leaves_nothing(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);

	(void)state;
	assert_int_equal(relay_datapath_detach(dp), 0);
	assert_int_equal(program_on("tpa", true), 0);
	assert_false(exists(at("")));
	relay_datapath_close(dp);

	relay_datapath_close(must_open(&c));
	assert_true(program_on("tpa", true));
	assert_int_equal(relay_datapath_detach_pins(c.pin_path, c.instance), 0);
	assert_int_equal(program_on("tpa", true), 0);
	assert_false(exists(c.pin_path));
	assert_int_equal(relay_datapath_detach_pins(c.pin_path, c.instance), 0);
}

static void test_off_is_silent(void **state)
{
	struct relay_config c = base_config();
	struct relay_count sums[TP_REASON_MAX];
	uint32_t slots[TP_NEXTHOPS], seen = 0;
	const uint8_t key[32] = {1};
	struct relay_node node = {.id = 3};
	struct relay_datapath *dp;

	(void)state;
	relay_datapath_close(must_open(&c));
	c.attach = RELAY_ATTACH_OFF;
	dp = must_open(&c);
	assert_string_equal(relay_datapath_mode(dp), "off");
	assert_int_equal(program_on("tpa", true), 0); /* else it would forward on its own */
	put_flows(dp, 10);
	relay_datapath_flows_each(dp, stop_at_once, &seen);
	assert_int_equal(seen, 0);
	assert_int_equal(packets_of(dp, 0), 0);
	assert_null(relay_datapath_index_filter(dp));
	assert_int_equal(relay_datapath_node_put(dp, key, &node), 0);
	assert_int_equal(relay_datapath_node_get(dp, key, &node), -ENOENT);
	assert_int_equal(relay_datapath_nexthop_ids(dp, slots), 0);
	assert_int_equal(slots[TP_NEXTHOPS - 1], 0);
	assert_int_equal(relay_datapath_reasons(dp, sums), 0);
	assert_int_equal(relay_datapath_reattach(dp), 0);
	assert_true(relay_datapath_attached(dp, "tpa"));
	assert_int_equal(relay_datapath_detach(dp), 0);
	relay_datapath_close(dp);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_bad_directories(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp;

	(void)state;
	assert_int_equal(mkdir(pins, 0700), 0);
	assert_int_equal(mkdir(at(""), 0700), 0);
	assert_int_equal(chown(at(""), 4242, 0), 0);
	assert_int_equal(relay_datapath_open(&dp, &c), -EPERM);
	assert_null(dp);
	assert_int_equal(chown(at(""), 0, 0), 0);
	assert_int_equal(chmod(at(""), 01777), 0);
	assert_int_equal(relay_datapath_open(&dp, &c), -EPERM);
	assert_int_equal(chmod(at(""), 0700), 0);
	assert_int_equal(chmod(pins, 0720), 0);
	assert_int_equal(relay_datapath_open(&dp, &c), -EPERM);
	assert_int_equal(chmod(pins, 0700), 0);
	c.pin_path = "/tmp/tp-not-a-bpffs/x";
	assert_int_equal(relay_datapath_open(&dp, &c), -EINVAL);
	assert_false(exists("/tmp/tp-not-a-bpffs"));
}

static void test_mode_that_cannot_be_had(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp;
	char *names[] = {"lo"};

	(void)state;
	c.interfaces = names;
	assert_int_equal(relay_datapath_open(&dp, &c), -EOPNOTSUPP);
	assert_null(dp);
	assert_int_equal(program_on("lo", false), 0);
	names[0] = "nosuch0";
	assert_int_equal(relay_datapath_open(&dp, &c), -ENODEV);
}

static void test_foreign_program_stays(void **state)
{
	struct bpf_insn insns[] = {
		{.code = 0xb7, .dst_reg = 0, .imm = 2}, /* return XDP_PASS */
		{.code = 0x95},
	};
	struct relay_config c = base_config();
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", insns, 2, NULL);
	struct relay_datapath *dp;
	uint32_t id;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("tpa"), fd, 0, NULL), 0);
	id = program_on("tpa", true);
	assert_int_equal(relay_datapath_open(&dp, &c), -EBUSY);
	assert_int_equal(program_on("tpa", true), id);
	assert_int_equal(bpf_xdp_detach((int)if_nametoindex("tpa"), 0, NULL), 0);
	close(fd);
}

/* --- maps ----------------------------------------------------------------------------------- */

static void test_flows(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	struct relay_count count;
	uint32_t seen = 0;

	(void)state;
	put_flows(dp, FLOWS);
	assert_int_equal(count_flows(dp), FLOWS);
	relay_datapath_flows_each(dp, stop_at_once, &seen);
	assert_int_equal(seen, 1);
	slot_of(dp, 1)->packets = 5;
	for (int i = 0; i < 2; i++) { /* the second time it is not there */
		struct relay_flow flow = make_flow(1);

		relay_datapath_flow_del(dp, &flow.key, &count, 0);
		assert_int_equal(count.packets, i ? 0 : 5);
		assert_int_equal(count_flows(dp), FLOWS - 1);
	}
	relay_datapath_close(dp);
}

static void test_full_table(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	uint32_t room = relay_flow_slots(FLOWS + 64);
	struct relay_flow flow = make_flow(room);

	(void)state;
	put_flows(dp, room);
	assert_int_equal(relay_datapath_flow_put(dp, &flow, 0), -E2BIG);
	relay_datapath_close(dp);
}

static void see_session(void *arg, uint32_t index, uint32_t node)
{
	assert_int_equal(node, 2 * index);
	*(uint32_t *)arg += index;
}

static void see_node(void *arg, const uint8_t public_key[32], const struct relay_node *value)
{
	assert_int_equal(public_key[31], value->id);
	*(uint32_t *)arg += value->id;
}

static void see_local(void *arg, const struct relay_addr *addr)
{
	*(uint32_t *)arg += addr->addr[15];
}

static void test_sessions_nodes_locals(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	struct relay_node node = {0};
	struct relay_addr addr = {{0}};
	uint8_t key[32] = {0};
	uint32_t seen = 0;

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		key[31] = addr.addr[15] = (uint8_t)i;
		node.id = i;
		assert_int_equal(relay_datapath_session_put(dp, i, 2 * i), 0);
		assert_int_equal(relay_datapath_node_put(dp, key, &node), 0);
		assert_int_equal(relay_datapath_local_put(dp, &addr), 0);
	}
	assert_int_equal(relay_datapath_node_get(dp, key, &node), 0);
	assert_int_equal(node.id, 3);
	for (int i = 0; i < 2; i++) { /* the second time nothing is there */
		assert_int_equal(relay_datapath_session_del(dp, 3), 0);
		assert_int_equal(relay_datapath_node_del(dp, key), 0);
		assert_int_equal(relay_datapath_local_del(dp, &addr), 0);
	}
	assert_int_equal(relay_datapath_node_get(dp, key, &node), -ENOENT);
	assert_int_equal(relay_datapath_sessions_each(dp, see_session, &seen), 0);
	assert_int_equal(seen, 3);
	assert_int_equal(relay_datapath_nodes_each(dp, see_node, &seen), 0);
	assert_int_equal(seen, 6);
	assert_int_equal(relay_datapath_locals_each(dp, see_local, &seen), 0);
	assert_int_equal(seen, 9);
	relay_datapath_close(dp);
}

static void test_nexthops(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	struct relay_nexthop hop = {.ifindex = 5, .port = 1, .mtu = 1400}, got;
	uint32_t slots[TP_NEXTHOPS], slot = TP_NEXTHOPS - 1;
	int fd;

	(void)state;
	relay_datapath_nexthop_slot(dp, slot, &hop);
	relay_datapath_nexthop_id(dp, 1, slot);
	relay_datapath_nexthop_id(dp, TP_NEXTHOPS - 1, 7);
	assert_int_equal(relay_datapath_nexthop_ids(dp, slots), 0);
	assert_int_equal(slots[1], slot);
	assert_int_equal(slots[TP_NEXTHOPS - 1], 7);
	assert_int_equal(slots[2], 0);
	fd = bpf_obj_get(in_v("nexthops"));
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &slot, &got), 0);
	assert_memory_equal(&got, &hop, sizeof(got));
	close(fd);
	relay_datapath_close(dp);
}

static void test_reasons(void **state)
{
	struct relay_config c = base_config();
	struct relay_datapath *dp = must_open(&c);
	int cpus = libbpf_num_possible_cpus(), fd = bpf_obj_get(in_v("reasons"));
	struct relay_count *each = calloc((size_t)cpus, sizeof(*each)), sums[TP_REASON_MAX];
	uint32_t last = TP_REASON_MAX - 1;

	(void)state;
	assert_true(fd >= 0);
	for (int i = 0; i < cpus; i++)
		each[i] = (struct relay_count){.packets = 1, .bytes = (uint64_t)i + 10};
	assert_int_equal(bpf_map_update_elem(fd, &last, each, BPF_ANY), 0);
	assert_int_equal(relay_datapath_reasons(dp, sums), 0);
	assert_int_equal(sums[last].packets, cpus);
	assert_int_equal(sums[last].bytes, cpus * 10 + cpus * (cpus - 1) / 2);
	assert_int_equal(sums[last - 1].packets, 0);
	free(each);
	close(fd);
	relay_datapath_close(dp);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_pins_survive),
		CASE(test_detach_leaves_nothing),
		CASE(test_off_is_silent),
		CASE(test_bad_directories),
		CASE(test_mode_that_cannot_be_had),
		CASE(test_foreign_program_stays),
		CASE(test_flows),
		CASE(test_full_table),
		CASE(test_sessions_nodes_locals),
		CASE(test_nexthops),
		CASE(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return datapath_tests(run);
}
