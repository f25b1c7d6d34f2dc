/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Next hops: for every destination that flows lead to, the device and MAC addresses to send with,
 * kept current from netlink. A next-hop *id* stands for one (device, gateway) and is what flows
 * hold; the *slot* it names is filled once, and a change fills another slot and switches the id, so
 * XDP never reads half an update. Id 0 and slot 0 mean "unresolved": the kernel sends.
 *
 * The logic here does no I/O of its own: it asks and tells through relay_nexthop_ops, which is how
 * the unit tests drive it. relay/route.c is the netlink side.
 */
#ifndef RELAY_NEXTHOP_H
#define RELAY_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"
#include "bpf/abi/relay.h"

/* What a route lookup says. */
struct relay_route {
	int ifindex;
	struct tp_addr gateway; /* the neighbour to send to: a router, or the destination itself */
};

/* What netlink says of a device. */
struct relay_link {
	int ifindex;
	int lower; /* the device below a VLAN device, 0: none */
	bool up;   /* administratively and by carrier */
	uint16_t mtu;
	uint8_t mac[6];
	uint16_t vlan;	     /* VLAN id when `lower` is set */
	uint16_t vlan_proto; /* 0x8100 or 0x88a8, host order */
	char name[16];
};

struct relay_nexthop_ops {
	/* Route for packets from `src` to `dst`: 0, or -errno when there is none. */
	int (*route)(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
		     struct relay_route *out);
	/* Ask the kernel to resolve or confirm this neighbour; the answer comes as an event. */
	void (*probe)(void *ctx, int ifindex, const struct tp_addr *gateway);
	/* tx_ports slot of a device, or -1 when the relay does not send from it. */
	int (*port)(void *ctx, int ifindex);
	void (*write_slot)(void *ctx, uint32_t slot, const struct relay_nexthop *value);
	void (*write_id)(void *ctx, uint32_t id, uint32_t slot);
	/* Packets to dst from src now leave by another id: flows need the new one. */
	void (*moved)(void *ctx, const struct tp_addr *dst, const struct tp_addr *src, uint32_t id);
};

struct relay_nexthops;

int relay_nexthops_new(struct relay_nexthops **out, const struct relay_nexthop_ops *ops, void *ctx);
void relay_nexthops_free(struct relay_nexthops *nh);

/* The id for packets from src to dst, 0 when unroutable or when ids are used up. Each call counts
 * one reference to the pair, also when it returned 0: a route may appear later. */
uint32_t relay_nexthop_get(struct relay_nexthops *nh, const struct tp_addr *dst,
			   const struct tp_addr *src);
/* The id as it is now of a pair that somebody refers to; 0 also for any other. */
uint32_t relay_nexthop_find(const struct relay_nexthops *nh, const struct tp_addr *dst,
			    const struct tp_addr *src);
void relay_nexthop_put(struct relay_nexthops *nh, const struct tp_addr *dst,
		       const struct tp_addr *src);

/* Events from netlink. */
void relay_nexthop_link(struct relay_nexthops *nh, const struct relay_link *link);
void relay_nexthop_link_gone(struct relay_nexthops *nh, int ifindex);
/* mac NULL: the neighbour is not (or no longer) resolved. */
void relay_nexthop_neighbour(struct relay_nexthops *nh, int ifindex, const struct tp_addr *gateway,
			     const uint8_t *mac);
/* Something about routes or addresses changed: look all destinations up again. */
void relay_nexthop_reroute(struct relay_nexthops *nh);

/* Call every few seconds: has the kernel confirm the neighbours in use (XDP's packets do not), and
 * gives slots back that were replaced at least one call ago. */
void relay_nexthop_tick(struct relay_nexthops *nh);

/* After a restart: ids and slots that pinned flows and maps still use must not be filled anew
 * before those flows were moved. Reserves them until the second tick. */
void relay_nexthops_adopt(struct relay_nexthops *nh, const uint32_t *id_to_slot, uint32_t n);

/* What an id currently resolves to, for people: "eth0 via 192.0.2.1 02:00:…", or "unresolved". */
const char *relay_nexthop_describe(const struct relay_nexthops *nh, uint32_t id, char *buf,
				   size_t size);

#endif
