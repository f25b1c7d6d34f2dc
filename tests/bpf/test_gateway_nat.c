/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Masquerading: which address and port the outside sees, who may answer, and for how long. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include "gateway_lab.h"

static const struct lab_rule out_all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					  {"bob", "192.168.10.0/24", NULL, NULL},
					  {NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	*state = lab_open(&knobs);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, out_all);
	return 0;
}

/* Sends it out; gives the external port. */
static uint16_t send_out(struct lab *lab, const struct lab_packet *p)
{
	struct lab_frame out;

	lab_expect(lab, FROM_NODE, p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, EXTERNAL));
	assert_true(lab_is_to(&out, p->dst));
	assert_int_equal(lab_dport(&out), p->dport);
	assert_int_equal(lab_ttl(&out), 63);
	return lab_sport(&out);
}

static void test_udp_both_ways(void **state)
{
	struct lab *lab = *state;
	uint64_t hits = lab_hit(lab, 1).flows;
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	uint16_t port = send_out(lab, &p);
	struct gw_flow_key key = lab_key(ALICE, 5000, SERVER, 53, IPPROTO_UDP);
	struct lab_frame out;
	struct gw_flow flow;

	assert_in_range(port, LAB_BASE, LAB_BASE + LAB_RANGE - 1);
	assert_int_equal(port % 2, 0);
	back = lab_udp(SERVER, 53, EXTERNAL, port);
	lab_expect(lab, FROM_UPLINK, &back, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_int_equal(lab_mark(lab), LAB_MARK);
	assert_true(lab_is_from(&out, SERVER));
	assert_true(lab_is_to(&out, ALICE));
	assert_int_equal(lab_sport(&out), 53);
	assert_int_equal(lab_dport(&out), 5000);
	assert_int_equal(lab_ttl(&out), 63);
	assert_true(lab_flow(lab, &key, &flow));
	assert_int_equal(flow.kind, GW_FLOW_NAT);
	assert_int_equal(flow.rule, 1);
	assert_int_equal(flow.flags, GW_FLOW_REPLIED);
	assert_int_equal(flow.out.packets, 1);
	assert_int_equal(flow.out.bytes, 20 + 8 + 33);
	assert_int_equal(flow.in.packets, 1);
	assert_int_equal(lab_hit(lab, 1).flows, hits + 1);
}

/* A sum of zero says that there is none, and stays so. */
static void test_udp_without_checksum(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53);
	struct lab_frame out;

	p.no_checksum = true;
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_int_equal(lab_get16(lab_l4(&out) + 6), 0);
}

/* RFC 4787 REQ-1: one port for all remotes; REQ-2: one address. */
static void test_endpoint_independent(void **state)
{
	struct lab_packet a = lab_udp(ALICE, 5001, SERVER, 53), b = lab_udp(ALICE, 5001, OTHER, 99);
	uint16_t port = send_out(*state, &a);

	assert_int_equal(send_out(*state, &b), port);
	assert_int_equal(port % 2, 1);
	b.sport = 5003;
	assert_int_not_equal(send_out(*state, &b), port);
}

static void test_same_port_of_two_nodes(void **state)
{
	struct lab_packet a = lab_udp(ALICE, 5000, SERVER, 53), b = lab_udp(BOB, 5000, SERVER, 53);

	assert_int_not_equal(send_out(*state, &a), send_out(*state, &b));
}

static void test_icmp_echo(void **state)
{
	struct lab_packet p = {.src = ALICE,
			       .dst = SERVER,
			       .proto = IPPROTO_ICMP,
			       .sport = 0x0800,
			       .dport = 77,
			       .payload = 56};
	struct lab_packet back = {
		.src = SERVER, .dst = EXTERNAL, .proto = IPPROTO_ICMP, .payload = 56};
	struct lab_frame out;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back.dport = lab_get16(lab_l4(&out) + 4);
	lab_expect(*state, FROM_UPLINK, &back, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_int_equal(lab_get16(lab_l4(&out) + 4), 77);
	assert_true(lab_is_to(&out, ALICE));
}

/* --- who may answer ------------------------------------------------------------------------- */

static void test_address_dependent(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	uint16_t port = send_out(*state, &p);

	back = lab_udp(OTHER, 53, EXTERNAL, port);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_filtered);
	back = lab_udp(SERVER, 54, EXTERNAL, port); /* the address counts, not the port */
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
}

