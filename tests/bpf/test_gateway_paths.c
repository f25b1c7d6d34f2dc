/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of the verdict table (docs/acl.md), errors, and the ends of flows. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <pthread.h>
#include <string.h>

#include "gateway_lab.h"

static const struct lab_rule rules[] = {
	{"alice", "192.168.10.0/24", NULL, NULL}, {"alice", "172.16.0.0/16", NULL, NULL},
	{"alice", "2001:db8::/32", NULL, NULL},	  {"alice", "bob", "tcp", "22"},
	{"alice", "gateway", "icmp", NULL},	  {"172.16.0.0/16", "alice", "udp", "514"},
	{"bob", "192.168.10.0/24", NULL, NULL},	  {NULL, NULL, NULL, NULL}};
static const struct lab_rule none[] = {{NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	knobs.flows_per_node = 600;
	*state = lab_open(&knobs);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, rules);
	return 0;
}

/* An ICMP error of this type and code, in which the first bytes of *quoted's IP packet are quoted.
 */
static void check_error(const struct lab_frame *f, const struct lab_packet *quoted, uint8_t type,
			uint8_t code)
{
	struct lab_frame was;
	const uint8_t *l4 = lab_l4(f);

	lab_build(&was, quoted);
	assert_true(lab_checksums_ok(f));
	assert_true(lab_is_to(f, quoted->src));
	assert_int_equal(l4[0], type);
	assert_int_equal(l4[1], code);
	assert_memory_equal(l4 + 8, lab_ip(&was), (size_t)(lab_l4(&was) - lab_ip(&was)) + 8);
}

/* Sent often enough, it is not answered, for this reason. */
static void expect_silence(struct lab *lab, const struct lab_packet *p, int reason)
{
	struct lab_frame in, out;
	int tries = 0;

	lab_build(&in, p);
	while (lab_run(lab, FROM_NODE, &in, &out) == REDIRECT && tries++ < 100)
		lab_reason(lab, NULL);
	assert_int_equal(lab_reason(lab, NULL), reason);
}

/* --- from a node ---------------------------------------------------------------------------- */

static void test_refused(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_TCP, ALICE, 5000, BOB, 80);
	uint64_t refused = lab_hit(*state, 0).refused;
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_ANSWER_refused);
	check_error(&out, &p, 3, 13);
	assert_true(lab_is_from(&out, GATEWAY));
	assert_int_equal(lab_mark(*state), LAB_MARK);
	assert_int_equal(lab_hit(*state, 0).refused, refused + 1);
	p = lab_opener(IPPROTO_UDP, ALICE6, 5000, BOB6, 80);
	while (lab_node(*state, ALICE, 0xffff).refused == lab_ticks())
		;
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_ANSWER_refused);
	check_error(&out, &p, 1, 1);
}

/* One answer a tick; silence costs the flood nothing and us little. */
static void test_refused_quietly(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_TCP, ALICE, 5000, BOB, 80);
	struct lab_frame in, out;
	int told = 0;

	lab_build(&in, &p);
	for (int i = 0; i < 200; i++)
		told += lab_run(*state, FROM_NODE, &in, &out) == REDIRECT;
	assert_in_range(told, 1, 20);
}

static void test_not_advertised(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, "10.9.9.9", 80);

	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_ANSWER_refused);
	expect_silence(*state, &p, GW_DROP_not_advertised);
}

static void test_unknown_source(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, "100.64.1.77", 5000, SERVER, 80);

	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_overlay_unknown);
}

static void test_between_nodes(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_TCP, ALICE, 5000, BOB, 22), back;
	struct lab_frame out;

	back = lab_opener(IPPROTO_TCP, BOB, 22, ALICE, 5000);
	back.flags = TCP_S | TCP_A;
	lab_expect(*state, FROM_NODE, &back, NULL, SHOT, GW_DROP_no_flow);
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_between_nodes);
	assert_true(lab_is_from(&out, ALICE) && lab_is_to(&out, BOB));
	assert_int_equal(lab_ttl(&out), 63);
	lab_expect(*state, FROM_NODE, &back, NULL, REDIRECT, GW_FORWARD_between_nodes);
}

