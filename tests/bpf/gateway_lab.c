/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/gateway.skel.h"
#include "bpf_tick.h"
#include "gateway/datapath_policy.h"
#include "gateway_table.h"

#define LOOPBACK 1 /* where test runs arrive, and all devices of the lab */
#define RULES	 16

struct lab {
	struct gateway_bpf *overlay, *uplink; /* on the overlay's maps */
	struct gw_datapath_policy *policy;
	struct gw_count reasons[GW_REASON_MAX]; /* at the last lab_reason() */
	int cpus;
	uint32_t mark;
	bool masquerade;
	uint32_t crowd;
	struct gw_shortcut_table shortcuts;
	struct ring_buffer *punts;
	struct gw_punt punt; /* the last one */
};

struct gw_knobs lab_knobs(void)
{
	struct tp_bpf_tick tick;

	assert_int_equal(tp_bpf_tick(&tick), 0);
	return (struct gw_knobs){
		.nat_base = LAB_BASE,
		.nat_range = LAB_RANGE,
		.nat_block = LAB_BLOCK,
		.nat_blocks_per_node = 4,
		.flows_per_node = 10000,
		.filters_per_node = 10000,
		.mark = LAB_MARK,
		.filtering = GW_FILTER_ADDRESS_DEPENDENT,
		.hairpin = true,
		.masquerade = true,
		.shortcuts = true,
		.tick_ns = tick.ns,
		.tick_origin = tick.origin,
		.timeout = {.udp = 300,
			    .icmp = 60,
			    .tcp_transitory = 240,
			    .tcp_established = 7440,
			    .tcp_closing = 240,
			    .other = 60,
			    .quarantine = 120},
	};
}

/* --- maps ----------------------------------------------------------------------------------- */

int lab_map(struct lab *lab, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(lab->overlay->obj, name);

	assert_true(fd >= 0);
	return fd;
}

static void put(struct lab *lab, const char *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(lab_map(lab, map), key, value, 0), 0);
}

static void shrink(struct gateway_bpf *skel, const struct gw_knobs *knobs)
{
	uint32_t words = TP_GW_ADDRS * GW_NAT_PROTOS * knobs->nat_range;

	bpf_map__set_max_entries(skel->maps.nat_words, words);
	bpf_map__set_max_entries(skel->maps.nat_reverse, words);
	bpf_map__set_max_entries(skel->maps.nat_blocks,
				 TP_GW_ADDRS * knobs->nat_range / knobs->nat_block);
	bpf_map__set_max_entries(skel->maps.gw_nodes, 1024);
	bpf_map__set_max_entries(skel->maps.gw_flows, 8192);
	bpf_map__set_max_entries(skel->maps.nat_forward, 8192);
	bpf_map__set_max_entries(skel->maps.nat_filters, 8192);
}

static struct gw_count reason_sum(struct lab *lab, uint32_t reason);

static bool is_of(const struct bpf_program *prog, enum gw_role role)
{
	return !strncmp(bpf_program__name(prog), "gw_uplink", 9) == (role == GW_UPLINK);
}

static struct gateway_bpf *instance(const struct gw_knobs *knobs, enum gw_role role,
				    struct gateway_bpf *common)
{
	struct gateway_bpf *skel = gateway_bpf__open();
	struct bpf_program *prog;
	struct bpf_map *map;

	assert_non_null(skel);
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, is_of(prog, role));
	skel->rodata->knobs = *knobs;
	skel->rodata->self = (struct gw_self){.role = role, .l2_len = 14};
	shrink(skel, knobs);
	bpf_object__for_each_map (map, skel->obj) {
		if (!common || bpf_map__is_internal(map))
			continue;
		assert_int_equal(bpf_map__reuse_fd(map, bpf_object__find_map_fd_by_name(
								common->obj, bpf_map__name(map))),
				 0);
	}
	assert_int_equal(gateway_bpf__load(skel), 0);
	return skel;
}

static void local(struct lab *lab, const char *addr, uint32_t overlay)
{
	struct policy_node_key key = {.overlay = overlay};

	lab_addr(key.addr, addr);
	put(lab, "gw_locals", &key, &overlay);
}

