// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Four tables: what is known of devices and of neighbours; hops, which are the ids; and pairs, the
 * destinations asked for, which share hops. A hop's slot follows from the first two, a pair's hop
 * from a route lookup.
 */
#include "relay/nexthop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"
#include "relay/nexthop_pool.h"

struct device {
	struct relay_link link;
	UT_hash_handle hh;
};

/* Of a neighbour, and of the hop that sends to it. */
struct hop_key {
	struct tp_addr gateway;
	int ifindex;
};
_Static_assert(sizeof(struct hop_key) == 20, "no padding in a hash key");

struct neighbour {
	struct hop_key key;
	uint8_t mac[6];
	UT_hash_handle hh;
};

struct hop {
	struct hop_key key;
	uint32_t id;
	uint32_t slot;
	uint32_t refs;		    /* pairs; without any, the id rests until it is given back */
	bool usable;		    /* its device can send, so the neighbour is worth asking for */
	struct relay_nexthop value; /* of the slot */
	UT_hash_handle hh;
};

struct pair_key {
	struct tp_addr dst, src;
};

struct pair {
	struct pair_key key;
	struct hop *hop; /* NULL: id 0 */
	uint32_t refs;
	UT_hash_handle hh;
};

struct relay_nexthops {
	const struct relay_nexthop_ops *ops;
	void *ctx;
	struct device *devices;
	struct neighbour *neighbours;
	struct hop *hops;
	struct pair *pairs;
	struct hop *by_id[TP_NEXTHOPS];
	struct pool ids;
	struct pool slots;
	uint32_t adopted[TP_NEXTHOPS]; /* slot that an id of the former daemon still names */
	bool ids_short;		       /* a pair got 0 because there was no id */
	bool slots_short;	       /* a hop got 0 because there was no slot */
	bool walking;		       /* over pairs: they must stay */
};

int relay_nexthops_new(struct relay_nexthops **out, const struct relay_nexthop_ops *ops, void *ctx)
{
	struct relay_nexthops *nh;

	*out = NULL;
	nh = calloc(1, sizeof(*nh));
	if (!nh)
		return -ENOMEM;
	nh->ops = ops;
	nh->ctx = ctx;
	relay_pool_init(&nh->ids);
	relay_pool_init(&nh->slots);
	*out = nh;
	return 0;
}

#define free_table(table)                            \
	do {                                         \
		__typeof__(table) elt_, next_;       \
		HASH_ITER (hh, table, elt_, next_) { \
			HASH_DEL(table, elt_);       \
			free(elt_);                  \
		}                                    \
	} while (0)

void relay_nexthops_free(struct relay_nexthops *nh)
{
	if (!nh)
		return;
	free_table(nh->pairs);
	free_table(nh->hops);
	free_table(nh->neighbours);
	free_table(nh->devices);
	free(nh);
}

/* --- slots ------------------------------------------------------------------------------------ */

static const struct device *device_find(const struct relay_nexthops *nh, int ifindex)
{
	struct device *d;

	HASH_FIND_INT(nh->devices, &ifindex, d);
	return d;
}

static const struct neighbour *neighbour_find(const struct relay_nexthops *nh,
					      const struct hop_key *key)
{
	struct neighbour *n;

	HASH_FIND(hh, nh->neighbours, key, sizeof(*key), n);
	return n;
}

static bool push_vlan(struct relay_nexthop *value, const struct relay_link *link)
{
	if (value->vlans == TP_VLAN_MAX)
		return false;
	/* A lower device puts its tag before those that are there. */
	memmove(&value->vlan[1], &value->vlan[0], value->vlans * sizeof(value->vlan[0]));
	value->vlan[0].tpid = htons(link->vlan_proto);
	value->vlan[0].tci = htons(link->vlan);
	value->vlans++;
	return true;
}

/* Fills in all that the devices say. False when XDP can't send from them: a device is missing or
 * down, has no MAC address, carries too many tags, or is no port of the relay. */
