/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/links.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/addresses.h"
#include "gateway/datapath_devices.h"
#include "gateway/datapath_purge.h"
#include "gateway/snapshot.h"
#include "log.h"

#define GATHER_MS 20 /* changes come together */
#define V4_BITS	  96 /* of the prefix of IPv4 in an address of 16 bytes */

struct gw_links {
	struct gw_links_setup setup;
	const struct gw_config *config;
	struct tp_netlink *nl;
	struct tp_netlink_monitor *monitor;
	struct event *readable, *gather;
	struct gw_overlay overlays[TP_GW_OVERLAYS];
	struct gw_uplink uplinks[TP_GW_UPLINKS];
	struct gw_subnet_entry *subnets;
	struct tp_addr *locals;
	size_t n_subnets, n_locals;
	bool locals_changed; /* since setup.changed was called */
};

static int failed(int err, const char *what)
{
	if (err)
		tp_err("%s cannot be written: %s", what, strerror(-err));
	return err;
}

static bool is_link_local(const struct tp_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* The addresses from which the device sends: the first of each family. */
static void sender_addresses(const struct gw_snapshot *s, int ifindex, __be32 *v4, uint8_t v6[16])
{
	bool have_v6 = false;

	for (size_t i = 0; i < s->n_addrs; i++) {
		const struct tp_addr *a = &s->addrs[i].addr;

		if (s->addrs[i].ifindex != ifindex || is_link_local(a))
			continue;
		if (!tp_addr_is_v4(a) && !have_v6)
			memcpy(v6, a->b, sizeof(a->b));
		else if (tp_addr_is_v4(a) && !*v4)
			*v4 = tp_addr_to_v4(a).s_addr;
		have_v6 = have_v6 || !tp_addr_is_v4(a);
	}
}

/* --- overlays ------------------------------------------------------------------------------- */

static int write_overlay(struct gw_links *l, const struct gw_snapshot *s,
			 const struct gw_config_overlay *c)
{
	const struct gw_snapshot_link *link = gw_snapshot_link(s, c->name);
	uint32_t id = (uint32_t)gw_state_overlay(l->setup.state, c->name);
	struct gw_overlay *o = &l->overlays[id];
	int l2_len = gw_device_l2_len(c->name);

	*o = (struct gw_overlay){.mtu = c->mtu};
	if (link && link->link.up && l2_len >= 0) {
		o->ifindex = (uint32_t)link->ifindex;
		o->l2_len = (uint32_t)l2_len;
		o->mtu = link->link.mtu;
		o->takes_xdp = l2_len && gw_datapath_takes_xdp(l->setup.dp, link->ifindex);
		memcpy(o->mac, link->mac, sizeof(o->mac));
		sender_addresses(s, link->ifindex, &o->addr4, o->addr6);
	}
	return failed(gw_datapath_overlay_put(l->setup.dp, id, o), c->name);
}

/* --- uplinks -------------------------------------------------------------------------------- */

static bool wanted(const struct gw_config_egress *e, const struct tp_addr *a)
{
	static const uint8_t link_local[] = {169, 254};

	if (!tp_addr_is_v4(a) || !tp_addr_is_unicast(a))
		return false;
	for (size_t i = 0; i < e->n_addresses; i++)
		if (tp_addr_equal(&e->addresses[i], a))
			return true;
	return !e->n_addresses && memcmp(a->b + 12, link_local, sizeof(link_local));
}

static size_t masquerade_addresses(const struct gw_config_egress *e, const struct gw_snapshot *s,
				   int ifindex, __be32 *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_addrs && n < TP_GW_ADDRS; i++)
		if (s->addrs[i].ifindex == ifindex && wanted(e, &s->addrs[i].addr))
			out[n++] = tp_addr_to_v4(&s->addrs[i].addr).s_addr;
	return n;
}

static void note_places(struct gw_links *l, uint32_t id, const struct gw_uplink *u)
{
	for (uint32_t i = 0; i < TP_GW_ADDRS; i++)
		gw_blocks_address(l->setup.blocks, id * TP_GW_ADDRS + i, u->addr[i]);
}

/* First nobody claims at the old address any more, then what was claimed there ends, and then what
 * would go there unasked should the address come back. */
