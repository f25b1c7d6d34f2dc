/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changing the host's links, addresses and routes, on the socket of netlink.h. What is asked for
 * may be so already: that is a success, too. Every function gives 0 or -errno.
 */
#ifndef TP_NETLINK_CHANGE_H
#define TP_NETLINK_CHANGE_H

#include "netlink.h"

/* --- links --- */

struct tp_netlink_device {
	int ifindex;
	char kind[16]; /* "wireguard", "tun", "veth" …; empty: hardware */
	bool up;       /* administratively */
	uint32_t mtu;
};

/* -ENODEV: there is none. */
int tp_netlink_link_find(struct tp_netlink *nl, const char *name, struct tp_netlink_device *out);

/* A link of a kind that needs nothing but a name. -EEXIST when it is of another kind, -EOPNOTSUPP
 * when the kernel has no such kind. */
int tp_netlink_link_create(struct tp_netlink *nl, const char *name, const char *kind, int *ifindex);
int tp_netlink_link_delete(struct tp_netlink *nl, int ifindex);
int tp_netlink_link_set_up(struct tp_netlink *nl, int ifindex, bool up);
int tp_netlink_link_set_mtu(struct tp_netlink *nl, int ifindex, uint32_t mtu);

/* --- addresses --- */

struct tp_netlink_address {
	int ifindex;
	struct tp_addr addr;
	unsigned int bits; /* IPv4 counts its own 32 */
	bool no_route;	   /* the kernel shall make no route to the prefix */
};
typedef void tp_netlink_address_fn(void *ctx, const struct tp_netlink_address *address);

/* IPv6 addresses are used at once, without duplicate address detection. */
int tp_netlink_address_add(struct tp_netlink *nl, const struct tp_netlink_address *address);
int tp_netlink_address_delete(struct tp_netlink *nl, const struct tp_netlink_address *address);

/* Those of one link; link-local ones, which the kernel itself makes, are left out. -EINTR: the
 * table changed meanwhile. */
int tp_netlink_address_dump(struct tp_netlink *nl, int ifindex, tp_netlink_address_fn *fn,
			    void *ctx);

/* --- routes of our own --- */

/* Marks our routes in the main table (`ip route` shows it as "proto 84"); no other is touched. */
#define TP_NETLINK_PROTOCOL 84

struct tp_netlink_own_route {
	struct tp_addr dst; /* bits behind the prefix are ignored */
	unsigned int bits;
	int ifindex;
	struct tp_addr source; /* preferred for the host's own packets; zero: the kernel's choice */
	uint32_t metric;       /* 0: the kernel's default (IPv6: 1024) */
};
typedef void tp_netlink_own_route_fn(void *ctx, const struct tp_netlink_own_route *route);

/* Puts it in place of one of ours with the same prefix and metric. -EEXIST: someone else has such a
 * route. Where there is one already, this reads the table: for many, dump first. */
int tp_netlink_own_route_replace(struct tp_netlink *nl, const struct tp_netlink_own_route *route);
int tp_netlink_own_route_delete(struct tp_netlink *nl, const struct tp_netlink_own_route *route);
int tp_netlink_own_route_dump(struct tp_netlink *nl, tp_netlink_own_route_fn *fn, void *ctx);

#endif