static bool fill_device(struct relay_nexthops *nh, int ifindex, struct relay_nexthop *value)
{
	const struct device *d = device_find(nh, ifindex);
	static const uint8_t no_mac[6];
	int port;

	memset(value, 0, sizeof(*value));
	if (!d || !memcmp(d->link.mac, no_mac, sizeof(no_mac)))
		return false;
	memcpy(value->src_mac, d->link.mac, sizeof(value->src_mac));
	value->mtu = d->link.mtu;
	while (d && d->link.up && d->link.lower) {
		if (!push_vlan(value, &d->link))
			return false;
		d = device_find(nh, d->link.lower);
		if (d && d->link.mtu < value->mtu)
			value->mtu = d->link.mtu;
	}
	if (!d || !d->link.up)
		return false;
	port = nh->ops->port(nh->ctx, d->link.ifindex);
	if (port < 0)
		return false;
	value->ifindex = (uint32_t)d->link.ifindex;
	value->port = (uint32_t)port;
	return true;
}

static void hop_switch(struct relay_nexthops *nh, struct hop *hop, uint32_t slot)
{
	if (hop->slot == slot)
		return;
	nh->ops->write_id(nh->ctx, hop->id, slot);
	if (hop->slot)
		relay_pool_return(&nh->slots, hop->slot);
	hop->slot = slot;
}

static void hop_fill(struct relay_nexthops *nh, struct hop *hop, const struct relay_nexthop *value)
{
	uint32_t slot;

	if (hop->slot && !memcmp(&hop->value, value, sizeof(*value)))
		return;
	slot = relay_pool_take(&nh->slots);
	if (slot) {
		hop->value = *value;
		nh->ops->write_slot(nh->ctx, slot, value);
	} else {
		nh->slots_short = true;
	}
	hop_switch(nh, hop, slot);
}

/* Brings the hop's slot in line with what is known. */
static void hop_update(struct relay_nexthops *nh, struct hop *hop)
{
	const struct neighbour *n = neighbour_find(nh, &hop->key);
	bool was_usable = hop->usable;
	struct relay_nexthop value;

	hop->usable = fill_device(nh, hop->key.ifindex, &value);
	if (hop->usable && n) {
		memcpy(value.dst_mac, n->mac, sizeof(value.dst_mac));
		hop_fill(nh, hop, &value);
		return;
	}
	hop_switch(nh, hop, 0);
	if (hop->usable && !was_usable && hop->refs)
		nh->ops->probe(nh->ctx, hop->key.ifindex, &hop->key.gateway);
}

static void update_all(struct relay_nexthops *nh)
{
	struct hop *hop, *next;

	HASH_ITER (hh, nh->hops, hop, next) {
		hop_update(nh, hop);
	}
}

/* --- ids -------------------------------------------------------------------------------------- */

static struct hop *hop_new(struct relay_nexthops *nh, const struct hop_key *key)
{
	struct hop *hop;

	if (!nh->ids.free) {
		nh->ids_short = true;
		tp_log_limited(LOG_WARNING,
			       "next hops: all %d ids are in use, the kernel sends to the others",
			       TP_NEXTHOPS - 1);
		return NULL;
	}
	hop = calloc(1, sizeof(*hop));
	if (!hop)
		return NULL;
	hop->key = *key;
	HASH_ADD(hh, nh->hops, key, sizeof(*key), hop);
	if (!tp_hash_added(hop)) {
		free(hop);
		return NULL;
	}
	hop->id = relay_pool_take(&nh->ids);
	nh->by_id[hop->id] = hop;
	return hop;
}

/* The hop to this router, with a reference; NULL when there are no more ids. */
static struct hop *hop_get(struct relay_nexthops *nh, const struct relay_route *route)
{
	struct hop_key key = {.gateway = route->gateway, .ifindex = route->ifindex};
	struct hop *hop;

	HASH_FIND(hh, nh->hops, &key, sizeof(key), hop);
	if (!hop)
		hop = hop_new(nh, &key);
	else if (!hop->refs)
		relay_pool_recall(&nh->ids, hop->id);
	if (hop && !hop->refs++)
		hop_update(nh, hop);
	return hop;
}

static void hop_put(struct relay_nexthops *nh, struct hop *hop)
{
	if (hop && !--hop->refs)
		relay_pool_return(&nh->ids, hop->id);
}

/* An id has rested: no flow names it any more. */
static void id_release(void *arg, uint32_t id)
{
	struct relay_nexthops *nh = arg;
	struct hop *hop = nh->by_id[id];

	if (hop) {
		hop_switch(nh, hop, 0);
		nh->by_id[id] = NULL;
		HASH_DEL(nh->hops, hop);
		free(hop);
	} else if (nh->adopted[id]) {
		nh->ops->write_id(nh->ctx, id, 0);
		relay_pool_return(&nh->slots, nh->adopted[id]);
		nh->adopted[id] = 0;
	}
}

