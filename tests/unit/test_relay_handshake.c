/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Handshakes between nodes: whom they are for, who they are from, and what strangers can't do. */
#include "sim_cast.h"

#include <string.h>

#include "relay/node.h"
#include "relay/pending.h"

/* --- routing --- */

static void test_passes_on(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;
	const struct sim_message *m;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	m = &sim.queue[sim.first];
	assert_memory_equal(&m->initiation, &msg, sizeof(msg)); /* not a byte is changed */
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	m = sim_take(&sim, WG_RESPONSE, &alice);
	assert_memory_equal(&m->response, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &m->response), 0);
	assert_int_equal(sim.relay->stats.initiations, 1);
	assert_int_equal(sim.relay->stats.responses, 1);
	sim_assert_quiet(&sim);
	sim_assert_passes(&sim, &ea, &eb);
	sim_assert_passes(&sim, &eb, &ea);
}

static void test_each_way(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_connect(&sim, &bob, &eb, &alice, &ea);
	sim_connect(&sim, &carol, &eb, &alice, &ea);
	sim_connect(&sim, &eve, &ea, &oscar, &eb);
}

static void test_other_network(void **state)
{
	struct wg_initiation msg;

	(void)state;
	cast_initiate(&alice, &ea, &eve, &msg);
	sim_assert_refused(&sim, TP_DROP_target_unknown);
	cast_initiate(&eve, &ea, &alice, &msg);
	sim_assert_refused(&sim, TP_DROP_target_unknown);
}

/* Nodes of both networks behind one address: eve's own network is open to her, alice's is not. */
static void test_networks_at_one_site(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	sim_peer_move(&eve, "198.51.100.1:5005");
	sim_register(&sim, &eve, &own);
	sim_connect(&sim, &eve, &ea, &oscar, &eb);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	/* To bob it may come from alice; that eve made it shows in his answer, if he gave one. */
	cast_initiate(&eve, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_mac1);
}

static void test_to_itself(void **state)
{
	struct wg_initiation msg;

	(void)state;
	cast_initiate(&alice, &ea, &alice, &msg);
	sim_assert_refused(&sim, TP_DROP_target_unknown);
}

static void test_target_offline(void **state)
{
	struct wg_initiation msg;

	(void)state;
	node_unplace(sim.relay, sim_node(&sim, &bob));
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_target_offline);
}

static void test_unknown_source(void **state)
{
	struct wg_initiation msg;
	struct sim_peer elsewhere = alice;

	(void)state;
	sim_peer_move(&elsewhere, "203.0.113.200:1001");
	cast_initiate(&elsewhere, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_source_unknown);
}

static void test_duplicate(void **state)
{
	struct sim_peer other = alice;
	struct wg_initiation msg;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_take(&sim, WG_INITIATION, &bob);
	sim_deliver(&sim, &alice, &msg, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_duplicate);
	other.at.port = htons(7777); /* the answer would go elsewhere */
	sim_deliver(&sim, &other, &msg, sizeof(msg));
	sim_take(&sim, WG_INITIATION, &bob);
	sim_deliver(&sim, &other, &msg, sizeof(msg));
	sim_assert_refused(&sim, TP_DROP_duplicate);
}

/* As many as there may be: each is found by where its answers come from, and no other. */
static void test_thousands_pending(void **state)
{
	const struct node *target = sim_node(&sim, &bob);
	struct tp_endpoint other = bob.at;
	struct pending *p;
	unsigned int which;

	(void)state;
	other.port++;
	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		p = pending_add(sim.relay, target, &alice.at, i, sim.now);
		assert_non_null(p);
		pending_add_response(sim.relay, p, ~i, p->mac1);
	}
	assert_null(pending_add(sim.relay, target, &alice.at, PENDING_MAX, sim.now));
	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		p = pending_find(sim.relay, &bob.at, i, NULL);
		assert_int_equal(p->initiator_index, i);
		assert_null(pending_find(sim.relay, &bob.at, i, p));
		assert_null(pending_find(sim.relay, &other, i, NULL));
		assert_ptr_equal(pending_find_response(sim.relay, &alice.at, ~i, &which), p);
		assert_int_equal(which, 0);
		assert_null(pending_find_response(sim.relay, &bob.at, ~i, &which));
	}
	assert_null(pending_find(sim.relay, &bob.at, PENDING_MAX, NULL));
	sim_wait(&sim, TP_SEC(PENDING_LIFE_SEC));
	assert_int_equal(pendings_total(sim.relay), 0);
}

