/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon does with data packets that XDP left to it. */
#include "sim_cast.h"

#include <string.h>

#include "relay/forward.h"
#include "relay/node.h"

static int setup(void **state)
{
	cast_setup_registered(state);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	return 0;
}

/* A data packet of `len` bytes in all out of e. */
static void send_data(struct sim_end *e, size_t len)
{
	static uint8_t inner[2000];
	uint8_t packet[2048];

	sim_deliver(&sim, e->self, packet, sim_seal(e, inner, len - WG_DATA_MIN, packet));
}

/* How many of n packets pass at this moment. */
static unsigned int passed(struct sim_end *e, size_t len, unsigned int n)
{
	unsigned int count = 0;

	while (n--) {
		send_data(e, len);
		count += sim.n;
		sim_forget(&sim);
	}
	return count;
}

static void forget_counted(void)
{
	for (int i = 0; i < TP_REASON_MAX; i++)
		sim.counted[i] = sim.relay->reasons[i].packets;
}

static void test_tos_and_bytes(void **state)
{
	static const uint8_t inner[96] = "not looked into";
	uint8_t packet[sizeof(inner) + WG_DATA_MIN];
	const struct sim_message *m;

	(void)state;
	sim_seal(&ea, inner, sizeof(inner), packet);
	sim_deliver(&sim, &alice, packet, sizeof(packet));
	m = sim_take(&sim, WG_DATA, &bob);
	assert_int_equal(m->how, SIM_FORWARDED);
	assert_int_equal(m->tos, 0xb9); /* ECN and DSCP as they came */
	assert_int_equal(m->len, sizeof(packet));
	assert_memory_equal(m->bytes, packet, sizeof(packet));
}

static void test_replays_are_the_peers_business(void **state)
{
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	sim_seal(&ea, NULL, 0, packet);
	sim_deliver(&sim, &alice, packet, sizeof(packet));
	sim_deliver(&sim, &alice, packet, sizeof(packet));
	sim_take(&sim, WG_DATA, &bob);
	sim_take(&sim, WG_DATA, &bob);
	sim_assert_none_counted(&sim);
}

