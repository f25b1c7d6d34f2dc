/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks with few packets, by a member, a stranger, or whoever spoofs an address: redirecting,
 * amplifying, evicting. Those with many packets are in test_relay_attacks_load.c. */
#include "sim_cast.h"

#include <string.h>

#include "relay/flows.h"
#include "relay/forward.h"
#include "relay/node.h"
#include "relay/probe.h"

/* Bob as the relay may take him to be: at the address of alice's accomplice. */
static struct sim_peer bob_there;
static struct sim_end call, guard;

static bool bob_is_at(const struct sim_peer *p)
{
	return tp_endpoint_equal(&sim_node(&sim, &bob)->endpoint, &p->at);
}

static void pass_time(uint64_t ns)
{
	sim.now += ns;
	relay_tick_probes(sim.relay, sim.now);
}

/* Junk from a stranger's address with the index that alice chose: what bob sends her bears it. */
static void send_junk(const struct sim_peer *from, size_t len)
{
	uint8_t junk[256] = {WG_DATA};

	memcpy(junk + offsetof(struct wg_data, receiver), &ea.index, sizeof(ea.index));
	sim_deliver(&sim, from, junk, len);
}

/* Bob talks with alice and with carol; then the relay has called him at the stranger's. */
static int setup_called(void **state)
{
	cast_setup_registered(state);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &carol, &ec, &bob, &ed);
	bob_there = bob;
	bob_there.at = stranger.at;
	sim.now += TP_SEC(1);
	send_junk(&bob_there, 160);
	sim_assert_counted(&sim, TP_DROP_no_flow);
	assert_int_equal(sim.n, 1);
	return 0;
}

/* --- the relay's call is handed to the node, and its answer back --- */

static void test_hijack(void **state)
{
	(void)state;
	sim_answer_probe(&sim, &bob_there, &call);
	assert_true(bob_is_at(&bob));
	sim_assert_passes(&sim, &ec, &ed);
	pass_time(TP_MS(49));
	sim_assert_quiet(&sim);
	pass_time(TP_MS(1)); /* now his old place is asked */
	sim_answer_probe(&sim, &bob, &guard);
	pass_time(TP_SEC(1));
	assert_true(bob_is_at(&bob));
	cast_assert_both_pass(&ec, &ed);
	/* Only what alice could have diverted herself has gone there. */
	eb.self = &bob_there;
	cast_assert_both_pass(&ea, &eb);
}

/* The old place answers first, and the accomplice takes his time. */
static void test_hijack_late_answer(void **state)
{
	struct wg_response answer;

	(void)state;
	cast_respond(&bob_there, &call, &answer);
	pass_time(TP_MS(50));
	sim_answer_probe(&sim, &bob, &guard);
	pass_time(TP_SEC(2));
	sim_deliver(&sim, &bob_there, &answer, sizeof(answer));
	assert_true(bob_is_at(&bob));
	sim_forget(&sim);
	cast_assert_both_pass(&ec, &ed);
}

/* After the time for a handshake nothing comes of an answer at all. */
static void test_hijack_too_late(void **state)
{
	struct wg_response answer;

	(void)state;
	cast_respond(&bob_there, &call, &answer);
	pass_time(TP_MS(50));
	sim_forget(&sim); /* the guard call is lost */
	pass_time(TP_SEC(WG_REKEY_TIMEOUT));
	sim_deliver(&sim, &bob_there, &answer, sizeof(answer));
	pass_time(TP_SEC(1));
	sim_forget(&sim);
	assert_true(bob_is_at(&bob));
	cast_assert_both_pass(&ec, &ed);
	cast_assert_both_pass(&ea, &eb);
}