static void end_places(struct gw_links *l, uint32_t id, uint32_t gone)
{
	const struct gw_nat_memory *m = gw_datapath_nat(l->setup.dp);

	for (uint32_t i = 0; i < TP_GW_ADDRS; i++)
		if (gone & 1u << i && id * TP_GW_ADDRS + i < m->slots)
			gw_nat_end_slot(m, id * TP_GW_ADDRS + i);
	gw_datapath_end_shortcuts(l->setup.dp, GW_UPLINK, id);
}

static int write_uplink(struct gw_links *l, const struct gw_snapshot *s, const char *name)
{
	const struct gw_snapshot_link *link = gw_snapshot_link(s, name);
	uint32_t id = (uint32_t)gw_state_uplink(l->setup.state, name), gone;
	struct gw_uplink u = {0};
	__be32 now[TP_GW_ADDRS];
	size_t n = 0;
	int err;

	gw_datapath_uplink_get(l->setup.dp, id, &u); /* also those of an earlier run */
	note_places(l, id, &u);
	u.addr4 = 0;
	memset(u.addr6, 0, sizeof(u.addr6));
	if (link) {
		n = masquerade_addresses(&l->config->egress, s, link->ifindex, now);
		sender_addresses(s, link->ifindex, &u.addr4, u.addr6);
	}
	gone = gw_addresses_update(&u, now, n);
	u.ifindex = link && link->link.up ? (uint32_t)link->ifindex : 0;
	u.mtu = link ? link->link.mtu : 0;
	u.takes_xdp = u.ifindex && gw_datapath_takes_xdp(l->setup.dp, link->ifindex);
	if (link)
		memcpy(u.mac, link->mac, sizeof(u.mac));
	note_places(l, id, &u);
	l->uplinks[id] = u;
	err = failed(gw_datapath_uplink_put(l->setup.dp, id, &u), name);
	if (!err && gone) {
		tp_info("%s: addresses have gone, their mappings end", name);
		end_places(l, id, gone);
	}
	return err;
}

int gw_links_forget(struct gw_links *l, enum gw_role role, uint32_t id)
{
	struct gw_datapath *dp = l->setup.dp;
	int err;

	if (role == GW_OVERLAY) {
		l->overlays[id] = (struct gw_overlay){0};
		err = gw_datapath_overlay_put(dp, id, &l->overlays[id]);
	} else {
		l->uplinks[id] = (struct gw_uplink){0};
		err = gw_datapath_uplink_put(dp, id, &l->uplinks[id]);
		end_places(l, id, UINT32_MAX);
	}
	return failed(err, "what was a device");
}

/* --- the host's own addresses --------------------------------------------------------------- */

static uint32_t overlay_on(const struct gw_links *l, int ifindex)
{
	for (uint32_t id = 0; id < TP_GW_OVERLAYS; id++)
		if (l->overlays[id].ifindex == (uint32_t)ifindex)
			return id;
	return GW_LOCAL_ELSEWHERE;
}

static void fill_locals(const struct gw_links *l, const struct gw_snapshot *s,
			struct gw_local *locals, struct tp_addr *addrs)
{
	for (size_t i = 0; i < s->n_addrs; i++) {
		uint32_t overlay = overlay_on(l, s->addrs[i].ifindex);

		memcpy(locals[i].key.addr, s->addrs[i].addr.b, sizeof(locals[i].key.addr));
		locals[i].key.overlay = overlay;
		locals[i].overlay = overlay;
		addrs[i] = s->addrs[i].addr;
	}
}

static void keep_locals(struct gw_links *l, struct tp_addr **addrs, size_t n)
{
	if (n != l->n_locals || (n && memcmp(l->locals, *addrs, n * sizeof(**addrs))))
		l->locals_changed = true;
	free(l->locals);
	l->locals = *addrs;
	l->n_locals = n;
	*addrs = NULL;
}

static int write_locals(struct gw_links *l, const struct gw_snapshot *s)
{
	struct gw_local *locals = calloc(s->n_addrs + 1, sizeof(*locals));
	struct tp_addr *addrs = calloc(s->n_addrs + 1, sizeof(*addrs));
	int err = -ENOMEM;

	if (locals && addrs) {
		fill_locals(l, s, locals, addrs);
		keep_locals(l, &addrs, s->n_addrs);
		err = gw_datapath_locals_set(l->setup.dp, locals, l->n_locals);
	}
	free(addrs);
	free(locals);
	return failed(err, "the host's addresses");
}

