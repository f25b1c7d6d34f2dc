/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table over plain memory: what its writer does, and what a reader finds. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/relay/flow.h"
#include "clock.h"
#include "relay/flow_table.h"

#define BUCKETS	    64
#define SLOTS	    200
#define RANDOM_KEYS 220 /* more than there are slots */
#define RANDOM_OPS  1000000

static struct relay_flow_table table;
static struct relay_flow_memory memory;

static void make_memory(uint32_t buckets, uint32_t slots)
{
	memory = (struct relay_flow_memory){
		.buckets = calloc(buckets, sizeof(*memory.buckets)),
		.slots = calloc(slots, sizeof(*memory.slots)),
		.sessions = calloc(slots, sizeof(*memory.sessions)),
		.places = calloc(2 * slots, sizeof(*memory.places)),
		.mask = calloc(1, sizeof(*memory.mask)),
		.n_buckets = buckets,
		.n_slots = slots,
		.n_places = 2 * slots, /* no two flows here share one */
		.seed = {{11, 22, 33, 44, 0x9e3779b97f4a7c15, 66}},
	};
	assert_true(memory.buckets && memory.slots && memory.sessions && memory.places &&
		    memory.mask);
}

static int setup(void **state)
{
	(void)state;
	make_memory(BUCKETS, SLOTS);
	return relay_flow_table_init(&table, &memory);
}

/* Two buckets in use of BUCKETS. */
static int setup_small(void **state)
{
	(void)state;
	make_memory(BUCKETS, SLOTS);
	*memory.mask = 1;
	return relay_flow_table_init(&table, &memory);
}

static int teardown(void **state)
{
	(void)state;
	relay_flow_table_fini(&table);
	free(memory.buckets);
	free(memory.slots);
	free(memory.sessions);
	free(memory.places);
	free(memory.mask);
	return 0;
}

static void resize(uint32_t buckets, uint32_t slots)
{
	teardown(NULL);
	make_memory(buckets, slots);
	assert_int_equal(relay_flow_table_init(&table, &memory), 0);
}

static struct relay_flow flow_of(uint32_t n)
{
	return (struct relay_flow){
		.key = {.addr = {0x20, 1}, .index = n * 0x01000193, .port = (uint16_t)n},
		.session = n,
	};
}

static void put(uint32_t n)
{
	struct relay_flow flow = flow_of(n);

	assert_int_equal(relay_flow_table_put(&table, &flow, 0), 0);
}

static struct relay_slot *find(uint32_t n)
{
	struct relay_flow flow = flow_of(n);

	return relay_flow_table_find(&table, &flow.key);
}

static struct relay_flow get(uint32_t n)
{
	const struct relay_slot *slot = find(n);

	assert_non_null(slot);
	return relay_flow_table_get(&table, slot);
}

static struct relay_count del(uint32_t n, uint64_t now)
{
	struct relay_flow flow = flow_of(n);
	struct relay_count count;

	relay_flow_table_del(&table, &flow.key, &count, now);
	return count;
}

static int count_one(void *arg, const struct relay_flow *flow)
{
	(void)flow;
	++*(uint32_t *)arg;
	return 0;
}

static uint32_t count_all(void)
{
	uint32_t n = 0;

	relay_flow_table_each(&table, count_one, &n);
	return n;
}

static void test_put_find_del(void **state)
{
	(void)state;
	assert_null(find(1));
	for (uint32_t n = 0; n < 100; n++)
		put(n);
	assert_int_equal(count_all(), 100);
	for (uint32_t n = 0; n < 100; n++)
		assert_int_equal(get(n).session, n);
	assert_null(find(100));
	del(7, 0);
	assert_null(find(7));
	assert_int_equal(count_all(), 99);
	assert_int_equal(del(7, 0).packets, 0);
}