void relay_nexthops_adopt(struct relay_nexthops *nh, const uint32_t *id_to_slot, uint32_t n)
{
	uint32_t id, slot;

	for (id = 1; id < n && id < TP_NEXTHOPS; id++) {
		slot = id_to_slot[id];
		if (!slot || !relay_pool_claim(&nh->ids, id))
			continue;
		relay_pool_return(&nh->ids, id);
		/* A slot out of range, or one that two ids name, is not ours to give back. */
		nh->adopted[id] = relay_pool_claim(&nh->slots, slot) ? slot : 0;
		if (!nh->adopted[id])
			nh->ops->write_id(nh->ctx, id, 0);
		/* Flows may also hold ids that were unresolved, which this table does not tell.
		 * Ids are dealt in turn, so those beyond the newest are the least likely. */
		nh->ids.next = (id + 1) % TP_NEXTHOPS;
	}
}

/* --- pairs ------------------------------------------------------------------------------------ */

static struct pair *pair_find(const struct relay_nexthops *nh, const struct tp_addr *dst,
			      const struct tp_addr *src)
{
	struct pair_key key = {*dst, *src};
	struct pair *pair;

	HASH_FIND(hh, nh->pairs, &key, sizeof(key), pair);
	return pair;
}

static void pair_free(struct relay_nexthops *nh, struct pair *pair)
{
	hop_put(nh, pair->hop);
	HASH_DEL(nh->pairs, pair);
	free(pair);
}

/* Looks the pair's route up. True when that changed its hop. */
static bool pair_route(struct relay_nexthops *nh, struct pair *pair)
{
	struct hop *old = pair->hop;
	struct relay_route route;

	memset(&route, 0, sizeof(route));
	pair->hop = NULL;
	if (!nh->ops->route(nh->ctx, &pair->key.dst, &pair->key.src, &route))
		pair->hop = hop_get(nh, &route);
	hop_put(nh, old);
	return pair->hop != old;
}

static struct pair *pair_new(struct relay_nexthops *nh, const struct tp_addr *dst,
			     const struct tp_addr *src)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	pair->key = (struct pair_key){*dst, *src};
	HASH_ADD(hh, nh->pairs, key, sizeof(pair->key), pair);
	if (!tp_hash_added(pair)) {
		free(pair);
		return NULL;
	}
	pair_route(nh, pair);
	return pair;
}

uint32_t relay_nexthop_get(struct relay_nexthops *nh, const struct tp_addr *dst,
			   const struct tp_addr *src)
{
	struct pair *pair = pair_find(nh, dst, src);

	if (!pair)
		pair = pair_new(nh, dst, src);
	if (!pair) {
		tp_log_limited(LOG_ERR, "next hops: no memory for another destination");
		return 0;
	}
	pair->refs++;
	return pair->hop ? pair->hop->id : 0;
}

uint32_t relay_nexthop_find(const struct relay_nexthops *nh, const struct tp_addr *dst,
			    const struct tp_addr *src)
{
	const struct pair *pair = pair_find(nh, dst, src);

	return pair && pair->hop ? pair->hop->id : 0;
}

void relay_nexthop_put(struct relay_nexthops *nh, const struct tp_addr *dst,
		       const struct tp_addr *src)
{
	struct pair *pair = pair_find(nh, dst, src);

	if (pair && pair->refs && !--pair->refs && !nh->walking)
		pair_free(nh, pair);
}

