/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows: how they come, how long they last, and who can make them go. */
#include "sim_cast.h"

#include <string.h>

#include "relay/nexthop.h"
#include "relay/node.h"

static void restart(void)
{
	sim_stop(&sim);
	sim_start(&sim, &config, NULL);
	cast_register();
}

static void assert_all_gone(struct sim_end *x, struct sim_end *y)
{
	cast_assert_no_flow(x);
	cast_assert_no_flow(y);
}

/* Handshake up to the response, which the caller delivers. */
static void shake_hands(struct sim_peer *from, struct sim_end *e, struct sim_peer *to,
			struct sim_end *f, struct wg_response *answer)
{
	struct wg_initiation msg;

	cast_initiate(from, e, to, &msg);
	assert_int_equal(
		sim_respond(&sim, f, to, &sim_take(&sim, WG_INITIATION, to)->initiation, answer),
		0);
}

/* --- how they come --- */

static unsigned int seen_flows;

static void look_at_flows(struct sim *s, const struct sim_message *m)
{
	if (le32toh(m->type) == WG_RESPONSE && flows_total(s->relay) < seen_flows)
		seen_flows = flows_total(s->relay);
}

static void test_there_before_message_2(void **state)
{
	struct wg_response answer;

	(void)state;
	shake_hands(&alice, &ea, &bob, &eb, &answer);
	assert_int_equal(flows_total(sim.relay), 0);
	seen_flows = UINT32_MAX;
	sim.on_send = look_at_flows;
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(seen_flows, 2);
}

static void test_contents(void **state)
{
	const struct flow *f, *g;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	f = flow_find(sim.relay, &alice.at, eb.index);
	g = flow_find(sim.relay, &bob.at, ea.index);
	assert_non_null(f);
	assert_non_null(g);
	assert_ptr_equal(f->session, g->session);
	assert_ptr_equal(f->from, sim_node(&sim, &alice));
	assert_ptr_equal(f->to, sim_node(&sim, &bob));
	assert_memory_equal(f->value.dst, &bob.at.addr, 16);
	assert_int_equal(f->value.dst_port, bob.at.port);
	assert_memory_equal(f->value.local, &alice.relay, 16);
	assert_memory_equal(f->value.src, &bob.relay, 16);
	assert_int_equal(f->value.src_node, f->from->id);
	assert_int_equal(f->value.dst_node, f->to->id);
	assert_in_range(sim.now + TP_SEC(190) - f->value.expires_at, 0, TP_SEC(1) / 2);
	assert_int_equal(f->value.expires_at, relay_flow_expiry(f->value.expires_at));
}

static void test_same_response_again(void **state)
{
	struct wg_response answer;

	(void)state;
	shake_hands(&alice, &ea, &bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_take(&sim, WG_RESPONSE, &alice);
	sim_take(&sim, WG_RESPONSE, &alice);
	assert_int_equal(flows_total(sim.relay), 2);
}

static void test_second_response(void **state)
{
	struct wg_response answer, second;

	(void)state;
	shake_hands(&alice, &ea, &bob, &eb, &answer);
	second = answer;
	second.sender = htole32(0xbad);
	tp_macs_write(&alice.macs, NULL, &second, sizeof(second));
	sim_deliver(&sim, &bob, &second, sizeof(second));
	sim_forget(&sim);
	sim.now += TP_SEC(1);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	assert_int_equal(sim_finish(&ea, &sim_take(&sim, WG_RESPONSE, &alice)->response), 0);
	assert_int_equal(flows_total(sim.relay), 3);
	cast_assert_both_pass(&ea, &eb);
	sim_wait(&sim, TP_SEC(189)); /* one handshake, one end */
	assert_int_equal(flows_total(sim.relay), 0);
}

/* The index that bob chose is in use between alice and carol. */
static void test_index_collision(void **state)
{
	struct wg_response answer;

	(void)state;
	sim_connect(&sim, &alice, &ea, &carol, &ec);
	shake_hands(&alice, &ed, &bob, &eb, &answer);
	answer.sender = ec.index;
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_index_collision);
	assert_int_equal(flows_total(sim.relay), 2);
	cast_assert_both_pass(&ea, &ec);
	shake_hands(&alice, &ed, &bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_take(&sim, WG_RESPONSE, &alice);
	answer.sender = ec.index; /* also for a later response */
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_index_collision);
	cast_assert_both_pass(&ea, &ec);
}

