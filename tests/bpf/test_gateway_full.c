/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables that are full, quotas that are used up, devices that are gone, entries that went while a
 * packet was under way: each refused for its own reason, and nothing live pays for it. */
#include "gateway_lab.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>

#define FLOWS_PER_NODE	 6
#define FILTERS_PER_NODE 4

static const struct lab_rule rules[] = {
	{"alice", "any", NULL, NULL}, {"bob", "any", NULL, NULL}, {NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	knobs.flows_per_node = FLOWS_PER_NODE;
	knobs.filters_per_node = FILTERS_PER_NODE;
	knobs.hairpin = false;
	*state = lab_open(&knobs);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, rules);
	return 0;
}

static struct lab_packet answer_to(const struct lab_frame *sent)
{
	return lab_udp(SERVER, 53, EXTERNAL, lab_sport(sent));
}

/* What is refused because something is full: the sender is told, and both are counted. */
static void expect_full(struct lab *lab, const struct lab_packet *p, int reason)
{
	struct lab_frame in, out;

	lab_build(&in, p);
	assert_int_equal(lab_run(lab, FROM_NODE, &in, &out), REDIRECT);
	assert_true(lab_is_to(&out, p->src));
	assert_true(lab_checksums_ok(&out));
	assert_int_equal(lab_counted(lab, reason), 1);
	assert_int_equal(lab_reason(lab, NULL), GW_ANSWER_table_full);
}

/* Entries of somebody else until there is room for none; the key's first word tells them apart. */
static uint32_t fill(struct lab *lab, const char *map, const void *key, size_t key_size,
		     const void *value)
{
	uint8_t at[64];
	uint32_t n = 0;

	memcpy(at, key, key_size);
	for (;; n++) {
		memcpy(at, &n, sizeof(n));
		if (bpf_map_update_elem(lab_map(lab, map), at, value, BPF_NOEXIST))
			return n;
	}
}

/* --- full ------------------------------------------------------------------------------------ */

static void test_flows_full(void **state)
{
	struct gw_flow_key key = lab_key("10.0.0.1", 1, "10.0.0.2", 2, IPPROTO_UDP);
	struct gw_flow flow = {.until = lab_ticks() + 100000};
	struct lab_packet live = lab_udp(ALICE, 5000, SERVER, 53),
			  p = lab_udp(ALICE, 5001, ROUTED, 53);
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &live, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_in_range(fill(*state, "gw_flows", &key, sizeof(key), &flow), 1000, 100000);
	expect_full(*state, &p, GW_DROP_flows_full);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 1);
	lab_expect(*state, FROM_NODE, &live, NULL, REDIRECT, GW_FORWARD_to_uplink);
}

static void test_mappings_full(void **state)
{
	struct gw_forward_key key = {0};
	struct gw_forward forward = {0};
	struct lab_packet live = lab_udp(ALICE, 5000, SERVER, 53),
			  p = lab_udp(ALICE, 5001, SERVER, 53);
	struct lab_packet back, routed = lab_udp(ALICE, 5002, ROUTED, 53);
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &live, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_in_range(fill(*state, "nat_forward", &key, sizeof(key), &forward), 1000, 100000);
	expect_full(*state, &p, GW_DROP_mappings_full);
	back = answer_to(&out);
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
	lab_expect(*state, FROM_NODE, &routed, NULL, REDIRECT, GW_FORWARD_to_uplink);
}

static void test_filter_quota(void **state)
{
	static const char *const servers[] = {"192.168.10.21", "192.168.10.22", "192.168.10.23",
					      "192.168.10.24", "192.168.10.25"};
	struct lab_packet p;

	for (int i = 0; i < FILTERS_PER_NODE; i++) {
		p = lab_udp(ALICE, 5000, servers[i], 53);
		lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	}
	p = lab_udp(ALICE, 5000, servers[FILTERS_PER_NODE], 53);
	expect_full(*state, &p, GW_DROP_filter_quota);
	p = lab_udp(ALICE, 5000, servers[0], 54); /* one that it has */
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	p = lab_udp(BOB, 5000, servers[FILTERS_PER_NODE], 53);
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
}

static void test_node_quota(void **state)
{
	struct lab_packet p;

	for (uint16_t i = 0; i < FLOWS_PER_NODE; i++) {
		p = lab_udp(ALICE, (uint16_t)(5000 + i), ROUTED, 53);
		lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	}
	p = lab_udp(ALICE, 6000, ROUTED, 53);
	expect_full(*state, &p, GW_DROP_node_quota);
	p = lab_udp(BOB, 6000, ROUTED, 53);
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
}

/* Who does not listen is told no more. */
static void test_told_often(void **state)
{
	struct lab_packet p;
	struct lab_frame in;
	int reason, told = -1;

	for (uint16_t i = 0; i < FLOWS_PER_NODE; i++) {
		p = lab_udp(ALICE, (uint16_t)(5000 + i), ROUTED, 53);
		lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	}
	p = lab_udp(ALICE, 6000, ROUTED, 53);
	lab_build(&in, &p);
	do {
		lab_run(*state, FROM_NODE, &in, NULL);
		assert_int_equal(lab_counted(*state, GW_DROP_node_quota), 1);
		reason = lab_reason(*state, NULL);
	} while (++told < 10000 && reason == GW_ANSWER_table_full);
	assert_in_range(told, 1, 9999);
	assert_int_equal(reason, GW_DROP_refused_quietly);
}

/* --- gone ------------------------------------------------------------------------------------ */