/* Who has found the old slot still reads the old flow, whole; the counter goes along. */
static void test_change(void **state)
{
	struct relay_flow flow = flow_of(1);
	struct relay_slot *old;

	(void)state;
	flow.count.packets = 3;
	assert_int_equal(relay_flow_table_put(&table, &flow, 0), 0);
	old = find(1);
	old->packets = 5;
	flow.dst_port = 99;
	assert_int_equal(relay_flow_table_put(&table, &flow, 0), 0);
	assert_ptr_not_equal(find(1), old);
	assert_int_equal(relay_flow_table_get(&table, old).dst_port, 0);
	assert_int_equal(get(1).dst_port, 99);
	assert_int_equal(find(1)->packets, 5);
	assert_int_equal(count_all(), 1);
	assert_int_equal(del(1, 0).packets, 5);
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

static void test_rest(void **state)
{
	struct lateness l = {0};
	struct relay_slot *slot;

	(void)state;
	table.late = note_late;
	table.late_arg = &l;
	put(5);
	put(6);
	slot = find(5);
	slot->packets = 10;
	slot->bytes = 1000;
	assert_int_equal(del(5, TP_SEC(1)).bytes, 1000);
	del(6, TP_SEC(1));
	slot->packets = 12;
	slot->bytes = 1200;
	for (uint32_t n = 100; n < 100 + SLOTS - 2; n++) {
		put(n);
		assert_ptr_not_equal(find(n), slot);
	}
	relay_flow_table_recycle(&table, TP_SEC(1 + FLOW_REST_SEC) - 1);
	assert_int_equal(table.n_free, 0);
	relay_flow_table_recycle(&table, TP_SEC(1 + FLOW_REST_SEC));
	assert_int_equal(table.n_free, 2);
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
	table.late = note_late;
	table.late_arg = &l;
	put(5);
	slot = find(5);
	slot->packets = 1;
	del(5, 0);
	slot->bytes = 100;
	relay_flow_table_recycle(&table, TP_SEC(FLOW_REST_SEC));
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
	table.late = note_late;
	table.late_arg = &l;
	put(5);
	slot = find(5);
	slot->packets = UINT32_MAX;
	del(5, 0);
	slot->packets += 3;
	relay_flow_table_recycle(&table, TP_SEC(FLOW_REST_SEC));
	assert_int_equal(l.late.packets, 3);
}

/* No slot is left, and none is needed. */
static void test_next_hop_of_a_full_table(void **state)
{
	struct relay_flow flow = flow_of(1);
	uint32_t free_places;

	(void)state;
	resize(BUCKETS, 2);
	put(1);
	put(2);
	free_places = table.places.n_free;
	flow.nexthop = 7;
	assert_int_equal(relay_flow_table_put(&table, &flow, 0), 0);
	assert_int_equal(get(1).nexthop, 7);
	flow.dst_port = 99;
	assert_int_equal(relay_flow_table_put(&table, &flow, 0), -E2BIG);
	assert_int_equal(get(1).dst_port, 0);
	assert_int_equal(table.places.n_free, free_places);
}

/* Nothing but slots at rest: the kernel says when nobody reads them any more. */
static void test_no_time_to_rest(void **state)
{
	struct relay_flow flow = flow_of(1);

	(void)state;
	resize(BUCKETS, 2);
	for (uint16_t i = 0; i < 4; i++) {
		flow.dst_port = i;
		assert_int_equal(relay_flow_table_put(&table, &flow, 0), 0);
		assert_int_equal(get(1).dst_port, i);
	}
	put(2);
	flow = flow_of(3);
	assert_int_equal(relay_flow_table_put(&table, &flow, 0), -E2BIG);
	assert_int_equal(count_all(), 2);
}

static uint32_t first_bucket(uint32_t n)
{
	struct relay_flow flow = flow_of(n);

	return tp_flow_bucket(tp_flow_hash(&flow.key, &memory.seed), BUCKETS - 1);
}

static uint32_t second_bucket(uint32_t n)
{
	struct relay_flow flow = flow_of(n);

	return tp_flow_second_bucket(tp_flow_hash(&flow.key, &memory.seed), BUCKETS - 1);
}

static bool in_bucket(uint32_t bucket, uint32_t n)
{
	uint64_t slot = (uint64_t)(find(n) - memory.slots);

	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (memory.buckets[bucket].entry[i] &&
		    (uint32_t)memory.buckets[bucket].entry[i] == slot)
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
		put(i);
	}
	for (uint32_t i = 0; i <= TP_FLOW_WAYS; i++)
		assert_int_equal(get(ways[i]).session, ways[i]);
	for (int i = 0; i < TP_FLOW_WAYS; i++)
		assert_true(memory.buckets[0].entry[i]);
	assert_true(in_bucket(second_bucket(ways[TP_FLOW_WAYS]), ways[TP_FLOW_WAYS]));
	del(ways[0], 0); /* it leaves a place; who is in the second bucket stays there */
	assert_int_equal(get(ways[TP_FLOW_WAYS]).session, ways[TP_FLOW_WAYS]);
}

