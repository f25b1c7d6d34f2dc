/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The places that flows share: one for all flows there, as long as a slot names it. */
#include "flow_shelf.h"

#include <errno.h>

#include "bpf/lib/relay/flow.h"
#include "clock.h"

#define BUCKETS 16
#define SLOTS	8
#define PLACES	4

enum { ALICE = 1, BOB, CAROL, DAVE, EVE };

static int setup(void **state)
{
	(void)state;
	shelf_make(BUCKETS, SLOTS, PLACES);
	shelf_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shelf_clear();
	return 0;
}

/* From one to another; who chose the index has it for a next hop, too. */
static struct relay_flow flow_of(uint8_t from, uint8_t to, uint32_t index)
{
	return (struct relay_flow){
		.key = {.addr = {0x20, 1, from}, .index = index, .port = from},
		.expires_at = relay_flow_expiry(TP_SEC(190)),
		.local = {0xfd, from},
		.src = {0xfd, to},
		.dst = {0x20, 1, to},
		.dst_port = to,
		.mtu = 0xffff,
		.nexthop = 10u + to,
		.src_node = from,
		.dst_node = to,
		.session = index,
	};
}

static void put(uint8_t from, uint8_t to, uint32_t index)
{
	struct relay_flow flow = flow_of(from, to, index);

	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
}

static void del(uint8_t from, uint8_t to, uint32_t index)
{
	struct relay_flow flow = flow_of(from, to, index);

	relay_flow_table_del(&shelf.table, &flow.key, NULL, 0);
}

static struct relay_slot *slot(uint8_t from, uint8_t to, uint32_t index)
{
	struct relay_flow flow = flow_of(from, to, index);

	return relay_flow_table_find(&shelf.table, &flow.key);
}

static struct relay_flow get(uint8_t from, uint8_t to, uint32_t index)
{
	const struct relay_slot *s = slot(from, to, index);

	assert_non_null(s);
	return relay_flow_table_get(&shelf.table, s);
}

static uint32_t places(void)
{
	return PLACES - shelf.table.places.n_free;
}

/* Nobody reads what was given up. */
static void rested(void)
{
	relay_flow_table_recycle(&shelf.table, TP_SEC(FLOW_REST_SEC));
}

static void same_as_made(uint8_t from, uint8_t to, uint32_t index)
{
	struct relay_flow made = flow_of(from, to, index), is = get(from, to, index);

	assert_memory_equal(&is, &made, sizeof(is));
}

static void test_shared(void **state)
{
	(void)state;
	put(ALICE, BOB, 1);
	assert_int_equal(places(), 2);
	put(BOB, ALICE, 2);
	put(ALICE, BOB, 3);
	assert_int_equal(places(), 2);
	put(CAROL, BOB, 4);
	assert_int_equal(places(), 3);
	assert_int_equal(slot(ALICE, BOB, 1)->dst, slot(CAROL, BOB, 4)->dst);
	assert_int_equal(slot(ALICE, BOB, 1)->dst, slot(BOB, ALICE, 2)->src);
	same_as_made(ALICE, BOB, 1);
	same_as_made(BOB, ALICE, 2);
	same_as_made(CAROL, BOB, 4);
}

/* The same address is another place for another node, and when it speaks to another of ours. */
static void test_what_makes_a_place(void **state)
{
	struct relay_flow flow = flow_of(ALICE, BOB, 1);

	(void)state;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	flow.key.index = 2;
	flow.src_node = CAROL;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	assert_int_equal(places(), 3);
	flow.key.index = 3;
	flow.local[15] = 1;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	assert_int_equal(places(), 4);
	same_as_made(ALICE, BOB, 1);
}

/* As long as a slot rests, XDP may be about to read its places. */
static void test_given_up_with_the_slot(void **state)
{
	(void)state;
	put(ALICE, BOB, 1);
	put(ALICE, CAROL, 2);
	del(ALICE, BOB, 1);
	assert_int_equal(places(), 3);
	rested();
	assert_int_equal(places(), 2);
	del(ALICE, CAROL, 2);
	rested();
	assert_int_equal(places(), 0);
}

/* A flow re-pointed lets go of where it led, when its old slot has rested. */
static void test_moved(void **state)
{
	struct relay_flow flow = flow_of(ALICE, BOB, 1);
	const struct relay_slot *old;

	(void)state;
	put(ALICE, BOB, 1);
	old = slot(ALICE, BOB, 1);
	shelf.memory.slots[old - shelf.memory.slots].packets = 5;
	flow.dst_port = 99;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	assert_int_equal(get(ALICE, BOB, 1).dst_port, 99);
	assert_int_equal(get(ALICE, BOB, 1).count.packets, 5);
	assert_int_equal(relay_flow_table_get(&shelf.table, old).dst_port, BOB);
	assert_int_equal(places(), 3);
	rested();
	assert_int_equal(places(), 2);
}

