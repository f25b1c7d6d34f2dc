/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table over plain memory: what its writer does, and what a reader finds. */
#include "flow_shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/relay/flow.h"
#include "clock.h"

#define BUCKETS	    64
#define SLOTS	    200
#define RANDOM_KEYS 220 /* more than there are slots */
#define RANDOM_OPS  1000000

static int setup(void **state)
{
	(void)state;
	shelf_make(BUCKETS, SLOTS, 2 * SLOTS);
	shelf_open();
	return 0;
}

/* Two buckets in use of BUCKETS. */
static int setup_small(void **state)
{
	(void)state;
	shelf_make(BUCKETS, SLOTS, 2 * SLOTS);
	*shelf.memory.mask = 1;
	shelf_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shelf_clear();
	return 0;
}

static void test_put_find_del(void **state)
{
	(void)state;
	assert_null(shelf_find(1));
	for (uint32_t n = 0; n < 100; n++)
		shelf_put(n);
	assert_int_equal(shelf_count_all(), 100);
	for (uint32_t n = 0; n < 100; n++)
		assert_int_equal(shelf_get(n).session, n);
	assert_null(shelf_find(100));
	shelf_del(7, 0);
	assert_null(shelf_find(7));
	assert_int_equal(shelf_count_all(), 99);
	assert_int_equal(shelf_del(7, 0).packets, 0);
}

/* Who has found the old slot still reads the old flow, whole; the counter goes along. */
static void test_change(void **state)
{
	struct relay_flow flow = shelf_flow_of(1);
	struct relay_slot *old;

	(void)state;
	flow.count.packets = 3;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	old = shelf_find(1);
	old->packets = 5;
	flow.dst_port = 99;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	assert_ptr_not_equal(shelf_find(1), old);
	assert_int_equal(relay_flow_table_get(&shelf.table, old).dst_port, 0);
	assert_int_equal(shelf_get(1).dst_port, 99);
	assert_int_equal(shelf_find(1)->packets, 5);
	assert_int_equal(shelf_count_all(), 1);
	assert_int_equal(shelf_del(1, 0).packets, 5);
}

struct lateness {
	int calls;
	uint32_t session;
	struct relay_count late;
};

static void note_late(void *arg, const struct relay_flow *flow, struct relay_count late)
{
	struct lateness *l = arg;

	l->calls++;
	l->session = flow->session;
	l->late = late;
}

static void note_for(struct lateness *l)
{
	shelf.table.late = note_late;
	shelf.table.late_arg = l;
}

static void test_rest(void **state)
{
	struct lateness l = {0};
	struct relay_slot *slot;

	(void)state;
	note_for(&l);
	shelf_put(5);
	shelf_put(6);
	slot = shelf_find(5);
	slot->packets = 10;
	slot->bytes = 1000;
	assert_int_equal(shelf_del(5, TP_SEC(1)).bytes, 1000);
	shelf_del(6, TP_SEC(1));
	slot->packets = 12;
	slot->bytes = 1200;
	for (uint32_t n = 100; n < 100 + SLOTS - 2; n++) {
		shelf_put(n);
		assert_ptr_not_equal(shelf_find(n), slot);
	}
	relay_flow_table_recycle(&shelf.table, TP_SEC(1 + FLOW_REST_SEC) - 1);
	assert_int_equal(shelf.table.n_free, 0);
	relay_flow_table_recycle(&shelf.table, TP_SEC(1 + FLOW_REST_SEC));
	assert_int_equal(shelf.table.n_free, 2);
	assert_int_equal(l.calls, 1); /* nothing came late for the other */
	assert_int_equal(l.session, 5);
	assert_int_equal(l.late.packets, 2);
	assert_int_equal(l.late.bytes, 200);
}

