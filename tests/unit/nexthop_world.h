/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The next-hop table against a model of the world: routes that the test sets, and maps that check
 * on every write what XDP relies on (a slot is only filled while no id names it, and not before two
 * ticks after one did).
 */
#ifndef TEST_NEXTHOP_WORLD_H
#define TEST_NEXTHOP_WORLD_H

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

static inline struct tp_addr addr(const char *s)
{
	struct tp_addr a;

	assert_int_equal(tp_addr_parse(s, &a), 0);
	return a;
}

static inline int op_route(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
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

static inline void op_probe(void *ctx, int ifindex, const struct tp_addr *gateway)
{
	struct world *w = ctx;

	w->probes++;
	w->probe_ifindex = ifindex;
	w->probe_gateway = *gateway;
}

static inline int op_port(void *ctx, int ifindex)
{
	struct world *w = ctx;

	return w->port_off || ifindex > 9 ? -1 : ifindex + 20;
}

static inline void op_write_slot(void *ctx, uint32_t slot, const struct relay_nexthop *value)
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

static inline void op_write_id(void *ctx, uint32_t id, uint32_t slot)
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

static inline void op_moved(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
			    uint32_t id)
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

static inline struct relay_link eth(int ifindex)
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

static inline struct relay_link vlan(int ifindex, int lower, uint16_t tag, uint16_t proto)
{
	struct relay_link link = eth(ifindex);

	link.lower = lower;
	link.vlan = tag;
	link.vlan_proto = proto;
	snprintf(link.name, sizeof(link.name), "vlan%d", tag);
	return link;
}

static inline void link_is(struct world *w, struct relay_link link)
{
	relay_nexthop_link(w->nh, &link);
}

static inline void neighbour(struct world *w, int ifindex, const char *gateway, int last_mac_byte)
{
	uint8_t mac[6] = {2, 1, 1, 1, (uint8_t)(last_mac_byte >> 8), (uint8_t)last_mac_byte};
	struct tp_addr a = addr(gateway);

	relay_nexthop_neighbour(w->nh, ifindex, &a, last_mac_byte < 0 ? NULL : mac);
}

static inline uint32_t get(struct world *w, const char *dst, const char *src)
{
	struct tp_addr d = addr(dst), s = addr(src);

	return relay_nexthop_get(w->nh, &d, &s);
}

static inline void put(struct world *w, const char *dst, const char *src)
{
	struct tp_addr d = addr(dst), s = addr(src);

	relay_nexthop_put(w->nh, &d, &s);
}

static inline void tick(struct world *w)
{
	w->ticks++;
	relay_nexthop_tick(w->nh);
}

static inline const struct relay_nexthop *slot_of(const struct world *w, uint32_t id)
{
	assert_int_not_equal(id, 0);
	return w->ids[id] ? &w->slots[w->ids[id]] : NULL;
}

static inline int mac_of(const struct world *w, uint32_t id)
{
	const struct relay_nexthop *value = slot_of(w, id);

	return value ? value->dst_mac[4] << 8 | value->dst_mac[5] : -1;
}

/* eth0 up, everything through 192.0.2.1 there. */
static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct world *w = *state;

	relay_nexthops_free(w->nh);
	free(w);
	return 0;
}

#define DST "203.0.113.7"
#define SRC "198.51.100.1"
#define GW  "192.0.2.1"

static inline int group_setup(void **state)
{
	(void)state;
	return tp_crypto_init();
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
