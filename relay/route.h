/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The netlink side of the next hops: feeds devices, neighbours and changes of routes into
 * relay/nexthop.h and keeps the list of this host's own addresses. Runs in the daemon's event loop
 * and needs CAP_NET_ADMIN (for probes); after relay_routes_new() it opens nothing.
 */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include "addr.h"
#include "relay/nexthop.h"

struct event_base;
struct relay_routes;

struct relay_route_ops {
	/* An address became, or is no longer, one of this host's, on whatever interface: loopback
	 * and link-local included. Told once, however many interfaces have it. */
	void (*local_added)(void *ctx, const struct tp_addr *addr);
	void (*local_removed)(void *ctx, const struct tp_addr *addr);
	/* Devices came, went or changed; called once for any number of changes read together. */
	void (*links_changed)(void *ctx);
};

/* Reads all there is, calling ops and nh, and then follows the changes and drives the tick. *out is
 * set before the first call. nh and ops stay the caller's and must outlive it. 0 or -errno, logged.
 */
int relay_routes_new(struct relay_routes **out, struct event_base *base, struct relay_nexthops *nh,
		     const struct relay_route_ops *ops, void *ctx);
void relay_routes_free(struct relay_routes *r);

/* For relay_nexthop_ops.route and .probe. r may be NULL while it does not exist yet: no route then,
 * and no probe. */
int relay_routes_lookup(struct relay_routes *r, const struct tp_addr *dst,
			const struct tp_addr *src, struct relay_route *out);
void relay_routes_probe(struct relay_routes *r, int ifindex, const struct tp_addr *gateway);

#endif