/* Looked at between the two: the packet is counted, its bytes are not yet. */
static void test_late_bytes(void **state)
{
	struct lateness l = {0};
	struct relay_slot *slot;

	(void)state;
	note_for(&l);
	shelf_put(5);
	slot = shelf_find(5);
	slot->packets = 1;
	shelf_del(5, 0);
	slot->bytes = 100;
	relay_flow_table_recycle(&shelf.table, TP_SEC(FLOW_REST_SEC));
	assert_int_equal(l.calls, 1);
	assert_int_equal(l.late.packets, 0);
	assert_int_equal(l.late.bytes, 100);
}

/* XDP's counter of packets goes round. */
static void test_late_over_the_top(void **state)
{
	struct lateness l = {0};
	struct relay_slot *slot;

	(void)state;
	note_for(&l);
	shelf_put(5);
	slot = shelf_find(5);
	slot->packets = UINT32_MAX;
	shelf_del(5, 0);
	slot->packets += 3;
	relay_flow_table_recycle(&shelf.table, TP_SEC(FLOW_REST_SEC));
	assert_int_equal(l.late.packets, 3);
}

/* No slot is left, and none is needed. */
static void test_next_hop_of_a_full_table(void **state)
{
	struct relay_flow flow = shelf_flow_of(1);
	uint32_t free_places;

	(void)state;
	shelf_resize(BUCKETS, 2);
	shelf_put(1);
	shelf_put(2);
	free_places = shelf.table.places.n_free;
	flow.nexthop = 7;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	assert_int_equal(shelf_get(1).nexthop, 7);
	flow.dst_port = 99;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), -E2BIG);
	assert_int_equal(shelf_get(1).dst_port, 0);
	assert_int_equal(shelf.table.places.n_free, free_places);
}

/* Nothing but slots at rest: the kernel says when nobody reads them any more. */
static void test_no_time_to_rest(void **state)
{
	struct relay_flow flow = shelf_flow_of(1);

	(void)state;
	shelf_resize(BUCKETS, 2);
	for (uint16_t i = 0; i < 4; i++) {
		flow.dst_port = i;
		assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
		assert_int_equal(shelf_get(1).dst_port, i);
	}
	shelf_put(2);
	flow = shelf_flow_of(3);
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), -E2BIG);
	assert_int_equal(shelf_count_all(), 2);
}

static uint32_t first_bucket(uint32_t n)
{
	struct relay_flow flow = shelf_flow_of(n);

	return tp_flow_bucket(tp_flow_hash(&flow.key, &shelf.memory.seed), BUCKETS - 1);
}

static uint32_t second_bucket(uint32_t n)
{
	struct relay_flow flow = shelf_flow_of(n);

	return tp_flow_second_bucket(tp_flow_hash(&flow.key, &shelf.memory.seed), BUCKETS - 1);
}

static bool in_bucket(uint32_t bucket, uint32_t n)
{
	uint64_t slot = (uint64_t)(shelf_find(n) - shelf.memory.slots);

	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (shelf.memory.buckets[bucket].entry[i] &&
		    (uint32_t)shelf.memory.buckets[bucket].entry[i] == slot)
			return true;
	return false;
}

static void test_second_choice(void **state)
{
	uint32_t ways[TP_FLOW_WAYS + 1], n = 0;

	(void)state;
	for (uint32_t i = 0; n <= TP_FLOW_WAYS; i++) {
		if (first_bucket(i) || !second_bucket(i))
			continue;
		ways[n++] = i;
		shelf_put(i);
	}
	for (uint32_t i = 0; i <= TP_FLOW_WAYS; i++)
		assert_int_equal(shelf_get(ways[i]).session, ways[i]);
	for (int i = 0; i < TP_FLOW_WAYS; i++)
		assert_true(shelf.memory.buckets[0].entry[i]);
	assert_true(in_bucket(second_bucket(ways[TP_FLOW_WAYS]), ways[TP_FLOW_WAYS]));
	shelf_del(ways[0], 0); /* it leaves a place; who is in the second bucket stays there */
	assert_int_equal(shelf_get(ways[TP_FLOW_WAYS]).session, ways[TP_FLOW_WAYS]);
}

