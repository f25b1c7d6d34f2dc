/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/overlay_host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "netlink_change.h"

#define TRIES 8

/* A growing list of prefixes. */
struct list {
	struct tp_prefix *at;
	size_t n, room;
	bool out_of_memory;
};

static void add(struct list *l, const struct tp_addr *addr, unsigned int bits)
{
	if (l->n == l->room) {
		struct tp_prefix *p = realloc(l->at, (2 * l->room + 16) * sizeof(*p));

		if (!p) {
			l->out_of_memory = true;
			return;
		}
		l->at = p;
		l->room = 2 * l->room + 16;
	}
	l->at[l->n++] = (struct tp_prefix){*addr, bits};
}

static int by_prefix(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tp_prefix));
}

static void sort(struct list *l)
{
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_prefix);
}

static bool has(const struct list *l, const struct tp_prefix *p)
{
	return l->n && bsearch(p, l->at, l->n, sizeof(*p), by_prefix);
}

static int complain(const char *name, const char *what, const struct tp_prefix *p, int err)
{
	char buf[TP_ADDR_STRLEN];

	if (err)
		tp_err("%s: %s %s: %s", name, what, tp_prefix_format(p, buf), strerror(-err));
	return err;
}

/* --- addresses ------------------------------------------------------------------------------ */

static void collect_address(void *ctx, const struct tp_netlink_address *a)
{
	add(ctx, &a->addr, a->bits);
}

static int dump_addresses(struct tp_netlink *nl, int ifindex, struct list *have)
{
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		have->n = 0;
		err = tp_netlink_address_dump(nl, ifindex, collect_address, have);
	}
	sort(have);
	return err ?: (have->out_of_memory ? -ENOMEM : 0);
}

static void wanted_addresses(struct list *wanted, const struct gw_config_overlay *c)
{
	if (!tp_addr_is_zero(&c->address))
		add(wanted, &c->address, c->address_bits);
	if (!tp_addr_is_zero(&c->address6))
		add(wanted, &c->address6, c->address6_bits);
	sort(wanted);
}

static int change_addresses(struct tp_netlink *nl, int ifindex, const char *name,
			    const struct list *wanted, const struct list *have)
{
	struct tp_netlink_address a = {.ifindex = ifindex};
	int err = 0;

	for (size_t i = 0; !err && i < wanted->n; i++) {
		a.addr = wanted->at[i].addr;
		a.bits = wanted->at[i].bits;
		if (!has(have, &wanted->at[i]))
			err = complain(name, "address", &wanted->at[i],
				       tp_netlink_address_add(nl, &a));
	}
	for (size_t i = 0; !err && i < have->n; i++) {
		a.addr = have->at[i].addr;
		a.bits = have->at[i].bits;
		if (!has(wanted, &have->at[i]))
			err = complain(name, "address", &have->at[i],
				       tp_netlink_address_delete(nl, &a));
	}
	return err;
}

static int apply_addresses(struct tp_netlink *nl, int ifindex, const struct gw_config_overlay *c)
{
	struct list wanted = {0}, have = {0};
	int err;

	wanted_addresses(&wanted, c);
	err = dump_addresses(nl, ifindex, &have);
	err = err ?: change_addresses(nl, ifindex, c->name, &wanted, &have);
	free(wanted.at);
	free(have.at);
	return err;
}

/* --- routes --------------------------------------------------------------------------------- */

struct own_routes {
	struct list list;
	int ifindex;
};

static void collect_route(void *ctx, const struct tp_netlink_own_route *r)
{
	struct own_routes *own = ctx;

	if (r->ifindex == own->ifindex)
		add(&own->list, &r->dst, r->bits);
}

static int dump_routes(struct tp_netlink *nl, struct own_routes *own)
{
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		own->list.n = 0;
		err = tp_netlink_own_route_dump(nl, collect_route, own);
	}
	sort(&own->list);
	return err ?: (own->list.out_of_memory ? -ENOMEM : 0);
}

/* Does the device's own prefix lead there already? */
static bool is_connected(const struct gw_config_overlay *c, const struct tp_prefix *p)
{
	const struct tp_prefix own = {c->address, c->address_bits};
	const struct tp_prefix own6 = {c->address6, c->address6_bits};

	return (own.bits && p->bits >= own.bits && tp_prefix_holds(&own, &p->addr)) ||
	       (own6.bits && p->bits >= own6.bits && tp_prefix_holds(&own6, &p->addr));
}

/* The host's default route is not ours to change. */
static void wanted_routes(struct list *wanted, const struct gw_config_overlay *c)
{
	for (size_t i = 0; i < c->n_peers; i++) {
		for (size_t j = 0; j < c->peers[i].n_allowed_ips; j++) {
			const struct tp_prefix *p = &c->peers[i].allowed_ips[j];
			struct tp_addr net = tp_addr_prefix(&p->addr, p->bits);

			if (p->bits && !is_connected(c, p))
				add(wanted, &net, p->bits);
		}
	}
	sort(wanted);
}

static int add_route(struct tp_netlink *nl, const struct gw_config_overlay *c,
		     const struct tp_prefix *p, int ifindex)
{
	struct tp_netlink_own_route r = {.dst = p->addr, .bits = p->bits, .ifindex = ifindex};
	char buf[TP_ADDR_STRLEN];
	int err;

	r.source = tp_addr_is_v4(&p->addr) ? c->address : c->address6;
	err = tp_netlink_own_route_replace(nl, &r);
	if (err != -EEXIST)
		return complain(c->name, "route", p, err);
	tp_warn("%s: there is another route to %s already; this host's own packets take it",
		c->name, tp_prefix_format(p, buf));
	return 0;
}

static int change_routes(struct tp_netlink *nl, const struct gw_config_overlay *c, int ifindex,
			 const struct list *wanted, const struct list *have)
{
	int err = 0;

	for (size_t i = 0; !err && i < wanted->n; i++)
		if (!has(have, &wanted->at[i]))
			err = add_route(nl, c, &wanted->at[i], ifindex);
	for (size_t i = 0; !err && i < have->n; i++) {
		const struct tp_netlink_own_route r = {
			.dst = have->at[i].addr,
			.bits = have->at[i].bits,
			.ifindex = ifindex,
		};

		if (!has(wanted, &have->at[i]))
			err = complain(c->name, "route", &have->at[i],
				       tp_netlink_own_route_delete(nl, &r));
	}
	return err;
}

static int apply_routes(struct tp_netlink *nl, int ifindex, const struct gw_config_overlay *c)
{
	struct own_routes own = {.ifindex = ifindex};
	struct list wanted = {0};
	int err;

	wanted_routes(&wanted, c);
	err = wanted.out_of_memory ? -ENOMEM : dump_routes(nl, &own);
	err = err ?: change_routes(nl, c, ifindex, &wanted, &own.list);
	free(wanted.at);
	free(own.list.at);
	return err;
}

/* --- the device ----------------------------------------------------------------------------- */

int gw_overlay_host_apply(struct tp_netlink *nl, int ifindex, const struct gw_config_overlay *c)
{
	int err = tp_netlink_link_set_mtu(nl, ifindex, c->mtu);

	err = err ?: apply_addresses(nl, ifindex, c);
	err = err ?: tp_netlink_link_set_up(nl, ifindex, true);
	err = err ?: apply_routes(nl, ifindex, c);
	if (err)
		tp_err("%s: cannot be set up: %s", c->name, strerror(-err));
	return err;
}