/* A node's index may be the relay's, too: the flow's sender knows what it means. */
static void test_index_of_the_relay(void **state)
{
	struct wg_response answer;
	struct wg_initiation msg;

	(void)state;
	sim.next_index = le32toh(LIST_FIRST(&sim_node(&sim, &alice)->sessions)->index);
	cast_initiate(&bob, &eb, &alice, &msg);
	assert_int_equal(sim_respond(&sim, &ea, &alice,
				     &sim_take(&sim, WG_INITIATION, &alice)->initiation, &answer),
			 0);
	sim_deliver(&sim, &alice, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_index_collision);
}

/* --- how long they last --- */

static void test_expiry(void **state)
{
	unsigned int lookups;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_wait(&sim, relay_flow_expiry(sim.now + TP_SEC(190)) - sim.now - 1);
	cast_assert_both_pass(&ea, &eb);
	sim.now++;
	sim_deliver(&sim, &alice, "\4\0\0\0\0\0\0\0", 8);
	sim_assert_refused(&sim, TP_DROP_malformed);
	{
		uint8_t packet[WG_DATA_MIN];

		sim_deliver(&sim, &alice, packet, sim_seal(&ea, NULL, 0, packet));
		sim_assert_refused(&sim, TP_DROP_flow_expired); /* before it was cleared away */
	}
	sim_wait(&sim, 1);
	assert_int_equal(flows_total(sim.relay), 0);
	assert_all_gone(&ea, &eb);
	/* With the flows went what they held of the next hops. */
	lookups = sim.route_lookups;
	relay_nexthop_get(sim.nexthops, &bob.at.addr, &bob.relay);
	assert_int_equal(sim.route_lookups, lookups + 1);
}

static void test_expire_in_order(void **state)
{
	struct sim_end second = {0}, third = {0};

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_wait(&sim, TP_SEC(60));
	sim_connect(&sim, &bob, &second, &alice, &ec);
	sim_wait(&sim, TP_SEC(60));
	sim_connect(&sim, &carol, &third, &alice, &ed);
	for (int left = 6; left; left -= 2) {
		assert_int_equal(flows_total(sim.relay), left);
		sim_wait(&sim, TP_SEC(left == 6 ? 70 : 60));
	}
	assert_int_equal(flows_total(sim.relay), 0);
}