static void test_no_mapping(void **state)
{
	struct lab_packet p = lab_udp(SERVER, 53, EXTERNAL, LAB_BASE + 5), low = p;
	struct lab_frame f, after;

	lab_expect(*state, FROM_UPLINK, &p, NULL, SHOT, GW_DROP_no_mapping);
	lab_build(&f, &p);
	assert_int_equal(lab_run_xdp(*state, FROM_UPLINK, &f, &after), 1);
	assert_int_equal(lab_reason(*state, NULL), GW_DROP_no_mapping);
	p.options = true; /* nor may the host answer it */
	lab_expect(*state, FROM_UPLINK, &p, NULL, SHOT, GW_DROP_ip_options);
	low.dport = 22;
	lab_expect(*state, FROM_UPLINK, &low, NULL, PASS, GW_PASS_not_ours);
	low.dport = LAB_BASE + LAB_RANGE;
	lab_expect(*state, FROM_UPLINK, &low, NULL, PASS, GW_PASS_not_ours);
}

static void test_unsolicited_syn(void **state)
{
	struct lab_packet p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S), syn, ack;
	uint16_t port = send_out(*state, &p);

	syn = lab_tcp(OTHER, 1234, EXTERNAL, port, TCP_S);
	lab_expect(*state, FROM_UPLINK, &syn, NULL, SHOT, GW_DROP_unsolicited_syn);
	ack = lab_tcp(OTHER, 1234, EXTERNAL, port, TCP_A);
	lab_expect(*state, FROM_UPLINK, &ack, NULL, SHOT, GW_DROP_no_flow);
}

/* --- for how long --------------------------------------------------------------------------- */