static void subnet(struct lab *lab, const char *addr, uint32_t bits, bool masquerade)
{
	struct policy_prefix_key key = {.bits = bits};
	struct gw_subnet value = {.masquerade = masquerade};

	lab_addr(key.addr, addr);
	put(lab, "gw_subnets", &key, &value);
}

void lab_external(struct lab *lab, uint32_t i, const char *addr)
{
	struct gw_uplink u = {.ifindex = LOOPBACK, .mtu = 1500};
	uint32_t zero = 0;

	bpf_map_lookup_elem(lab_map(lab, "gw_uplinks"), &zero, &u);
	u.ifindex = LOOPBACK;
	u.mtu = 1500;
	u.addr[i] = addr && lab->masquerade ? inet_addr(addr) : 0;
	u.addr4 = inet_addr(EXTERNAL);
	u.n_addrs = TP_GW_ADDRS;
	put(lab, "gw_uplinks", &zero, &u);
}

void lab_down(struct lab *lab, enum gw_role role)
{
	static const struct gw_overlay no_overlay = {.mtu = LAB_MTU};
	static const struct gw_uplink no_uplink;
	uint32_t zero = 0;

	if (role == GW_OVERLAY)
		put(lab, "gw_overlays", &zero, &no_overlay);
	else
		put(lab, "gw_uplinks", &zero, &no_uplink);
}

static void devices(struct lab *lab)
{
	struct gw_overlay o = {.ifindex = LOOPBACK, .l2_len = 14, .mtu = LAB_MTU};
	struct gw_device_number number = {.ifindex = LOOPBACK};
	uint32_t zero = 0, loopback = LOOPBACK;

	o.addr4 = inet_addr(GATEWAY);
	lab_addr(o.addr6, "fd00::fe");
	put(lab, "gw_overlays", &zero, &o);
	put(lab, "gw_devices", &loopback, &number);
	lab_external(lab, 0, EXTERNAL);
	local(lab, GATEWAY, 0);
	local(lab, EXTERNAL, GW_LOCAL_ELSEWHERE);
	subnet(lab, "192.168.10.0", 96 + 24, lab->masquerade);
	subnet(lab, "172.16.0.0", 96 + 16, false);
	subnet(lab, "2001:db8::", 32, false);
}

/* --- policy --------------------------------------------------------------------------------- */

static struct tp_prefix single(const char *text)
{
	struct tp_prefix p = {.bits = strchr(text, ':') ? 128 : 32};

	lab_addr(p.addr.b, text);
	return p;
}

const char *lab_crowd_addr(uint32_t i, char text[LAB_CROWD_ADDR])
{
	snprintf(text, LAB_CROWD_ADDR, "100.64.%u.%u", 2 + i / 200, 1 + i % 200);
	return text;
}

void lab_crowd(struct lab *lab, uint32_t n)
{
	assert_true(n <= LAB_CROWD);
	lab->crowd = n;
}

static void join_crowd(const struct lab *lab, struct gw_policy_node *nodes)
{
	static struct tp_prefix addrs[LAB_CROWD];
	static char names[LAB_CROWD][LAB_CROWD_ADDR];

	for (uint32_t i = 0; i < lab->crowd; i++) {
		addrs[i] = single(lab_crowd_addr(i, names[i]));
		nodes[i] =
			(struct gw_policy_node){.name = names[i], .addrs = &addrs[i], .n_addrs = 1};
	}
}

