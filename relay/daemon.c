/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <linux/capability.h>

#include "clock.h"
#include "control.h"
#include "log.h"
#include "metrics.h"
#include "priv.h"
#include "relay/commands.h"
#include "relay/daemon.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/membership.h"
#include "relay/metrics_page.h"
#include "relay/nexthop.h"
#include "relay/probe.h"
#include "relay/register.h"
#include "relay/route.h"
#include "relay/sockets.h"
#include "sdnotify.h"

#define TICK_MS	   1000
#define REFRESH_MS 20 /* routes move together: gather them before all flows are looked at */

/* --- next hops: netlink on one side, the maps on the other --- */

static int op_route(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
		    struct relay_route *out)
{
	struct daemon *d = ctx;

	return relay_routes_lookup(d->routes, dst, src, out);
}

static void op_probe(void *ctx, int ifindex, const struct tp_addr *gateway)
{
	struct daemon *d = ctx;

	relay_routes_probe(d->routes, ifindex, gateway);
}

static int op_port(void *ctx, int ifindex)
{
	struct daemon *d = ctx;

	return relay_datapath_port(d->dp, ifindex);
}

static void op_write_slot(void *ctx, uint32_t slot, const struct relay_nexthop *value)
{
	struct daemon *d = ctx;

	relay_datapath_nexthop_slot(d->dp, slot, value);
}

static void op_write_id(void *ctx, uint32_t id, uint32_t slot)
{
	struct daemon *d = ctx;

	relay_datapath_nexthop_id(d->dp, id, slot);
}

static void schedule_refresh(struct daemon *d)
{
	struct timeval soon = {.tv_usec = REFRESH_MS * 1000};

	if (d->refresh && !evtimer_pending(d->refresh, NULL))
		evtimer_add(d->refresh, &soon);
}

static void op_moved(void *ctx, const struct tp_addr *dst, const struct tp_addr *src, uint32_t id)
{
	(void)dst;
	(void)src;
	(void)id;
	schedule_refresh(ctx);
}

static const struct relay_nexthop_ops nexthop_ops = {
	.route = op_route,
	.probe = op_probe,
	.port = op_port,
	.write_slot = op_write_slot,
	.write_id = op_write_id,
	.moved = op_moved,
};

static void forget_local(void *arg, const struct relay_addr *addr)
{
	relay_datapath_local_del(arg, addr);
}

static void forget_site(void *arg, const struct relay_addr *prefix)
{
	relay_datapath_site_del(arg, prefix);
}

static void on_local_added(void *ctx, const struct tp_addr *addr)
{
	struct daemon *d = ctx;
	struct relay_addr key;

	memcpy(key.addr, addr->b, sizeof(key.addr));
	if (relay_datapath_local_put(d->dp, &key))
		tp_log_limited(LOG_ERR, "too many local addresses: XDP does not know some");
}

static void on_local_removed(void *ctx, const struct tp_addr *addr)
{
	struct daemon *d = ctx;
	struct relay_addr key;

	memcpy(key.addr, addr->b, sizeof(key.addr));
	relay_datapath_local_del(d->dp, &key);
}

static void on_links_changed(void *ctx)
{
	struct daemon *d = ctx;

	if (d->ready)
		relay_datapath_reattach(d->dp);
}

static const struct relay_route_ops route_ops = {
	.local_added = on_local_added,
	.local_removed = on_local_removed,
	.links_changed = on_links_changed,
};

static void on_refresh(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	flows_refresh_nexthops(d->relay);
}

/* --- time and signals --- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	relay_tick(d->relay, tp_now());
	relay_member_tick(d, tp_now());
}

static void on_probe_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	relay_tick_probes(d->relay, tp_now());
}

void daemon_stop(struct daemon *d, bool detach)
{
	d->detach = d->detach || detach;
	event_base_loopexit(d->base, NULL);
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	daemon_stop(arg, false);
}

/* The file's errors, each as a line of the log. */
static int load_config(const char *path, struct relay_config **out, const json_t *settings)
{
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	int err = errors ? relay_config_load(path, out, settings, errors) : -ENOMEM;

	if (errors)
		fclose(errors);
	tp_log_lines(LOG_ERR, text);
	free(text);
	return err;
}

