// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a next hop resolves to: neighbours, devices, VLANs. */
#include "tests/unit/nexthop_world.h"

static void test_known_neighbour(void **state)
{
	struct world *w = *state;
	const struct relay_nexthop *value;
	const uint8_t src_mac[6] = {2, 0, 0, 0, 0, ETH0}, dst_mac[6] = {2, 1, 1, 1, 0, 7};

	neighbour(w, ETH0, GW, 7);
	value = slot_of(w, get(w, DST, SRC));
	assert_non_null(value);
	assert_int_equal(value->ifindex, ETH0);
	assert_int_equal(value->port, ETH0 + 20);
	assert_memory_equal(value->src_mac, src_mac, 6);
	assert_memory_equal(value->dst_mac, dst_mac, 6);
	assert_int_equal(value->mtu, 1500);
	assert_int_equal(value->vlans, 0);
	assert_int_equal(w->probes, 0);
}

static void test_unknown_neighbour_is_asked_for(void **state)
{
	struct world *w = *state;
	struct tp_addr gw = addr(GW);
	uint32_t id = get(w, DST, SRC);

	assert_int_equal(mac_of(w, id), -1);
	assert_int_equal(w->probes, 1);
	assert_int_equal(w->probe_ifindex, ETH0);
	assert_memory_equal(&w->probe_gateway, &gw, sizeof(gw));
	assert_int_equal(w->slot_writes + w->id_writes, 0);
	link_is(w, eth(ETH1));
	assert_int_equal(w->probes, 1); /* asked already, the tick asks again */
	neighbour(w, ETH0, GW, 7);
	assert_int_equal(mac_of(w, id), 7);
	assert_int_equal(w->moves, 0);
}

static void test_id_is_per_device_and_gateway(void **state)
{
	struct world *w = *state;
	uint32_t id = get(w, DST, SRC);

	assert_int_equal(get(w, "2001:db8::1", "2001:db8::2"), id);
	assert_int_equal(get(w, DST, SRC), id);
	assert_int_equal(w->route_calls, 2);
	w->src_matters = true;
	assert_int_not_equal(get(w, DST, "198.51.100.2"), id);
	w->route.gateway = addr("192.0.2.2");
	assert_int_not_equal(get(w, "203.0.113.8", SRC), id);
}

static void test_v6_gateway_for_v4(void **state)
{
	struct world *w = *state;
	uint32_t id;

	w->route.gateway = addr("fe80::1");
	id = get(w, DST, SRC);
	neighbour(w, ETH1, "fe80::1", 6);
	assert_int_equal(mac_of(w, id), -1);
	neighbour(w, ETH0, "fe80::1", 7);
	assert_int_equal(mac_of(w, id), 7);
}

static void test_unchanged_writes_nothing(void **state)
{
	struct world *w = *state;
	unsigned int slots, ids, probes;

	neighbour(w, ETH0, GW, 7);
	get(w, DST, SRC);
	slots = w->slot_writes;
	ids = w->id_writes;
	probes = w->probes;
	assert_int_equal(slots, 1);
	assert_int_equal(ids, 1);
	neighbour(w, ETH0, GW, 7);
	neighbour(w, ETH0, "192.0.2.9", 9);
	link_is(w, eth(ETH0));
	link_is(w, eth(ETH1));
	relay_nexthop_link_gone(w->nh, ETH1);
	get(w, DST, SRC);
	relay_nexthop_reroute(w->nh);
	tick(w);
	tick(w);
	assert_int_equal(w->slot_writes, slots);
	assert_int_equal(w->id_writes, ids);
	assert_int_equal(w->moves, 0);
	assert_int_equal(w->probes, probes + 2); /* the ticks' */
}

static void test_neighbour_changes_mac(void **state)
{
	struct world *w = *state;
	uint32_t id, first;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	first = w->ids[id];
	neighbour(w, ETH0, GW, 8);
	assert_int_equal(mac_of(w, id), 8);
	assert_int_not_equal(w->ids[id], first);
	assert_int_equal(w->slots[first].dst_mac[5], 7); /* left as it was */
	assert_int_equal(w->moves, 0);
}

