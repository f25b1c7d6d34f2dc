/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "gateway/overlay_host.h"
#include "gateway/relays.h"
#include "log.h"
#include "netlink_change.h"

#define WIREGUARD_GO "/usr/bin/wireguard-go"

struct overlay {
	const char *name;	     /* in `config` */
	struct tp_wireguard *device; /* NULL: backend "none" */
	uint8_t private_key[WG_KEY_LEN];
	int ifindex; /* that all was given to */
};

struct gw_overlays {
	struct overlay *overlays;
	size_t n;
	const struct gw_config *config; /* that is applied */
	struct gw_state *state;
	struct tp_netlink *nl;
	struct gw_endpoints *endpoints;
	const struct gw_relays *relays;
};

/* --- applying ------------------------------------------------------------------------------- */

static int apply_wireguard(const struct gw_overlays *all, const struct overlay *o,
			   const struct gw_config_overlay *c)
{
	struct tp_wireguard_config wanted = {.listen_port = c->listen_port};
	struct gw_peers peers;
	int err = gw_peers_make(&peers, c, all->endpoints);

	if (!err) {
		gw_relays_shape(all->relays, c->name, &peers);
		memcpy(wanted.private_key, o->private_key, sizeof(wanted.private_key));
		wanted.peers = peers.peers;
		wanted.n_peers = peers.n;
		err = tp_wireguard_apply(o->device, &wanted);
		tp_wipe(wanted.private_key, sizeof(wanted.private_key));
	}
	if (err)
		tp_err("%s: WireGuard cannot be configured: %s", c->name, strerror(-err));
	gw_peers_fini(&peers);
	return err;
}

static void remember(struct gw_overlays *all, const struct overlay *o)
{
	json_t *saved = tp_wireguard_save(o->device);

	if (saved)
		json_object_set_new(all->state->wireguard, o->name, saved);
}

static int apply_one(struct gw_overlays *all, struct overlay *o, const struct gw_config_overlay *c)
{
	int err, ifindex;

	if (!o->device)
		return 0;
	o->ifindex = 0;
	err = apply_wireguard(all, o, c);
	if (err)
		return err;
	remember(all, o);
	ifindex = (int)if_nametoindex(c->name);
	err = gw_overlay_host_apply(all->nl, ifindex, c);
	if (!err)
		o->ifindex = ifindex;
	return err;
}

int gw_overlays_apply(struct gw_overlays *all, const struct gw_config *config)
{
	const struct gw_config *before = all->config;
	int err = gw_endpoints_apply(all->endpoints, config, all->state->endpoints);
	size_t i;

	for (i = 0; !err && i < all->n; i++)
		err = apply_one(all, &all->overlays[i], &config->overlays[i]);
	if (!err) {
		all->config = config;
		for (i = 0; i < all->n; i++)
			all->overlays[i].name = config->overlays[i].name;
	} else if (before) {
		gw_endpoints_apply(all->endpoints, before, all->state->endpoints);
		while (i--)
			apply_one(all, &all->overlays[i], &before->overlays[i]);
	}
	return err;
}

static struct overlay *named(const struct gw_overlays *all, const char *device)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->overlays[i].device && !strcmp(all->overlays[i].name, device))
			return &all->overlays[i];
	return NULL;
}

int gw_overlays_refresh(struct gw_overlays *all, const char *device)
{
	struct overlay *o = named(all, device);
	int err = o ? apply_wireguard(all, o, &all->config->overlays[o - all->overlays]) : 0;

	if (o && !err) {
		remember(all, o);
		gw_state_save(all->state);
	}
	return err;
}

int gw_overlays_peers(struct gw_overlays *all, const char *device, tp_wireguard_stats_fn *fn,
		      void *ctx)
{
	struct overlay *o = named(all, device);

	return o ? tp_wireguard_stats(o->device, NULL, fn, ctx) : 0;
}

static void ignore_peer(void *ctx, const struct tp_wireguard_stats *peer)
{
	(void)ctx;
	(void)peer;
}

void gw_overlays_restore(struct gw_overlays *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct overlay *o = &all->overlays[i];
		int ifindex = o->device ? (int)if_nametoindex(o->name) : 0;

		if (!ifindex || ifindex == o->ifindex)
			continue;
		tp_info("%s: is there anew", o->name);
		/* asking is what finds out that the device is another one */
		tp_wireguard_stats(o->device, NULL, ignore_peer, NULL);
		apply_one(all, o, &all->config->overlays[i]);
	}
}

void gw_overlays_delete(struct gw_overlays *all, const char *device)
{
	for (size_t i = 0; i < all->n; i++) {
		struct overlay *o = &all->overlays[i];

		if (!o->device || strcmp(o->name, device))
			continue;
		tp_wireguard_delete(o->device);
		o->device = NULL;
		json_object_del(all->state->wireguard, device);
		gw_state_save(all->state);
	}
}