static void test_rekey_keeps_the_former(void **state)
{
	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_wait(&sim, TP_SEC(120));
	sim_connect(&sim, &alice, &ec, &bob, &ed);
	cast_assert_both_pass(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
	sim_wait(&sim, TP_SEC(70));
	assert_all_gone(&ea, &eb);
	cast_assert_both_pass(&ec, &ed);
}

/* --- limits --- */

static void test_sessions_of_a_pair(void **state)
{
	struct sim_end ends[2 * PAIR_SESSIONS] = {0};

	(void)state;
	sim_connect(&sim, &carol, &ec, &alice, &ed);
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	for (unsigned int i = 0; i < PAIR_SESSIONS; i++) {
		cast_assert_both_pass(&ea, &eb);
		sim.now += TP_SEC(1);
		sim_connect(&sim, &bob, &ends[2 * i], &alice, &ends[2 * i + 1]);
	}
	assert_all_gone(&ea, &eb);
	for (unsigned int i = 0; i < PAIR_SESSIONS; i++)
		cast_assert_both_pass(&ends[2 * i], &ends[2 * i + 1]);
	cast_assert_both_pass(&ec, &ed); /* hers was the oldest of all */
}

static void test_flow_quota(void **state)
{
	struct wg_response answer;

	(void)state;
	config.c.limits.flows_per_node = 1;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	shake_hands(&carol, &ec, &alice, &ed, &answer);
	sim_deliver(&sim, &alice, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_flow_quota);
	shake_hands(&alice, &ed, &carol, &ec, &answer);
	sim_deliver(&sim, &carol, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_flow_quota);
	cast_assert_both_pass(&ea, &eb);
	sim_wait(&sim, TP_SEC(190));
	sim_connect(&sim, &carol, &ec, &alice, &ed);
}

static void test_quota_of_responses(void **state)
{
	struct wg_response answer;

	(void)state;
	config.c.limits.flows_per_node = 1;
	shake_hands(&alice, &ea, &bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_take(&sim, WG_RESPONSE, &alice);
	answer.sender = htole32(0xbad);
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_flow_quota);
}

static void test_table_full(void **state)
{
	struct wg_response answer;

	(void)state;
	config.c.limits.flows = 3;
	config.c.limits.flows_per_node = 2;
	restart();
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	shake_hands(&eve, &ec, &oscar, &ed, &answer);
	sim_deliver(&sim, &oscar, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_flow_table_full);
	cast_assert_both_pass(&ea, &eb);
	sim_wait(&sim, TP_SEC(190));
	/* Slots of what has just gone rest a little: new flows must not wait for them. */
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
	sim_wait(&sim, TP_SEC(190));
	sim_connect(&sim, &eve, &ec, &oscar, &ed);
}

/* What the table has beyond its limit is for moves, not for further responses. */
static void test_responses_keep_headroom(void **state)
{
	struct wg_response answer;

	(void)state;
	config.c.limits.flows = 2;
	restart();
	shake_hands(&alice, &ea, &bob, &eb, &answer);
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_take(&sim, WG_RESPONSE, &alice);
	answer.sender = htole32(0xbad);
	tp_macs_write(&alice.macs, NULL, &answer, sizeof(answer));
	sim_deliver(&sim, &bob, &answer, sizeof(answer));
	sim_assert_refused(&sim, TP_DROP_flow_table_full);
}

/* --- counters --- */

static void test_counters_survive(void **state)
{
	struct relay_count rx, tx;
	uint64_t bytes = 64 + WG_DATA_MIN;

	(void)state;
	for (uint64_t round = 1; round <= 3; round++) {
		sim_connect(&sim, &alice, &ea, &bob, &eb);
		sim_assert_passes(&sim, &ea, &eb);
		sim_assert_passes(&sim, &ea, &eb);
		sim_assert_passes(&sim, &eb, &ea);
		for (int gone = 0; gone < 2; gone++) {
			node_counts(sim.relay, sim_node(&sim, &alice), &rx, &tx);
			assert_int_equal(rx.packets, 2 * round);
			assert_int_equal(tx.packets, round);
			assert_int_equal(rx.bytes, 2 * round * bytes);
			node_counts(sim.relay, sim_node(&sim, &bob), &rx, &tx);
			assert_int_equal(rx.packets, round);
			assert_int_equal(tx.packets, 2 * round);
			sim_wait(&sim, TP_SEC(190 + 5) * !gone);
		}
		sim_register(&sim, &alice, &alice_own);
		sim_register(&sim, &bob, &bob_own);
	}
	assert_int_equal(sim.relay->stats.forwarded.packets, 9);
	assert_int_equal(sim.relay->stats.forwarded.bytes, 9 * bytes);
}

static void test_flow_count(void **state)
{
	const struct flow *f;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	sim_assert_passes(&sim, &ea, &eb);
	f = flow_find(sim.relay, &alice.at, eb.index);
	assert_int_equal(flow_count(sim.relay, f).packets, 1);
	assert_int_equal(flow_count(sim.relay, f).bytes, 64 + WG_DATA_MIN);
	f = flow_find(sim.relay, &bob.at, ea.index);
	assert_int_equal(flow_count(sim.relay, f).packets, 0);
}

/* What `explain` tells of a pair is forgotten in time, and with its nodes. */
static void test_pairs(void **state)
{
	struct node *x, *y;
	struct pair *p;

	(void)state;
	sim_connect(&sim, &alice, &ea, &bob, &eb);
	x = sim_node(&sim, &alice);
	y = sim_node(&sim, &bob);
	p = pair_find(sim.relay, y, x);
	assert_non_null(p);
	assert_ptr_equal(p, pair_get(sim.relay, x, y));
	assert_int_equal(p->n_sessions, 1);
	assert_int_equal(p->last_response[pair_side(p, x)], sim.now);
	assert_int_equal(p->last_initiation[pair_side(p, y)], 0);
	assert_int_equal(p->last_refusal[pair_side(p, x)], -1);
	sim_wait(&sim, TP_SEC(190 + 500));
	assert_non_null(pair_find(sim.relay, x, y));
	sim_wait(&sim, TP_SEC(200));
	assert_null(pair_find(sim.relay, x, y));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTERED(test_there_before_message_2),
		REGISTERED(test_contents),
		REGISTERED(test_same_response_again),
		REGISTERED(test_second_response),
		REGISTERED(test_index_collision),
		REGISTERED(test_index_of_the_relay),
		REGISTERED(test_expiry),
		REGISTERED(test_expire_in_order),
		REGISTERED(test_rekey_keeps_the_former),
		REGISTERED(test_sessions_of_a_pair),
		REGISTERED(test_flow_quota),
		REGISTERED(test_quota_of_responses),
		REGISTERED(test_table_full),
		REGISTERED(test_responses_keep_headroom),
		REGISTERED(test_counters_survive),
		REGISTERED(test_flow_count),
		REGISTERED(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
