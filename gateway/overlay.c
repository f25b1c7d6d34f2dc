/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "gateway/overlay_host.h"
#include "gateway/relays.h"
#include "log.h"
#include "netlink_change.h"
#include "wireguard_starter.h"

#define BARE_MTU 1420

struct overlay {
	char name[IFNAMSIZ];
	struct tp_wireguard *device; /* NULL: backend "none" */
	uint8_t private_key[WG_KEY_LEN];
	int ifindex; /* that all was given to */
};

struct gw_overlays {
	struct overlay *overlays; /* as in `config`, then those that leave */
	size_t n, n_leaving;
	struct tp_wireguard_starter *starter;
	bool controlled; /* by a control plane: the devices are ours alone, and ports are wishes */
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
		if (err == -EADDRINUSE && all->controlled) {
			tp_warn("%s: port %u is taken, so any will do", c->name, c->listen_port);
			wanted.listen_port = 0;
			err = tp_wireguard_apply(o->device, &wanted);
		}
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

/* --- one device --------------------------------------------------------------------------------
 */

static enum tp_wireguard_backend backend_of(enum gw_backend backend)
{
	switch (backend) {
	case GW_BACKEND_KERNEL: return TP_WIREGUARD_KERNEL;
	case GW_BACKEND_WIREGUARD_GO: return TP_WIREGUARD_GO;
	default: return TP_WIREGUARD_AUTO;
	}
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

	*o = (struct overlay){0};
	snprintf(o->name, sizeof(o->name), "%s", c->name);
	if (c->backend == GW_BACKEND_NONE)
		return 0;
	err = load_key(o, c);
	err = err ?: tp_wireguard_open(&o->device, c->name, backend_of(c->backend), all->starter);
	if (err)
		return err;
	if (all->controlled || !tp_wireguard_adopted(o->device))
		json_object_set_new(all->state->made, c->name, json_true());
	if (saved && tp_wireguard_restore(o->device, saved))
		tp_warn("%s: what was applied last is not understood", c->name);
	return 0;
}

static void close_one(struct overlay *o)
{
	tp_wireguard_close(o->device);
	tp_wipe(o->private_key, sizeof(o->private_key));
}

/* --- coming and going ----------------------------------------------------------------------- */

/* Made by an earlier run, which ended before it could delete them. */
static void retire_strangers(struct gw_overlays *all)
{
	struct tp_netlink_device link;
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(all->state->made, next, name, value)
	{
		if (gw_config_has_overlay(all->config, name))
			continue;
		if (!tp_netlink_link_find(all->nl, name, &link) &&
		    !tp_netlink_link_delete(all->nl, link.ifindex))
			tp_info("%s: is no overlay any more, and was deleted", name);
		json_object_del(all->state->wireguard, name);
		json_object_del(all->state->made, name);
	}
}

static struct overlay *present(const struct gw_overlays *all, const char *name)
{
	for (size_t i = 0; i < all->n + all->n_leaving; i++)
		if (!strcmp(all->overlays[i].name, name))
			return &all->overlays[i];
	return NULL;
}

/* Without peers it is nobody's way in any more, even where it stays because others have made it. */
static void take_all_away(struct gw_overlays *all, struct overlay *o)
{
	struct tp_wireguard_config nothing = {0};
	const struct gw_config_overlay bare = {.name = o->name, .mtu = BARE_MTU};

	memcpy(nothing.private_key, o->private_key, sizeof(nothing.private_key));
	tp_wireguard_apply(o->device, &nothing);
	tp_wipe(nothing.private_key, sizeof(nothing.private_key));
	gw_overlay_host_apply(all->nl, (int)if_nametoindex(o->name), &bare);
}

static void retire_one(struct gw_overlays *all, struct overlay *o)
{
	if (o->device && json_object_get(all->state->made, o->name)) {
		tp_wireguard_delete(o->device);
		o->device = NULL;
	} else if (o->device) {
		take_all_away(all, o);
	}
	json_object_del(all->state->made, o->name);
	json_object_del(all->state->wireguard, o->name);
	close_one(o);
}

void gw_overlays_retire(struct gw_overlays *all)
{
	for (size_t i = all->n; i < all->n + all->n_leaving; i++)
		retire_one(all, &all->overlays[i]);
	all->n_leaving = 0;
}

/* What there is of them, and what is made now, in the order of the configuration. */
static int fill(struct gw_overlays *all, struct overlay *list, const struct gw_config *config,
		size_t *opened)
{
	for (size_t i = 0; i < config->n_overlays; i++) {
		const struct overlay *have = present(all, config->overlays[i].name);
		int err = 0;

		if (have)
			list[i] = *have;
		else
			err = open_one(all, &list[i], &config->overlays[i]);
		if (err) {
			close_one(&list[i]);
			*opened = i;
			return err;
		}
	}
	*opened = config->n_overlays;
	return 0;
}

/* Those that were made in vain. */
static void undo_fill(struct gw_overlays *all, struct overlay *list, size_t opened)
{
	for (size_t i = 0; i < opened; i++)
		if (!present(all, list[i].name))
			retire_one(all, &list[i]);
}

/* The list for this configuration; who is not in it leaves. */
static int arrange(struct gw_overlays *all, const struct gw_config *config)
{
	size_t had = all->n + all->n_leaving, n = config->n_overlays, opened;
	struct overlay *list = calloc(had + n + 1, sizeof(*list));
	int err = list ? fill(all, list, config, &opened) : -ENOMEM;

	if (err) {
		if (list)
			undo_fill(all, list, opened);
		free(list);
		return err;
	}
	for (size_t i = 0; i < had; i++)
		if (!gw_config_has_overlay(config, all->overlays[i].name))
			list[n++] = all->overlays[i];
	if (all->overlays)
		tp_wipe(all->overlays, had * sizeof(*all->overlays));
	free(all->overlays);
	all->overlays = list;
	all->n = config->n_overlays;
	all->n_leaving = n - all->n;
	return 0;
}

static int apply_all(struct gw_overlays *all, const struct gw_config *config)
{
	int err = gw_endpoints_apply(all->endpoints, config, all->state->endpoints);

	all->controlled = config->control.server;
	err = err ?: arrange(all, config);
	for (size_t i = 0; !err && i < config->n_overlays; i++)
		err = apply_one(all, &all->overlays[i], &config->overlays[i]);
	if (!err)
		all->config = config;
	return err;
}

int gw_overlays_apply(struct gw_overlays *all, const struct gw_config *config)
{
	const struct gw_config *before = all->config;
	int err = apply_all(all, config);

	if (!err || !before)
		return err;
	apply_all(all, before);
	gw_overlays_retire(all); /* those that were new */
	return err;
}

/* --- all of them ---------------------------------------------------------------------------- */

int gw_overlays_open(struct gw_overlays **out, const struct gw_config *config,
		     const struct gw_overlays_setup *setup)
{
	struct gw_overlays *all = calloc(1, sizeof(*all));
	int err;

	*out = NULL;
	if (!all)
		return -ENOMEM;
	all->state = setup->state;
	all->starter = setup->starter;
	all->relays = setup->relays;
	err = tp_netlink_open(&all->nl);
	err = err ?: gw_endpoints_new(&all->endpoints, setup->base, on_resolved, all);
	err = err ?: gw_overlays_apply(all, config);
	if (err) {
		gw_overlays_free(all);
		return err;
	}
	retire_strangers(all);
	*out = all;
	return 0;
}

void gw_overlays_free(struct gw_overlays *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->n + all->n_leaving; i++)
		close_one(&all->overlays[i]);
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
