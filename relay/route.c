// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "relay/route.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "clock.h"
#include "hash.h"
#include "log.h"
#include "netlink.h"

#define TICK_SECONDS 5
/* Routes change in bursts; one lookup of all destinations serves a burst. */
#define REROUTE_DELAY TP_MS(100)
/* Looking up may take no more than a tenth of the time, however many destinations there are. */
#define REROUTE_SHARE 10

/* An address of this host, on any number of devices. */
struct local {
	struct tp_addr addr;
	uint32_t devices;
	UT_hash_handle hh;
};

struct relay_routes {
	struct relay_nexthops *nh;
	const struct relay_route_ops *ops;
	void *ctx;
	struct tp_netlink *nl;
	struct tp_netlink_monitor *mon;
	struct event *readable, *reroute, *tick;
	uint64_t reroute_cost; /* ns that the newest one took */
	struct local *locals;
	bool links_changed;
};

/* --- events ----------------------------------------------------------------------------------- */

static void schedule_reroute(struct relay_routes *r)
{
	uint64_t delay = r->reroute_cost * REROUTE_SHARE;
	struct timeval tv;

	if (evtimer_pending(r->reroute, NULL))
		return;
	if (delay < REROUTE_DELAY)
		delay = REROUTE_DELAY;
	tv.tv_sec = (time_t)(delay / TP_NS_PER_SEC);
	tv.tv_usec = (suseconds_t)(delay % TP_NS_PER_SEC / 1000);
	evtimer_add(r->reroute, &tv);
}

static void on_link(struct relay_routes *r, const struct tp_netlink_event *event)
{
	const struct tp_netlink_link *from = &event->link;
	struct relay_link link;

	r->links_changed = true;
	if (event->gone) {
		relay_nexthop_link_gone(r->nh, event->key.ifindex);
		return;
	}
	memset(&link, 0, sizeof(link));
	link.ifindex = event->key.ifindex;
	link.lower = from->lower;
	link.up = from->up;
	link.mtu = from->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)from->mtu;
	memcpy(link.mac, event->mac, sizeof(link.mac));
	link.vlan = from->vlan;
	link.vlan_proto = from->vlan_proto;
	memcpy(link.name, from->name, sizeof(link.name));
	relay_nexthop_link(r->nh, &link);
}

static void local_add(struct relay_routes *r, const struct tp_addr *addr)
{
	struct local *local;

	HASH_FIND(hh, r->locals, addr, sizeof(*addr), local);
	if (!local) {
		local = calloc(1, sizeof(*local));
		if (!local)
			goto no_memory;
		local->addr = *addr;
		HASH_ADD(hh, r->locals, addr, sizeof(local->addr), local);
		if (!tp_hash_added(local)) {
			free(local);
			goto no_memory;
		}
		r->ops->local_added(r->ctx, addr);
	}
	local->devices++;
	return;
no_memory:
	tp_err("routes: no memory for an address of this host");
}

static void local_remove(struct relay_routes *r, const struct tp_addr *addr)
{
	struct local *local;

	HASH_FIND(hh, r->locals, addr, sizeof(*addr), local);
	if (!local || --local->devices)
		return;
	r->ops->local_removed(r->ctx, addr);
	HASH_DEL(r->locals, local);
	free(local);
}

static void on_event(void *ctx, const struct tp_netlink_event *event)
{
	struct relay_routes *r = ctx;

	switch ((enum tp_netlink_kind)event->key.kind) {
	case TP_NETLINK_LINK: on_link(r, event); break;
	case TP_NETLINK_ADDRESS:
		if (event->gone)
			local_remove(r, &event->key.addr);
		else
			local_add(r, &event->key.addr);
		schedule_reroute(r);
		break;
	case TP_NETLINK_NEIGHBOUR:
		relay_nexthop_neighbour(r->nh, event->key.ifindex, &event->key.addr,
					event->gone ? NULL : event->mac);
		break;
	case TP_NETLINK_ROUTES:
	case TP_NETLINK_RESYNC: schedule_reroute(r); break;
	}
}