static void test_to_gateway(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_ICMP, ALICE, 0x0800, GATEWAY, 9), back;

	lab_expect(*state, FROM_NODE, &p, NULL, PASS, GW_PASS_local);
	back = lab_opener(IPPROTO_ICMP, GATEWAY, 0, ALICE, 9);
	lab_expect(*state, FROM_HOST, &back, NULL, PASS, GW_PASS_local);
	p = lab_opener(IPPROTO_ICMP, ALICE, 0x0800, EXTERNAL, LAB_BASE + 9); /* no port of ours */
	lab_expect(*state, FROM_NODE, &p, NULL, PASS, GW_PASS_local);
	p = lab_opener(IPPROTO_TCP, ALICE, 5000, GATEWAY, 22);
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_ANSWER_refused);
}

static void test_routed(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_TCP, ALICE, 5000, ROUTED, 80), back;
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, ALICE));
	assert_int_equal(lab_sport(&out), 5000);
	back = lab_opener(IPPROTO_TCP, ROUTED, 80, ALICE, 5000);
	back.flags = TCP_S | TCP_A;
	lab_expect(*state, FROM_UPLINK, &back, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_true(lab_is_to(&out, ALICE));
	p = lab_opener(IPPROTO_UDP, ALICE6, 5000, ROUTED6, 53);
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_int_equal(lab_ttl(&out), 63);
	back = lab_opener(IPPROTO_UDP, ROUTED6, 53, ALICE6, 5000);
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
}

static void test_other_protocols(void **state)
{
	struct lab_packet p = lab_opener(47, ALICE, 0, SERVER, 0);

	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_proto_unmapped);
	p.dst = ROUTED;
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
}

static void test_bad_packets(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53);
	struct lab_frame f, out;

	p.options = true;
	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_ip_options);
	p.options = false;
	lab_build(&f, &p);
	f.data[14 + 3]++; /* one byte more than there is */
	assert_int_equal(lab_run(*state, FROM_NODE, &f, &out), SHOT);
	assert_int_equal(lab_reason(*state, NULL), GW_DROP_malformed);
	f.data[14 + 3] = 20 + 7; /* a header cut short, and padded by the device */
	lab_expect_frame(*state, FROM_NODE, &f, NULL, SHOT, GW_DROP_malformed);
	p = lab_opener(IPPROTO_TCP, ALICE, 5000, SERVER, 53);
	p.flags = TCP_A;
	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_no_flow);
	p = lab_opener(IPPROTO_ICMP, ALICE, 0x0500, SERVER, 1); /* a redirect */
	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_icmp_kind);
	p = lab_opener(IPPROTO_UDP, ALICE, 5000, "224.0.0.251", 5353);
	lab_expect(*state, FROM_NODE, &p, NULL, PASS, GW_PASS_link_scope);
}

static void test_ttl(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 33434);
	struct lab_frame out;

	p.ttl = 1;
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_ANSWER_ttl_exceeded);
	check_error(&out, &p, 11, 0);
	expect_silence(*state, &p, GW_DROP_ttl);
}

/* To the LAN's host, with the packet as that host sent it. */
static void test_too_big(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back;
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	back.df = true;
	back.payload = LAB_MTU - 27;
	lab_expect(*state, FROM_UPLINK, &back, &out, REDIRECT, GW_ANSWER_too_big);
	check_error(&out, &back, 3, 4);
	assert_int_equal(lab_get16(lab_l4(&out) + 6), LAB_MTU);
	back.payload--;
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
}