static void connect_tcp(struct lab *lab, uint16_t node_port, uint16_t *port)
{
	struct lab_packet p = lab_tcp(ALICE, node_port, SERVER, 80, TCP_S), back;

	*port = send_out(lab, &p);
	back = lab_tcp(SERVER, 80, EXTERNAL, *port, TCP_S | TCP_A);
	lab_expect(lab, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
	p.flags = TCP_A;
	assert_int_equal(send_out(lab, &p), *port);
}

static void close_tcp(struct lab *lab, uint16_t node_port, uint16_t port)
{
	struct lab_packet p = lab_tcp(ALICE, node_port, SERVER, 80, TCP_F | TCP_A), back;

	send_out(lab, &p);
	back = lab_tcp(SERVER, 80, EXTERNAL, port, TCP_F | TCP_A);
	lab_expect(lab, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
}

static uint32_t seconds_left(uint32_t until)
{
	return (uint32_t)(((uint64_t)(until - lab_ticks()) << TP_GW_TICK_SHIFT) / 1000000000);
}

static struct gw_flow flow_of(struct lab *lab, uint16_t node_port, uint8_t proto, uint16_t dport)
{
	struct gw_flow_key key = lab_key(ALICE, node_port, SERVER, dport, proto);
	struct gw_flow flow;

	assert_true(lab_flow(lab, &key, &flow));
	return flow;
}

static void test_tcp_lifetimes(void **state)
{
	struct lab_packet p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S);
	struct gw_flow flow;
	uint16_t port;

	send_out(*state, &p);
	flow = flow_of(*state, 5000, IPPROTO_TCP, 80);
	assert_int_equal(flow.tcp_state, GW_TCP_SYN_OUT);
	assert_in_range(seconds_left(flow.until), 238, 241);
	connect_tcp(*state, 5000, &port);
	flow = flow_of(*state, 5000, IPPROTO_TCP, 80);
	assert_int_equal(flow.tcp_state, GW_TCP_ESTABLISHED);
	assert_in_range(seconds_left(flow.until), 7437, 7441);
	assert_in_range(seconds_left((uint32_t)lab_word(*state, flow.mapping)), 7430, 7441);
	close_tcp(*state, 5000, port);
	flow = flow_of(*state, 5000, IPPROTO_TCP, 80);
	assert_int_equal(flow.tcp_state, GW_TCP_CLOSED);
	assert_in_range(seconds_left(flow.until), 238, 241);
}

/* A port is not held for the two hours that an idle connection may last. */
static void test_tcp_port_free_after_close(void **state)
{
	struct gw_flow flow;
	uint64_t word;
	uint16_t port;

	connect_tcp(*state, 5000, &port);
	close_tcp(*state, 5000, port);
	flow = flow_of(*state, 5000, IPPROTO_TCP, 80);
	word = lab_word(*state, flow.mapping);
	assert_in_range(seconds_left((uint32_t)word), 230, 241);
	assert_int_equal(word >> 56, GW_WORD_NO_REST);
}

/* Nor given up while the node has another connection on it. */
static void test_tcp_port_of_two(void **state)
{
	struct lab_packet second = lab_tcp(ALICE, 5000, OTHER, 80, TCP_S);
	struct gw_flow flow;
	uint16_t port;

	connect_tcp(*state, 5000, &port);
	assert_int_equal(send_out(*state, &second), port);
	close_tcp(*state, 5000, port);
	flow = flow_of(*state, 5000, IPPROTO_TCP, 80);
	assert_true(seconds_left((uint32_t)lab_word(*state, flow.mapping)) > 7000);
}

/* Both ends send a SYN (RFC 5382 REQ-2). One that comes before the node's own is met with silence
 * (REQ-4), and sent again. */
static void test_simultaneous_open(void **state)
{
	struct lab_packet p = lab_tcp(ALICE, 5000, OTHER, 80, TCP_S), in;
	struct lab_frame out;
	uint16_t port = send_out(*state, &p);

	in = lab_tcp(SERVER, 80, EXTERNAL, port, TCP_S);
	lab_expect(*state, FROM_UPLINK, &in, NULL, SHOT, GW_DROP_unsolicited_syn);
	p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S);
	assert_int_equal(send_out(*state, &p), port);
	lab_expect(*state, FROM_UPLINK, &in, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_true(lab_is_to(&out, ALICE));
	assert_int_equal(flow_of(*state, 5000, IPPROTO_TCP, 80).tcp_state, GW_TCP_SYN_OUT);
	p.flags = in.flags = TCP_S | TCP_A;
	send_out(*state, &p);
	lab_expect(*state, FROM_UPLINK, &in, NULL, REDIRECT, GW_FORWARD_to_overlay);
	assert_int_equal(flow_of(*state, 5000, IPPROTO_TCP, 80).tcp_state, GW_TCP_SYN_OUT);
	assert_in_range(seconds_left(flow_of(*state, 5000, IPPROTO_TCP, 80).until), 238, 241);
	in.flags = TCP_A; /* data */
	lab_expect(*state, FROM_UPLINK, &in, NULL, REDIRECT, GW_FORWARD_to_overlay);
	p.flags = TCP_A;
	send_out(*state, &p);
	assert_int_equal(flow_of(*state, 5000, IPPROTO_TCP, 80).tcp_state, GW_TCP_ESTABLISHED);
	close_tcp(*state, 5000, port);
	assert_int_equal(flow_of(*state, 5000, IPPROTO_TCP, 80).tcp_state, GW_TCP_CLOSED);
}

/* Packets from outside do not keep a UDP mapping alive (RFC 4787 REQ-6), those of the node do. */
static void test_udp_refresh(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	struct gw_flow_key key = lab_key(ALICE, 5000, SERVER, 53, IPPROTO_UDP);
	uint16_t port = send_out(*state, &p);
	struct gw_flow flow = flow_of(*state, 5000, IPPROTO_UDP, 53);
	uint64_t word = lab_word(*state, flow.mapping);

	flow.until -= 1000;
	lab_flow_put(*state, &key, &flow);
	lab_word_put(*state, flow.mapping, word - 1000);
	back = lab_udp(SERVER, 53, EXTERNAL, port);
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
	assert_int_equal(flow_of(*state, 5000, IPPROTO_UDP, 53).until, flow.until);
	assert_int_equal(lab_word(*state, flow.mapping), word - 1000);
	send_out(*state, &p);
	assert_true(flow_of(*state, 5000, IPPROTO_UDP, 53).until > flow.until + 900);
	send_out(*state, &p);
	assert_true(lab_word(*state, flow.mapping) > word - 100);
}

static void test_expired_mapping(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	uint16_t port = send_out(*state, &p);
	struct gw_flow flow = flow_of(*state, 5000, IPPROTO_UDP, 53);
	uint64_t word = lab_word(*state, flow.mapping);

	lab_word_put(*state, flow.mapping, (word & ~0xffffffffull) | (lab_ticks() - 1));
	back = lab_udp(SERVER, 53, EXTERNAL, port);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_no_mapping);
	/* The port rests, so the node gets another one, and one flow. */
	assert_int_not_equal(send_out(*state, &p), port);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 1);
}

