/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of the gateway's data path: opened, closed, adopted, resized, attached, swept, detached.
 * In a network and a mount namespace of its own, with a BPF file system of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "gateway/datapath_devices.h"
#include "gateway/datapath_purge.h"
#include "gateway/sweep.h"
#include "log.h"

static char top[] = "/tmp/tp-gateway-XXXXXX";
static char log_file[64];
static struct gw_state state;

static struct gw_config *config(const char *egress)
{
	struct gw_config *c;
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "overlays = ( { name = \"ov0\"; backend = \"none\"; } );\n"
			 "egress = { uplinks = [\"up0\"]; %s };\n"
			 "pin_path = \"%s/pins\";",
			 egress, top);

	assert_int_equal(gw_config_parse("test", text, (size_t)n, &c, stderr), 0);
	return c;
}

static struct gw_datapath *open_as(const char *egress)
{
	struct gw_config *c = config(egress);
	struct gw_datapath *dp;

	gw_state_number(&state, c);
	assert_int_equal(gw_datapath_open(&dp, c, &state), 0);
	gw_config_free(c);
	return dp;
}

static bool pinned(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/pins/gateway/v%d/%s", top, TP_GW_ABI, name);
	return !access(path, F_OK);
}

static struct gw_flow_key flow_key(uint16_t port)
{
	return (struct gw_flow_key){.node = {[15] = 1}, .node_port = htons(port), .proto = 17};
}

/* As the programs make it; without it the entry is somebody else's to them. */
static uint32_t tag_of(const struct gw_flow_key *key)
{
	uint64_t word[5], mix = 0;

	memcpy(word, key, sizeof(word));
	for (int i = 0; i < 5; i++)
		mix ^= word[i] << i;
	return (uint32_t)(mix ^ mix >> 32);
}

static void put_flow(struct gw_datapath *dp, uint16_t port, uint32_t until)
{
	struct gw_flow_key key = flow_key(port);
	struct gw_flow flow = {.tag = tag_of(&key), .until = until, .out = {.packets = port}};

	assert_int_equal(bpf_map_update_elem(gw_datapath_map(dp, "gw_flows"), &key, &flow, 0), 0);
}

static bool has_flow(struct gw_datapath *dp, uint16_t port)
{
	struct gw_flow_key key = flow_key(port);
	struct gw_flow flow;

	return !gw_datapath_flow_get(dp, &key, &flow) && flow.out.packets == port;
}

static void detach(struct gw_datapath *dp)
{
	assert_int_equal(gw_datapath_detach(dp), 0);
	gw_datapath_close(dp);
	assert_false(pinned("gw_flows"));
	memset(&state, 0, sizeof(state));
}

/* --- adopting ------------------------------------------------------------------------------- */

static void maps_are_adopted(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");

	(void)s;
	assert_false(gw_datapath_adopted(dp));
	assert_true(pinned("gw_flows") && pinned("nat_words") && pinned("policy_hits"));
	assert_int_equal(state.nat_first, 10000);
	assert_int_equal(state.nat_ports, 177 * 128);
	put_flow(dp, 7, UINT32_MAX);
	gw_datapath_nat(dp)->words[5] = 0x1234;
	gw_datapath_close(dp);
	dp = open_as("flows = 2000;");
	assert_true(gw_datapath_adopted(dp));
	assert_true(has_flow(dp, 7));
	assert_true(gw_datapath_nat(dp)->words[5] == 0x1234);
	detach(dp);
}

static void a_larger_table_gets_the_entries(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");

	(void)s;
	put_flow(dp, 7, UINT32_MAX);
	gw_datapath_nat(dp)->words[5] = 0x1234;
	gw_datapath_nat(dp)->blocks[3] = GW_BLOCK_TAKEN | 5;
	gw_datapath_close(dp);
	dp = open_as("flows = 3000;");
	assert_true(gw_datapath_adopted(dp));
	assert_true(has_flow(dp, 7));
	assert_true(gw_datapath_nat(dp)->words[5] == 0x1234);
	assert_true(gw_datapath_nat(dp)->blocks[3] == (GW_BLOCK_TAKEN | 5));
	for (uint16_t port = 100; port < 2900; port++)
		put_flow(dp, port, UINT32_MAX);
	gw_datapath_close(dp);
	dp = open_as("flows = 2000;"); /* keeps its size: all of them are still there */
	assert_true(has_flow(dp, 7) && has_flow(dp, 100) && has_flow(dp, 2899));
	detach(dp);
}