/* Every bucket full: a new flow is refused, those there can still change. */
static void test_buckets_full(void **state)
{
	uint32_t n = 0;
	struct relay_flow flow = flow_of(0);

	(void)state;
	resize(2, SLOTS);
	while (!relay_flow_table_put(&table, &flow, 0))
		flow = flow_of(++n);
	assert_in_range(n, TP_FLOW_WAYS, 2 * TP_FLOW_WAYS);
	assert_null(find(n));
	assert_int_equal(count_all(), n);
	for (uint32_t i = 0; i < n; i++)
		put(i);
	assert_int_equal(count_all(), n);
}

static uint32_t session_of(const struct relay_flow *flow)
{
	const struct relay_slot *slot = relay_flow_table_find(&table, &flow->key);

	assert_non_null(slot);
	return relay_flow_table_get(&table, slot).session;
}

/* Without a seed, index times port is all that the hash has here. */
static void test_same_fingerprint(void **state)
{
	const uint32_t pairs[][2] = {{12, 1}, {6, 2}, {4, 3}};
	struct relay_flow flow[3] = {0};

	(void)state;
	table.mem.seed = (struct relay_flow_seed){0};
	for (int i = 0; i < 3; i++) {
		flow[i].key.index = pairs[i][0];
		flow[i].key.port = (uint16_t)pairs[i][1];
		flow[i].session = (uint32_t)i;
		assert_true(tp_flow_hash(&flow[i].key, &table.mem.seed) ==
			    tp_flow_hash(&flow[0].key, &table.mem.seed));
	}
	assert_int_equal(relay_flow_table_put(&table, &flow[0], 0), 0);
	assert_int_equal(relay_flow_table_put(&table, &flow[1], 0), 0);
	assert_int_equal(relay_flow_table_put(&table, &flow[2], 0), -E2BIG);
	assert_int_equal(session_of(&flow[0]), 0);
	assert_int_equal(session_of(&flow[1]), 1);
	assert_null(relay_flow_table_find(&table, &flow[2].key));
	relay_flow_table_del(&table, &flow[0].key, NULL, 0);
	assert_int_equal(session_of(&flow[1]), 1);
	assert_int_equal(relay_flow_table_put(&table, &flow[2], 0), 0);
	assert_int_equal(session_of(&flow[1]), 1);
}

static void test_adopts(void **state)
{
	__u64 *entry;

	(void)state;
	for (uint32_t n = 0; n < 50; n++)
		put(n);
	find(3)->packets = 33;
	entry = &memory.buckets[first_bucket(1000)].entry[TP_FLOW_WAYS - 1];
	*entry = tp_flow_entry(1, SLOTS); /* beyond the end */
	entry = &memory.buckets[first_bucket(1001)].entry[TP_FLOW_WAYS - 2];
	*entry = tp_flow_entry(1, (uint32_t)(find(9) - memory.slots)); /* not its place */
	relay_flow_table_fini(&table);
	assert_int_equal(relay_flow_table_init(&table, &memory), 0);
	assert_int_equal(count_all(), 50);
	assert_int_equal(table.n_free, SLOTS - 50);
	assert_int_equal(find(3)->packets, 33);
	assert_int_equal(get(9).session, 9);
}