static void test_expired_flow(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53);
	struct gw_flow_key key = lab_key(ALICE, 5000, SERVER, 53, IPPROTO_UDP);
	uint16_t port = send_out(*state, &p);
	struct gw_flow flow = flow_of(*state, 5000, IPPROTO_UDP, 53);
	uint64_t hits = lab_hit(*state, 1).flows;

	flow.until = lab_ticks() - 5;
	lab_flow_put(*state, &key, &flow);
	assert_int_equal(send_out(*state, &p), port);
	assert_int_equal(lab_hit(*state, 1).flows, hits + 1);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 1);
}

/* Both devices' MTUs bound what a SYN may announce, whichever way it goes. */
static void test_mss(void **state)
{
	struct lab_packet p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S), back;
	struct lab_frame out;

	p.mss = 1460;
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_int_equal(lab_get16(lab_l4(&out) + 22), LAB_MTU - 40);
	back = lab_tcp(SERVER, 80, EXTERNAL, lab_sport(&out), TCP_S | TCP_A);
	back.mss = 1460;
	lab_expect(*state, FROM_UPLINK, &back, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_int_equal(lab_get16(lab_l4(&out) + 22), LAB_MTU - 40);
	p.mss = 600;
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_int_equal(lab_get16(lab_l4(&out) + 22), 600);
	p.mss = 1460;
	p.nops = 1; /* the value stands at an odd place */
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_int_equal(lab_get16(lab_l4(&out) + 23), LAB_MTU - 40);
}

/* --- limits --------------------------------------------------------------------------------- */

static void test_ports_full(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 1, SERVER, 53);
	uint8_t used[LAB_RANGE] = {0};
	struct lab_frame out;

	for (uint16_t i = 0; i < 4 * LAB_BLOCK; i++, p.sport++) {
		uint16_t port = (uint16_t)(send_out(*state, &p) - LAB_BASE);

		assert_in_range(port, 0, LAB_RANGE - 1);
		assert_int_equal(used[port]++, 0);
	}
	lab_build(&out, &p);
	lab_run(*state, FROM_NODE, &out, &out);
	p = lab_udp(BOB, 1, SERVER, 53); /* who has none yet is not hurt */
	lab_build(&out, &p);
	assert_int_equal(lab_run(*state, FROM_NODE, &out, &out), REDIRECT);
	assert_true(lab_is_to(&out, SERVER));
}

#define PLACINGS 400

/* Forgets where nodes are, and whose blocks they are. */
static void forget_places(struct lab *lab)
{
	struct gw_node_key key;
	uint64_t none = 0;

	while (!bpf_map_get_next_key(lab_map(lab, "gw_nodes"), NULL, &key))
		assert_int_equal(bpf_map_delete_elem(lab_map(lab, "gw_nodes"), &key), 0);
	for (uint32_t i = 0; i < TP_GW_ADDRS * LAB_RANGE / LAB_BLOCK; i++)
		assert_int_equal(bpf_map_update_elem(lab_map(lab, "nat_blocks"), &i, &none, 0), 0);
}

