/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Nodes that move: which flows follow, and on whose word. */
#include "sim_cast.h"

#include <string.h>

#include "relay/flows_internal.h"
#include "relay/nexthop.h"
#include "relay/node.h"

static void assert_all_gone(struct sim_end *x, struct sim_end *y)
{
	cast_assert_no_flow(x);
	cast_assert_no_flow(y);
}

/* --- roaming --- */

static void test_roaming(void **state)
{
	struct sim_peer second = alice, old;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	second.at.port = htons(7777); /* another socket of hers */
	sim_connect(&sim, &second, &ec, &carol, &ed);
	old = alice;
	cast_roam(&alice, &alice_own, "203.0.113.77:777");
	cast_assert_both_pass(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	assert_null(flow_find(sim.relay, &old.at, eb.index));
	assert_non_null(flow_find(sim.relay, &second.at, ed.index));
	assert_int_equal(flows_total(sim.relay), 4);
}

static void test_roaming_between_families(void **state)
{
	static const char *const been[] = {"198.51.100.1:1", "[2001:db8:7::1]:1", "198.51.100.2:1",
					   "[2001:db8:8::1]:1"};
	unsigned int lookups;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	cast_roam(&alice, &alice_own, "[2001:db8:7::1]:777");
	cast_assert_both_pass(&ea, &eb);
	cast_roam(&bob, &bob_own, "[2001:db8:8::1]:777");
	cast_assert_both_pass(&ea, &eb);
	cast_roam(&alice, &alice_own, "198.51.100.1:1001");
	cast_assert_both_pass(&ea, &eb);
	sim_wait(&sim, TP_SEC(190));
	assert_all_gone(&ea, &eb);
	/* No next hop is held for where they were on the way. */
	lookups = sim.route_lookups;
	for (unsigned int i = 0; i < 4; i++) {
		struct tp_endpoint e = sim_endpoint(been[i]);
		struct tp_addr src = sim_addr(tp_addr_is_v4(&e.addr) ? SIM_RELAY_V4 : SIM_RELAY_V6);

		relay_nexthop_get(sim.nexthops, &e.addr, &src);
	}
	assert_int_equal(sim.route_lookups, lookups + 4);
}

/* The same address, but another one of the relay's: flows take only what comes there. */
static void test_roaming_to_other_local(void **state)
{
	uint8_t packet[WG_DATA_MIN];
	struct sim_peer moved = alice;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	moved.relay = sim_addr("192.0.2.98");
	sim.now += TP_SEC(1);
	sim_deliver(&sim, &moved, packet, sim_seal(&alice_own, NULL, 0, packet));
	sim_answer_probe(&sim, &moved, &alice_own);
	alice.relay = moved.relay;
	cast_assert_both_pass(&ea, &eb);
	assert_int_equal(flows_total(sim.relay), 2);
}

/* Alice comes to where carol was, with a flow whose index is that of carol's. */
static void test_roaming_into_a_held_key(void **state)
{
	struct wg_response answer;
	struct wg_initiation msg;

	(void)state;
	sim_connect(&sim, &carol, &ec, &bob, &ed);
	cast_initiate(&alice, &ea, &bob, &msg);
	sim.next_index = le32toh(ed.index);
	assert_int_equal(sim_respond(&sim, &eb, &bob,
				     &sim_take(&sim, WG_INITIATION, &bob)->initiation, &answer),
			 0);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	sim.next_index = 0x20000;
	assert_int_equal(flows_total(sim.relay), 4);
	cast_roam(&alice, &alice_own, "198.51.100.3:1003");
	cast_assert_both_pass(&ea, &eb);
	assert_int_equal(flows_total(sim.relay), 2);
	assert_null(sim_node(&sim, &carol)->site);
}

/* Carol proves to be where alice was: what alice sent from there is not alice's any more. */
static void test_address_taken_over(void **state)
{
	struct sim_peer second = alice;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &alice, &own, &bob, &ec);
	second.at.port = htons(7777);
	sim_connect(&sim, &second, &ec, &bob, &ed);
	sim_peer_move(&carol, "198.51.100.1:1001");
	sim_register(&sim, &carol, &own);
	assert_int_equal(flows_total(sim.relay), 2);
	assert_all_gone(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	/* Alice comes back, elsewhere, and starts anew. */
	cast_roam(&alice, &alice_own, "198.51.100.1:1009");
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	cast_assert_both_pass(&ea, &eb);
}

/* What alice sent from a second address of hers, too, which is now carol's; the rest stays. */
static void test_second_address_taken_over(void **state)
{
	struct sim_peer second = alice;

	(void)state;
	second.at.port = htons(7777);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &second, &ec, &bob, &ed);
	sim_peer_move(&carol, "198.51.100.1:7777");
	sim_register(&sim, &carol, &own);
	assert_true(sim_node(&sim, &alice)->site != NULL);
	assert_int_equal(flows_total(sim.relay), 2);
	assert_all_gone(&ec, &ed);
	cast_assert_both_pass(&ea, &eb);
	sim_connect(&sim, &carol, &ec, &bob, &ed);
	cast_assert_both_pass(&ec, &ed);
}

