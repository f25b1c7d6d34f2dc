/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The host's devices, addresses and routes, told to the programs: overlays, uplinks with their
 * masquerade addresses, the host's own addresses, and which uplink serves a subnet. Followed live.
 */
#ifndef GATEWAY_LINKS_H
#define GATEWAY_LINKS_H

#include "gateway/blocks.h"
#include "gateway/config.h"
#include "gateway/datapath.h"
#include "gateway/state.h"

struct event_base;
struct gw_links;

struct gw_links_setup {
	struct gw_datapath *dp;
	struct gw_blocks *blocks;
	const struct gw_state *state;
	/* Devices or addresses came, went or changed; the maps say so already. locals: the list of
	 * the host's own addresses is another one. */
	void (*changed)(void *ctx, bool locals);
	void *ctx;
};

/* What `setup` points to is kept by reference. 0 or -errno, logged. */
int gw_links_new(struct gw_links **out, struct event_base *base,
		 const struct gw_links_setup *setup);
void gw_links_free(struct gw_links *l);

/* Looks at everything and writes it for this configuration, which from now on is followed; it must
 * live until the next call. 0 or -errno, logged. */
int gw_links_apply(struct gw_links *l, const struct gw_config *config);

/* To be called every few seconds: whether a device takes frames from XDP changes without an event
 * (a veth's, when its far end loses GRO). */
void gw_links_watch(struct gw_links *l);
/* There is no such overlay or uplink any more; to be told after the apply that left it out. 0 or
 * -errno, logged. */
int gw_links_forget(struct gw_links *l, enum gw_role role, uint32_t id);

/* What was last written. */
const struct gw_overlay *gw_links_overlay(const struct gw_links *l, uint32_t id);
const struct gw_uplink *gw_links_uplink(const struct gw_links *l, uint32_t id);
/* The uplink that serves the address: 0 with *id and whether it is masqueraded, or -ENETUNREACH. */
int gw_links_serving(const struct gw_links *l, const struct tp_addr *addr, uint32_t *id,
		     bool *masquerade);
/* All addresses of the host; good until the next apply. */
const struct tp_addr *gw_links_locals(const struct gw_links *l, size_t *n);
/* Is this an address of the host? */
bool gw_links_local(const struct gw_links *l, const struct tp_addr *addr);
/* The route that the host would take: 0 with the device and the neighbour, or -errno. */
int gw_links_route(const struct gw_links *l, const struct tp_addr *dst, int *ifindex,
		   struct tp_addr *gateway);
/* IPv4 addresses that the configured uplinks have now, at most n; returns how many. For use before
 * anything is open. */
size_t gw_links_uplink_addresses(const struct gw_config *config, struct tp_addr *out, size_t n);

#endif
