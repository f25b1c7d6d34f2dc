/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hundreds of nodes on one masquerade address, whose range of ports is used to the last block; and
 * what one of them, or somebody in the LAN, can do to the others by trying out all there is. */
#include "gateway_lab.h"

#include <netinet/in.h>
#include <string.h>

#define CROWD  300
#define RANGE  (CROWD * LAB_BLOCK) /* a block for each, and none besides */
#define LATER  CROWD		   /* who comes when all is taken */
#define PROBES 1000

static const struct lab_rule rules[] = {{"100.64.0.0/16", "192.168.10.0/24", NULL, NULL},
					{NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	knobs.nat_range = RANGE;
	*state = lab_open(&knobs);
	lab_crowd(*state, CROWD + 1);
	lab_policy(*state, rules);
	return 0;
}

static struct lab_packet from(uint32_t node, uint8_t proto, uint16_t port)
{
	static char addr[LAB_CROWD_ADDR];
	bool icmp = proto == IPPROTO_ICMP;

	return lab_opener(proto, lab_crowd_addr(node, addr), icmp ? 0x0800 : port, SERVER,
			  icmp ? port : 53);
}

/* The port that the outside sees. */
static uint16_t open_flow(struct lab *lab, uint32_t node, uint8_t proto, uint16_t port)
{
	struct lab_packet p = from(node, proto, port);
	struct lab_frame out;

	lab_expect(lab, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, EXTERNAL));
	return proto == IPPROTO_ICMP ? lab_get16(lab_l4(&out) + 4) : lab_sport(&out);
}

static uint32_t block_of(uint16_t port)
{
	assert_in_range(port, LAB_BASE, LAB_BASE + RANGE - 1);
	return (uint32_t)(port - LAB_BASE) / LAB_BLOCK;
}

static uint16_t ports[CROWD]; /* of UDP */

/* Each has a block of its own, for all protocols. */
static void test_a_block_each(void **state)
{
	bool taken[CROWD] = {false};

	for (uint32_t i = 0; i < CROWD; i++) {
		ports[i] = open_flow(*state, i, IPPROTO_UDP, 5000);
		assert_false(taken[block_of(ports[i])]);
		taken[block_of(ports[i])] = true;
		assert_int_equal(block_of(open_flow(*state, i, IPPROTO_TCP, 5000)),
				 block_of(ports[i]));
		assert_int_equal(block_of(open_flow(*state, i, IPPROTO_ICMP, 77)),
				 block_of(ports[i]));
	}
}

static void expect_answers(struct lab *lab)
{
	char addr[LAB_CROWD_ADDR];
	struct lab_frame out;

	for (uint32_t i = 0; i < CROWD; i++) {
		struct lab_packet back = lab_udp(SERVER, 53, EXTERNAL, ports[i]);

		lab_expect(lab, FROM_UPLINK, &back, &out, REDIRECT, GW_FORWARD_to_overlay);
		assert_true(lab_is_to(&out, lab_crowd_addr(i, addr)));
		assert_int_equal(lab_dport(&out), 5000);
	}
}

static void test_answers_find_their_node(void **state)
{
	expect_answers(*state);
}

/* All attempts are counted: what was refused, and how many were told. */
static void expect_refusals(struct lab *lab, uint32_t node, uint16_t first, uint64_t n)
{
	struct lab_frame in, out;
	uint64_t told = 0;

	lab_counted(lab, GW_DROP_ports_full);
	lab_counted(lab, GW_ANSWER_table_full);
	lab_counted(lab, GW_DROP_refused_quietly);
	for (uint64_t i = 0; i < n; i++) {
		struct lab_packet p = from(node, IPPROTO_UDP, (uint16_t)(first + i));

		lab_build(&in, &p);
		told += lab_run(lab, FROM_NODE, &in, &out) == REDIRECT;
	}
	assert_true(told);
	assert_int_equal(lab_counted(lab, GW_DROP_ports_full), n);
	assert_int_equal(lab_counted(lab, GW_ANSWER_table_full), told);
	assert_int_equal(lab_counted(lab, GW_DROP_refused_quietly), n - told);
}

/* Who comes too late takes nothing from anybody. */
static void test_one_too_many(void **state)
{
	expect_refusals(*state, LATER, 5000, PROBES);
	expect_answers(*state);
}

/* A node that opens flow after flow fills its own block, and no more. */
static void test_scan_by_a_node(void **state)
{
	for (uint16_t i = 1; i < LAB_BLOCK; i++)
		open_flow(*state, 0, IPPROTO_UDP, (uint16_t)(6000 + i));
	expect_refusals(*state, 0, 7000, PROBES);
	open_flow(*state, 0, IPPROTO_TCP, 6000); /* another protocol's ports are others */
	for (uint32_t i = 1; i < CROWD; i++)
		assert_int_equal(block_of(open_flow(*state, i, IPPROTO_UDP, 6000)),
				 block_of(ports[i]));
	expect_answers(*state);
}

static void probe(struct lab *lab, uint16_t port, int reason)
{
	struct lab_packet p = lab_udp(OTHER, 4444, EXTERNAL, port);

	lab_expect(lab, FROM_UPLINK, &p, NULL, SHOT, reason);
}

/* Whoever tries the range out from the LAN learns nothing, and keeps nothing alive. */
static void test_scan_from_the_lan(void **state)
{
	char addr[LAB_CROWD_ADDR];
	struct gw_flow_key key = lab_key(lab_crowd_addr(7, addr), 5000, SERVER, 53, IPPROTO_UDP);
	uint64_t open = CROWD + LAB_BLOCK - 1 + CROWD - 1;
	struct gw_flow was, is;

	assert_true(lab_flow(*state, &key, &was));
	for (uint32_t i = 0; i < RANGE; i++) {
		struct lab_packet p = lab_udp(OTHER, 4444, EXTERNAL, (uint16_t)(LAB_BASE + i));
		struct lab_frame in;

		lab_build(&in, &p);
		assert_int_equal(lab_run(*state, FROM_UPLINK, &in, NULL), SHOT);
	}
	assert_int_equal(lab_counted(*state, GW_DROP_filtered), open);
	assert_int_equal(lab_counted(*state, GW_DROP_no_mapping), RANGE - open);
	assert_true(lab_flow(*state, &key, &is));
	assert_memory_equal(&was, &is, sizeof(was));
	probe(*state, ports[7], GW_DROP_filtered);
	expect_answers(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_block_each),
		cmocka_unit_test(test_answers_find_their_node),
		cmocka_unit_test(test_one_too_many),
		cmocka_unit_test(test_scan_by_a_node),
		cmocka_unit_test(test_scan_from_the_lan),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