/* The file with these settings, all or nothing. */
static int reload(struct daemon *d, const json_t *settings)
{
	struct relay_config *fresh;
	char frozen[256];
	int err = load_config(d->options->config_path, &fresh, settings);

	if (err)
		return err;
	if (relay_config_frozen_diff(d->config, fresh, frozen, sizeof(frozen))) {
		tp_err("%s: a restart is needed to change %s", d->options->config_path, frozen);
		err = -EPERM;
	}
	err = err ?: relay_reload(d->relay, fresh, tp_now());
	if (err) {
		relay_config_free(fresh);
		return err;
	}
	relay_config_free(d->config);
	d->config = fresh;
	return 0;
}

int daemon_reload(struct daemon *d)
{
	int err = reload(d, d->settings);

	if (err)
		tp_err("reload refused, nothing has changed");
	else
		tp_info("reloaded %s", d->options->config_path);
	return err;
}

int daemon_take_settings(struct daemon *d, json_t *settings)
{
	int err = reload(d, settings);

	if (err) {
		json_decref(settings);
		return err;
	}
	json_decref(d->settings);
	d->settings = settings;
	return 0;
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	tp_sdnotify_reloading();
	daemon_reload(arg);
	tp_sdnotify("READY=1");
}

static int start_events(struct daemon *d)
{
	static const struct {
		int signal;
		event_callback_fn fn;
	} signals[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
	struct timeval every = {.tv_sec = TICK_MS / 1000};
	struct timeval often = {.tv_usec = PROBE_TICK_MS * 1000};

	for (unsigned int i = 0; i < 3; i++) {
		d->signals[i] = evsignal_new(d->base, signals[i].signal, signals[i].fn, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			return -ENOMEM;
	}
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->probe_tick = event_new(d->base, -1, EV_PERSIST, on_probe_tick, d);
	d->refresh = evtimer_new(d->base, on_refresh, d);
	if (!d->tick || !d->probe_tick || !d->refresh || event_add(d->tick, &every) ||
	    event_add(d->probe_tick, &often))
		return -ENOMEM;
	return 0;
}

/* --- opening, in order --- */

static int open_kernel_side(struct daemon *d)
{
	uint32_t ids[TP_NEXTHOPS];
	int err = relay_datapath_open(&d->dp, d->config);

	if (err)
		return err;
	err = relay_nexthops_new(&d->nexthops, &nexthop_ops, d);
	if (err || d->config->attach == RELAY_ATTACH_OFF)
		return err;
	if (!relay_datapath_nexthop_ids(d->dp, ids))
		relay_nexthops_adopt(d->nexthops, ids, TP_NEXTHOPS);
	/* Addresses of an earlier run may be gone. Until the first dump has told the present ones,
	 * XDP takes packets without a flow for somebody else's, and the kernel brings them to the
	 * sockets all the same. */
	relay_datapath_locals_each(d->dp, forget_local, d->dp);
	relay_datapath_sites_each(d->dp, forget_site, d->dp);
	return relay_routes_new(&d->routes, d->base, d->nexthops, &route_ops, d);
}

static int open_relay(struct daemon *d, const uint8_t secret[WG_KEY_LEN])
{
	uint64_t now = tp_now();
	int err = relay_new(&d->relay, d->config, secret, d->dp, d->nexthops, &sockets_ops,
			    d->sockets, now);

	if (err)
		return err;
	relay_adopt(d->relay, now);
	return sockets_start(d->sockets, d->base, d->relay);
}

static int open_services(struct daemon *d)
{
	const struct relay_config *c = d->config;
	char buf[TP_ADDR_STRLEN];
	int err = tp_control_new(&d->control, d->base, c->control_socket, relay_command, d);

	if (err) {
		tp_err("control socket %s: %s", c->control_socket, strerror(-err));
		return err;
	}
	if (!c->metrics_listen.port)
		return 0;
	err = tp_metrics_server_new(&d->metrics, d->base, &c->metrics_listen, &relay_metrics_ops,
				    d);
	if (err)
		tp_err("metrics_listen %s: %s", tp_endpoint_format(&c->metrics_listen, buf),
		       strerror(-err));
	return err;
}

static int drop_privileges(struct daemon *d)
{
	/* bpf() on pinned maps and links; attaching to a NIC that returned, neighbour probes. */
	static const int keep[] = {CAP_BPF, CAP_NET_ADMIN};
	static const char *const calls[] = {"bpf"};
	int err = 0;

	if (d->config->attach != RELAY_ATTACH_OFF)
		err = tp_priv_chown(d->config->pin_path, TP_PRIV_USER);
	if (!err)
		err = tp_priv_chown(d->config->control_socket, TP_PRIV_USER);
	if (!err && d->member)
		err = tp_priv_chown(d->config->state_dir, TP_PRIV_USER);
	/* The last that needs root, and the first that cannot be taken back. */
	if (!err)
		err = relay_datapath_settle(d->dp);
	if (!err)
		err = tp_priv_drop(TP_PRIV_USER, keep, 2);
	if (!err)
		err = tp_priv_seccomp(calls, 1);
	return err;
}

static int daemon_open(struct daemon *d)
{
	uint8_t secret[WG_KEY_LEN], public_key[WG_KEY_LEN];
	int err = tp_key_load(d->config->private_key_file, secret);

	if (err) {
		tp_err("%s: %s", d->config->private_key_file,
		       err == -EPERM ? "others may read it; chmod 600" : strerror(-err));
		return err;
	}
	tp_public_key(public_key, secret);
	d->base = event_base_new();
	err = d->base ? 0 : -ENOMEM;
	/* First what touches nobody's packets; sockets too, which must be there for what XDP passes
	 * on. Nothing is served before the loop runs. */
	if (!err)
		err = sockets_new(&d->sockets, d->config, own_index_tag(public_key));
	if (!err)
		err = start_events(d);
	if (!err)
		err = open_services(d);
	if (!err)
		err = open_kernel_side(d);
	if (!err)
		err = open_relay(d, secret);
	tp_wipe(secret, sizeof(secret));
	if (!err)
		err = relay_member_start(&d->member, d);
	if (!err)
		err = drop_privileges(d);
	return err;
}

static void daemon_close(struct daemon *d)
{
	tp_member_free(d->member);
	tp_metrics_server_free(d->metrics);
	tp_control_free(d->control);
	for (unsigned int i = 0; i < 3; i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->tick)
		event_free(d->tick);
	if (d->probe_tick)
		event_free(d->probe_tick);
	if (d->refresh)
		event_free(d->refresh);
	relay_free(d->relay);
	relay_routes_free(d->routes);
	relay_nexthops_free(d->nexthops);
	if (d->detach)
		relay_datapath_detach(d->dp);
	relay_datapath_close(d->dp);
	sockets_free(d->sockets);
	if (d->base)
		event_base_free(d->base);
	relay_config_free(d->config);
	json_decref(d->settings);
}

int daemon_run(const struct daemon_options *options, struct relay_config *config)
{
	struct daemon d = {.options = options, .config = config};
	char key[TP_KEY_STRLEN];
	int err = daemon_open(&d);

	if (err)
		goto out;
	d.ready = true;
	tp_info("relay %s on port %u, attach %s", tp_key_format(d.relay->identity.public_key, key),
		config->listen_port, relay_datapath_mode(d.dp));
	tp_sdnotify("READY=1");
	event_base_dispatch(d.base);
	tp_sdnotify("STOPPING=1");
	d.detach = d.detach || options->detach_on_exit;
	if (!d.detach && d.config->attach != RELAY_ATTACH_OFF)
		tp_info("stopping; established flows go on (`turnpike relay detach` ends them)");
out:
	daemon_close(&d);
	return err;
}