/* A node's other source port: only where it registered, and where it sends from, may differ. */
static void test_other_port(void **state)
{
	struct sim_peer other = alice;

	(void)state;
	other.at.port = htons(7777);
	sim_connect(&sim, &other, &ea, &bob, &eb);
	sim_assert_passes(&sim, &ea, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	assert_true(tp_endpoint_equal(&sim_node(&sim, &alice)->endpoint, &alice.at));
}

/* --- who sent it --- */

static void test_candidates_v4(void **state)
{
	const struct flow *f;

	(void)state;
	sim_peer_move(&carol, "198.51.100.1:1003"); /* behind alice's NAT */
	sim_register(&sim, &carol, &own);
	sim_connect(&sim, &carol, &ea, &bob, &eb);
	f = flow_find(sim.relay, &carol.at, eb.index);
	assert_non_null(f);
	assert_ptr_equal(f->from, sim_node(&sim, &carol));
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	f = flow_find(sim.relay, &alice.at, eb.index);
	assert_ptr_equal(f->from, sim_node(&sim, &alice));
	sim_connect(&sim, &alice, &ea, &carol, &eb); /* and to each other */
}

static void test_candidates_v6(void **state)
{
	struct sim_peer temporary;
	struct wg_initiation msg;

	(void)state;
	sim_peer_move(&alice, "[2001:db8:1::a]:1001");
	sim_peer_move(&carol, "[2001:db8:1::c]:1001");
	sim_register(&sim, &alice, &own);
	sim_register(&sim, &carol, &own);
	temporary = carol;
	sim_peer_move(&temporary, "[2001:db8:1:0:f00::]:9");
	sim_connect(&sim, &temporary, &ea, &bob, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	assert_ptr_equal(flow_find(sim.relay, &temporary.at, eb.index)->from,
			 sim_node(&sim, &carol));
	sim_peer_move(&temporary, "[2001:db8:1:1::c]:1001"); /* the next /64 */
	cast_initiate(&temporary, &ea, &bob, &msg);
	sim_assert_refused(&sim, TP_DROP_source_unknown);
}

static void test_response_mac1(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	tp_macs_write(&carol.macs, NULL, &answer, sizeof(answer)); /* carol is not at that site */
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_mac1);
	tp_macs_write(&bob.macs, NULL, &answer, sizeof(answer)); /* the target itself */
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_mac1);
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_take(&sim, WG_RESPONSE, &alice);
}

static void test_response_from_elsewhere(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	sim_deliver(&sim, &carol, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown);
	answer.receiver ^= htole32(1);
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown);
}

static void test_response_too_late(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	sim_wait(&sim, TP_SEC(PENDING_LIFE_SEC) - 1);
	assert_int_equal(pendings_total(sim.relay), 1);
	sim_wait(&sim, 1);
	assert_int_equal(pendings_total(sim.relay), 0);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown);
}