/* `moved` may get and put: what it gives up is freed at the end. */
void relay_nexthop_reroute(struct relay_nexthops *nh)
{
	struct pair *pair, *next;

	if (nh->walking)
		return;
	nh->walking = true;
	update_all(nh);
	HASH_ITER (hh, nh->pairs, pair, next) {
		if (pair->refs && pair_route(nh, pair))
			nh->ops->moved(nh->ctx, &pair->key.dst, &pair->key.src,
				       pair->hop ? pair->hop->id : 0);
	}
	nh->walking = false;
	HASH_ITER (hh, nh->pairs, pair, next) {
		if (!pair->refs)
			pair_free(nh, pair);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static bool link_equal(const struct relay_link *a, const struct relay_link *b)
{
	return a->ifindex == b->ifindex && a->lower == b->lower && a->up == b->up &&
	       a->mtu == b->mtu && !memcmp(a->mac, b->mac, sizeof(a->mac)) && a->vlan == b->vlan &&
	       a->vlan_proto == b->vlan_proto && !strncmp(a->name, b->name, sizeof(a->name));
}

void relay_nexthop_link(struct relay_nexthops *nh, const struct relay_link *link)
{
	struct device *d;

	HASH_FIND_INT(nh->devices, &link->ifindex, d);
	if (d && link_equal(&d->link, link))
		return;
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			goto no_memory;
		d->link.ifindex = link->ifindex;
		HASH_ADD_INT(nh->devices, link.ifindex, d);
		if (!tp_hash_added(d)) {
			free(d);
			goto no_memory;
		}
	}
	d->link = *link;
	update_all(nh);
	return;
no_memory:
	tp_err("next hops: no memory for device %s", link->name);
}

/* The kernel drops a device's neighbours with it, and may give the index to another. */
void relay_nexthop_link_gone(struct relay_nexthops *nh, int ifindex)
{
	struct neighbour *n, *next;
	struct device *d;

	HASH_FIND_INT(nh->devices, &ifindex, d);
	if (d) {
		HASH_DEL(nh->devices, d);
		free(d);
	}
	HASH_ITER (hh, nh->neighbours, n, next) {
		if (n->key.ifindex == ifindex) {
			HASH_DEL(nh->neighbours, n);
			free(n);
		}
	}
	update_all(nh);
}

static void neighbour_set(struct relay_nexthops *nh, const struct hop_key *key, const uint8_t *mac)
{
	struct neighbour *n;

	HASH_FIND(hh, nh->neighbours, key, sizeof(*key), n);
	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			goto no_memory;
		n->key = *key;
		HASH_ADD(hh, nh->neighbours, key, sizeof(*key), n);
		if (!tp_hash_added(n)) {
			free(n);
			goto no_memory;
		}
	}
	memcpy(n->mac, mac, sizeof(n->mac));
	return;
no_memory:
	tp_log_limited(LOG_ERR, "next hops: no memory for a neighbour");
}

static void neighbour_forget(struct relay_nexthops *nh, const struct hop_key *key)
{
	struct neighbour *n;

	HASH_FIND(hh, nh->neighbours, key, sizeof(*key), n);
	if (n) {
		HASH_DEL(nh->neighbours, n);
		free(n);
	}
}

/* All neighbours are kept, not only those in use: a hop that comes later would get no event for
 * one that the kernel holds resolved already. */
void relay_nexthop_neighbour(struct relay_nexthops *nh, int ifindex, const struct tp_addr *gateway,
			     const uint8_t *mac)
{
	struct hop_key key = {.gateway = *gateway, .ifindex = ifindex};
	struct hop *hop;

	if (mac)
		neighbour_set(nh, &key, mac);
	else
		neighbour_forget(nh, &key);
	HASH_FIND(hh, nh->hops, &key, sizeof(key), hop);
	if (hop)
		hop_update(nh, hop);
}

void relay_nexthop_tick(struct relay_nexthops *nh)
{
	struct hop *hop, *next;

	relay_pool_tick(&nh->slots, NULL, NULL);
	relay_pool_tick(&nh->ids, id_release, nh);
	if (nh->slots_short && nh->slots.free) {
		nh->slots_short = false;
		update_all(nh);
	}
	if (nh->ids_short && nh->ids.free) {
		nh->ids_short = false;
		relay_nexthop_reroute(nh);
	}
	HASH_ITER (hh, nh->hops, hop, next) {
		if (hop->refs && hop->usable)
			nh->ops->probe(nh->ctx, hop->key.ifindex, &hop->key.gateway);
	}
}

const char *relay_nexthop_describe(const struct relay_nexthops *nh, uint32_t id, char *buf,
				   size_t size)
{
	const struct hop *hop = id < TP_NEXTHOPS ? nh->by_id[id] : NULL;
	const struct device *d = hop ? device_find(nh, hop->key.ifindex) : NULL;
	char gateway[TP_ADDR_STRLEN];
	const uint8_t *mac;

	if (!hop || !hop->slot || !d) {
		snprintf(buf, size, "unresolved");
		return buf;
	}
	mac = hop->value.dst_mac;
	snprintf(buf, size, "%.*s via %s %02x:%02x:%02x:%02x:%02x:%02x", (int)sizeof(d->link.name),
		 d->link.name, tp_addr_format(&hop->key.gateway, gateway), mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return buf;
}