/* Nodes are spread evenly over the addresses, whichever places these have. */
static void test_addresses_shared(void **state)
{
	struct lab *lab = *state;
	struct gw_node node;
	int first = 0;

	lab_external(lab, 1, OTHER);
	for (uint16_t i = 0; i < PLACINGS; i++) {
		struct lab_packet p = lab_udp(ALICE, 6000 + i, SERVER, 53);

		forget_places(lab);
		lab_expect(lab, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
		node = lab_node(lab, ALICE, 0);
		assert_in_range(node.slot, 1, 2);
		first += node.slot == 1;
	}
	/* Ten standard deviations. */
	assert_in_range(first, PLACINGS / 4, PLACINGS * 3 / 4);
}

/* The address is gone, the daemon has ended its mappings: the next packet has the new one. */
static void test_address_change(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53);
	struct lab_frame out;
	struct gw_flow flow;

	send_out(*state, &p);
	flow = flow_of(*state, 5000, IPPROTO_UDP, 53);
	lab_external(*state, 0, NULL);
	lab_external(*state, 3, "192.168.10.99");
	lab_word_put(*state, flow.mapping, (uint64_t)(flow.claim + 1) << 32);
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, "192.168.10.99"));
}

/* --- hairpin (RFC 4787 REQ-9, RFC 5382 REQ-8) ------------------------------------------------ */

static const struct lab_rule hairpin_rules[] = {{"alice", "192.168.10.0/24", NULL, NULL},
						{"bob", "192.168.10.0/24", NULL, NULL},
						{"bob", "alice", NULL, NULL},
						{NULL, NULL, NULL, NULL}};

static struct lab *open_hairpin(void)
{
	struct gw_knobs knobs = lab_knobs();
	struct lab *lab;

	knobs.filtering = GW_FILTER_ENDPOINT_INDEPENDENT;
	lab = lab_open(&knobs);
	lab_policy(lab, hairpin_rules);
	return lab;
}

static void test_hairpin(void **state)
{
	struct lab *lab = open_hairpin();
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), to;
	struct lab_frame in, out;
	uint16_t alice, bob;

	(void)state;
	alice = send_out(lab, &p);
	to = lab_udp(BOB, 6000, EXTERNAL, alice);
	lab_expect(lab, FROM_NODE, &to, &out, REDIRECT, GW_FORWARD_hairpin);
	assert_true(lab_is_from(&out, EXTERNAL));
	assert_true(lab_is_to(&out, ALICE));
	assert_int_equal(lab_dport(&out), 5000);
	bob = lab_sport(&out);
	to = lab_udp(ALICE, 5000, EXTERNAL, bob); /* no rule lets alice begin, but she may answer */
	lab_expect(lab, FROM_NODE, &to, &out, REDIRECT, GW_FORWARD_hairpin);
	assert_true(lab_is_from(&out, EXTERNAL));
	assert_true(lab_is_to(&out, BOB));
	assert_int_equal(lab_sport(&out), alice);
	assert_int_equal(lab_dport(&out), 6000);
	lab_build(&in, &to);
	lab_fragment(&in, 0, true);
	lab_expect_frame(lab, FROM_NODE, &in, NULL, REDIRECT, GW_FORWARD_hairpin);
	lab_fragment(&in, 64, false); /* which has no ports */
	lab_expect_frame(lab, FROM_NODE, &in, &out, REDIRECT, GW_FORWARD_hairpin);
	assert_true(lab_is_to(&out, BOB));
	to = lab_udp(ALICE, 5000, EXTERNAL, (uint16_t)(bob ^ 1));
	lab_expect(lab, FROM_NODE, &to, NULL, SHOT, GW_DROP_no_mapping);
	lab_close(lab);
}