/* A node that did move: nobody is left at its old place, and all its flows follow. */
static void test_move_in_earnest(void **state)
{
	(void)state;
	sim_answer_probe(&sim, &bob_there, &call);
	pass_time(TP_MS(PROBE_GUARD_MS));
	sim_take(&sim, WG_INITIATION, &bob);
	pass_time(TP_MS(PROBE_DOUBT_MS - PROBE_GUARD_MS - 1));
	assert_true(bob_is_at(&bob));
	pass_time(TP_MS(1));
	assert_true(bob_is_at(&bob_there));
	eb.self = &bob_there;
	ed.self = &bob_there;
	cast_assert_both_pass(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
}

/* --- a stranger has the relay write to a spoofed address --- */

/* Junk of this size, so seldom that nothing but what it is worth keeps the relay from calling. */
static void amplify(size_t size)
{
	size_t in = 0, out = 0;

	for (unsigned int i = 0; i < 36; i++) {
		pass_time(TP_MS(4900));
		pass_time(TP_MS(100));
		send_junk(&stranger, size);
		in += size;
		for (unsigned int k = 0; k < sim.n; k++) {
			const struct sim_message *m = &sim.queue[(sim.first + k) % SIM_QUEUE];

			out += tp_endpoint_equal(&m->to, &stranger.at) ? m->len : 0;
		}
		sim_forget(&sim);
		assert_true(out <= in);
	}
	assert_true(out > 0);
}

static void test_amplify_short(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	amplify(32);
}

static void test_amplify_long(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	amplify(128);
}

/* --- forged handshakes between two addresses push out their session --- */

static void forge_initiation(uint32_t i)
{
	struct wg_initiation initiation;

	tp_random(&initiation, sizeof(initiation));
	initiation.type = htole32(WG_INITIATION);
	initiation.sender = htole32(0x70000 + i);
	tp_macs_write(&bob.macs, NULL, &initiation, sizeof(initiation));
	sim_deliver(&sim, &alice, &initiation, sizeof(initiation));
}

static void forge_response(uint32_t i)
{
	struct wg_response response;

	tp_random(&response, sizeof(response));
	response.type = htole32(WG_RESPONSE);
	response.sender = htole32(0x80000 + i);
	response.receiver = htole32(0x70000 + i);
	tp_macs_write(&alice.macs, NULL, &response, sizeof(response));
	sim_deliver(&sim, &bob, &response, sizeof(response));
	sim_forget(&sim);
}

static void forget_counted(void)
{
	for (int i = 0; i < TP_REASON_MAX; i++)
		sim.counted[i] = sim.relay->reasons[i].packets;
}

static void test_evict(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	for (uint32_t i = 0; i < 16; i++) {
		sim.now += TP_SEC(1);
		forge_initiation(i);
		forge_response(i);
	}
	assert_int_equal(flows_total(sim.relay), 2 * PAIR_UNPROVEN);
	forget_counted();
	cast_assert_both_pass(&ea, &eb);
	/* Alice renews her keys: asked for a cookie, she gets through. */
	cast_initiate(&alice, &ec, &bob, &msg);
	assert_int_equal(sim_keep_cookie(&ec, &sim_take(&sim, WG_COOKIE_REPLY, &alice)->cookie), 0);
	sim_assert_refused(&sim, TP_ANSWER_challenge);
	sim.now += TP_SEC(5);
	cast_initiate(&alice, &ec, &bob, &msg);
	cast_respond(&bob, &ed, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ec, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	cast_assert_both_pass(&ec, &ed);
	cast_assert_both_pass(&ea, &eb);
}

/* All of them under way together, taken up while the pair had room for each. */
static void test_evict_at_once(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &alice, &ec, &bob, &ed);
	sim.now += TP_SEC(10);
	for (uint32_t i = 0; i < 8; i++)
		forge_initiation(i);
	for (uint32_t i = 0; i < 8; i++)
		forge_response(i);
	forget_counted();
	cast_assert_both_pass(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	assert_int_equal(flows_total(sim.relay), 2 * PAIR_UNPROVEN);
}

/* --- a node takes the relay's own index for its --- */

/* Alice, as initiator or as responder, picks the index that bob's packets to the relay bear. */
static void pick_relays_index(struct sim_peer *from, struct sim_peer *to)
{
	uint32_t index = le32toh(bob_own.kp.remote_index);
	struct wg_initiation msg;
	struct wg_response answer;
	uint8_t keepalive[WG_DATA_MIN];

	sim.next_index = from == &alice ? index : 0x30000;
	cast_initiate(from, &ea, to, &msg);
	sim.next_index = to == &alice ? index : 0x40000;
	cast_respond(to, &eb, &answer);
	sim_deliver(&sim, to, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_index_collision);
	assert_int_equal(flows_total(sim.relay), 0);
	sim_deliver(&sim, &bob, keepalive, sim_seal(&bob_own, NULL, 0, keepalive));
	sim_assert_quiet(&sim);
	sim_assert_none_counted(&sim);
}

static void test_own_index_of_initiator(void **state)
{
	(void)state;
	pick_relays_index(&alice, &bob);
}

static void test_own_index_of_responder(void **state)
{
	(void)state;
	pick_relays_index(&bob, &alice);
}

/* --- an ICMP error that quotes one's own flow --- */

static void test_path_mtu_of_others(void **state)
{
	struct wg_data quote = {.type = htole32(WG_DATA)};

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &carol, &ec, &alice, &ed);
	quote.receiver = ea.index;
	assert_true(
		forward_path_mtu(sim.relay, &alice.at, 68, (const uint8_t *)&quote, 16, sim.now));
	assert_int_equal(flow_find(sim.relay, &bob.at, ea.index)->value.mtu, 552);
	assert_int_equal(flow_find(sim.relay, &carol.at, ed.index)->value.mtu, FLOW_SEE_NO_MTU);
	sim_connect(&sim, &carol, &ec, &alice, &ed);
	assert_int_equal(flow_find(sim.relay, &carol.at, ed.index)->value.mtu, FLOW_SEE_NO_MTU);
}

#define CALLED(fn) cmocka_unit_test_setup_teardown(fn, setup_called, cast_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLED(test_hijack),
		CALLED(test_hijack_late_answer),
		CALLED(test_hijack_too_late),
		CALLED(test_move_in_earnest),
		REGISTERED(test_amplify_short),
		REGISTERED(test_amplify_long),
		REGISTERED(test_evict),
		REGISTERED(test_evict_at_once),
		REGISTERED(test_own_index_of_initiator),
		REGISTERED(test_own_index_of_responder),
		REGISTERED(test_path_mtu_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
