// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whom a next hop belongs to and for how long: routes, references, ticks, exhaustion, restart. */
#include "tests/unit/nexthop_world.h"

static void test_unroutable_counts(void **state)
{
	struct world *w = *state;

	w->route_error = -ENETUNREACH;
	assert_int_equal(get(w, DST, SRC), 0);
	assert_int_equal(get(w, DST, SRC), 0);
	put(w, DST, SRC);
	w->route_error = 0;
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 1);
	assert_int_not_equal(w->moved_id, 0);

	put(w, DST, SRC);
	w->route_error = -ENETUNREACH;
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 1);
	put(w, DST, SRC); /* one too many does no harm */
}

static void test_route_moves(void **state)
{
	struct world *w = *state;
	struct tp_addr dst = addr(DST);
	uint32_t first, second;

	link_is(w, eth(ETH1));
	neighbour(w, ETH0, GW, 7);
	neighbour(w, ETH1, "192.0.2.129", 8);
	first = get(w, DST, SRC);
	w->route = (struct relay_route){ETH1, addr("192.0.2.129")};
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 1);
	assert_memory_equal(&w->moved_dst, &dst, sizeof(dst));
	second = w->moved_id;
	assert_int_not_equal(second, first);
	assert_int_equal(mac_of(w, second), 8);
	assert_int_equal(slot_of(w, second)->ifindex, ETH1);
	assert_int_equal(mac_of(w, first), 7); /* packets on their way still find it */
	assert_int_equal(get(w, DST, SRC), second);

	w->route = (struct relay_route){ETH0, addr(GW)};
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moved_id, first); /* not given to anyone meanwhile */
	w->route_error = -ENETUNREACH;
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 3);
	assert_int_equal(w->moved_id, 0);
	tick(w);
	assert_int_equal(mac_of(w, first), 7);
	tick(w);
	assert_int_equal(mac_of(w, first), -1);
	assert_int_equal(mac_of(w, second), -1);
}

static void test_revived_id_is_kept(void **state)
{
	struct world *w = *state;
	uint32_t id;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	put(w, DST, SRC);
	tick(w);
	assert_int_equal(get(w, "203.0.113.8", SRC), id);
	tick(w);
	tick(w);
	tick(w);
	assert_int_equal(mac_of(w, id), 7);
	assert_int_equal(w->id_writes, 1);
}

static void test_put_and_get_while_moving(void **state)
{
	struct world *w = *state;
	uint32_t id;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	get(w, "203.0.113.8", SRC);
	get(w, "203.0.113.9", SRC);
	w->put_in_move = w->get_in_move = true;
	w->route.gateway = addr("192.0.2.2");
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 1); /* the others were given up before their turn */
	w->put_in_move = w->get_in_move = false;
	tick(w);
	tick(w);
	assert_int_equal(mac_of(w, id), -1);
	w->route.gateway = addr("192.0.2.3");
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 2); /* the one that was got meanwhile is what is left */
}

static void test_many_destinations(void **state)
{
	struct world *w = *state;
	struct tp_addr dst = addr("203.0.113.0"), src = addr(SRC);
	uint32_t i, id = 0;

	neighbour(w, ETH0, GW, 7);
	for (i = 0; i < 10000; i++) {
		memcpy(&dst.b[12], &i, sizeof(i));
		id = relay_nexthop_get(w->nh, &dst, &src);
	}
	assert_int_equal(w->id_writes, 1);
	assert_int_equal(w->route_calls, 10000);
	neighbour(w, ETH0, GW, 8);
	assert_int_equal(mac_of(w, id), 8);
	assert_int_equal(w->route_calls, 10000);
	w->route.gateway = addr("192.0.2.2");
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->moves, 10000);
	assert_int_equal(w->route_calls, 20000);
	assert_int_equal(w->probes, 1);
	for (i = 0; i < 10000; i++) {
		memcpy(&dst.b[12], &i, sizeof(i));
		relay_nexthop_put(w->nh, &dst, &src);
	}
	relay_nexthop_reroute(w->nh);
	assert_int_equal(w->route_calls, 20000);
}