/* A packet that GRO merged counts as what it was on the wire, and is measured by one segment. */
static void test_gso(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_TCP, ALICE, 5000, ROUTED, 80), back;
	struct gw_flow_key key = lab_key(ALICE, 5000, ROUTED, 80, IPPROTO_TCP);
	struct lab_frame in, out;
	struct gw_count count;
	struct gw_flow flow;

	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_TCP, ROUTED, 80, ALICE, 5000);
	back.flags = TCP_A;
	back.df = true;
	back.payload = 2 * (LAB_MTU - 40);
	lab_build(&in, &back);
	in.data[14 + 20 + 13] = TCP_A;
	assert_int_equal(lab_run_gso(*state, FROM_UPLINK, LAB_MTU - 40, &in, &out), REDIRECT);
	assert_int_equal(lab_reason(*state, &count), GW_FORWARD_to_overlay);
	assert_int_equal(count.packets, 2);
	assert_true(lab_flow(*state, &key, &flow));
	assert_int_equal(flow.in.packets, 2);
	assert_int_equal(lab_run_gso(*state, FROM_UPLINK, LAB_MTU - 39, &in, &out), REDIRECT);
	assert_int_equal(lab_reason(*state, NULL), GW_ANSWER_too_big);
	assert_true(lab_is_to(&out, ROUTED));
}

/* --- to a node ------------------------------------------------------------------------------ */

static void test_uninvited(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ROUTED, 7000, ALICE, 514);

	lab_expect(*state, FROM_UPLINK, &p, NULL, REDIRECT, GW_FORWARD_to_overlay);
	p.dport = 515;
	lab_expect(*state, FROM_UPLINK, &p, NULL, SHOT, GW_DROP_policy_denied);
	p = lab_opener(IPPROTO_TCP, ROUTED, 7000, ALICE, 515);
	lab_expect(*state, FROM_UPLINK, &p, NULL, SHOT, GW_DROP_unsolicited_syn);
	p = lab_opener(IPPROTO_UDP, BOB, 7000, ALICE, 514); /* a node cannot be out there */
	lab_expect(*state, FROM_UPLINK, &p, NULL, SHOT, GW_DROP_spoofed_source);
	p = lab_opener(IPPROTO_UDP, ROUTED, 7000, "172.16.9.9", 514);
	lab_expect(*state, FROM_UPLINK, &p, NULL, PASS, GW_PASS_not_ours);
}

static void test_from_host(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, GATEWAY, 7000, ALICE, 99), back;
	struct lab_frame in, out;

	lab_policy(*state, none);
	lab_expect(*state, FROM_HOST, &p, NULL, PASS, GW_PASS_local);
	back = lab_opener(IPPROTO_UDP, ALICE, 99, GATEWAY, 7000);
	lab_expect(*state, FROM_NODE, &back, NULL, PASS, GW_PASS_local);
	p = lab_opener(IPPROTO_UDP, SERVER, 7000, ALICE, 99);
	lab_expect(*state, FROM_HOST, &p, NULL, SHOT, GW_DROP_policy_denied);
	lab_build(&in, &p);
	assert_int_equal(lab_run_marked(*state, FROM_HOST, LAB_MARK, &in, &out), PASS);
	assert_int_equal(lab_reason(*state, NULL), GW_PASS_own_send);
	assert_int_equal(lab_mark(*state), 0);
}

/* --- ICMP errors (RFC 5508, 4) --------------------------------------------------------------- */

static void test_error_to_node(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), e;
	struct lab_frame sent, out;

	lab_expect(*state, FROM_NODE, &p, &sent, REDIRECT, GW_FORWARD_to_uplink);
	e = lab_error_about(SERVER, EXTERNAL, &sent);
	lab_expect(*state, FROM_UPLINK, &e, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_true(lab_is_to(&out, ALICE));
	assert_true(lab_quotes(&out, &p));
	p.dport = 54; /* another flow, that is none */
	lab_build(&sent, &p);
	e = lab_error_about(SERVER, EXTERNAL, &sent);
	lab_expect(*state, FROM_UPLINK, &e, NULL, PASS, GW_PASS_not_ours);
}

