/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The relay as a peer of its nodes: who is where, and what does not suffice to say so. */
#include "sim_cast.h"

#include <string.h>

#include "relay/budget.h"
#include "relay/node.h"

static const uint8_t *relay_key(void)
{
	return sim.relay->identity.public_key;
}

static bool is_at(const struct sim_peer *p, const char *endpoint)
{
	struct tp_endpoint e = sim_endpoint(endpoint);

	return sim_node(&sim, p)->site && tp_endpoint_equal(&sim_node(&sim, p)->endpoint, &e);
}

/* Initiation and response, unconfirmed. */
static void shake_hands(struct sim_peer *p, struct sim_end *e)
{
	struct wg_initiation msg;

	sim_initiate(&sim, e, p, relay_key(), &msg);
	sim_deliver(&sim, p, &msg, sizeof(msg));
	assert_int_equal(sim_finish(e, &sim_take(&sim, WG_RESPONSE, p)->response), 0);
}

static void send_inner(const struct sim_peer *p, struct sim_end *e, const void *inner, size_t len)
{
	uint8_t packet[512];

	sim_deliver(&sim, p, packet, sim_seal(e, inner, len, packet));
}

static void keepalive(const struct sim_peer *p, struct sim_end *e)
{
	send_inner(p, e, NULL, 0);
}

/* --- registration --- */

static void test_registers(void **state)
{
	(void)state;
	shake_hands(&alice, &ea);
	assert_null(sim_node(&sim, &alice)->site); /* message 1 may be a replay */
	keepalive(&alice, &ea);
	assert_true(is_at(&alice, "198.51.100.1:1001"));
	assert_true(tp_addr_equal(&sim_node(&sim, &alice)->local, &alice.relay));
	assert_true(node_online(sim_node(&sim, &alice), sim.now));
	assert_int_equal(sim.relay->stats.registrations, 1);
	sim_assert_quiet(&sim);
	sim_assert_none_counted(&sim);
}

static uint32_t round_trip(void)
{
	return tp_round_trip_least(&sim_node(&sim, &alice)->trips);
}

/* Its first data with new keys comes one round trip after message 2; the least of the last few is
 * the way's, until it has another address. */
static void test_round_trip(void **state)
{
	(void)state;
	assert_int_equal(round_trip(), 0);
	for (int i = 0; i < TP_ROUND_TRIPS; i++) {
		shake_hands(&alice, &ea);
		sim_wait(&sim, TP_MS(30 + 10 * i));
		keepalive(&alice, &ea);
		assert_int_equal(round_trip(), 30000);
		sim_wait(&sim, TP_SEC(1));
	}
	keepalive(&alice, &ea); /* no handshake, no measure */
	shake_hands(&alice, &ea);
	sim_wait(&sim, TP_MS(50));
	keepalive(&alice, &ea);
	assert_int_equal(round_trip(), 40000);
	/* A keepalive that comes from elsewhere than the handshake has another way behind it. */
	shake_hands(&alice, &ea);
	sim_wait(&sim, TP_MS(1));
	alice.at = sim_endpoint("198.51.100.9:1001");
	keepalive(&alice, &ea);
	assert_int_equal(round_trip(), 40000);
	sim_wait(&sim, TP_SEC(1));
	sim_forget(&sim); /* it was called there */
	shake_hands(&alice, &ea);
	sim_wait(&sim, TP_MS(70));
	keepalive(&alice, &ea);
	assert_int_equal(round_trip(), 70000);
}

static void test_goes_offline(void **state)
{
	struct node *n;

	(void)state;
	sim_register(&sim, &alice, &ea);
	n = sim_node(&sim, &alice);
	sim_wait(&sim, TP_SEC(NODE_ONLINE_SEC) - 1);
	assert_true(node_online(n, sim.now));
	sim_wait(&sim, 1);
	assert_false(node_online(n, sim.now));
	keepalive(&alice, &ea);
	assert_true(node_online(n, sim.now));
}

static void test_unknown_key(void **state)
{
	struct wg_initiation msg;

	(void)state;
	sim_initiate(&sim, &ec, &stranger, relay_key(), &msg);
	sim_deliver(&sim, &stranger, &msg, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_key_unknown);
}

static void test_forged_initiation(void **state)
{
	struct wg_initiation msg;

	(void)state;
	sim_initiate(&sim, &ea, &alice, relay_key(), &msg);
	msg.timestamp_sealed[0] ^= 1;
	tp_macs_write(&sim.relay->macs, NULL, &msg, sizeof(msg));
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_handshake_invalid);
}