static void other_ports_end_all_flows(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");

	(void)s;
	put_flow(dp, 7, UINT32_MAX);
	gw_datapath_nat(dp)->words[5] = 0x1234;
	gw_datapath_close(dp);
	dp = open_as("flows = 2000; ports = \"20000-29999\";");
	assert_false(gw_datapath_adopted(dp));
	assert_false(has_flow(dp, 7));
	assert_true(gw_datapath_nat(dp)->words[5] == 0);
	assert_int_equal(gw_datapath_nat(dp)->first, 20000);
	assert_int_equal(state.nat_first, 20000);
	detach(dp);
}

static void one_daemon_at_a_time(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;"), *second;
	struct gw_config *c = config("flows = 2000;");

	(void)s;
	assert_int_not_equal(gw_datapath_open(&second, c, &state), 0);
	assert_null(second);
	gw_config_free(c);
	detach(dp);
}

/* --- what the programs are told ------------------------------------------------------------- */

static size_t entries(int fd, size_t key_size)
{
	char key[64], next[64];
	size_t n = 0;

	while (!bpf_map_get_next_key(fd, n ? key : NULL, next)) {
		memcpy(key, next, key_size);
		n++;
	}
	return n;
}

static void sets_are_replaced_whole(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");
	struct gw_local locals[3] = {
		{{{[15] = 1}, 0}, 0}, {{{[15] = 2}, 0}, 0}, {{{[15] = 3}, 0}, 0}};
	struct gw_subnet_entry subnets[2] = {
		{{120, {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168, [14] = 10}}, {0, 1}},
		{{104, {[10] = 0xff, [11] = 0xff, [12] = 10}}, {0, 1}},
	};
	int fd = gw_datapath_map(dp, "gw_locals"), trie = gw_datapath_map(dp, "gw_subnets");
	struct gw_subnet found;
	uint32_t overlay;

	(void)s;
	assert_int_equal(gw_datapath_locals_set(dp, locals, 2), 0);
	assert_int_equal(gw_datapath_locals_set(dp, locals + 1, 2), 0);
	assert_int_equal(entries(fd, sizeof(locals[0].key)), 2);
	assert_int_not_equal(bpf_map_lookup_elem(fd, &locals[0].key, &overlay), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &locals[2].key, &overlay), 0);
	assert_int_equal(gw_datapath_locals_set(dp, NULL, 0), 0);
	assert_int_equal(entries(fd, sizeof(locals[0].key)), 0);

	assert_int_equal(gw_datapath_subnets_set(dp, subnets, 2), 0);
	assert_int_equal(entries(trie, sizeof(subnets[0].key)), 2);
	subnets[1].value.uplink = 3;
	assert_int_equal(gw_datapath_subnets_set(dp, subnets + 1, 1), 0);
	assert_int_equal(entries(trie, sizeof(subnets[0].key)), 1);
	assert_int_equal(bpf_map_lookup_elem(trie, &subnets[1].key, &found), 0);
	assert_int_equal(found.uplink, 3);
	detach(dp);
}

/* --- sweeping ------------------------------------------------------------------------------- */

static void dead_flows_are_removed(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");
	uint32_t now = gw_ticks(tp_now());
	struct gw_sweeper *sweeper;
	struct gw_blocks *blocks;

	(void)s;
	assert_int_equal(gw_blocks_new(&blocks, gw_datapath_nat(dp), &state, log_file), 0);
	assert_int_equal(gw_sweeper_new(&sweeper, dp, blocks), 0);
	for (uint16_t port = 1; port <= 1000; port++)
		put_flow(dp, port, port % 2 ? now + 100000 : now - 10);
	for (int tick = 0; tick < 50; tick++)
		gw_sweeper_tick(sweeper, tp_now() + TP_SEC(tick));
	for (uint16_t port = 1; port <= 1000; port++)
		assert_int_equal(has_flow(dp, port), port % 2);
	assert_int_equal(gw_sweeper_stats(sweeper)->removed, 500);
	assert_true(gw_sweeper_stats(sweeper)->passes > 1);
	gw_sweeper_free(sweeper);
	gw_blocks_free(blocks);
	unlink(log_file);
	detach(dp);
}