/* Forged ones with a right mac1 come first; the real one must still pass, and its flow be there. */
static void test_forged_responses(void **state)
{
	struct wg_initiation msg;
	struct wg_response answer, forged;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	cast_respond(&bob, &eb, &answer);
	for (uint32_t i = 0; i < PENDING_RESPONSES - 1; i++) {
		forged = answer;
		forged.sender = htole32(0xbad0 + i);
		forged.empty_sealed[0] ^= 1;
		tp_macs_write(&alice.macs, NULL, &forged, sizeof(forged));
		sim_deliver(&sim, &bob, &forged, sizeof(forged));
		assert_int_not_equal(
			sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	}
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	sim_assert_passes(&sim, &ea, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	forged.sender = htole32(0xbadf);
	tp_macs_write(&alice.macs, NULL, &forged, sizeof(forged));
	sim_deliver(&sim, &bob, &forged, sizeof(forged));
	sim_assert_refused(&sim, TP_DROP_response_limit);
}

/* Two at one site chose the same index, as one of them may do on purpose. Only one of them gets
 * through with it, and the other tries again. */
static void test_same_index(void **state)
{
	struct wg_initiation first, second;
	struct wg_response answer;
	(void)state;
	sim_peer_move(&carol, "198.51.100.1:1003");
	sim_register(&sim, &carol, &own);
	cast_initiate(&alice, &ea, &bob, &first);
	sim_take(&sim, WG_INITIATION, &bob);
	sim.next_index = le32toh(ea.index);
	cast_initiate(&carol, &ec, &bob, &second);
	assert_int_equal(ec.index, ea.index);
	cast_respond(&bob, &ed, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ec, &sim_take(&sim, WG_RESPONSE, &carol)->response), 0);
	sim_assert_passes(&sim, &ec, &ed);
	sim_assert_passes(&sim, &ed, &ec);
	assert_int_equal(sim_respond(&sim, &eb, &bob, &first, &answer), 0);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_index_collision);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_assert_passes(&sim, &eb, &ea);
	sim_assert_passes(&sim, &ed, &ec);
}

static void test_recent_targets(void **state)
{
	struct node n = {0}, targets[NODE_RECENT + 2] = {0};

	(void)state;
	for (uint32_t i = 0; i < NODE_RECENT + 2; i++) {
		targets[i].id = i + 1;
		node_remember_target(&n, &targets[i]);
	}
	for (uint32_t i = 0; i < NODE_RECENT; i++)
		assert_int_equal(n.recent[i], NODE_RECENT + 2 - i);
	node_remember_target(&n, &targets[4]); /* id 5, moves to the front and is there once */
	assert_int_equal(n.recent[0], 5);
	assert_int_equal(n.recent[1], NODE_RECENT + 2);
	for (uint32_t i = 1; i < NODE_RECENT; i++)
		assert_int_not_equal(n.recent[i], 5);
}

/* A node is removed while an answer to it or from it is under way. Ids are given out anew. */
static void test_reload_meanwhile(void **state)
{
	struct sim_config fresh;
	struct wg_initiation msg;
	struct wg_response answer;
	struct wg_cookie_reply cookie;

	(void)state;
	cast_initiate(&alice, &ea, &bob, &msg);
	sim_hand_out_cookie(&sim, &bob, &msg, sizeof(msg), &cookie);
	cast_respond(&bob, &eb, &answer);
	sim_config_init(&fresh); /* eve now bears bob's id, and is where alice is, with oscar */
	sim_config_add(&fresh, "third", &eve);
	sim_config_add(&fresh, "third", &oscar);
	sim_config_add(&fresh, "third", &alice);
	assert_int_equal(relay_reload(sim.relay, &fresh.c, sim.now), 0);
	sim_peer_move(&alice, "198.51.100.1:1001");
	sim_register(&sim, &alice, &own);
	assert_int_equal(pendings_total(sim.relay), 0);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_response_unknown);
	sim_deliver(&sim, &bob, &cookie, sizeof(cookie));
	sim_assert_refused(&sim, TP_DROP_cookie_unknown);
	assert_int_equal(flows_total(sim.relay), 0);
	config = fresh;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTERED(test_passes_on),	    REGISTERED(test_each_way),
		REGISTERED(test_other_network),	    REGISTERED(test_networks_at_one_site),
		REGISTERED(test_to_itself),	    REGISTERED(test_target_offline),
		REGISTERED(test_unknown_source),    REGISTERED(test_duplicate),
		REGISTERED(test_thousands_pending), REGISTERED(test_other_port),
		REGISTERED(test_candidates_v4),	    REGISTERED(test_candidates_v6),
		REGISTERED(test_response_mac1),	    REGISTERED(test_response_from_elsewhere),
		REGISTERED(test_response_too_late), REGISTERED(test_forged_responses),
		REGISTERED(test_same_index),	    REGISTERED(test_recent_targets),
		REGISTERED(test_reload_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