/* --- subnets -------------------------------------------------------------------------------- */

static uint32_t uplink_towards(const struct gw_links *l, const struct tp_addr *dst)
{
	int first = gw_state_uplink(l->setup.state, l->config->egress.uplinks[0]), ifindex;
	struct tp_addr gateway;

	if (!gw_links_route(l, dst, &ifindex, &gateway))
		for (uint32_t id = 0; id < TP_GW_UPLINKS; id++)
			if (l->uplinks[id].ifindex == (uint32_t)ifindex)
				return id;
	return (uint32_t)first;
}

static void fill_subnets(const struct gw_links *l, struct gw_subnet_entry *subnets)
{
	const struct gw_config_egress *e = &l->config->egress;

	for (size_t i = 0; i < e->n_subnets; i++) {
		const struct tp_prefix *p = &e->subnets[i];
		struct tp_addr net = tp_addr_prefix(&p->addr, p->bits);
		bool v4 = tp_addr_is_v4(&net);

		memcpy(subnets[i].key.addr, net.b, sizeof(net.b));
		subnets[i].key.bits = p->bits + (v4 ? V4_BITS : 0);
		subnets[i].value.uplink = uplink_towards(l, &net);
		subnets[i].value.masquerade = v4 && e->masquerade;
	}
}

/* Most changes of routes are none of ours, and to write thousands of subnets takes a while. */
static int write_subnets(struct gw_links *l)
{
	size_t n = l->config->egress.n_subnets, size = n * sizeof(struct gw_subnet_entry);
	struct gw_subnet_entry *subnets = calloc(n + 1, sizeof(*subnets));

	if (!subnets)
		return -ENOMEM;
	fill_subnets(l, subnets);
	if (l->subnets && n == l->n_subnets && !memcmp(subnets, l->subnets, size)) {
		free(subnets);
		return 0;
	}
	free(l->subnets);
	l->subnets = subnets;
	l->n_subnets = n;
	return failed(gw_datapath_subnets_set(l->setup.dp, subnets, n), "the subnets");
}

/* --- all of it ------------------------------------------------------------------------------ */

static int write_all(struct gw_links *l, const struct gw_snapshot *s)
{
	int err = 0;

	for (size_t i = 0; !err && i < l->config->n_overlays; i++)
		err = write_overlay(l, s, &l->config->overlays[i]);
	for (size_t i = 0; !err && i < l->config->egress.n_uplinks; i++)
		err = write_uplink(l, s, l->config->egress.uplinks[i]);
	return err ?: write_locals(l, s) ?: write_subnets(l);
}

int gw_links_apply(struct gw_links *l, const struct gw_config *config)
{
	struct gw_snapshot s;
	int err;

	l->config = config;
	err = gw_snapshot_take(&s, l->nl);
	if (err)
		tp_err("devices and addresses cannot be read: %s", strerror(-err));
	else
		err = write_all(l, &s);
	gw_snapshot_fini(&s);
	return err;
}

static bool differs(const struct gw_links *l, uint32_t ifindex, uint32_t takes_xdp)
{
	return ifindex && takes_xdp != gw_datapath_takes_xdp(l->setup.dp, (int)ifindex);
}

static void gather(struct gw_links *l)
{
	struct timeval soon = {.tv_usec = GATHER_MS * 1000};

	if (!evtimer_pending(l->gather, NULL))
		evtimer_add(l->gather, &soon);
}

void gw_links_watch(struct gw_links *l)
{
	bool changed = false;

	for (uint32_t id = 0; id < TP_GW_OVERLAYS; id++)
		changed |= l->overlays[id].l2_len &&
			   differs(l, l->overlays[id].ifindex, l->overlays[id].takes_xdp);
	for (uint32_t id = 0; id < TP_GW_UPLINKS; id++)
		changed |= differs(l, l->uplinks[id].ifindex, l->uplinks[id].takes_xdp);
	if (changed)
		gather(l); /* what else has changed is to be told, too */
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
	struct gw_links *l = arg;

	(void)fd;
	(void)what;
	l->locals_changed = false;
	gw_links_apply(l, l->config);
	l->setup.changed(l->setup.ctx, l->locals_changed);
}

