/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The data path's life: opened, closed, adopted, resized, moved between layouts, detached. In a
 * network and a mount namespace of its own, with a BPF file system of its own. */
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
#include "priv.h"
#include "relay/datapath.h"

#define FLOWS 2000u
#define ABI   (TP_RELAY_ABI == 2 ? "v2" : "v3")

static char top[] = "/tmp/tp-datapath-XXXXXX";
static char pins[64];

static void must(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* The path of something below the instance's directory, in one of a few buffers. */
static const char *at(const char *rest)
{
	static char paths[4][192];
	static unsigned int next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/relay/%s", pins, rest);
	return p;
}

static const char *in_v(const char *name)
{
	char rest[64];

	snprintf(rest, sizeof(rest), "%s/%s", ABI, name);
	return at(rest);
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

static struct relay_config base_config(void)
{
	static char *interfaces[] = {"tpa"};

	return (struct relay_config){
		.interfaces = interfaces,
		.n_interfaces = 1,
		.attach = RELAY_ATTACH_NATIVE,
		.listen_port = 443,
		.limits = {.flows = FLOWS, .flows_per_node = 64, .stun_per_prefix = 20},
		.pin_path = pins,
		.instance = "relay",
	};
}

static struct relay_datapath *must_open(const struct relay_config *c)
{
	struct relay_datapath *dp;

	assert_int_equal(relay_datapath_open(&dp, c), 0);
	assert_non_null(dp);
	assert_int_equal(relay_datapath_settle(dp), 0);
	return dp;
}

static uint32_t program_on(const char *ifname, bool native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	assert_int_equal(bpf_xdp_query((int)if_nametoindex(ifname), 0, &q), 0);
	return native ? q.drv_prog_id : q.skb_prog_id;
}

static uint32_t link_id(const char *path)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(path);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

static uint32_t size_of_map(const char *path)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_obj_get(path);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.max_entries;
}

/* --- flows as the tests make them ----------------------------------------------------------- */

static struct relay_flow make_flow(uint32_t i)
{
	return (struct relay_flow){
		.key = {.index = i + 1, .port = 7},
		.expires_at = 0x1122334455667788ull + i,
		.session = ~i,
	};
}

static void put_flows(struct relay_datapath *dp, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct relay_flow flow = make_flow(i);

		assert_int_equal(relay_datapath_flow_put(dp, &flow, 0), 0);
	}
}

static int check_flow(void *arg, const struct relay_flow *flow)
{
	uint32_t *seen = arg, i = flow->key.index - 1;

	assert_int_equal(flow->key.port, 7);
	assert_true(flow->expires_at == 0x1122334455667788ull + i);
	assert_int_equal(flow->session, ~i);
	(*seen)++;
	return 0;
}

static uint32_t count_flows(struct relay_datapath *dp)
{
	uint32_t seen = 0;

	relay_datapath_flows_each(dp, check_flow, &seen);
	return seen;
}

/* Counter of the i-th flow. */
static volatile struct relay_count *count_of(struct relay_datapath *dp, uint32_t i)
{
	struct relay_flow flow = make_flow(i);

	return relay_datapath_count(dp, &flow.key);
}

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
	count_of(dp, 5)->packets = 99;
	relay_datapath_index_filter(dp)[3] = 0xf0;
	assert_null(count_of(dp, 1000));
	relay_datapath_close(dp);

	assert_int_equal(program_on("tpa", true), prog);
	link = link_id(in_v("link_tpa"));
	dp = must_open(&c);
	assert_true(relay_datapath_adopted(dp));
	assert_int_not_equal(program_on("tpa", true), prog);
	assert_int_not_equal(program_on("tpa", true), 0);
	assert_int_equal(link_id(in_v("link_tpa")), link); /* so there was no moment without */
	assert_int_equal(count_flows(dp), 1000);
	assert_int_equal(count_of(dp, 5)->packets, 99);
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
	assert_null(count_of(dp, 0));
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
	count_of(dp, 1)->packets = 5;
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

/* --- surroundings --------------------------------------------------------------------------- */

static int each_setup(void **state)
{
	(void)state;
	return system("ip link add tpa type veth peer name tpb") ? -1 : 0;
}

static int each_teardown(void **state)
{
	(void)state;
	must("ip link del tpa");
	tp_priv_chown(pins, "root");
	return relay_datapath_detach_pins(pins, "relay");
}

static int make_surroundings(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	if (!mkdtemp(top) || mount("bpf", top, "bpf", 0, NULL)) /* world-writable, as by hand */
		return -1;
	snprintf(pins, sizeof(pins), "%s/turnpike", top);
	/* libxdp keeps its own there */
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_pins_survive),
		CASE(test_detach_leaves_nothing),
		CASE(test_off_is_silent),
		CASE(test_bad_directories),
		CASE(test_mode_that_cannot_be_had),
		CASE(test_foreign_program_stays),
		CASE(test_resize),
		CASE(test_other_layout),
		CASE(test_interrupted),
		CASE(test_mode_change),
		CASE(test_device_comes_back),
		CASE(test_without_root),
		CASE(test_slots_are_kept),
		CASE(test_coexist),
		CASE(test_flows),
		CASE(test_full_table),
		CASE(test_sessions_nodes_locals),
		CASE(test_nexthops),
		CASE(test_reasons),
	};
	int failed;

	if (make_surroundings()) {
		printf("ok 1 - datapath # SKIP needs root and namespaces: %s\n", strerror(errno));
		return 0;
	}
	tp_log_level(getenv("VERBOSE") ? LOG_DEBUG : LOG_CRIT);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	umount(top);
	rmdir(top);
	return failed;
}