/* --- the table of shortcuts ----------------------------------------------------------------- */

static uint64_t extent(struct gw_datapath *dp)
{
	uint32_t zero = 0;
	uint64_t word;

	assert_int_equal(bpf_map_lookup_elem(gw_datapath_map(dp, "gw_extent"), &zero, &word), 0);
	return word;
}

/* Nothing of an earlier part of the table is left. */
static void demand_places(struct gw_datapath *dp, uint32_t places)
{
	assert_true(extent(dp) == ((places - 1) | (uint64_t)(places - 1) << 32));
}

static void put_flows(struct gw_datapath *dp, uint16_t n)
{
	for (uint16_t port = 1; port <= n; port++)
		put_flow(dp, port, UINT32_MAX);
}

static void end_flows(struct gw_datapath *dp, uint16_t n)
{
	for (uint16_t port = 1; port <= n; port++) {
		struct gw_flow_key key = flow_key(port);

		assert_int_equal(bpf_map_delete_elem(gw_datapath_map(dp, "gw_flows"), &key), 0);
	}
}

/* One pass over the flows every two seconds. */
static void pass(struct gw_sweeper *sweeper, uint64_t *now, int passes)
{
	for (int i = 0; i < passes; i++)
		gw_sweeper_tick(sweeper, *now += TP_SEC(3));
}

static void shortcuts_have_room_for_the_flows(void **s)
{
	struct gw_datapath *dp = open_as("flows = 20000;");
	struct gw_sweeper *sweeper;
	struct gw_blocks *blocks;
	uint64_t now = tp_now();

	(void)s;
	assert_true(extent(dp) == 0);
	assert_int_equal(gw_blocks_new(&blocks, gw_datapath_nat(dp), &state, log_file), 0);
	assert_int_equal(gw_sweeper_new(&sweeper, dp, blocks), 0);
	put_flows(dp, 3000);
	pass(sweeper, &now, 2);
	demand_places(dp, 16384);
	end_flows(dp, 3000);
	pass(sweeper, &now, 25);
	demand_places(dp, 16384); /* they may come again */
	put_flows(dp, 2000);
	pass(sweeper, &now, 1);
	end_flows(dp, 2000);
	pass(sweeper, &now, 29);
	demand_places(dp, 16384);
	pass(sweeper, &now, 2);
	demand_places(dp, 4096);
	gw_sweeper_free(sweeper);
	gw_blocks_free(blocks);
	unlink(log_file);
	detach(dp);
}

/* As a daemon leaves it that is killed while the table grows. */
static void a_change_of_room_is_finished(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");
	struct gw_shortcut lost = {.ends = 17ull << 48 | (uint64_t)GW_OVERLAY << 56 | 7 << 8,
				   .packets = 5};
	struct gw_flow_key key = {.node = {[10] = 0xff, [11] = 0xff},
				  .remote = {[10] = 0xff, [11] = 0xff},
				  .node_port = htons(7),
				  .proto = 17};
	uint64_t word = 65535 | 8191ull << 32;
	uint32_t zero = 0, place = 0;
	struct gw_flow flow = {0};

	(void)s;
	assert_int_equal(bpf_map_update_elem(gw_datapath_map(dp, "gw_flows"), &key, &flow, 0), 0);
	assert_int_equal(bpf_map_update_elem(gw_datapath_map(dp, "gw_shortcuts"), &place, &lost, 0),
			 0);
	assert_int_equal(bpf_map_update_elem(gw_datapath_map(dp, "gw_extent"), &zero, &word, 0), 0);
	gw_datapath_close(dp);
	dp = open_as("flows = 2000;");
	demand_places(dp, 65536);
	assert_int_equal(bpf_map_lookup_elem(gw_datapath_map(dp, "gw_flows"), &key, &flow), 0);
	assert_int_equal(flow.out.packets, 5);
	gw_datapath_close(dp);
	dp = open_as("flows = 3000;"); /* on new maps */
	demand_places(dp, 65536);
	detach(dp);
}

/* --- devices -------------------------------------------------------------------------------- */