/* A connection through a hairpin, of which each end has a flow and a port of its own. */
static void test_hairpin_tcp(void **state)
{
	struct lab *lab = open_hairpin();
	struct lab_packet p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S), to;
	struct lab_frame out;
	uint16_t alice, bob;

	(void)state;
	alice = send_out(lab, &p);
	to = lab_tcp(BOB, 6000, EXTERNAL, alice, TCP_S);
	lab_expect(lab, FROM_NODE, &to, &out, REDIRECT, GW_FORWARD_hairpin);
	bob = lab_sport(&out);
	to = lab_tcp(ALICE, 5000, EXTERNAL, bob, TCP_S | TCP_A);
	lab_expect(lab, FROM_NODE, &to, &out, REDIRECT, GW_FORWARD_hairpin);
	assert_true(lab_is_to(&out, BOB));
	to = lab_tcp(BOB, 6000, EXTERNAL, alice, TCP_A);
	lab_expect(lab, FROM_NODE, &to, &out, REDIRECT, GW_FORWARD_hairpin);
	lab_policy(lab, out_all); /* which has bob not speak to alice */
	lab_expect(lab, FROM_NODE, &to, NULL, SHOT, GW_DROP_policy_changed);
	lab_close(lab);
}

/* RFC 5508 REQ-7: errors take the way back, and quote what their receiver sent. */
static void test_hairpin_error(void **state)
{
	struct lab *lab = open_hairpin();
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), to, back, e;
	struct lab_frame came, out;
	struct gw_flow_key key;
	struct gw_flow flow;
	uint16_t alice, bob;

	(void)state;
	alice = send_out(lab, &p);
	to = lab_udp(BOB, 6000, EXTERNAL, alice);
	lab_expect(lab, FROM_NODE, &to, &came, REDIRECT, GW_FORWARD_hairpin);
	bob = lab_sport(&came);
	e = lab_error_about(ALICE, EXTERNAL, &came);
	lab_expect(lab, FROM_NODE, &e, &out, REDIRECT, GW_FORWARD_hairpin);
	assert_true(lab_is_from(&out, EXTERNAL));
	assert_true(lab_is_to(&out, BOB));
	assert_true(lab_quotes(&out, &to));
	assert_int_equal(lab_mark(lab), LAB_MARK);
	e.src = BOB; /* who did not get it */
	lab_expect(lab, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);

	back = lab_udp(ALICE, 5000, EXTERNAL, bob);
	lab_expect(lab, FROM_NODE, &back, &out, REDIRECT, GW_FORWARD_hairpin);
	e = lab_error_about(BOB, EXTERNAL, &out);
	lab_expect(lab, FROM_NODE, &e, &out, REDIRECT, GW_FORWARD_hairpin);
	assert_true(lab_is_to(&out, ALICE));
	assert_true(lab_quotes(&out, &back));

	key = lab_key(BOB, 6000, EXTERNAL, alice, IPPROTO_UDP);
	assert_true(lab_flow(lab, &key, &flow));
	/* His port is his no more. */
	lab_word_put(lab, flow.mapping, (uint64_t)(flow.claim + 1) << 32);
	e = lab_error_about(ALICE, EXTERNAL, &came);
	lab_expect(lab, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);
	lab_close(lab);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, before)
	const struct CMUnitTest tests[] = {
		T(test_udp_both_ways),
		T(test_udp_without_checksum),
		T(test_endpoint_independent),
		T(test_same_port_of_two_nodes),
		T(test_icmp_echo),
		T(test_address_dependent),
		T(test_no_mapping),
		T(test_unsolicited_syn),
		T(test_tcp_lifetimes),
		T(test_simultaneous_open),
		T(test_tcp_port_free_after_close),
		T(test_tcp_port_of_two),
		T(test_udp_refresh),
		T(test_expired_mapping),
		T(test_expired_flow),
		T(test_mss),
		T(test_ports_full),
		T(test_addresses_shared),
		T(test_address_change),
		cmocka_unit_test(test_hairpin),
		cmocka_unit_test(test_hairpin_tcp),
		cmocka_unit_test(test_hairpin_error),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