static void compile_and_publish(struct lab *lab, const struct lab_rule *rules, bool shadow)
{
	struct tp_prefix alice[] = {single(ALICE), single(ALICE6)};
	struct tp_prefix bob[] = {single(BOB), single(BOB6)};
	struct tp_addr locals[] = {single(GATEWAY).addr, single(EXTERNAL).addr};
	struct gw_policy_node nodes[2 + LAB_CROWD] = {
		{.name = "alice", .addrs = alice, .n_addrs = 2},
		{.name = "bob", .addrs = bob, .n_addrs = 2}};
	struct gw_policy_rule list[RULES] = {0};
	char names[RULES][8];
	struct gw_policy_input in = {.nodes = nodes,
				     .n_nodes = 2 + lab->crowd,
				     .locals = locals,
				     .n_locals = 2,
				     .rules = list,
				     .shadow = shadow};
	struct gw_policy_tables *t;

	join_crowd(lab, nodes + 2);
	for (; rules[in.n_rules].from; in.n_rules++) {
		const struct lab_rule *from = &rules[in.n_rules];
		struct gw_policy_rule *r = &list[in.n_rules];

		assert_true(in.n_rules < RULES);
		snprintf(names[in.n_rules], sizeof(names[0]), "r%zu", in.n_rules + 1);
		*r = (struct gw_policy_rule){.name = names[in.n_rules],
					     .from = &from->from,
					     .n_from = 1,
					     .to = &from->to,
					     .n_to = 1,
					     .protocol = from->proto,
					     .ports = &from->port,
					     .n_ports = from->port ? 1 : 0};
	}
	assert_int_equal(gw_policy_compile(&in, &t, stderr), 0);
	assert_int_equal(gw_datapath_policy_publish(lab->policy, t), 0);
	gw_policy_free(t);
}

void lab_policy(struct lab *lab, const struct lab_rule *rules)
{
	compile_and_publish(lab, rules, false);
}

void lab_policy_shadow(struct lab *lab, const struct lab_rule *rules)
{
	compile_and_publish(lab, rules, true);
}

struct policy_hit lab_hit(struct lab *lab, uint32_t rule)
{
	struct policy_hit hits[RULES + 1];

	assert_int_equal(gw_datapath_policy_hits(lab->policy, hits, RULES + 1), 0);
	return hits[rule];
}

/* --- life ----------------------------------------------------------------------------------- */

struct lab *lab_open(const struct gw_knobs *knobs)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct gw_policy_maps maps;

	assert_non_null(lab);
	lab->cpus = libbpf_num_possible_cpus();
	lab->masquerade = knobs->masquerade;
	lab->overlay = instance(knobs, GW_OVERLAY, NULL);
	lab->uplink = instance(knobs, GW_UPLINK, lab->overlay);
	maps = (struct gw_policy_maps){
		.policy = lab_map(lab, "gw_policy"),
		.nodes = lab_map(lab, "policy_nodes"),
		.prefixes = lab_map(lab, "policy_prefixes"),
		.classes = lab_map(lab, "policy_classes"),
		.pairs = lab_map(lab, "policy_pairs"),
		.segments = lab_map(lab, "policy_segments"),
		.hits = lab_map(lab, "policy_hits"),
	};
	assert_int_equal(gw_datapath_policy_open(&lab->policy, &maps), 0);
	lab->shortcuts = table_open(lab);
	devices(lab);
	return lab;
}

void lab_close(struct lab *lab)
{
	ring_buffer__free(lab->punts);
	table_close(&lab->shortcuts);
	gw_datapath_policy_close(lab->policy);
	gateway_bpf__destroy(lab->uplink);
	gateway_bpf__destroy(lab->overlay);
	free(lab);
}

int lab_tear_down(void **state)
{
	lab_close(*state);
	return 0;
}