static void test_uplink_down(void **state)
{
	struct lab_packet masqueraded = lab_udp(ALICE, 5000, SERVER, 53);
	struct lab_packet routed = lab_udp(ALICE, 5001, ROUTED, 53),
			  p = lab_udp(ALICE, 5002, SERVER, 53);

	lab_expect(*state, FROM_NODE, &routed, NULL, REDIRECT, GW_FORWARD_to_uplink);
	lab_down(*state, GW_UPLINK);
	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_uplink_down);
	lab_expect(*state, FROM_NODE, &masqueraded, NULL, SHOT, GW_DROP_uplink_down);
	lab_expect(*state, FROM_NODE, &routed, NULL, SHOT, GW_DROP_uplink_down);
}

static void test_overlay_down(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = answer_to(&out);
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
	lab_down(*state, GW_OVERLAY);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_overlay_down);
	/* to a node by its own address: the host, which would forward it, never gets it */
	p = lab_udp(ROUTED, 53, ALICE, 5001);
	lab_expect(*state, FROM_UPLINK, &p, NULL, SHOT, GW_DROP_overlay_down);
	p = lab_udp(ROUTED, 53, "100.64.1.77", 5001);
	lab_expect(*state, FROM_UPLINK, &p, NULL, PASS, GW_PASS_not_ours);
}

/* The flow ends between a datagram's first fragment and its next. */
static void test_raced(void **state)
{
	struct gw_flow_key key = lab_key(ALICE, 5000, SERVER, 53, IPPROTO_UDP);
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	struct lab_frame out, in;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = answer_to(&out);
	lab_build(&in, &back);
	lab_fragment(&in, 0, true);
	assert_int_equal(lab_run(*state, FROM_UPLINK, &in, NULL), REDIRECT);
	assert_int_equal(lab_reason(*state, NULL), GW_FORWARD_to_overlay);
	lab_build(&in, &back);
	lab_fragment(&in, 40, false);
	assert_int_equal(bpf_map_delete_elem(lab_map(*state, "gw_flows"), &key), 0);
	assert_int_equal(lab_run(*state, FROM_UPLINK, &in, NULL), SHOT);
	assert_int_equal(lab_reason(*state, NULL), GW_DROP_raced);
}

/* --- switched off, or nobody's --------------------------------------------------------------- */

static void test_hairpin_off(void **state)
{
	struct lab_packet p = lab_udp(BOB, 5000, SERVER, 53), to;
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	to = lab_udp(ALICE, 5000, EXTERNAL, lab_sport(&out));
	lab_expect(*state, FROM_NODE, &to, NULL, SHOT, GW_DROP_hairpin_off);
}

static void test_not_ip(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53);
	struct lab_frame in;

	lab_build(&in, &p);
	in.data[12] = 0x08; /* ARP */
	in.data[13] = 0x06;
	assert_int_equal(lab_run(*state, FROM_NODE, &in, NULL), PASS);
	assert_int_equal(lab_reason(*state, NULL), GW_PASS_not_ip);
	assert_int_equal(lab_run(*state, FROM_UPLINK, &in, NULL), PASS);
	lab_counted(*state, GW_PASS_not_ip);
	lab_counted(*state, GW_PASS_not_ours);
}

static void test_first_line(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	struct lab_frame out, in, after;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = answer_to(&out);
	lab_build(&in, &back);
	assert_int_equal(lab_run_xdp(*state, FROM_UPLINK, &in, &after), 2 /* XDP_PASS */);
	assert_int_equal(lab_reason(*state, NULL), GW_PASS_first_line);
}

/* Later fragments from a node, whose first has not come: the daemon holds them, as many as it has
 * room for. Here is no daemon that takes them. */
static void test_punted(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53);
	struct lab_frame in;
	int taken = -1, reason;

	p.payload = 1400;
	lab_build(&in, &p);
	lab_fragment(&in, 40, false);
	do {
		assert_int_equal(lab_run(*state, FROM_NODE, &in, NULL), SHOT);
		reason = lab_reason(*state, NULL);
	} while (++taken < 100000 && reason == GW_ANSWER_punted);
	assert_in_range(taken, 1, 99999);
	assert_int_equal(reason, GW_DROP_fragment_early);
}

/* The first fragment of a TCP segment that leaves its header to the next one. */
static void test_fragment_bad(void **state)
{
	struct lab_packet p = {.src = ALICE,
			       .dst = SERVER,
			       .proto = IPPROTO_TCP,
			       .sport = 5000,
			       .dport = 443,
			       .flags = TCP_S,
			       .payload = 64};
	struct lab_frame in;

	lab_build(&in, &p);
	lab_fragment(&in, 8, false); /* writes over the flags */
	assert_int_equal(lab_run(*state, FROM_NODE, &in, NULL), SHOT);
	assert_int_equal(lab_reason(*state, NULL), GW_DROP_fragment_bad);
}

/* A node whose error is too big for the uplink gets no error about it. */
static void test_too_big_quietly(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back, error;
	struct lab_frame out, in;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = answer_to(&out);
	back.payload = 1600;
	lab_build(&in, &back);
	back = answer_to(&out);
	lab_expect(*state, FROM_UPLINK, &back, &in, REDIRECT, GW_FORWARD_to_overlay);
	error = (struct lab_packet){.src = ALICE,
				    .dst = SERVER,
				    .proto = IPPROTO_ICMP,
				    .sport = 0x0303,
				    .payload = 1600,
				    .quote = lab_ip(&in)};
	lab_expect(*state, FROM_NODE, &error, NULL, SHOT, GW_DROP_too_big_quietly);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, before)
	const struct CMUnitTest tests[] = {
		T(test_flows_full),   T(test_mappings_full),   T(test_filter_quota),
		T(test_node_quota),   T(test_told_often),      T(test_uplink_down),
		T(test_overlay_down), T(test_raced),	       T(test_hairpin_off),
		T(test_not_ip),	      T(test_first_line),      T(test_punted),
		T(test_fragment_bad), T(test_too_big_quietly),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