static void on_event(void *ctx, const struct tp_netlink_event *event)
{
	struct gw_links *l = ctx;

	if (event->key.kind != TP_NETLINK_NEIGHBOUR && l->config)
		gather(l);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct gw_links *l = arg;
	int err = tp_netlink_monitor_read(l->monitor);

	(void)fd;
	(void)what;
	if (err)
		tp_log_limited(LOG_ERR, "netlink: %s", strerror(-err));
}

static int start(struct gw_links *l, struct event_base *base)
{
	int err = tp_netlink_open(&l->nl);

	err = err ?: tp_netlink_monitor_new(&l->monitor, on_event, l);
	if (err)
		return err;
	l->gather = evtimer_new(base, on_gathered, l);
	l->readable = event_new(base, tp_netlink_monitor_fd(l->monitor), EV_READ | EV_PERSIST,
				on_readable, l);
	if (!l->gather || !l->readable || event_add(l->readable, NULL))
		return -ENOMEM;
	return tp_netlink_monitor_sync(l->monitor);
}

int gw_links_new(struct gw_links **out, struct event_base *base, const struct gw_links_setup *setup)
{
	struct gw_links *l = calloc(1, sizeof(*l));
	int err;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	l->setup = *setup;
	err = start(l, base);
	if (err) {
		tp_err("netlink: %s", strerror(-err));
		gw_links_free(l);
	} else {
		*out = l;
	}
	return err;
}

void gw_links_free(struct gw_links *l)
{
	if (!l)
		return;
	if (l->readable)
		event_free(l->readable);
	if (l->gather)
		event_free(l->gather);
	tp_netlink_monitor_free(l->monitor);
	tp_netlink_close(l->nl);
	free(l->subnets);
	free(l->locals);
	free(l);
}

/* --- questions ------------------------------------------------------------------------------ */

const struct gw_overlay *gw_links_overlay(const struct gw_links *l, uint32_t id)
{
	return &l->overlays[id];
}

const struct gw_uplink *gw_links_uplink(const struct gw_links *l, uint32_t id)
{
	return &l->uplinks[id];
}

int gw_links_route(const struct gw_links *l, const struct tp_addr *dst, int *ifindex,
		   struct tp_addr *gateway)
{
	struct tp_addr any = {0};

	return tp_netlink_route(l->nl, dst, &any, ifindex, gateway);
}

const struct tp_addr *gw_links_locals(const struct gw_links *l, size_t *n)
{
	*n = l->n_locals;
	return l->locals;
}

bool gw_links_local(const struct gw_links *l, const struct tp_addr *addr)
{
	for (size_t i = 0; i < l->n_locals; i++)
		if (tp_addr_equal(&l->locals[i], addr))
			return true;
	return false;
}

int gw_links_serving(const struct gw_links *l, const struct tp_addr *addr, uint32_t *id,
		     bool *masquerade)
{
	const struct gw_config_egress *e = &l->config->egress;
	const struct gw_subnet_entry *best = NULL;

	for (size_t i = 0; i < l->n_subnets; i++)
		if (tp_prefix_holds(&e->subnets[i], addr) &&
		    (!best || best->key.bits < l->subnets[i].key.bits))
			best = &l->subnets[i];
	if (!best)
		return -ENETUNREACH;
	*id = best->value.uplink;
	*masquerade = best->value.masquerade;
	return 0;
}

static size_t addresses_in(const struct gw_config *config, const struct gw_snapshot *s,
			   struct tp_addr *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < config->egress.n_uplinks; i++) {
		const struct gw_snapshot_link *link =
			gw_snapshot_link(s, config->egress.uplinks[i]);

		for (size_t j = 0; link && j < s->n_addrs && n < room; j++)
			if (s->addrs[j].ifindex == link->ifindex &&
			    wanted(&config->egress, &s->addrs[j].addr))
				out[n++] = s->addrs[j].addr;
	}
	return n;
}

size_t gw_links_uplink_addresses(const struct gw_config *config, struct tp_addr *out, size_t room)
{
	struct tp_netlink *nl;
	struct gw_snapshot s = {0};
	size_t n = 0;

	if (tp_netlink_open(&nl))
		return 0;
	if (!gw_snapshot_take(&s, nl))
		n = addresses_in(config, &s, out, room);
	gw_snapshot_fini(&s);
	tp_netlink_close(nl);
	return n;
}