static void test_replayed_initiation(void **state)
{
	struct wg_initiation first, second;

	(void)state;
	sim_initiate(&sim, &ea, &alice, relay_key(), &first);
	sim.now += TP_SEC(5);
	sim_initiate(&sim, &ea, &alice, relay_key(), &second);
	sim_deliver(&sim, &alice, &second, sizeof(second));
	sim_take(&sim, WG_RESPONSE, &alice);
	sim.now += TP_SEC(5);
	sim_deliver(&sim, &stranger, &second, sizeof(second));
	sim_assert_refused(&sim, TP_DROP_handshake_replay);
	sim_deliver(&sim, &alice, &first, sizeof(first));
	sim_assert_refused(&sim, TP_DROP_handshake_replay);
}

static void test_initiations_too_close(void **state)
{
	struct wg_initiation msg;

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim.now += TP_MS(20) - 1;
	sim_initiate(&sim, &eb, &alice, relay_key(), &msg);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_handshake_rate);
	sim.now += 1;
	sim_deliver(&sim, &alice, &msg, sizeof(msg)); /* its timestamp was not used up */
	sim_take(&sim, WG_RESPONSE, &alice);
}

static void test_rekey_keeps_the_former(void **state)
{
	struct sim_end second = {0}, third = {0};

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_register(&sim, &alice, &second);
	keepalive(&alice, &ea);
	sim_assert_none_counted(&sim);
	sim_register(&sim, &alice, &third);
	keepalive(&alice, &second);
	sim_assert_none_counted(&sim);
	keepalive(&alice, &ea); /* two keypairs, as WireGuard has it */
	sim_assert_refused(&sim, TP_DROP_no_flow);
}

static void test_keypair_ends(void **state)
{
	(void)state;
	sim_register(&sim, &alice, &ea);
	sim.now += TP_SEC(WG_REJECT_AFTER_TIME) - TP_MS(101);
	keepalive(&alice, &ea);
	sim_assert_none_counted(&sim);
	sim.now += TP_MS(101);
	keepalive(&alice, &ea);
	sim_assert_refused(&sim, TP_DROP_session_unknown);
	relay_tick(sim.relay, sim.now);
	keepalive(&alice, &ea);
	sim_assert_refused(&sim, TP_DROP_no_flow);
	assert_true(is_at(&alice, "198.51.100.1:1001"));
}

/* --- addresses --- */

/* Someone passes message 1 on from his own address, and so gets message 2; what alice then sends
 * shows that she is elsewhere. */
static void test_first_data_from_elsewhere(void **state)
{
	struct sim_peer moved = alice;

	(void)state;
	shake_hands(&alice, &ea);
	sim_peer_move(&moved, "203.0.113.77:777");
	keepalive(&moved, &ea);
	assert_null(sim_node(&sim, &alice)->site);
	sim_answer_probe(&sim, &moved, &eb);
	assert_true(is_at(&alice, "203.0.113.77:777"));
	sim_assert_none_counted(&sim);
}

static void test_keepalive_from_new_address(void **state)
{
	struct sim_peer moved = alice;
	struct wg_response answer;

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_peer_move(&moved, "203.0.113.77:777");
	keepalive(&moved, &ea);
	assert_true(is_at(&alice, "198.51.100.1:1001"));
	assert_int_equal(sim_respond(&sim, &eb, &moved,
				     &sim_take(&sim, WG_INITIATION, &moved)->initiation, &answer),
			 0);
	sim_deliver(&sim, &stranger, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown);
	assert_true(is_at(&alice, "198.51.100.1:1001"));
	answer.empty_sealed[0] ^= 1;
	tp_macs_write(&sim.relay->macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &moved, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_handshake_invalid);
	answer.empty_sealed[0] ^= 1;
	tp_macs_write(&sim.relay->macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &moved, &answer, sizeof(answer)); /* a forged one does not spoil it */
	assert_true(is_at(&alice, "203.0.113.77:777"));
	sim_take(&sim, WG_DATA, &moved);
	sim_deliver(&sim, &moved, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown); /* once is enough */
}

static void test_answer_too_late(void **state)
{
	struct sim_peer moved = alice;
	struct wg_response answer;

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_peer_move(&moved, "203.0.113.77:777");
	keepalive(&moved, &ea);
	assert_int_equal(sim_respond(&sim, &eb, &moved,
				     &sim_take(&sim, WG_INITIATION, &moved)->initiation, &answer),
			 0);
	sim_wait(&sim, TP_SEC(WG_REKEY_TIMEOUT));
	sim_deliver(&sim, &moved, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown);
	assert_true(is_at(&alice, "198.51.100.1:1001"));
}