static void test_error_from_node(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back, e;
	struct lab_frame out, in;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	lab_expect(*state, FROM_UPLINK, &back, &in, REDIRECT, GW_FORWARD_to_overlay);
	e = lab_error_about(ALICE, SERVER, &in);
	lab_expect(*state, FROM_NODE, &e, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, EXTERNAL));
	assert_true(lab_quotes(&out, &back));
	e.src = BOB; /* not whom it was sent to */
	lab_expect(*state, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);
}

/* --- the ends of flows ------------------------------------------------------------------------ */

static void test_policy_change(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back;
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	lab_policy(*state, rules);
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
	lab_policy(*state, none);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_policy_changed);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_filtered);
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_ANSWER_refused);
	lab_policy_shadow(*state, none);
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
}

static void test_node_quota(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 1, ROUTED, 53);
	struct lab_frame in, out;

	for (int i = 0; i < 600; i++, p.sport++)
		lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	lab_build(&in, &p);
	lab_run(*state, FROM_NODE, &in, &out);
	assert_true(lab_is_to(&out, ALICE)); /* told so */
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 600);
}

/* What is dead goes, what lives stays, and every place in a quota is given back. */
static void test_sweep(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), other = p;
	struct gw_flow_key key = lab_key(ALICE, 5000, SERVER, 53, IPPROTO_UDP);
	static struct gw_sweep list;
	uint32_t zero = 0;
	struct gw_flow flow;

	other.sport = 5002;
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	lab_expect(*state, FROM_NODE, &other, NULL, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_flow(*state, &key, &flow));
	flow.until = lab_ticks() - 10;
	lab_flow_put(*state, &key, &flow);
	memset(&list, 0, sizeof(list));
	list.n_flows = 2;
	list.flow[0] = key;
	list.flow[1] = lab_key(ALICE, 5002, SERVER, 53, IPPROTO_UDP);
	assert_int_equal(bpf_map_update_elem(lab_map(*state, "gw_sweep_list"), &zero, &list, 0), 0);
	lab_sweep(*state);
	assert_false(lab_flow(*state, &key, &flow));
	assert_true(lab_flow(*state, &list.flow[1], &flow));
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 1);
}

/* --- two CPUs at once ------------------------------------------------------------------------- */

#define EACH 250 /* ports of one node's four blocks: 256 */

struct racer {
	struct lab *lab;
	uint16_t port[EACH];
};

static pthread_barrier_t start;

/* Both send the same flows at the same time. */
static void *race(void *arg)
{
	struct racer *r = arg;
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 1000, SERVER, 53);
	struct lab_frame in, out;

	for (int i = 0; i < EACH; i++, p.sport++) {
		lab_build(&in, &p);
		pthread_barrier_wait(&start);
		r->port[i] =
			lab_run(r->lab, FROM_NODE, &in, &out) == REDIRECT ? lab_sport(&out) : 0;
	}
	return NULL;
}

static void test_race(void **state)
{
	struct racer r[2] = {{.lab = *state}, {.lab = *state}};
	uint8_t used[LAB_RANGE] = {0};
	pthread_t other;
	int both = 0;

	pthread_barrier_init(&start, NULL, 2);
	assert_int_equal(pthread_create(&other, NULL, race, &r[0]), 0);
	race(&r[1]);
	pthread_join(other, NULL);
	for (int i = 0; i < EACH; i++) {
		uint16_t a = r[0].port[i], b = r[1].port[i];

		assert_true(a || b);
		if (!a || !b)
			continue; /* who came second found it half done, and dropped */
		assert_int_equal(a, b);
		assert_int_equal(used[a - LAB_BASE]++, 0);
		both++;
	}
	assert_true(both > EACH / 2);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, EACH);
}

/* --- frames to all or to a group of a link (RFC 1812, 5.3.4)
 * ---------------------------------- */