static void clear(struct lab *lab, const char *map)
{
	char key[64];

	while (!bpf_map_get_next_key(lab_map(lab, map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(lab_map(lab, map), key), 0);
}

/* Zeroes an array of values of at most 16 bytes. */
static void zero(struct lab *lab, const struct bpf_map *map)
{
	static const uint8_t nothing[16];

	for (uint32_t i = 0; i < bpf_map__max_entries(map); i++)
		put(lab, bpf_map__name(map), &i, nothing);
}

void lab_reset(struct lab *lab)
{
	static const char *const hashes[] = {"gw_flows", "nat_forward",	 "nat_filters",
					     "gw_nodes", "gw_fragments", NULL};
	struct gw_uplink none = {0};
	uint32_t id = 0;

	for (int i = 0; hashes[i]; i++)
		clear(lab, hashes[i]);
	zero(lab, lab->overlay->maps.nat_words);
	zero(lab, lab->overlay->maps.nat_reverse);
	zero(lab, lab->overlay->maps.nat_blocks);
	table_clear(&lab->shortcuts);
	put(lab, "gw_uplinks", &id, &none);
	devices(lab);
	for (uint32_t i = 0; i < GW_REASON_MAX; i++)
		lab->reasons[i] = reason_sum(lab, i);
}

/* --- running -------------------------------------------------------------------------------- */

static int program(struct lab *lab, enum lab_side side)
{
	switch (side) {
	case FROM_NODE: return bpf_program__fd(lab->overlay->progs.gw_overlay_in);
	case FROM_HOST: return bpf_program__fd(lab->overlay->progs.gw_overlay_out);
	default: return bpf_program__fd(lab->uplink->progs.gw_uplink_in);
	}
}

static int run(struct lab *lab, enum lab_side side, struct __sk_buff *ctx,
	       const struct lab_frame *in, struct lab_frame *out)
{
	struct lab_frame scratch;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len,
		    .data_out = out ? out->data : scratch.data, .data_size_out = sizeof(out->data),
		    .ctx_in = ctx, .ctx_size_in = sizeof(*ctx), .ctx_out = ctx,
		    .ctx_size_out = sizeof(*ctx), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(program(lab, side), &opts), 0);
	if (out)
		out->len = opts.data_size_out;
	lab->mark = ctx->mark;
	return (int)opts.retval;
}

int lab_run(struct lab *lab, enum lab_side side, const struct lab_frame *in, struct lab_frame *out)
{
	return lab_run_marked(lab, side, 0, in, out);
}

int lab_run_marked(struct lab *lab, enum lab_side side, uint32_t mark, const struct lab_frame *in,
		   struct lab_frame *out)
{
	struct __sk_buff ctx = {.mark = mark};

	return run(lab, side, &ctx, in, out);
}

int lab_run_gso(struct lab *lab, enum lab_side side, uint32_t gso_size, const struct lab_frame *in,
		struct lab_frame *out)
{
	struct __sk_buff ctx = {.gso_size = gso_size,
				.gso_segs = (in->len - 54 + gso_size - 1) / gso_size};

	return run(lab, side, &ctx, in, out);
}

uint32_t lab_mark(const struct lab *lab)
{
	return lab->mark;
}

int lab_run_xdp(struct lab *lab, enum lab_side side, const struct lab_frame *in,
		struct lab_frame *out)
{
	const struct bpf_program *prog = side == FROM_UPLINK ? lab->uplink->progs.gw_uplink_xdp
							     : lab->overlay->progs.gw_overlay_xdp;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len,
		    .data_out = out->data, .data_size_out = sizeof(out->data), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	out->len = opts.data_size_out;
	return (int)opts.retval;
}

static int take_punt(void *lab, void *data, size_t size)
{
	assert_int_equal(size, sizeof(struct gw_punt));
	memcpy(&((struct lab *)lab)->punt, data, size);
	return 0;
}

int lab_punted(struct lab *lab, struct gw_punt *last)
{
	int n;

	if (!lab->punts)
		lab->punts = ring_buffer__new(lab_map(lab, "gw_punted"), take_punt, lab, NULL);
	assert_non_null(lab->punts);
	n = ring_buffer__consume(lab->punts);
	*last = lab->punt;
	return n;
}

void lab_sweep(struct lab *lab)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(lab->overlay->progs.gw_sweep), &opts), 0);
}

/* --- what happened -------------------------------------------------------------------------- */

const char *lab_reason_name(int reason)
{
	static const char *const names[] = {
#define NAME(kind, name, text) #name,
		TP_GW_REASONS(NAME)
#undef NAME
	};

	return reason >= 0 && reason < GW_REASON_MAX ? names[reason] : "none";
}

static struct gw_count reason_sum(struct lab *lab, uint32_t reason)
{
	struct gw_count cpus[lab->cpus], sum = {0};