/* --- growing -------------------------------------------------------------------------------- */

static uint32_t entries_anywhere(void)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b < memory.n_buckets; b++)
		for (int i = 0; i < TP_FLOW_WAYS; i++)
			n += memory.buckets[b].entry[i] != 0;
	return n;
}

static void all_there(uint32_t flows)
{
	for (uint32_t n = 0; n < flows; n++)
		assert_int_equal(get(n).session, n);
	assert_int_equal(count_all(), flows);
	assert_int_equal(entries_anywhere(), flows); /* and nothing is left where it was */
}

static void test_grows(void **state)
{
	const uint32_t flows = 10000, buckets = relay_flow_buckets(flows);
	uint32_t mask = 1, sizes = 0;

	(void)state;
	teardown(NULL);
	make_memory(buckets, flows);
	*memory.mask = mask;
	assert_int_equal(relay_flow_table_init(&table, &memory), 0);
	for (uint32_t n = 0; n < flows; n++) {
		put(n);
		if (*memory.mask == mask)
			continue;
		mask = *memory.mask;
		sizes++;
		all_there(n + 1);
	}
	assert_true(sizes >= 9 && mask < buckets);
	all_there(flows);
	for (uint32_t n = 0; n < flows; n++)
		del(n, 0);
	assert_int_equal(entries_anywhere(), 0);
}

/* An index of n buckets, half full: the next flow makes it grow. Returns the buckets as they are.
 */
static struct relay_flow_bucket *about_to_grow(uint32_t n)
{
	const uint32_t flows = n * TP_FLOW_WAYS / 2;
	size_t size = n * sizeof(*memory.buckets);
	struct relay_flow_bucket *before = malloc(size);

	assert_non_null(before);
	teardown(NULL);
	make_memory(4 * n, 2 * flows);
	*memory.mask = n - 1;
	assert_int_equal(relay_flow_table_init(&table, &memory), 0);
	for (uint32_t i = 0; i < flows; i++)
		put(i);
	assert_int_equal(*memory.mask, n - 1);
	memcpy(before, memory.buckets, size);
	return before;
}

/* Killed before the mask was switched: some are in the upper half already, where nobody looks. */
static void test_killed_before_the_switch(void **state)
{
	const uint32_t n = 64, flows = n * TP_FLOW_WAYS / 2;
	struct relay_flow_bucket *before = about_to_grow(n);

	(void)state;
	put(flows);
	assert_int_equal(*memory.mask, 2 * n - 1);
	relay_flow_table_fini(&table);
	memcpy(memory.buckets, before, n * sizeof(*before));
	memset(memory.buckets + n + n / 2, 0, n / 2 * sizeof(*before));
	*memory.mask = n - 1;
	assert_true(entries_anywhere() > flows);
	assert_int_equal(relay_flow_table_init(&table, &memory), 0);
	all_there(flows);
	put(flows); /* grows again */
	all_there(flows + 1);
	free(before);
}

/* Killed after it: those that have moved are still where they were, too. */
static void test_killed_after_the_switch(void **state)
{
	const uint32_t n = 64, flows = n * TP_FLOW_WAYS / 2;
	struct relay_flow_bucket *before = about_to_grow(n);
	struct relay_flow extra = flow_of(flows);

	(void)state;
	put(flows);
	relay_flow_table_del(&table, &extra.key, NULL, 0);
	relay_flow_table_fini(&table);
	memcpy(memory.buckets, before, n * sizeof(*before));
	assert_true(entries_anywhere() > flows);
	assert_int_equal(relay_flow_table_init(&table, &memory), 0);
	assert_int_equal(*memory.mask, 2 * n - 1);
	all_there(flows);
	assert_int_equal(table.n_free, memory.n_slots - flows);
	free(before);
}