static void tell_links(struct relay_routes *r)
{
	if (!r->links_changed)
		return;
	r->links_changed = false;
	r->ops->links_changed(r->ctx);
	/* A device may have become a port just now, and routes leave with a device silently. */
	schedule_reroute(r);
}

static void read_changes(struct relay_routes *r)
{
	int err = tp_netlink_monitor_read(r->mon);

	if (err)
		tp_log_limited(LOG_ERR, "netlink: %s; trying again", strerror(-err));
	tell_links(r);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_changes(arg);
}

static void on_reroute(evutil_socket_t fd, short what, void *arg)
{
	struct relay_routes *r = arg;
	uint64_t start = tp_now();

	(void)fd;
	(void)what;
	relay_nexthop_reroute(r->nh);
	r->reroute_cost = tp_now() - start;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct relay_routes *r = arg;

	(void)fd;
	(void)what;
	read_changes(r); /* a sync that failed is due again */
	relay_nexthop_tick(r->nh);
}

/* --- life ------------------------------------------------------------------------------------- */

static int add_events(struct relay_routes *r, struct event_base *base)
{
	const struct timeval tick = {.tv_sec = TICK_SECONDS};

	r->readable = event_new(base, tp_netlink_monitor_fd(r->mon), EV_READ | EV_PERSIST,
				on_readable, r);
	r->tick = event_new(base, -1, EV_PERSIST, on_tick, r);
	r->reroute = evtimer_new(base, on_reroute, r);
	if (!r->readable || !r->tick || !r->reroute)
		return -ENOMEM;
	if (event_add(r->readable, NULL) || event_add(r->tick, &tick))
		return -ENOMEM;
	return 0;
}

static int start(struct relay_routes *r, struct event_base *base)
{
	int err;

	err = tp_netlink_open(&r->nl);
	if (!err)
		err = tp_netlink_monitor_new(&r->mon, on_event, r);
	if (!err)
		err = add_events(r, base);
	if (!err)
		err = tp_netlink_monitor_sync(r->mon);
	if (err == -EINTR)
		err = 0; /* the kernel's tables are busy: the tick tries again */
	if (!err)
		tell_links(r);
	return err;
}

int relay_routes_new(struct relay_routes **out, struct event_base *base, struct relay_nexthops *nh,
		     const struct relay_route_ops *ops, void *ctx)
{
	struct relay_routes *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	*out = r;
	if (r) {
		r->nh = nh;
		r->ops = ops;
		r->ctx = ctx;
		err = start(r, base);
	}
	if (!err)
		return 0;
	tp_err("netlink: cannot read the host's devices and routes: %s", strerror(-err));
	relay_routes_free(r);
	*out = NULL;
	return err;
}

void relay_routes_free(struct relay_routes *r)
{
	struct local *local, *next;

	if (!r)
		return;
	if (r->readable)
		event_free(r->readable);
	if (r->reroute)
		event_free(r->reroute);
	if (r->tick)
		event_free(r->tick);
	tp_netlink_monitor_free(r->mon);
	tp_netlink_close(r->nl);
	HASH_ITER (hh, r->locals, local, next) {
		HASH_DEL(r->locals, local);
		free(local);
	}
	free(r);
}

/* --- questions -------------------------------------------------------------------------------- */

int relay_routes_lookup(struct relay_routes *r, const struct tp_addr *dst,
			const struct tp_addr *src, struct relay_route *out)
{
	memset(out, 0, sizeof(*out));
	if (!r)
		return -ENETDOWN;
	return tp_netlink_route(r->nl, dst, src, &out->ifindex, &out->gateway);
}

void relay_routes_probe(struct relay_routes *r, int ifindex, const struct tp_addr *gateway)
{
	char text[TP_ADDR_STRLEN];
	int err;

	if (!r)
		return;
	err = tp_netlink_probe(r->nl, ifindex, gateway);
	if (err)
		tp_log_limited(LOG_DEBUG, "netlink: probing %s: %s", tp_addr_format(gateway, text),
			       strerror(-err));
}