/* A flow is for the address of the relay that its handshake used. */
static void test_local_address(void **state)
{
	struct sim_peer other = alice;
	struct tp_addr was = alice.relay;

	(void)state;
	sim.now += TP_SEC(1);
	other.relay = sim_addr("192.0.2.98");
	cast_move_by_data(&other, &ea, &alice_own); /* it heals like any other change */
	alice.relay = other.relay;
	sim_assert_passes(&sim, &ea, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	assert_false(tp_addr_equal(&was, &alice.relay));
}

static void test_wrong_source(void **state)
{
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	sim.now += TP_SEC(1);
	cast_knock(&carol, &eb); /* bob's, for alice, from carol: carol may not be bob */
	assert_true(tp_mac1_fits(&bob.macs, sim_take(&sim, WG_INITIATION, &carol)->bytes, 148));
	sim_seal(&eb, NULL, 0, packet);
	packet[4] ^= 0x40;
	sim_deliver(&sim, &bob, packet, sizeof(packet));
	sim_assert_refused(&sim, TP_DROP_no_flow);
}

static void test_short_packets(void **state)
{
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	sim_seal(&ea, NULL, 0, packet);
	for (size_t len = 4; len < sizeof(packet); len++) {
		sim_deliver(&sim, &alice, packet, len);
		sim_assert_refused(&sim, TP_DROP_malformed);
	}
	sim_deliver(&sim, &alice, packet, sizeof(packet));
	sim_take(&sim, WG_DATA, &bob);
}

/* --- limits --- */

static void test_no_limits(void **state)
{
	(void)state;
	assert_int_equal(passed(&ea, 1400, 2000), 2000);
}

static void test_packets_limit(void **state)
{
	(void)state;
	config.c.limits.packets_per_node = 100;
	assert_int_equal(passed(&ea, 100, 200), 64); /* the least burst */
	forget_counted();
	send_data(&ea, 100);
	sim_assert_refused(&sim, TP_DROP_node_packets);
	sim.now += TP_SEC(1) / 100;
	assert_int_equal(passed(&ea, 100, 200), 1);
	assert_int_equal(passed(&eb, 100, 200), 64); /* each node its own */
	sim.now += TP_SEC(100);
	assert_int_equal(passed(&ea, 100, 200), 64);
}

/* At a high rate the burst is a tenth of a second. */
static void test_packets_burst(void **state)
{
	(void)state;
	config.c.limits.packets_per_node = 10000;
	assert_int_equal(passed(&ea, 100, 2000), 1000);
}

static void test_bits_limit(void **state)
{
	(void)state;
	config.c.limits.bits_per_node = 1000000;
	/* 64 KB at once, IP and UDP header included */
	assert_int_equal(passed(&ea, 1000, 200), 65536 / 1028);
	forget_counted();
	send_data(&ea, 1000);
	sim_assert_refused(&sim, TP_DROP_node_bits);
	sim.now += TP_SEC(1);
	assert_int_equal(passed(&ea, 1000, 200), 65536 / 1028);
	assert_int_equal(passed(&eb, 1000, 200), 65536 / 1028);
}

static void test_bits_limit_v6(void **state)
{
	struct sim_peer six;
	(void)state;
	sim_peer_move(&carol, "[2001:db8:3::3]:1003");
	sim_register(&sim, &carol, &own);
	six = carol;
	sim_connect(&sim, &six, &ec, &bob, &ed);
	config.c.limits.bits_per_node = 1000000;
	assert_int_equal(passed(&ec, 1000, 200), 65536 / 1048);
}

static void test_extreme_limits(void **state)
{
	(void)state;
	config.c.limits.packets_per_node = UINT32_MAX;
	config.c.limits.bits_per_node = 10000000000000ull;
	assert_int_equal(passed(&ea, 1400, 500), 500);
	config.c.limits.packets_per_node = 1;
	config.c.limits.bits_per_node = 0;
	sim.now += TP_SEC(1);
	assert_int_equal(passed(&ea, 1400, 500), 64);
	config.c.limits.packets_per_node = 0;
	config.c.limits.bits_per_node = 1;
	sim.now += TP_SEC(1);
	assert_int_equal(passed(&eb, 2000, 500), 65536 / 2028);
}

/* A packet over its limit tells nothing about where anybody is, and costs the flow nothing. */
static void test_limit_counts_once(void **state)
{
	struct relay_count rx, tx;

	(void)state;
	config.c.limits.packets_per_node = 100;
	passed(&ea, 100, 200);
	node_counts(sim.relay, sim_node(&sim, &alice), &rx, &tx);
	assert_int_equal(rx.packets, 64);
	assert_int_equal(sim.relay->reasons[TP_DROP_node_packets].packets, 136);
	assert_int_equal(sim.relay->reasons[TP_DROP_node_packets].bytes, 136 * 100);
}

/* --- path MTU --- */

static uint16_t mtu_of(const struct sim_peer *from, const struct sim_end *to)
{
	const struct flow *f = flow_find(sim.relay, &from->at, to->index);

	assert_non_null(f);
	return f->value.mtu;
}

/* ICMP from the path to `to` quotes a packet with e's index. */
static bool too_big(const struct sim_peer *to, const struct sim_end *e, uint32_t mtu, size_t len)
{
	struct wg_data quote = {.type = htole32(WG_DATA), .receiver = e->index};

	return forward_path_mtu(sim.relay, &to->at, mtu, (const uint8_t *)&quote, len, sim.now);
}

/* It holds for the pair, in this direction: carol's packets to bob are none of alice's business. */
static void test_path_mtu(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &carol, &ec, &bob, &ed);
	sim_connect(&sim, &bob, &own, &alice, &alice_own);
	assert_int_equal(mtu_of(&alice, &eb), FLOW_SEE_NO_MTU);
	assert_true(too_big(&bob, &eb, 1300, 8)); /* 8 bytes is all that RFC 792 grants */
	assert_int_equal(mtu_of(&alice, &eb), 1300);
	assert_int_equal(mtu_of(&alice, &own), 1300); /* another session, the same way */
	assert_int_equal(mtu_of(&bob, &ea), FLOW_SEE_NO_MTU);
	assert_int_equal(mtu_of(&carol, &ed), FLOW_SEE_NO_MTU);
	assert_false(too_big(&bob, &eb, 1400, 8));
	assert_false(too_big(&bob, &own, 1300, 8));
	assert_int_equal(mtu_of(&alice, &eb), 1300);
	assert_true(too_big(&bob, &own, 1200, 8));
	assert_int_equal(mtu_of(&alice, &eb), 1200);
	assert_int_equal(node_path_mtu(sim_node(&sim, &bob)), 1200);
	assert_true(too_big(&bob, &ed, 1100, 8));
	assert_int_equal(mtu_of(&alice, &eb), 1200);
	assert_int_equal(node_path_mtu(sim_node(&sim, &bob)), 1100);
	assert_int_equal(node_path_mtu(sim_node(&sim, &alice)), 0);
}

static void test_path_mtu_is_inherited(void **state)
{
	(void)state;
	assert_true(too_big(&bob, &eb, 1300, 8));
	sim_connect(&sim, &bob, &ec, &alice, &ed);
	assert_int_equal(mtu_of(&alice, &ec), 1300);
	assert_int_equal(mtu_of(&bob, &ed), FLOW_SEE_NO_MTU);
}

/* Each direction of the pair by itself. */
static void test_path_mtu_is_forgotten(void **state)
{
	(void)state;
	assert_true(too_big(&bob, &eb, 1300, 8));
	sim_wait(&sim, TP_SEC(100));
	assert_true(too_big(&alice, &ea, 1400, 8));
	sim_wait(&sim, TP_SEC(400));
	sim_register(&sim, &bob, &own);
	sim_register(&sim, &alice, &own);
	sim_connect(&sim, &alice, &ec, &bob, &ed);
	assert_int_equal(mtu_of(&alice, &ed), 1300);
	assert_int_equal(mtu_of(&bob, &ec), 1400);
	sim_wait(&sim, TP_SEC(99));
	assert_int_equal(mtu_of(&alice, &ed), 1300);
	sim_wait(&sim, TP_SEC(1));
	assert_int_equal(mtu_of(&alice, &ed), FLOW_SEE_NO_MTU);
	assert_int_equal(mtu_of(&bob, &ec), 1400);
	sim_connect(&sim, &alice, &ec, &bob, &ed);
	sim_wait(&sim, TP_SEC(100));
	assert_int_equal(mtu_of(&alice, &ed), FLOW_SEE_NO_MTU);
	assert_int_equal(mtu_of(&bob, &ec), FLOW_SEE_NO_MTU);
}