/* Every bucket full: a new flow is refused, those there can still change. */
static void test_buckets_full(void **state)
{
	uint32_t n = 0;
	struct relay_flow flow = shelf_flow_of(0);

	(void)state;
	shelf_resize(2, SLOTS);
	while (!relay_flow_table_put(&shelf.table, &flow, 0))
		flow = shelf_flow_of(++n);
	assert_in_range(n, TP_FLOW_WAYS, 2 * TP_FLOW_WAYS);
	assert_null(shelf_find(n));
	assert_int_equal(shelf_count_all(), n);
	for (uint32_t i = 0; i < n; i++)
		shelf_put(i);
	assert_int_equal(shelf_count_all(), n);
}

static uint32_t session_of(const struct relay_flow *flow)
{
	const struct relay_slot *slot = relay_flow_table_find(&shelf.table, &flow->key);

	assert_non_null(slot);
	return relay_flow_table_get(&shelf.table, slot).session;
}

/* Without a seed, index times port is all that the hash has here. */
static void test_same_fingerprint(void **state)
{
	const uint32_t pairs[][2] = {{12, 1}, {6, 2}, {4, 3}};
	struct relay_flow flow[3] = {0};

	(void)state;
	shelf.table.mem.seed = (struct relay_flow_seed){0};
	for (int i = 0; i < 3; i++) {
		flow[i].key.index = pairs[i][0];
		flow[i].key.port = (uint16_t)pairs[i][1];
		flow[i].session = (uint32_t)i;
		assert_true(tp_flow_hash(&flow[i].key, &shelf.table.mem.seed) ==
			    tp_flow_hash(&flow[0].key, &shelf.table.mem.seed));
	}
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow[0], 0), 0);
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow[1], 0), 0);
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow[2], 0), -E2BIG);
	assert_int_equal(session_of(&flow[0]), 0);
	assert_int_equal(session_of(&flow[1]), 1);
	assert_null(relay_flow_table_find(&shelf.table, &flow[2].key));
	relay_flow_table_del(&shelf.table, &flow[0].key, NULL, 0);
	assert_int_equal(session_of(&flow[1]), 1);
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow[2], 0), 0);
	assert_int_equal(session_of(&flow[1]), 1);
}

static void test_adopts(void **state)
{
	__u64 *entry;

	(void)state;
	for (uint32_t n = 0; n < 50; n++)
		shelf_put(n);
	shelf_find(3)->packets = 33;
	entry = &shelf.memory.buckets[first_bucket(1000)].entry[TP_FLOW_WAYS - 1];
	*entry = tp_flow_entry(1, SLOTS); /* beyond the end */
	entry = &shelf.memory.buckets[first_bucket(1001)].entry[TP_FLOW_WAYS - 2];
	*entry = tp_flow_entry(1,
			       (uint32_t)(shelf_find(9) - shelf.memory.slots)); /* not its place */
	relay_flow_table_fini(&shelf.table);
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
	assert_int_equal(shelf_count_all(), 50);
	assert_int_equal(shelf.table.n_free, SLOTS - 50);
	assert_int_equal(shelf_find(3)->packets, 33);
	assert_int_equal(shelf_get(9).session, 9);
}

/* --- against a plain array ------------------------------------------------------------------ */

struct shadow {
	bool here;
	uint16_t port;
	uint64_t packets;
};

static void random_op(struct shadow *shadow, uint32_t n, uint64_t now, uint32_t *live)
{
	struct relay_flow flow = shelf_flow_of(n);
	struct shadow *s = &shadow[n];

	if (random() % 4) {
		flow.dst_port = (uint16_t)random();
		if (relay_flow_table_put(&shelf.table, &flow, now)) {
			assert_true(!s->here && *live > SLOTS / 2);
			return;
		}
		*live += !s->here;
		s->packets = s->here ? s->packets : 0;
		s->here = true;
		s->port = flow.dst_port;
	} else {
		assert_int_equal(shelf_del(n, now).packets, s->here ? s->packets : 0);
		*live -= s->here;
		s->here = false;
	}
}