static void test_neighbour_lost_and_found(void **state)
{
	struct world *w = *state;
	uint32_t id;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	neighbour(w, ETH0, GW, -1);
	assert_int_equal(mac_of(w, id), -1);
	neighbour(w, ETH0, GW, -1);
	assert_int_equal(w->id_writes, 2);
	neighbour(w, ETH0, GW, 7);
	assert_int_equal(mac_of(w, id), 7);
}

static void test_link_flaps(void **state)
{
	struct world *w = *state;
	struct relay_link down = eth(ETH0);
	uint32_t id, first;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	first = w->ids[id];
	down.up = false;
	link_is(w, down);
	assert_int_equal(mac_of(w, id), -1);
	neighbour(w, ETH0, GW, -1);
	tick(w);
	assert_int_equal(w->probes, 0); /* nothing to ask for on a dead link */
	link_is(w, eth(ETH0));
	assert_int_equal(w->probes, 1);
	assert_int_equal(mac_of(w, id), -1);
	neighbour(w, ETH0, GW, 7);
	assert_int_equal(mac_of(w, id), 7);
	assert_int_not_equal(w->ids[id], first);
}

static void test_link_goes_and_another_gets_its_index(void **state)
{
	struct world *w = *state;
	uint32_t id;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	relay_nexthop_link_gone(w->nh, ETH0);
	assert_int_equal(mac_of(w, id), -1);
	relay_nexthop_link_gone(w->nh, ETH0);
	link_is(w, eth(ETH0));
	assert_int_equal(mac_of(w, id), -1); /* the neighbour went with the device */
	assert_int_equal(w->probes, 1);
}

static void test_link_changes(void **state)
{
	struct world *w = *state;
	struct relay_link link = eth(ETH0);
	uint32_t id, slot;

	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	slot = w->ids[id];
	link.mtu = 1400;
	link_is(w, link);
	assert_int_not_equal(w->ids[id], slot);
	assert_int_equal(slot_of(w, id)->mtu, 1400);
	slot = w->ids[id];
	link.mac[5] = 99;
	link_is(w, link);
	assert_int_not_equal(w->ids[id], slot);
	assert_int_equal(slot_of(w, id)->src_mac[5], 99);
	slot = w->ids[id];
	strcpy(link.name, "wan0"); /* XDP has no use for the name */
	link_is(w, link);
	assert_int_equal(w->ids[id], slot);
}

static void test_not_a_port(void **state)
{
	struct world *w = *state;
	uint32_t id;

	w->port_off = true;
	neighbour(w, ETH0, GW, 7);
	id = get(w, DST, SRC);
	tick(w);
	assert_int_equal(mac_of(w, id), -1);
	assert_int_equal(w->probes, 0);
	w->port_off = false;
	relay_nexthop_reroute(w->nh);
	assert_int_equal(mac_of(w, id), 7);
	assert_int_equal(w->moves, 0);
}

static void test_no_mac_no_slot(void **state)
{
	struct world *w = *state;
	struct relay_link link = eth(ETH0);

	memset(link.mac, 0, sizeof(link.mac));
	link_is(w, link);
	neighbour(w, ETH0, GW, 7);
	assert_int_equal(mac_of(w, get(w, DST, SRC)), -1);
	assert_int_equal(w->probes, 0);
}

static void test_vlan(void **state)
{
	struct world *w = *state;
	const struct relay_nexthop *value;
	struct relay_link lower = eth(ETH0);

	link_is(w, vlan(VLAN100, ETH0, 100, 0x8100));
	neighbour(w, VLAN100, GW, 7);
	w->route.ifindex = VLAN100;
	value = slot_of(w, get(w, DST, SRC));
	assert_non_null(value);
	assert_int_equal(value->ifindex, ETH0);
	assert_int_equal(value->port, ETH0 + 20);
	assert_int_equal(value->src_mac[5], VLAN100);
	assert_int_equal(value->vlans, 1);
	assert_int_equal(ntohs(value->vlan[0].tpid), 0x8100);
	assert_int_equal(ntohs(value->vlan[0].tci), 100);
	lower.mtu = 1300;
	link_is(w, lower);
	assert_int_equal(slot_of(w, get(w, DST, SRC))->mtu, 1300);
	link_is(w, eth(ETH1));
	link_is(w, vlan(VLAN100, ETH1, 100, 0x8100));
	assert_int_equal(slot_of(w, get(w, DST, SRC))->ifindex, ETH1);
}