static void test_path_mtu_after_a_move(void **state)
{
	uint8_t packet[WG_DATA_MIN];

	(void)state;
	assert_true(too_big(&alice, &ea, 1300, 8));
	assert_true(too_big(&bob, &eb, 1200, 8));
	assert_int_equal(mtu_of(&bob, &ea), 1300);
	sim.now += TP_SEC(1);
	sim_peer_move(&alice, "203.0.113.77:777");
	sim_deliver(&sim, &alice, packet, sim_seal(&alice_own, NULL, 0, packet));
	sim_answer_probe(&sim, &alice, &alice_own);
	assert_int_equal(mtu_of(&bob, &ea), FLOW_SEE_NO_MTU);
	assert_int_equal(mtu_of(&alice, &eb),
			 1200); /* that way leads to bob, who is where he was */
	sim_connect(&sim, &alice, &ec, &bob, &ed);
	assert_int_equal(mtu_of(&bob, &ec), FLOW_SEE_NO_MTU);
	assert_int_equal(mtu_of(&alice, &ed), 1200);
}

/* A pair that is removed while it knows one. */
static void test_path_mtu_of_a_removed_node(void **state)
{
	struct sim_config fresh;

	(void)state;
	assert_true(too_big(&bob, &eb, 1300, 8));
	sim_config_init(&fresh);
	sim_config_add(&fresh, "office", &alice);
	assert_int_equal(relay_reload(sim.relay, &fresh.c, sim.now), 0);
	sim_wait(&sim, TP_SEC(700));
	assert_int_equal(flows_total(sim.relay), 0);
	/* relay_free() must not meet it either */
	assert_int_equal(relay_reload(sim.relay, &config.c, sim.now), 0);
}

/* Anybody can send ICMP: what does not know a live flow is not believed, nor what is absurd. */
static void test_forged_path_mtu(void **state)
{
	struct sim_end other = {.index = htole32(0xdead)};
	struct sim_peer elsewhere = bob;
	struct wg_initiation msg = {.type = htole32(WG_INITIATION), .sender = eb.index};

	(void)state;
	assert_false(too_big(&bob, &other, 1300, 8));
	assert_false(too_big(&carol, &eb, 1300, 8));
	elsewhere.at.port++;
	assert_false(too_big(&elsewhere, &eb, 1300, 8));
	elsewhere = bob;
	elsewhere.at.addr = carol.at.addr;
	assert_false(too_big(&elsewhere, &eb, 1300, 8));
	assert_false(too_big(&bob, &eb, 0, 8));
	assert_false(too_big(&bob, &eb, 65536, 8));
	assert_false(too_big(&bob, &eb, 1300, 7));
	assert_false(forward_path_mtu(sim.relay, &bob.at, 1300, (const uint8_t *)&msg, 8, sim.now));
	assert_int_equal(mtu_of(&alice, &eb), FLOW_SEE_NO_MTU);
	assert_true(too_big(&bob, &eb, 1, 8));
	assert_int_equal(mtu_of(&alice, &eb), 552);
	sim.now += TP_SEC(190);
	assert_false(too_big(&alice, &ea, 1300, 8));
}

static void test_least_path_mtu_v6(void **state)
{
	(void)state;
	sim_peer_move(&carol, "[2001:db8:3::3]:1003");
	sim_register(&sim, &carol, &own);
	sim_connect(&sim, &bob, &ec, &carol, &ed);
	assert_true(too_big(&carol, &ed, 1000, 8));
	assert_int_equal(mtu_of(&bob, &ed), 1280);
}

#define CONNECTED(fn) cmocka_unit_test_setup_teardown(fn, setup, cast_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTED(test_tos_and_bytes),
		CONNECTED(test_replays_are_the_peers_business),
		CONNECTED(test_local_address),
		CONNECTED(test_wrong_source),
		CONNECTED(test_short_packets),
		CONNECTED(test_no_limits),
		CONNECTED(test_packets_limit),
		CONNECTED(test_packets_burst),
		CONNECTED(test_bits_limit),
		CONNECTED(test_bits_limit_v6),
		CONNECTED(test_extreme_limits),
		CONNECTED(test_limit_counts_once),
		CONNECTED(test_path_mtu),
		CONNECTED(test_path_mtu_is_inherited),
		CONNECTED(test_path_mtu_is_forgotten),
		CONNECTED(test_path_mtu_after_a_move),
		CONNECTED(test_path_mtu_of_a_removed_node),
		CONNECTED(test_forged_path_mtu),
		CONNECTED(test_least_path_mtu_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