uint16_t gw_overlays_port(struct gw_overlays *all, const char *device)
{
	struct overlay *o = named(all, device);
	uint16_t port = 0;

	if (o && tp_wireguard_stats(o->device, &port, ignore_peer, NULL))
		port = 0;
	return port;
}

/* --- endpoints that are names ---------------------------------------------------------------- */

static void on_resolved(void *ctx)
{
	struct gw_overlays *all = ctx;

	json_decref(all->state->endpoints);
	all->state->endpoints = gw_endpoints_save(all->endpoints);
	for (size_t i = 0; i < all->n; i++) {
		struct overlay *o = &all->overlays[i];

		if (o->device && !apply_wireguard(all, o, &all->config->overlays[i]))
			remember(all, o);
	}
	gw_state_save(all->state);
}

void gw_overlays_doubt(struct gw_overlays *all)
{
	if (gw_endpoints_none(all->endpoints))
		return;
	for (size_t i = 0; i < all->n; i++) {
		struct gw_peers_heard h = {&all->config->overlays[i], all->endpoints, NULL, 0};

		if (!gw_peers_heard_init(&h) && h.n)
			gw_overlays_stats(all, i, NULL, gw_peers_heard, &h);
		free(h.named);
	}
	gw_endpoints_tick(all->endpoints, tp_clock(CLOCK_REALTIME));
}

/* --- opening -------------------------------------------------------------------------------- */

static enum tp_wireguard_backend backend_of(enum gw_backend backend)
{
	switch (backend) {
	case GW_BACKEND_KERNEL: return TP_WIREGUARD_KERNEL;
	case GW_BACKEND_WIREGUARD_GO: return TP_WIREGUARD_GO;
	default: return TP_WIREGUARD_AUTO;
	}
}

/* Under systemd a process that we start would end with our unit, and every session with it: there
 * wireguard-go has a unit of its own. */
static const char *program(void)
{
	return getenv("INVOCATION_ID") ? NULL : WIREGUARD_GO;
}

static int load_key(struct overlay *o, const struct gw_config_overlay *c)
{
	int err = tp_key_load(c->private_key_file, o->private_key);

	if (err)
		tp_err("%s: %s", c->private_key_file,
		       err == -EPERM ? "others may read it; chmod 600" : strerror(-err));
	return err;
}

static int open_one(struct gw_overlays *all, struct overlay *o, const struct gw_config_overlay *c)
{
	const json_t *saved = json_object_get(all->state->wireguard, c->name);
	int err;

	o->name = c->name;
	if (c->backend == GW_BACKEND_NONE)
		return 0;
	err = load_key(o, c);
	err = err ?: tp_wireguard_open(&o->device, c->name, backend_of(c->backend), program());
	if (!err && saved && tp_wireguard_restore(o->device, saved))
		tp_warn("%s: what was applied last is not understood", c->name);
	return err;
}

static int open_all(struct gw_overlays *all, const struct gw_config *config,
		    struct event_base *base)
{
	int err = tp_netlink_open(&all->nl);

	err = err ?: gw_endpoints_new(&all->endpoints, base, on_resolved, all);

	all->overlays = calloc(config->n_overlays + 1, sizeof(*all->overlays));
	if (!all->overlays)
		return -ENOMEM;
	all->n = config->n_overlays;
	for (size_t i = 0; !err && i < all->n; i++)
		err = open_one(all, &all->overlays[i], &config->overlays[i]);
	return err ?: gw_overlays_apply(all, config);
}

int gw_overlays_open(struct gw_overlays **out, const struct gw_config *config,
		     struct gw_state *state, struct event_base *base,
		     const struct gw_relays *relays)
{
	struct gw_overlays *all = calloc(1, sizeof(*all));
	int err;

	*out = NULL;
	if (!all)
		return -ENOMEM;
	all->state = state;
	all->relays = relays;
	err = open_all(all, config, base);
	if (err)
		gw_overlays_free(all);
	else
		*out = all;
	return err;
}

void gw_overlays_free(struct gw_overlays *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->n; i++) {
		tp_wireguard_close(all->overlays[i].device);
		tp_wipe(all->overlays[i].private_key, WG_KEY_LEN);
	}
	gw_endpoints_free(all->endpoints);
	tp_netlink_close(all->nl);
	free(all->overlays);
	free(all);
}

const struct gw_endpoints *gw_overlays_endpoints(const struct gw_overlays *all)
{
	return all->endpoints;
}

/* --- asking --------------------------------------------------------------------------------- */

const char *gw_overlays_backend(const struct gw_overlays *all, size_t overlay)
{
	const struct tp_wireguard *device = all->overlays[overlay].device;

	return device ? tp_wireguard_backend_name(tp_wireguard_backend(device)) : "none";
}

int gw_overlays_stats(struct gw_overlays *all, size_t overlay, uint16_t *listen_port,
		      tp_wireguard_stats_fn *fn, void *ctx)
{
	struct tp_wireguard *device = all->overlays[overlay].device;

	if (listen_port)
		*listen_port = 0;
	return device ? tp_wireguard_stats(device, listen_port, fn, ctx) : 0;
}