static void check(const struct shadow *s, uint32_t n)
{
	const struct relay_slot *slot = shelf_find(n);
	struct relay_flow flow;

	assert_int_equal(slot != NULL, s->here);
	if (!slot)
		return;
	flow = relay_flow_table_get(&shelf.table, slot);
	assert_int_equal(flow.dst_port, s->port);
	assert_int_equal(flow.count.packets, s->packets);
	assert_int_equal(flow.session, n);
}

static void test_random(void **state)
{
	static struct shadow shadow[RANDOM_KEYS];
	uint32_t live = 0;
	uint64_t now = 0;

	(void)state;
	for (uint32_t i = 0; i < RANDOM_OPS; i++) {
		uint32_t n = (uint32_t)random() % RANDOM_KEYS;

		now += TP_SEC(FLOW_REST_SEC); /* so that nothing has to be waited for */
		relay_flow_table_recycle(&shelf.table, now);
		random_op(shadow, n, now, &live);
		if (shadow[n].here) {
			shelf_find(n)->packets++;
			shadow[n].packets++;
		}
		n = (uint32_t)random() % RANDOM_KEYS;
		check(&shadow[n], n);
		if (i % 4096 == 0)
			assert_int_equal(shelf_count_all(), live);
	}
}

/* The default limit, filled to the last flow: nobody is turned away for a full bucket. */
static void test_a_full_table_takes_all(void **state)
{
	const uint32_t flows = 100000;

	(void)state;
	shelf_resize(relay_flow_buckets(flows), relay_flow_slots(flows));
	for (uint32_t n = 0; n < flows; n++)
		shelf_put(n);
	assert_int_equal(shelf_count_all(), flows);
}

/* Sessions between ends that no other has, each of which then moves to another port: as many places
 * as slots are enough. */
static void test_places_for_all(void **state)
{
	const uint32_t sessions = 400, slots = relay_flow_slots(2 * sessions);

	(void)state;
	shelf_resize(relay_flow_buckets(2 * sessions), slots);
	shelf.table.places.n_free -= slots; /* of the 2 * slots that there are */
	for (uint16_t move = 0; move < 2; move++)
		for (uint32_t n = 0; n < sessions; n++) {
			struct relay_flow there = shelf_flow_of(n),
					  back = shelf_flow_of(n + sessions);

			back.key.port = there.dst_port = (uint16_t)(n + 10000 * (1 + move));
			back.key.addr[15] = 1;
			back.dst_port = there.key.port;
			memcpy(back.dst, there.key.addr, sizeof(back.dst));
			memcpy(there.dst, back.key.addr, sizeof(there.dst));
			assert_int_equal(relay_flow_table_put(&shelf.table, &there, 0), 0);
			if (move) {
				struct relay_flow was = back;

				was.key.port = (uint16_t)(n + 10000);
				relay_flow_table_del(&shelf.table, &was.key, NULL, 0);
			}
			assert_int_equal(relay_flow_table_put(&shelf.table, &back, 0), 0);
		}
	assert_int_equal(shelf_count_all(), 2 * sessions);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_put_find_del),
		CASE(test_change),
		CASE(test_rest),
		CASE(test_late_bytes),
		CASE(test_late_over_the_top),
		CASE(test_next_hop_of_a_full_table),
		CASE(test_no_time_to_rest),
		CASE(test_second_choice),
		CASE(test_buckets_full),
		CASE(test_same_fingerprint),
		CASE(test_adopts),
		cmocka_unit_test_setup_teardown(test_random, setup_small, teardown),
		CASE(test_a_full_table_takes_all),
		CASE(test_places_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
