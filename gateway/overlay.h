/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The overlays' devices: made or adopted, given peers, addresses, MTU and routes. They stay when
 * the daemon ends.
 */
#ifndef GATEWAY_OVERLAY_H
#define GATEWAY_OVERLAY_H

#include "gateway/config.h"
#include "gateway/endpoints.h"
#include "gateway/state.h"
#include "wireguard.h"

struct gw_overlays;
struct gw_relays;

struct gw_overlays_setup {
	struct gw_state *state; /* ->wireguard, ->endpoints, ->made: what an earlier run applied */
	struct event_base *base;
	struct tp_wireguard_starter *starter; /* as tp_wireguard_open */
	const struct gw_relays *relays;	      /* say where relayed peers are; NULL: control does */
};

/* Opens every device of the configuration and applies it. What `setup` points to is kept by
 * reference; the state is kept up to date, and the caller saves it, but for host names that got
 * another address, which `base` finds out. 0 or -errno, logged. */
int gw_overlays_open(struct gw_overlays **out, const struct gw_config *config,
		     const struct gw_overlays_setup *setup);
void gw_overlays_free(struct gw_overlays *o);

/* Another configuration: devices that are new are opened and made, those that it lacks stay as they
 * are until they are retired. 0; or -errno, logged, and then what had been changed was changed back
 * as far as that was possible. */
int gw_overlays_apply(struct gw_overlays *o, const struct gw_config *config);
/* Deletes the devices that the last configuration lacked, if an earlier one had them made; of
 * others takes peers, addresses and routes. The state is changed, and to be saved by the caller. */
void gw_overlays_retire(struct gw_overlays *o);
/* Gives a device that was made anew, by a wireguard-go that was started again, all that it had. To
 * be called now and then: it may not be ready as soon as it is there. */
void gw_overlays_restore(struct gw_overlays *o);
/* Gives the device of this name its peers anew, as gw_relays_shape() has them now. 0 or -errno,
 * logged. */
int gw_overlays_refresh(struct gw_overlays *o, const char *device);
/* As tp_wireguard_stats, of the device of this name; none, if there is none. */
int gw_overlays_peers(struct gw_overlays *o, const char *device, tp_wireguard_stats_fn *fn,
		      void *ctx);
/* Looks up again the host names of endpoints from which nothing is heard. To be called now and
 * then. */
void gw_overlays_doubt(struct gw_overlays *o);

/* "kernel", "wireguard-go" or "none". */
const char *gw_overlays_backend(const struct gw_overlays *o, size_t overlay);
/* Of the overlay at that place in the configuration: as tp_wireguard_stats; none with backend
 * "none". */
int gw_overlays_stats(struct gw_overlays *o, size_t overlay, uint16_t *listen_port,
		      tp_wireguard_stats_fn *fn, void *ctx);

/* The port that the device of this name listens at; 0: none, or not known. */
uint16_t gw_overlays_port(struct gw_overlays *o, const char *device);

/* Host names among the endpoints, and what they are. */
const struct gw_endpoints *gw_overlays_endpoints(const struct gw_overlays *o);

/* The peers of one overlay for tp_wireguard_apply, allocated at once, with prefixes of length 0
 * left out unless the overlay has full_tunnel. Public for tests. */
struct gw_peers {
	struct tp_wireguard_peer *peers;
	struct tp_wireguard_prefix *prefixes;
	size_t n;
};
int gw_peers_make(struct gw_peers *out, const struct gw_config_overlay *o,
		  const struct gw_endpoints *endpoints);
/* Tells `endpoints` when which was heard from. stats: as gw_overlays_stats calls it, ctx a struct
 * gw_peers_heard of which all but the first two members start as 0. */
struct gw_peers_heard {
	const struct gw_config_overlay *overlay;
	struct gw_endpoints *endpoints;
	const struct gw_config_peer **named; /* peers with a host name, by key; to be freed */
	size_t n;
};
int gw_peers_heard_init(struct gw_peers_heard *h);
void gw_peers_heard(void *ctx, const struct tp_wireguard_stats *peer);
void gw_peers_fini(struct gw_peers *p);

#endif