/* Alice has a session at her second address already when she registers there. */
static void test_own_second_address(void **state)
{
	struct sim_peer second = alice;

	(void)state;
	second.at.port = htons(7777);
	sim_connect(&sim, &second, &ec, &bob, &ed);
	cast_roam(&alice, &alice_own, "198.51.100.1:7777");
	cast_assert_both_pass(&ec, &ed);
	/* And after she moved on, what she had there has gone with her: nothing is left to end. */
	cast_roam(&alice, &alice_own, "198.51.100.1:7778");
	sim_peer_move(&carol, "198.51.100.1:7777");
	sim_register(&sim, &carol, &own);
	ec.self = &alice;
	cast_assert_both_pass(&ec, &ed);
}

/* --- healing under traffic --- */

static void test_data_from_new_port(void **state)
{
	struct sim_peer moved = alice;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim.now += TP_SEC(1);
	moved.at.port = htons(4242);
	assert_true(tp_endpoint_equal(&sim_node(&sim, &alice)->endpoint, &alice.at));
	cast_move_by_data(&moved, &ea, &alice_own);
	alice = moved;
	assert_true(tp_endpoint_equal(&sim_node(&sim, &alice)->endpoint, &alice.at));
	cast_assert_both_pass(&ea, &eb);
	assert_int_equal(flows_total(sim.relay), 2);
}

/* Another index that the table by index keeps in the same list. */
static uint32_t neighbour_of(uint32_t index)
{
	uint32_t list = (uint32_t)tp_siphash(&index, sizeof(index)) % INDEX_BUCKETS, other = index;

	do
		other++;
	while ((uint32_t)tp_siphash(&other, sizeof(other)) % INDEX_BUCKETS != list);
	return other;
}

/* Eve knows the index and sends with it. Alice is asked at eve's, and does not answer there. */
static void test_data_from_a_stranger(void **state)
{
	const struct sim_message *m;
	struct sim_peer copy = eve;
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim.now += TP_SEC(1);
	cast_knock(&eve, &ea);
	m = sim_take(&sim, WG_INITIATION, &eve);
	assert_true(tp_mac1_fits(&alice.macs, m->bytes, m->len));
	copy.at.port++;
	sim.now += TP_SEC(1);
	sim_seal(&ea, NULL, 0, packet);
	memcpy(packet + 4, &(uint32_t){neighbour_of(eb.index)}, 4);
	sim_deliver(&sim, &copy, packet, sizeof(packet)); /* an index that nobody has */
	sim_assert_refused(&sim, TP_DROP_no_flow);
	cast_assert_both_pass(&ea, &eb);
}

/* Someone who saw an index sends with it from everywhere. Alice still moves by a keepalive. */
static void test_flood_with_an_index(void **state)
{
	struct sim_peer flood = stranger;
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_seal(&ea, NULL, 0, packet);
	for (unsigned int i = 0; i < 2990; i++) {
		flood.at.port = htons((uint16_t)(1000 + i));
		sim.now += TP_MS(10);
		sim_deliver(&sim, &flood, packet, sizeof(packet));
		sim_forget(&sim);
	}
	sim.now += TP_MS(25); /* no initiation is that near to the one before */
	for (int i = 0; i < TP_REASON_MAX; i++)
		sim.counted[i] = sim.relay->reasons[i].packets;
	sim_peer_move(&alice, "203.0.113.77:777");
	sim_deliver(&sim, &alice, packet, sim_seal(&alice_own, NULL, 0, packet));
	sim_answer_probe(&sim, &alice, &alice_own);
	cast_assert_both_pass(&ea, &eb);
}

/* Registered at one address, sending from another, which changes. */
static void test_second_address_moves(void **state)
{
	struct sim_peer second, third;

	(void)state;
	cast_roam(&alice, &alice_own, "[2001:db8:1::a]:1001");
	second = alice;
	sim_peer_move(&second, "[2001:db8:1::f00d]:1001");
	third = alice;
	sim_peer_move(&third, "[2001:db8:1::beef]:1001");
	sim_connect(&sim, &alice, &ec, &carol, &ed);
	sim_connect(&sim, &second, &ea, &bob, &eb);
	sim.now += TP_SEC(1);
	cast_move_by_data(&third, &ea, &alice_own);
	assert_true(tp_endpoint_equal(&sim_node(&sim, &alice)->endpoint, &alice.at));
	ea.self = &third;
	cast_assert_both_pass(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	assert_null(flow_find(sim.relay, &second.at, eb.index));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTERED(test_roaming),
		REGISTERED(test_roaming_between_families),
		REGISTERED(test_roaming_to_other_local),
		REGISTERED(test_roaming_into_a_held_key),
		REGISTERED(test_address_taken_over),
		REGISTERED(test_second_address_taken_over),
		REGISTERED(test_own_second_address),
		REGISTERED(test_data_from_new_port),
		REGISTERED(test_data_from_a_stranger),
		REGISTERED(test_flood_with_an_index),
		REGISTERED(test_second_address_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
