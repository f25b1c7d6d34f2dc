// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The next-hop table against a model of the world: routes that the test sets, and maps that check
 * on every write what XDP relies on (a slot is only filled while no id names it, and not before two
 * ticks after one did).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto.h"
#include "relay/nexthop.h"

#define ETH0	2
#define ETH1	3
#define VLAN100 10 /* on eth0 */
#define STACKED 11 /* on VLAN100 */
#define TRIPLE	12 /* on STACKED */

#define NEVER (-100)

struct world {
	struct relay_nexthops *nh;

	/* routes: all destinations to one router, or each its own neighbour on ETH0 */
	bool on_link;
	int route_error;
	struct relay_route route;
	bool src_matters; /* sources ending in 2 leave by ETH1 */
	unsigned int route_calls;

	bool port_off;
	unsigned int probes;
	int probe_ifindex;
	struct tp_addr probe_gateway;

	struct relay_nexthop slots[TP_NEXTHOPS];
	uint32_t ids[TP_NEXTHOPS];
	int left[TP_NEXTHOPS]; /* tick at which the slot was last replaced */
	int ticks;
	unsigned int slot_writes, id_writes;

	unsigned int moves;
	struct tp_addr moved_dst;
	uint32_t moved_id;
	bool put_in_move;
	bool get_in_move;
};

static struct tp_addr addr(const char *s)
{
	struct tp_addr a;

	assert_int_equal(tp_addr_parse(s, &a), 0);
	return a;
}

static int op_route(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
		    struct relay_route *out)
{
	struct world *w = ctx;

	w->route_calls++;
	if (w->route_error)
		return w->route_error;
	*out = w->route;
	if (w->on_link)
		out->gateway = *dst;
	if (w->src_matters && src->b[15] == 2)
		out->ifindex = ETH1;
	return 0;
}

static void op_probe(void *ctx, int ifindex, const struct tp_addr *gateway)
{
	struct world *w = ctx;

	w->probes++;
	w->probe_ifindex = ifindex;
	w->probe_gateway = *gateway;
}

static int op_port(void *ctx, int ifindex)
{
	struct world *w = ctx;

	return w->port_off || ifindex > 9 ? -1 : ifindex + 20;
}

static void op_write_slot(void *ctx, uint32_t slot, const struct relay_nexthop *value)
{
	struct world *w = ctx;
	uint32_t id;

	assert_in_range(slot, 1, TP_NEXTHOPS - 1);
	for (id = 0; id < TP_NEXTHOPS; id++)
		assert_int_not_equal(w->ids[id], slot);
	assert_true(w->ticks - w->left[slot] >= 2);
	w->slots[slot] = *value;
	w->slot_writes++;
}

static void op_write_id(void *ctx, uint32_t id, uint32_t slot)
{
	struct world *w = ctx;

	assert_in_range(id, 1, TP_NEXTHOPS - 1);
	assert_in_range(slot, 0, TP_NEXTHOPS - 1);
	assert_int_not_equal(w->ids[id], slot);
	assert_true(!slot || w->slots[slot].ifindex); /* filled first, named then */
	if (w->ids[id] < TP_NEXTHOPS)
		w->left[w->ids[id]] = w->ticks;
	w->ids[id] = slot;
	w->id_writes++;
}

static void op_moved(void *ctx, const struct tp_addr *dst, const struct tp_addr *src, uint32_t id)
{
	struct world *w = ctx;
	struct tp_addr three[] = {addr("203.0.113.7"), addr("203.0.113.8"), addr("203.0.113.9")};
	struct tp_addr other = addr("203.0.113.200");

	w->moves++;
	w->moved_id = id;
	if (w->get_in_move)
		relay_nexthop_get(w->nh, &other, src);
	if (w->put_in_move) {
		relay_nexthop_put(w->nh, &three[0], src);
		relay_nexthop_put(w->nh, &three[1], src);
		relay_nexthop_put(w->nh, &three[2], src);
	}
	w->moved_dst = *dst; /* still there */
}

static const struct relay_nexthop_ops ops = {
	.route = op_route,
	.probe = op_probe,
	.port = op_port,
	.write_slot = op_write_slot,
	.write_id = op_write_id,
	.moved = op_moved,
};

/* --- events ----------------------------------------------------------------------------------- */

static struct relay_link eth(int ifindex)
{
	struct relay_link link = {
		.ifindex = ifindex,
		.up = true,
		.mtu = 1500,
		.mac = {2, 0, 0, 0, 0, (uint8_t)ifindex},
	};

	snprintf(link.name, sizeof(link.name), "eth%d", ifindex - ETH0);
	return link;
}

static struct relay_link vlan(int ifindex, int lower, uint16_t tag, uint16_t proto)
{
	struct relay_link link = eth(ifindex);

	link.lower = lower;
	link.vlan = tag;
	link.vlan_proto = proto;
	snprintf(link.name, sizeof(link.name), "vlan%d", tag);
	return link;
}

static void link_is(struct world *w, struct relay_link link)
{
	relay_nexthop_link(w->nh, &link);
}

static void neighbour(struct world *w, int ifindex, const char *gateway, int last_mac_byte)
{
	uint8_t mac[6] = {2, 1, 1, 1, (uint8_t)(last_mac_byte >> 8), (uint8_t)last_mac_byte};
	struct tp_addr a = addr(gateway);

	relay_nexthop_neighbour(w->nh, ifindex, &a, last_mac_byte < 0 ? NULL : mac);
}

static uint32_t get(struct world *w, const char *dst, const char *src)
{
	struct tp_addr d = addr(dst), s = addr(src);

	return relay_nexthop_get(w->nh, &d, &s);
}

static void put(struct world *w, const char *dst, const char *src)
{
	struct tp_addr d = addr(dst), s = addr(src);

	relay_nexthop_put(w->nh, &d, &s);
}

static void tick(struct world *w)
{
	w->ticks++;
	relay_nexthop_tick(w->nh);
}

static const struct relay_nexthop *slot_of(const struct world *w, uint32_t id)
{
	assert_int_not_equal(id, 0);
	return w->ids[id] ? &w->slots[w->ids[id]] : NULL;
}

static int mac_of(const struct world *w, uint32_t id)
{
	const struct relay_nexthop *value = slot_of(w, id);

	return value ? value->dst_mac[4] << 8 | value->dst_mac[5] : -1;
}

/* eth0 up, everything through 192.0.2.1 there. */
static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int i;

	assert_non_null(w);
	for (i = 0; i < TP_NEXTHOPS; i++)
		w->left[i] = NEVER;
	w->route.ifindex = ETH0;
	w->route.gateway = addr("192.0.2.1");
	assert_int_equal(relay_nexthops_new(&w->nh, &ops, w), 0);
	link_is(w, eth(ETH0));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	relay_nexthops_free(w->nh);
	free(w);
	return 0;
}

#define DST "203.0.113.7"
#define SRC "198.51.100.1"
#define GW  "192.0.2.1"

/* --- tests ------------------------------------------------------------------------------------ */

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

static int group_setup(void **state)
{
	(void)state;
	return tp_crypto_init();
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_known_neighbour),
		test(test_unknown_neighbour_is_asked_for),
		test(test_id_is_per_device_and_gateway),
		test(test_v6_gateway_for_v4),
		test(test_unroutable_counts),
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
		test(test_route_moves),
		test(test_revived_id_is_kept),
		test(test_put_and_get_while_moving),
		test(test_many_destinations),
		test(test_slots_run_out),
		test(test_ids_run_out),
		test(test_adopt),
		test(test_adopt_everything),
		test(test_tick_confirms_those_in_use),
		test(test_describe),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