static void test_vlan_stack(void **state)
{
	struct world *w = *state;
	const struct relay_nexthop *value;
	struct relay_link lower = eth(ETH0);
	uint32_t id;

	w->route.ifindex = STACKED;
	id = get(w, DST, SRC);
	neighbour(w, STACKED, GW, 7);
	link_is(w, vlan(STACKED, VLAN100, 200, 0x8100));
	assert_int_equal(mac_of(w, id), -1); /* the middle one is not known yet */
	link_is(w, vlan(VLAN100, ETH0, 100, 0x88a8));
	value = slot_of(w, id);
	assert_non_null(value);
	assert_int_equal(value->ifindex, ETH0);
	assert_int_equal(value->vlans, 2);
	assert_int_equal(ntohs(value->vlan[0].tpid), 0x88a8);
	assert_int_equal(ntohs(value->vlan[0].tci), 100);
	assert_int_equal(ntohs(value->vlan[1].tpid), 0x8100);
	assert_int_equal(ntohs(value->vlan[1].tci), 200);
	lower.up = false;
	link_is(w, lower);
	assert_int_equal(mac_of(w, id), -1);
	link_is(w, eth(ETH0));
	assert_int_equal(mac_of(w, id), 7);
	relay_nexthop_link_gone(w->nh, ETH0);
	assert_int_equal(mac_of(w, id), -1);
}

static void test_vlan_too_deep(void **state)
{
	struct world *w = *state;

	link_is(w, vlan(VLAN100, ETH0, 100, 0x88a8));
	link_is(w, vlan(STACKED, VLAN100, 200, 0x8100));
	link_is(w, vlan(TRIPLE, STACKED, 300, 0x8100));
	neighbour(w, TRIPLE, GW, 7);
	w->route.ifindex = TRIPLE;
	assert_int_equal(mac_of(w, get(w, DST, SRC)), -1);
	/* and what can't be: a device below itself, or below one of another namespace */
	link_is(w, vlan(VLAN100, STACKED, 100, 0x8100));
	link_is(w, vlan(VLAN100, -1, 100, 0x8100));
	assert_int_equal(w->slot_writes, 0);
}

static void test_describe(void **state)
{
	struct world *w = *state;
	char buf[128];
	uint32_t id = get(w, DST, SRC);

	assert_string_equal(relay_nexthop_describe(w->nh, 0, buf, sizeof(buf)), "unresolved");
	assert_string_equal(relay_nexthop_describe(w->nh, id, buf, sizeof(buf)), "unresolved");
	assert_string_equal(relay_nexthop_describe(w->nh, TP_NEXTHOPS, buf, sizeof(buf)),
			    "unresolved");
	neighbour(w, ETH0, GW, 7);
	assert_string_equal(relay_nexthop_describe(w->nh, id, buf, sizeof(buf)),
			    "eth0 via 192.0.2.1 02:01:01:01:00:07");
	assert_string_equal(relay_nexthop_describe(w->nh, id, buf, 9), "eth0 via");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_known_neighbour),
		test(test_unknown_neighbour_is_asked_for),
		test(test_id_is_per_device_and_gateway),
		test(test_v6_gateway_for_v4),
		test(test_unchanged_writes_nothing),
		test(test_neighbour_changes_mac),
		test(test_neighbour_lost_and_found),
		test(test_link_flaps),
		test(test_link_goes_and_another_gets_its_index),
		test(test_link_changes),
		test(test_not_a_port),
		test(test_no_mac_no_slot),
		test(test_vlan),
		test(test_vlan_stack),
		test(test_vlan_too_deep),
		test(test_describe),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
