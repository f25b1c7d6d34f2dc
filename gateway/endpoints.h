/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Endpoints that are host names: resolved by libevent's own resolver, from /etc/hosts and the
 * servers of /etc/resolv.conf, both read anew for each lookup. The event loop never waits for one.
 *
 * A name keeps the address that it had last until another one is known. One that does not resolve
 * is asked for again after 1 s, and ever more seldom, up to 1 min.
 */
#ifndef GATEWAY_ENDPOINTS_H
#define GATEWAY_ENDPOINTS_H

#include <jansson.h>

#include "addr.h"
#include "gateway/config.h"

struct event_base;
struct gw_endpoints;

#define GW_HOST_MAX 253

/* "name:port" with a name as in RFC 1123: 0 and both, the port in host order, or -EINVAL, also for
 * an IP address. */
int gw_endpoint_split(const char *text, char host[GW_HOST_MAX + 1], uint16_t *port);

/* changed(ctx): a name has got another address; called from the event loop alone. */
int gw_endpoints_new(struct gw_endpoints **out, struct event_base *base, void (*changed)(void *ctx),
		     void *ctx);
void gw_endpoints_free(struct gw_endpoints *e);

/* Those of the configuration are known afterwards and no others; looks up what is new. What is new
 * and stands in `saved` has that address meanwhile. 0 or -ENOMEM. */
int gw_endpoints_apply(struct gw_endpoints *e, const struct gw_config *config, const json_t *saved);
/* For the next run: {"name:port": "address:port"}. NULL: out of memory. */
json_t *gw_endpoints_save(const struct gw_endpoints *e);

/* 0 with the endpoint; port 0: not known yet. -EINVAL: is neither an address nor a known name. */
int gw_endpoints_find(const struct gw_endpoints *e, const char *text, struct tp_endpoint *out);

/* A peer with this endpoint had a handshake at that time, of CLOCK_REALTIME. */
void gw_endpoints_heard(struct gw_endpoints *e, const char *text, uint64_t at_ns);
/* Looks up again, at most once a minute, what no peer had a handshake through for so long that
 * WireGuard has made others meanwhile, had it been able to. */
void gw_endpoints_tick(struct gw_endpoints *e, uint64_t now_ns);

/* "resolved", "resolving" or why it does not; NULL: this is no known name. */
const char *gw_endpoints_state(const struct gw_endpoints *e, const char *text);
/* No endpoint is a name. */
bool gw_endpoints_none(const struct gw_endpoints *e);

#endif