static void test_senseless_size(void **state)
{
	const uint32_t senseless[] = {2, 4 * BUCKETS - 1, UINT32_MAX};

	(void)state;
	for (int i = 0; i < 3; i++) {
		relay_flow_table_fini(&table);
		*memory.mask = senseless[i];
		assert_int_equal(relay_flow_table_init(&table, &memory), 0);
		assert_int_equal(*memory.mask, BUCKETS - 1);
		put(1);
		assert_int_equal(get(1).session, 1);
	}
}

/* --- against a plain array ------------------------------------------------------------------ */

struct shadow {
	bool here;
	uint16_t port;
	uint64_t packets;
};

static void random_op(struct shadow *shadow, uint32_t n, uint64_t now, uint32_t *live)
{
	struct relay_flow flow = flow_of(n);
	struct shadow *s = &shadow[n];

	if (random() % 4) {
		flow.dst_port = (uint16_t)random();
		if (relay_flow_table_put(&table, &flow, now)) {
			assert_true(!s->here && *live > SLOTS / 2);
			return;
		}
		*live += !s->here;
		s->packets = s->here ? s->packets : 0;
		s->here = true;
		s->port = flow.dst_port;
	} else {
		assert_int_equal(del(n, now).packets, s->here ? s->packets : 0);
		*live -= s->here;
		s->here = false;
	}
}

static void check(const struct shadow *s, uint32_t n)
{
	const struct relay_slot *slot = find(n);
	struct relay_flow flow;

	assert_int_equal(slot != NULL, s->here);
	if (!slot)
		return;
	flow = relay_flow_table_get(&table, slot);
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
		relay_flow_table_recycle(&table, now);
		random_op(shadow, n, now, &live);
		if (shadow[n].here) {
			find(n)->packets++;
			shadow[n].packets++;
		}
		n = (uint32_t)random() % RANDOM_KEYS;
		check(&shadow[n], n);
		if (i % 4096 == 0)
			assert_int_equal(count_all(), live);
	}
}

/* The default limit, filled to the last flow: nobody is turned away for a full bucket. */
static void test_a_full_table_takes_all(void **state)
{
	const uint32_t flows = 100000;

	(void)state;
	resize(relay_flow_buckets(flows), relay_flow_slots(flows));
	for (uint32_t n = 0; n < flows; n++)
		put(n);
	assert_int_equal(count_all(), flows);
}

/* Sessions between ends that no other has, each of which then moves to another port: as many places
 * as slots are enough. */
static void test_places_for_all(void **state)
{
	const uint32_t sessions = 400, slots = relay_flow_slots(2 * sessions);

	(void)state;
	resize(relay_flow_buckets(2 * sessions), slots);
	table.places.n_free -= slots; /* of the 2 * slots that there are */
	for (uint16_t move = 0; move < 2; move++)
		for (uint32_t n = 0; n < sessions; n++) {
			struct relay_flow there = flow_of(n), back = flow_of(n + sessions);

			back.key.port = there.dst_port = (uint16_t)(n + 10000 * (1 + move));
			back.key.addr[15] = 1;
			back.dst_port = there.key.port;
			memcpy(back.dst, there.key.addr, sizeof(back.dst));
			memcpy(there.dst, back.key.addr, sizeof(there.dst));
			assert_int_equal(relay_flow_table_put(&table, &there, 0), 0);
			if (move) {
				struct relay_flow was = back;

				was.key.port = (uint16_t)(n + 10000);
				relay_flow_table_del(&table, &was.key, NULL, 0);
			}
			assert_int_equal(relay_flow_table_put(&table, &back, 0), 0);
		}
	assert_int_equal(count_all(), 2 * sessions);
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
		CASE(test_grows),
		CASE(test_killed_before_the_switch),
		CASE(test_killed_after_the_switch),
		CASE(test_senseless_size),
		CASE(test_a_full_table_takes_all),
		CASE(test_places_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