/* op_write_slot checks that none is filled too early. */
static void test_slots_run_out(void **state)
{
	struct world *w = *state;
	uint32_t id = get(w, DST, SRC);
	int i;

	for (i = 0; i < TP_NEXTHOPS - 1; i++)
		neighbour(w, ETH0, GW, i);
	assert_int_equal(mac_of(w, id), TP_NEXTHOPS - 2);
	neighbour(w, ETH0, GW, 5000); /* the old value would be wrong: rather none */
	assert_int_equal(mac_of(w, id), -1);
	tick(w);
	assert_int_equal(mac_of(w, id), -1);
	tick(w);
	assert_int_equal(mac_of(w, id), 5000);
	for (i = 0; i < 3 * TP_NEXTHOPS; i++) {
		if (i % 1000 == 0)
			tick(w);
		neighbour(w, ETH0, GW, i);
		assert_int_equal(mac_of(w, id), i);
	}
}

static void test_ids_run_out(void **state)
{
	struct world *w = *state;
	struct tp_addr dst = addr("10.0.0.0"), src = addr(SRC);
	uint32_t i, first = 0, id;

	w->on_link = true;
	for (i = 1; i < TP_NEXTHOPS; i++) {
		dst.b[14] = (uint8_t)(i >> 8);
		dst.b[15] = (uint8_t)i;
		id = relay_nexthop_get(w->nh, &dst, &src);
		assert_int_not_equal(id, 0);
		if (i == 1)
			first = id;
	}
	assert_int_equal(get(w, "10.1.0.1", SRC), 0);
	put(w, "10.0.0.1", SRC);
	tick(w);
	assert_int_equal(w->moves, 0);
	tick(w);
	assert_int_equal(w->moves, 1);
	assert_int_equal(w->moved_id, first);
	dst = addr("10.1.0.1");
	assert_memory_equal(&w->moved_dst, &dst, sizeof(dst));
	assert_int_equal(get(w, "10.1.0.1", SRC), first);
}

static void test_adopt(void **state)
{
	struct world *w = *state;
	uint32_t old[TP_NEXTHOPS] = {0}, i, id;

	old[0] = 77; /* nonsense that a foreign hand may have left */
	old[1] = 3;
	old[2] = 1;
	old[5] = TP_NEXTHOPS + 1;
	old[6] = 1;
	for (i = 1; i < TP_NEXTHOPS; i++)
		w->ids[i] = old[i];
	relay_nexthops_adopt(w->nh, old, TP_NEXTHOPS);
	assert_int_equal(w->ids[1], 3);
	assert_int_equal(w->ids[2], 1);
	assert_int_equal(w->ids[5], 0);
	assert_int_equal(w->ids[6], 0);

	id = get(w, DST, SRC);
	assert_true(id != 1 && id != 2 && id != 5 && id != 6);
	for (i = 0; i < 100; i++) { /* op_write_slot refuses slots 1 and 3 */
		neighbour(w, ETH0, GW, (int)i);
		assert_int_equal(mac_of(w, id), i);
	}
	tick(w);
	assert_int_equal(w->ids[1], 3);
	tick(w);
	assert_int_equal(w->ids[1], 0);
	assert_int_equal(w->ids[2], 0);
}

/* A former daemon that had used up everything: nothing is to be had before the second tick, and
 * then all of it, slots one rest later. */
static void test_adopt_everything(void **state)
{
	struct world *w = *state;
	uint32_t old[TP_NEXTHOPS], i;

	for (i = 0; i < TP_NEXTHOPS; i++)
		old[i] = i;
	memcpy(w->ids, old, sizeof(old));
	relay_nexthops_adopt(w->nh, old, TP_NEXTHOPS);
	neighbour(w, ETH0, GW, 7);
	assert_int_equal(get(w, DST, SRC), 0);
	tick(w);
	assert_int_equal(w->moves, 0);
	tick(w);
	assert_int_equal(w->moves, 1);
	assert_int_not_equal(w->moved_id, 0);
	assert_int_equal(mac_of(w, w->moved_id), -1);
	tick(w);
	tick(w);
	assert_int_equal(mac_of(w, w->moved_id), 7);
	assert_int_equal(w->slot_writes, 1);
}

static void test_tick_confirms_those_in_use(void **state)
{
	struct world *w = *state;

	neighbour(w, ETH0, GW, 7);
	neighbour(w, ETH0, "192.0.2.9", 9);
	get(w, DST, SRC);
	tick(w);
	assert_int_equal(w->probes, 1);
	put(w, DST, SRC);
	tick(w);
	assert_int_equal(w->probes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_unroutable_counts),  test(test_route_moves),
		test(test_revived_id_is_kept), test(test_put_and_get_while_moving),
		test(test_many_destinations),  test(test_slots_run_out),
		test(test_ids_run_out),	       test(test_adopt),
		test(test_adopt_everything),   test(test_tick_confirms_those_in_use),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