/* The same node to another of the relay's addresses. */
static void test_other_local_address(void **state)
{
	struct sim_peer other = alice;

	(void)state;
	sim_register(&sim, &alice, &ea);
	other.relay = sim_addr("192.0.2.98");
	keepalive(&other, &ea);
	assert_true(tp_addr_equal(&sim_node(&sim, &alice)->local, &alice.relay));
	sim_answer_probe(&sim, &other, &eb);
	assert_true(tp_addr_equal(&sim_node(&sim, &alice)->local, &other.relay));
}

/* Carol says in bob's place that she is he. Bob is asked, as carol, and does not understand. */
static void test_spoofed_keepalive(void **state)
{
	struct sim_peer spoofed = carol;
	const struct sim_message *m;

	(void)state;
	sim_register(&sim, &bob, &eb);
	sim_register(&sim, &carol, &ec);
	spoofed.at = bob.at;
	keepalive(&spoofed, &ec);
	m = sim_take(&sim, WG_INITIATION, &bob);
	assert_false(tp_mac1_fits(&bob.macs, m->bytes, m->len));
	sim_assert_quiet(&sim);
	assert_true(is_at(&bob, "198.51.100.2:1002"));
	assert_true(is_at(&carol, "198.51.100.3:1003"));
}

static void test_one_owner(void **state)
{
	struct tp_endpoint shared = sim_endpoint("198.51.100.1:1001");

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_peer_move(&carol, "198.51.100.1:1001");
	sim_register(&sim, &carol, &ec);
	assert_true(is_at(&carol, "198.51.100.1:1001"));
	assert_null(sim_node(&sim, &alice)->site);
	assert_false(node_online(sim_node(&sim, &alice), sim.now));
	assert_ptr_equal(node_by_endpoint(sim.relay, &shared), sim_node(&sim, &carol));
}

static void test_probes_are_few(void **state)
{
	struct sim_peer moved = alice;
	unsigned int sent = 0;

	(void)state;
	sim_register(&sim, &alice, &ea);
	for (unsigned int i = 0; i < 40; i++) {
		moved.at.port = htons((uint16_t)(5000 + i));
		sim.now += TP_MS(25);
		keepalive(&moved, &ea);
	}
	sent = sim.n;
	assert_in_range(sent, 4, 8); /* 4 at once, 4 a second */
	sim_assert_none_counted(&sim);
}

/* Message 1 again and again within the step of its timestamps would be taken for a replay. */
static void test_probes_keep_apart(void **state)
{
	struct sim_peer moved = alice;

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_peer_move(&moved, "203.0.113.77:777");
	keepalive(&moved, &ea);
	sim.now += TP_MS(25) - 1;
	keepalive(&moved, &ea);
	assert_int_equal(sim.n, 1);
	sim.now += 1;
	keepalive(&moved, &ea);
	assert_int_equal(sim.n, 2);
}

static void test_v6_node(void **state)
{
	(void)state;
	sim_peer_move(&alice, "[2001:db8:1::7]:1001");
	sim_register(&sim, &alice, &ea);
	assert_true(is_at(&alice, "[2001:db8:1::7]:1001"));
	assert_non_null(site_of(sim.relay, &alice.at.addr));
	sim_peer_move(&bob, "[2001:db8:1::8]:1001");
	sim_register(&sim, &bob, &eb);
	assert_ptr_equal(sim_node(&sim, &bob)->site, sim_node(&sim, &alice)->site);
}

/* --- load --- */