/* One store for all flows that lead there; who sends from there has nothing to do with it. */
static void test_next_hop(void **state)
{
	struct relay_flow flow = flow_of(ALICE, BOB, 1);
	const struct relay_slot *old;

	(void)state;
	put(ALICE, BOB, 1);
	put(CAROL, BOB, 2);
	put(BOB, ALICE, 3);
	old = slot(ALICE, BOB, 1);
	flow.nexthop = 77;
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
	assert_ptr_equal(slot(ALICE, BOB, 1), old);
	assert_int_equal(get(ALICE, BOB, 1).nexthop, 77);
	assert_int_equal(get(CAROL, BOB, 2).nexthop, 77);
	assert_int_equal(get(BOB, ALICE, 3).nexthop, 10 + ALICE);
	assert_int_equal(shelf.table.n_resting, 0);
	del(ALICE, BOB, 1); /* and it was not counted as one more */
	del(CAROL, BOB, 2);
	del(BOB, ALICE, 3);
	rested();
	assert_int_equal(places(), 0);
}

static void test_sums(void **state)
{
	const struct relay_place *place;
	struct relay_slot *s;

	(void)state;
	put(ALICE, BOB, 1);
	s = slot(ALICE, BOB, 1);
	place = &shelf.memory.places[s->dst];
	assert_int_equal(place->l3_sum,
			 tp_sum_fold(tp_sum128(place->addr) + tp_sum128(place->local)));
	assert_int_equal(place->l4_sum, tp_sum_fold(place->l3_sum + (uint64_t)place->port));
	assert_int_not_equal(place->l3_sum, place->l4_sum);
}

/* No place: the flow is refused, and what it had taken already is given back. */
static void test_full(void **state)
{
	struct relay_flow flow = flow_of(EVE, ALICE, 5);

	(void)state;
	put(ALICE, BOB, 1);
	put(CAROL, DAVE, 2);
	assert_int_equal(places(), PLACES);
	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), -E2BIG);
	put(BOB, CAROL, 3); /* between places that are there */
	del(ALICE, BOB, 1);
	del(CAROL, DAVE, 2);
	del(BOB, CAROL, 3);
	rested();
	assert_int_equal(places(), 0);
}

/* Places at rest are all there is: the kernel says when nobody reads them any more. */
static void test_no_time_to_rest(void **state)
{
	(void)state;
	put(ALICE, BOB, 1);
	put(CAROL, DAVE, 2);
	del(CAROL, DAVE, 2);
	put(EVE, ALICE, 3);
	same_as_made(EVE, ALICE, 3);
	assert_int_equal(places(), 3);
}

static void restart(void)
{
	relay_flow_table_fini(&shelf.table);
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
}

static void test_adopted(void **state)
{
	(void)state;
	put(ALICE, BOB, 1);
	put(BOB, ALICE, 2);
	put(CAROL, BOB, 3);
	del(CAROL, BOB, 3);
	restart();
	assert_int_equal(places(), 2);
	same_as_made(ALICE, BOB, 1);
	put(CAROL, BOB, 4);
	assert_int_equal(places(), 3);
	assert_int_equal(slot(CAROL, BOB, 4)->dst, slot(ALICE, BOB, 1)->dst);
	same_as_made(BOB, ALICE, 2);
	del(ALICE, BOB, 1);
	del(BOB, ALICE, 2);
	del(CAROL, BOB, 4);
	rested();
	assert_int_equal(places(), 0);
}

static void test_beyond_the_end(void **state)
{
	(void)state;
	put(ALICE, BOB, 1);
	put(BOB, ALICE, 2);
	slot(BOB, ALICE, 2)->dst = PLACES;
	restart();
	assert_null(slot(BOB, ALICE, 2));
	same_as_made(ALICE, BOB, 1);
	assert_int_equal(places(), 2);
}

/* Two places alike: a flow of one of them goes, whichever is met later. */
static void test_a_copy(void **state)
{
	uint32_t copy;

	(void)state;
	put(ALICE, BOB, 1);
	put(ALICE, BOB, 2);
	copy = PLACES - 1;
	shelf.memory.places[copy] = shelf.memory.places[slot(ALICE, BOB, 1)->dst];
	slot(ALICE, BOB, 1)->dst = copy;
	restart();
	assert_int_equal(!slot(ALICE, BOB, 1) + !slot(ALICE, BOB, 2), 1);
	assert_int_equal(places(), 2);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_shared),
		CASE(test_what_makes_a_place),
		CASE(test_given_up_with_the_slot),
		CASE(test_moved),
		CASE(test_next_hop),
		CASE(test_sums),
		CASE(test_full),
		CASE(test_no_time_to_rest),
		CASE(test_adopted),
		CASE(test_beyond_the_end),
		CASE(test_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