	assert_int_equal(bpf_map_lookup_elem(lab_map(lab, "gw_reasons"), &reason, cpus), 0);
	for (int i = 0; i < lab->cpus; i++) {
		sum.packets += cpus[i].packets;
		sum.bytes += cpus[i].bytes;
	}
	return sum;
}

int lab_reason(struct lab *lab, struct gw_count *count)
{
	int found = -1;

	for (uint32_t i = 0; i < GW_REASON_MAX; i++) {
		struct gw_count now = reason_sum(lab, i), *was = &lab->reasons[i];

		if (now.packets == was->packets)
			continue;
		if (found >= 0)
			fail_msg("both %s and %s were counted", lab_reason_name(found),
				 lab_reason_name((int)i));
		found = (int)i;
		if (count)
			*count = (struct gw_count){now.packets - was->packets,
						   now.bytes - was->bytes};
		*was = now;
	}
	assert_true(found >= 0);
	return found;
}

uint64_t lab_counted(struct lab *lab, int reason)
{
	struct gw_count now = reason_sum(lab, (uint32_t)reason), *was = &lab->reasons[reason];
	uint64_t n = now.packets - was->packets;

	*was = now;
	return n;
}

static void must_end(int got, int verdict, int why, int reason)
{
	if (got != verdict || why != reason)
		fail_msg("ends as %s (%d) instead of %s (%d)", lab_reason_name(why), got,
			 lab_reason_name(reason), verdict);
}

void lab_expect_frame(struct lab *lab, enum lab_side side, const struct lab_frame *in,
		      struct lab_frame *out, int verdict, int reason)
{
	struct lab_frame after;
	int got = lab_run(lab, side, in, &after);

	must_end(got, verdict, lab_reason(lab, NULL), reason);
	if (got == PASS)
		assert_memory_equal(in->data, after.data, in->len);
	if (out)
		*out = after;
}

void lab_expect(struct lab *lab, enum lab_side side, const struct lab_packet *p,
		struct lab_frame *out, int verdict, int reason)
{
	struct lab_frame in, after;

	lab_build(&in, p);
	lab_expect_frame(lab, side, &in, &after, verdict, reason);
	if (verdict == REDIRECT)
		assert_true(lab_checksums_ok(&after));
	if (out)
		*out = after;
}

/* --- flows, mappings ------------------------------------------------------------------------ */

struct gw_flow_key lab_key(const char *node, uint16_t node_port, const char *remote,
			   uint16_t remote_port, uint8_t proto)
{
	struct gw_flow_key key = {.proto = proto};

	lab_addr(key.node, node);
	lab_addr(key.remote, remote);
	key.node_port = htons(node_port);
	key.remote_port = htons(remote_port);
	return key;
}

bool lab_flow(struct lab *lab, const struct gw_flow_key *key, struct gw_flow *flow)
{
	if (bpf_map_lookup_elem(lab_map(lab, "gw_flows"), key, flow))
		return false;
	gw_shortcuts_add(&lab->shortcuts, key, flow);
	return true;
}

const struct gw_shortcut_table *lab_shortcuts(struct lab *lab)
{
	return &lab->shortcuts;
}

void lab_flow_put(struct lab *lab, const struct gw_flow_key *key, const struct gw_flow *flow)
{
	put(lab, "gw_flows", key, flow);
}

uint64_t lab_word(struct lab *lab, uint32_t index)
{
	uint64_t word;

	assert_int_equal(bpf_map_lookup_elem(lab_map(lab, "nat_words"), &index, &word), 0);
	return word;
}

void lab_word_put(struct lab *lab, uint32_t index, uint64_t word)
{
	put(lab, "nat_words", &index, &word);
}

struct gw_node lab_node(struct lab *lab, const char *addr, uint16_t uplink)
{
	struct gw_node_key key = {.uplink = uplink};
	struct gw_node node = {0};

	lab_addr(key.addr, addr);
	bpf_map_lookup_elem(lab_map(lab, "gw_nodes"), &key, &node);
	return node;
}

uint32_t lab_ticks(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)(((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) >>
			  TP_GW_TICK_SHIFT);
}