static void test_challenge_and_mac2(void **state)
{
	struct wg_initiation msg;
	struct sim_peer elsewhere = alice;

	(void)state;
	sim.relay->register_budget[0] = sim.now + TP_SEC(60);
	sim_initiate(&sim, &ea, &alice, relay_key(), &msg);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	assert_int_equal(sim_keep_cookie(&ea, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	sim.now += TP_SEC(5);
	sim_initiate(&sim, &ea, &alice, relay_key(), &msg);
	sim_peer_move(&elsewhere, "203.0.113.77:777");
	sim_deliver(&sim, &elsewhere, &msg, sizeof(msg)); /* a cookie is for one address */
	sim_take(&sim, WG_COOKIE_REPLY, &elsewhere);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	keepalive(&alice, &ea);
	assert_true(is_at(&alice, "198.51.100.1:1001"));
}

static void test_flood_with_mac2(void **state)
{
	struct wg_initiation msg;

	(void)state;
	sim.relay->register_budget[0] = sim.now + TP_SEC(60);
	sim_initiate(&sim, &ea, &alice, relay_key(), &msg);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	assert_int_equal(sim_keep_cookie(&ea, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	sim.relay->register_budget[1] = sim.now + TP_SEC(60);
	sim_initiate(&sim, &ea, &alice, relay_key(), &msg);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_handshake_rate); /* no second cookie */
}

/* One site's flood does not use up what all share. */
static void test_flood_of_one_site(void **state)
{
	struct wg_initiation msg = {.type = htole32(WG_INITIATION)};

	(void)state;
	sim_register(&sim, &alice, &ea);
	tp_macs_write(&sim.relay->macs, NULL, &msg, sizeof(msg));
	for (unsigned int i = 0; i < 1000; i++) {
		sim_deliver(&sim, &alice, &msg, sizeof(msg));
		sim_forget(&sim);
	}
	assert_in_range(sim.relay->reasons[TP_DROP_handshake_invalid].packets, 99, 100);
	assert_in_range(sim.relay->reasons[TP_ANSWER_challenge].packets, 900, 901);
	shake_hands(&bob, &eb);
}

/* The node is under load when the relay asks where it is. */
static void test_node_hands_out_cookie(void **state)
{
	struct sim_peer moved = alice;
	struct wg_cookie_reply cookie;
	const struct sim_message *m;
	uint8_t mac2[WG_MAC_LEN];

	(void)state;
	sim_register(&sim, &alice, &ea);
	sim_peer_move(&moved, "203.0.113.77:777");
	keepalive(&moved, &ea);
	m = sim_take(&sim, WG_INITIATION, &moved);
	sim_hand_out_cookie(&sim, &moved, m->bytes, m->len, &cookie);
	sim_deliver(&sim, &stranger, &cookie, sizeof(cookie));
	sim_assert_refused(&sim, TP_DROP_cookie_invalid);
	sim_deliver(&sim, &moved, &cookie, sizeof(cookie));
	sim_assert_none_counted(&sim);
	sim.now += TP_SEC(1);
	keepalive(&moved, &ea);
	m = sim_take(&sim, WG_INITIATION, &moved);
	tp_mac(mac2, sim_node(&sim, &alice)->cookie, WG_COOKIE_LEN, m->bytes, m->len - WG_MAC_LEN);
	assert_memory_equal(mac2, m->initiation.macs.mac2, WG_MAC_LEN);
	assert_true(tp_mac2_fits(&moved.cookie_secret,
				 &(struct tp_endpoint){moved.relay, htons(SIM_PORT)}, m->bytes,
				 m->len, sim.now));
	sim_wait(&sim, TP_SEC(WG_COOKIE_SECRET_TIME));
	keepalive(&moved, &ea);
	m = sim_take(&sim, WG_INITIATION, &moved);
	memset(mac2, 0, sizeof(mac2));
	assert_memory_equal(mac2, m->initiation.macs.mac2, WG_MAC_LEN);
}

/* --- what is no handshake --- */

static void test_lengths(void **state)
{
	struct wg_initiation msg;
	uint8_t longer[sizeof(msg) + 1] = {0};

	(void)state;
	sim_initiate(&sim, &ea, &alice, relay_key(), &msg);
	memcpy(longer, &msg, sizeof(msg));
	sim_deliver(&sim, &alice, longer, sizeof(longer));
	sim_assert_refused(&sim, TP_DROP_malformed);
	sim_deliver(&sim, &alice, longer, sizeof(msg) - 1);
	sim_assert_refused(&sim, TP_DROP_malformed);
	sim_deliver(&sim, &alice, longer, 0);
	sim_assert_refused(&sim, TP_DROP_not_wireguard);
	longer[1] = 1; /* reserved, must be zero */
	sim_deliver(&sim, &alice, longer, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_not_wireguard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_registers),
		CASE(test_round_trip),
		CASE(test_goes_offline),
		CASE(test_unknown_key),
		CASE(test_forged_initiation),
		CASE(test_replayed_initiation),
		CASE(test_initiations_too_close),
		CASE(test_rekey_keeps_the_former),
		CASE(test_keypair_ends),
		CASE(test_first_data_from_elsewhere),
		CASE(test_keepalive_from_new_address),
		CASE(test_answer_too_late),
		CASE(test_other_local_address),
		CASE(test_spoofed_keepalive),
		CASE(test_one_owner),
		CASE(test_probes_are_few),
		CASE(test_probes_keep_apart),
		CASE(test_v6_node),
		CASE(test_challenge_and_mac2),
		CASE(test_flood_with_mac2),
		CASE(test_flood_of_one_site),
		CASE(test_node_hands_out_cookie),
		CASE(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