static void devices_are_attached_and_detached(void **s)
{
	struct gw_config *c = config("flows = 2000;");
	struct gw_datapath *dp;

	(void)s;
	gw_state_number(&state, c);
	for (int run = 0; run < 2; run++) { /* the second replaces the programs of the first */
		assert_int_equal(gw_datapath_open(&dp, c, &state), 0);
		assert_int_equal(gw_datapath_load(dp, c), 0);
		assert_int_equal(gw_datapath_attach(dp, c, &state), 0);
		assert_true(gw_datapath_attached(dp, "ov0") && gw_datapath_attached(dp, "up0"));
		assert_false(gw_datapath_attached(dp, "far0"));
		if (!run)
			gw_datapath_close(dp);
	}
	assert_int_equal(system("ip link del up0; ip link add up0 type veth peer name far0"), 0);
	assert_false(gw_datapath_attached(dp, "up0"));
	assert_int_equal(gw_datapath_reattach(dp), 0);
	assert_true(gw_datapath_attached(dp, "up0"));
	assert_int_equal(gw_datapath_detach(dp), 0);
	assert_false(gw_datapath_attached(dp, "ov0") || gw_datapath_attached(dp, "up0"));
	gw_datapath_close(dp);
	gw_config_free(c);
	memset(&state, 0, sizeof(state));
}

static void a_missing_overlay_is_an_error(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");
	struct gw_config *c = config("flows = 2000;");

	(void)s;
	assert_int_equal(system("ip link set ov0 name ovx"), 0);
	assert_int_equal(gw_datapath_attach(dp, c, &state), -ENODEV);
	assert_int_equal(system("ip link set ovx name ov0"), 0);
	gw_config_free(c);
	detach(dp);
}

/* The number that programs find for a device; -1: none. */
static int number_of(struct gw_datapath *dp, const char *name)
{
	int fd = gw_datapath_map(dp, "gw_devices");
	struct gw_device_number there;

	for (uint32_t at = 0; at < TP_GW_DEVICES; at++)
		if (!bpf_map_lookup_elem(fd, &at, &there) && there.ifindex &&
		    there.ifindex == if_nametoindex(name))
			return (int)there.id;
	return -1;
}

static struct gw_config *config_of(const char *overlays, const char *uplinks)
{
	struct gw_config *c;
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "overlays = ( %s );\negress = { uplinks = [%s]; flows = 2000; };\n"
			 "pin_path = \"%s/pins\";",
			 overlays, uplinks, top);

	assert_int_equal(gw_config_parse("test", text, (size_t)n, &c, stderr), 0);
	return c;
}

/* As reloads do it: more devices on the programs that are loaded, and fewer; an uplink that is
 * missing is waited for. */
static void devices_come_and_go(void **s)
{
	struct gw_config *one = config_of("{ name = \"ov0\"; backend = \"none\"; }", "\"up0\"");
	struct gw_config *two = config_of("{ name = \"ov0\"; backend = \"none\"; }, "
					  "{ name = \"node0\"; backend = \"none\"; }",
					  "\"far0\"");
	struct gw_datapath *dp;

	(void)s;
	gw_state_number(&state, one);
	assert_int_equal(gw_datapath_open(&dp, one, &state), 0);
	assert_int_equal(gw_datapath_load(dp, one), 0);
	assert_int_equal(system("ip link set up0 name upx"), 0);
	assert_int_equal(gw_datapath_attach(dp, one, &state), 0);
	assert_true(gw_datapath_attached(dp, "ov0"));
	assert_false(gw_datapath_attached(dp, "up0"));
	assert_int_equal(system("ip link set upx name up0"), 0);
	assert_int_equal(gw_datapath_reattach(dp), 0);
	assert_true(gw_datapath_attached(dp, "up0"));
	assert_int_equal(gw_datapath_uplink_room(dp), 2);
	assert_int_equal(gw_state_number_new(&state, two, 1), -ENOSPC);
	assert_int_equal(gw_state_number_new(&state, two, gw_datapath_uplink_room(dp)), 0);
	assert_int_equal(gw_datapath_attach(dp, two, &state), 0);
	assert_true(gw_datapath_attached(dp, "node0") && gw_datapath_attached(dp, "far0"));
	assert_true(gw_datapath_attached(dp, "ov0") && gw_datapath_attached(dp, "up0"));
	assert_int_equal(number_of(dp, "node0"), 1);
	assert_int_equal(number_of(dp, "far0"), 1);
	assert_int_equal(gw_datapath_keep(dp, two), 0);
	assert_false(gw_datapath_attached(dp, "up0"));
	assert_int_equal(number_of(dp, "up0"), -1);
	assert_true(gw_datapath_attached(dp, "ov0") && gw_datapath_attached(dp, "far0"));
	assert_int_equal(gw_datapath_keep(dp, one), 0);
	assert_false(gw_datapath_attached(dp, "node0") || gw_datapath_attached(dp, "far0"));
	assert_int_equal(number_of(dp, "ov0"), 0);
	gw_config_free(one);
	gw_config_free(two);
	detach(dp);
	memset(&state, 0, sizeof(state));
}