static const uint8_t groups[][6] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
				    {0x01, 0x00, 0x5e, 0x00, 0x00, 0x05},
				    {0x33, 0x33, 0x00, 0x00, 0x00, 0x01}};

/* Each ends so, and none leaves a flow that a frame to one would find. */
static void to_groups(struct lab *lab, enum lab_side side, const struct lab_packet *p, int verdict,
		      int reason)
{
	struct lab_frame in;

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		lab_build(&in, p);
		memcpy(in.data, groups[i], 6);
		lab_expect_frame(lab, side, &in, NULL, verdict, reason);
	}
}

static void test_group_from_uplink(void **state)
{
	struct lab_packet out = lab_udp(ALICE, 5000, SERVER, 53), in, routed;
	struct lab_frame f;

	lab_expect(*state, FROM_NODE, &out, &f, REDIRECT, GW_FORWARD_to_uplink);
	in = lab_udp(SERVER, 53, EXTERNAL, lab_sport(&f));
	for (int i = 0; i < 3; i++) { /* with a flow, and with a shortcut */
		to_groups(*state, FROM_UPLINK, &in, SHOT, GW_DROP_link_group);
		lab_expect(*state, FROM_UPLINK, &in, NULL, REDIRECT, GW_FORWARD_to_overlay);
	}
	in.dport = 80;
	to_groups(*state, FROM_UPLINK, &in, PASS, GW_PASS_not_ours);
	routed = lab_udp(ROUTED, 53, ALICE, 5000);
	to_groups(*state, FROM_UPLINK, &routed, SHOT, GW_DROP_link_group);
	routed.dst = OTHER;
	to_groups(*state, FROM_UPLINK, &routed, PASS, GW_PASS_not_ours);
	routed.dst = GATEWAY;
	to_groups(*state, FROM_UPLINK, &routed, PASS, GW_PASS_not_ours);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 1);
}

static void test_group_in_first_line(void **state)
{
	struct lab_packet out = lab_udp(ALICE, 5000, SERVER, 53), in;
	struct lab_frame f, after;

	lab_expect(*state, FROM_NODE, &out, &f, REDIRECT, GW_FORWARD_to_uplink);
	in = lab_udp(SERVER, 53, EXTERNAL, lab_sport(&f));
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		lab_build(&f, &in);
		assert_int_equal(lab_run_xdp(*state, FROM_UPLINK, &f, &after), 2);
		lab_counted(*state, GW_PASS_first_line);
		memcpy(f.data, groups[i], 6);
		assert_int_equal(lab_run_xdp(*state, FROM_UPLINK, &f, &after), 1);
		assert_int_equal(lab_reason(*state, NULL), GW_DROP_link_group);
	}
}

static void test_group_from_node(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53);

	to_groups(*state, FROM_NODE, &p, SHOT, GW_DROP_link_group);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 0);
	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	for (int i = 0; i < 3; i++)
		to_groups(*state, FROM_NODE, &p, SHOT, GW_DROP_link_group);
	p = lab_udp(GATEWAY, 53, ALICE, 5000);
	lab_expect(*state, FROM_HOST, &p, NULL, PASS, GW_PASS_local);
	p = lab_udp(ALICE, 5000, GATEWAY, 53);
	to_groups(*state, FROM_NODE, &p, PASS, GW_PASS_local);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, before)
	const struct CMUnitTest tests[] = {
		T(test_refused),
		T(test_refused_quietly),
		T(test_not_advertised),
		T(test_unknown_source),
		T(test_between_nodes),
		T(test_to_gateway),
		T(test_routed),
		T(test_other_protocols),
		T(test_bad_packets),
		T(test_ttl),
		T(test_too_big),
		T(test_gso),
		T(test_uninvited),
		T(test_from_host),
		T(test_error_to_node),
		T(test_error_from_node),
		T(test_policy_change),
		T(test_node_quota),
		T(test_sweep),
		T(test_race),
		T(test_group_from_uplink),
		T(test_group_in_first_line),
		T(test_group_from_node),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