static void put_flow_of(struct gw_datapath *dp, uint16_t overlay, uint8_t uplink, uint8_t kind)
{
	struct gw_flow_key key = flow_key(7);
	struct gw_node_key node = {.overlay = overlay, .uplink = 0xffff};
	struct gw_flow flow = {.until = UINT32_MAX, .uplink = uplink, .kind = kind};
	struct gw_node quota = {.flows = 1};

	key.overlay = overlay;
	key.proto = kind; /* one of each */
	flow.tag = tag_of(&key);
	assert_int_equal(bpf_map_update_elem(gw_datapath_map(dp, "gw_flows"), &key, &flow, 0), 0);
	assert_int_equal(bpf_map_update_elem(gw_datapath_map(dp, "gw_nodes"), &node, &quota, 0), 0);
}

static int count_flow(void *arg, const struct gw_flow_key *key, const struct gw_flow *flow)
{
	int *n = arg;

	(void)key;
	*n += flow->until != 1;
	return 0;
}

static int count_node(void *arg, const struct gw_node_key *key, const struct gw_node *node)
{
	int *n = arg;

	(void)key;
	(void)node;
	++*n;
	return 0;
}

/* Only what is of the device that is gone, goes. */
static void what_is_gone_leaves_nothing(void **s)
{
	struct gw_datapath *dp = open_as("flows = 2000;");
	int flows = 0, nodes = 0;

	(void)s;
	put_flow_of(dp, 0, 0, GW_FLOW_NAT);
	put_flow_of(dp, 0, 1, GW_FLOW_ROUTED);
	put_flow_of(dp, 1, 0, GW_FLOW_NAT);
	put_flow_of(dp, 1, 0, GW_FLOW_LOCAL);
	assert_int_equal(gw_datapath_purge(dp, GW_OVERLAY, 0), 0);
	assert_int_equal(gw_datapath_flows_each(dp, count_flow, &flows), 0);
	assert_int_equal(gw_datapath_nodes_each(dp, count_node, &nodes), 0);
	assert_int_equal(flows, 2);
	assert_int_equal(nodes, 1);
	flows = 0;
	assert_int_equal(gw_datapath_purge(dp, GW_UPLINK, 0), 0);
	assert_int_equal(gw_datapath_flows_each(dp, count_flow, &flows), 0);
	assert_int_equal(flows, 1);
	detach(dp);
}

static int set_up(void **s)
{
	(void)s;
	tp_log_level(LOG_CRIT);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mkdtemp(top) ||
	    mount("bpf", top, "bpf", 0, "mode=0700"))
		return -1;
	snprintf(log_file, sizeof(log_file), "%s.log", top);
	return system("ip link add up0 type veth peer name far0 && "
		      "ip link add ov0 type veth peer name node0");
}

static int tear_down(void **s)
{
	(void)s;
	umount(top);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_adopted),
		cmocka_unit_test(a_larger_table_gets_the_entries),
		cmocka_unit_test(other_ports_end_all_flows),
		cmocka_unit_test(one_daemon_at_a_time),
		cmocka_unit_test(sets_are_replaced_whole),
		cmocka_unit_test(dead_flows_are_removed),
		cmocka_unit_test(shortcuts_have_room_for_the_flows),
		cmocka_unit_test(a_change_of_room_is_finished),
		cmocka_unit_test(devices_are_attached_and_detached),
		cmocka_unit_test(a_missing_overlay_is_an_error),
		cmocka_unit_test(devices_come_and_go),
		cmocka_unit_test(what_is_gone_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
