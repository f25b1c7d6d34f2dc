/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "control.h"
#include "gateway/commands.h"
#include "gateway/datapath_devices.h"
#include "gateway/loopback.h"
#include "gateway/membership.h"
#include "gateway/metrics_page.h"
#include "gateway/ports.h"
#include "gateway/reload.h"
#include "log.h"
#include "metrics.h"
#include "priv.h"
#include "sdnotify.h"
#include "wireguard_starter.h"

#define WIREGUARD_GO "/usr/bin/wireguard-go"

#define SLOW_TICK_S   2
#define REPORT_TICKS  15 /* of them between reports of handshakes */
#define DOUBT_TICKS   8	 /* it asks about every peer */
#define ADDRESSES_MAX (TP_GW_UPLINKS * TP_GW_ADDRS)

/* --- the policy ------------------------------------------------------------------------------ */

static int open_policy(struct gw_daemon *d)
{
	const struct gw_policy_maps maps = {
		.policy = gw_datapath_map(d->dp, "gw_policy"),
		.nodes = gw_datapath_map(d->dp, "policy_nodes"),
		.prefixes = gw_datapath_map(d->dp, "policy_prefixes"),
		.classes = gw_datapath_map(d->dp, "policy_classes"),
		.pairs = gw_datapath_map(d->dp, "policy_pairs"),
		.segments = gw_datapath_map(d->dp, "policy_segments"),
		.hits = gw_datapath_map(d->dp, "policy_hits"),
	};

	return gw_datapath_policy_open(&d->published, &maps) ?: gw_reload_policy(d);
}

/* --- time, devices, signals ----------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct gw_daemon *d = arg;

	(void)fd;
	(void)what;
	gw_sweeper_tick(d->sweeper, tp_now());
}

/* Others switch it off who don't mean us: an instance that is detached, or whoever writes
 * net.ipv4.ip_forward. */
static void keep_next_hops(struct gw_daemon *d)
{
	bool ours = d->state.loopback;

	if (d->next_hops)
		d->next_hops = gw_loopback_forward(&d->state.loopback);
	if (d->state.loopback != ours)
		gw_state_save(&d->state);
}

static void on_slow_tick(evutil_socket_t fd, short what, void *arg)
{
	struct gw_daemon *d = arg;

	(void)fd;
	(void)what;
	gw_overlays_restore(d->overlays);
	gw_links_watch(d->links);
	keep_next_hops(d);
	if (++d->slow_ticks % DOUBT_TICKS == 0)
		gw_overlays_doubt(d->overlays);
	if (d->member && d->slow_ticks % REPORT_TICKS == 0)
		gw_membership_tick(d);
}

/* The host's own addresses stand in the policy, as "gateway". */
static void on_links_changed(void *ctx, bool locals)
{
	struct gw_daemon *d = ctx;

	if (!d->ready)
		return;
	gw_datapath_reattach(d->dp);
	if (locals)
		gw_reload_policy(d);
}

void gw_daemon_stop(struct gw_daemon *d, bool detach)
{
	d->detach = d->detach || detach;
	event_base_loopexit(d->base, NULL);
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	gw_daemon_stop(arg, false);
}

/* --- reloading ------------------------------------------------------------------------------ */

int gw_daemon_reload(struct gw_daemon *d)
{
	int err = gw_reload_config(d, d->settings);

	if (err) {
		tp_err("reload refused, nothing has changed");
		return err;
	}
	gw_blocks_reopen(d->blocks);
	tp_info("reloaded %s", d->options->config_path);
	return 0;
}

int gw_daemon_take_settings(struct gw_daemon *d, json_t *settings)
{
	int err = gw_reload_config(d, settings);

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
	gw_daemon_reload(arg);
	tp_sdnotify("READY=1");
}

/* --- opening, in order ---------------------------------------------------------------------- */

static int open_state(struct gw_daemon *d)
{
	int err;

	if (mkdir(d->config->state_dir, 0700) && errno != EEXIST) {
		tp_err("%s: cannot be made: %s", d->config->state_dir, strerror(errno));
		return -errno;
	}
	err = gw_state_load(&d->state, d->config);
	if (!err)
		gw_state_number(&d->state, d->config);
	return err;
}

/* Do flows of an earlier run use these very ports? */
static bool ports_in_use(const struct gw_daemon *d, uint16_t first, uint16_t n)
{
	return d->state.nat_first == first && d->state.nat_ports == n &&
	       gw_datapath_pinned(d->config);
}

/* While flows already run on the ports, a socket that has come to one of them is no reason to end
 * them. */
static int check_sockets(const struct gw_daemon *d, uint16_t first, uint16_t n)
{
	struct tp_addr addrs[ADDRESSES_MAX];
	size_t n_addrs = gw_links_uplink_addresses(d->config, addrs, ADDRESSES_MAX);
	bool running = ports_in_use(d, first, n);
	struct gw_socket found;
	struct tp_endpoint at;
	char text[TP_ADDR_STRLEN];
	int err = gw_ports_used(first, n, addrs, n_addrs, &found);

	if (err != -EADDRINUSE)
		return err;
	at = (struct tp_endpoint){found.addr, htons(found.port)};
	tp_log(running ? LOG_WARNING : LOG_ERR,
	       "egress.ports: a socket of this host has %s port %s, inside the range; choose other "
	       "ports, or move it",
	       found.proto, tp_endpoint_format(&at, text));
	return running ? 0 : err;
}

static int give_back(struct gw_daemon *d)
{
	gw_ports_release(d->state.reserved);
	free(d->state.reserved);
	d->state.reserved = NULL;
	if (d->state.loopback)
		gw_loopback_release();
	d->state.loopback = false;
	return gw_state_save(&d->state);
}

static int open_ports(struct gw_daemon *d)
{
	uint16_t first, n;
	char *ours = NULL;
	int err;

	if (!d->config->egress.masquerade || !d->config->egress.n_uplinks)
		return give_back(d);
	err = gw_config_ports(&d->config->egress, &first, &n);
	err = err ?: check_sockets(d, first, n);
	err = err ?: gw_ports_reserve(first, n, d->state.reserved, &ours);
	if (err)
		return err;
	free(d->state.reserved);
	d->state.reserved = ours;
	d->next_hops = gw_loopback_forward(&d->state.loopback);
	return gw_state_save(&d->state); /* whatever comes, the next run knows what to give back */
}

static int open_blocks(struct gw_daemon *d)
{
	char *path;
	int err;

	if (asprintf(&path, "%s/%s-ports.log", d->config->state_dir, d->config->instance) < 0)
		return -ENOMEM;
	err = gw_blocks_new(&d->blocks, gw_datapath_nat(d->dp), &d->state, path);
	free(path);
	return err;
}

static int open_links(struct gw_daemon *d)
{
	const struct gw_links_setup setup = {d->dp, d->blocks, &d->state, on_links_changed, d};
	int err = gw_links_new(&d->links, d->base, &setup);

	return err ?: gw_links_apply(d->links, d->config);
}

/* What the programs read is there before they run. */
static int open_kernel_side(struct gw_daemon *d)
{
	int err = open_ports(d); /* first: what it refuses must not have ended any flow */

	err = err ?: gw_datapath_open(&d->dp, d->config, &d->state);
	err = err ?: gw_datapath_load(d->dp, d->config);
	err = err ?: gw_state_save(&d->state);
	err = err ?: open_blocks(d);
	err = err ?: gw_sweeper_new(&d->sweeper, d->dp, d->blocks);
	err = err ?: open_links(d);
	err = err ?: open_policy(d);
	err = err ?: gw_punts_new(&d->punts, d->base, d->dp);
	err = err ?: gw_datapath_attach(d->dp, d->config, &d->state);
	if (!err)
		gw_reload_end_others(d);
	return err;
}

static int start_events(struct gw_daemon *d)
{
	static const struct {
		int signal;
		event_callback_fn fn;
	} signals[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
	struct timeval often = {.tv_usec = GW_SWEEP_TICK_MS * 1000};
	struct timeval seldom = {.tv_sec = SLOW_TICK_S};

	for (unsigned int i = 0; i < 3; i++) {
		d->signals[i] = evsignal_new(d->base, signals[i].signal, signals[i].fn, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL))
			return -ENOMEM;
	}
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->slow_tick = event_new(d->base, -1, EV_PERSIST, on_slow_tick, d);
	if (!d->tick || !d->slow_tick || event_add(d->tick, &often) ||
	    event_add(d->slow_tick, &seldom))
		return -ENOMEM;
	return 0;
}

static int open_services(struct gw_daemon *d)
{
	const struct gw_config *c = d->config;
	char buf[TP_ADDR_STRLEN];
	int err = tp_control_new(&d->control, d->base, c->control_socket, gw_command, d);

	if (err) {
		tp_err("control socket %s: %s", c->control_socket, strerror(-err));
		return err;
	}
	if (!c->metrics_listen.port)
		return 0;
	err = tp_metrics_server_new(&d->metrics, d->base, &c->metrics_listen, &gw_metrics_ops, d);
	if (err)
		tp_err("metrics_listen %s: %s", tp_endpoint_format(&c->metrics_listen, buf),
		       strerror(-err));
	return err;
}

static int drop_privileges(struct gw_daemon *d)
{
	/* bpf() on maps and links; netlink, attaching to devices that come back, and the reserved
	 * ports, which CAP_NET_ADMIN opens for their own network namespace. */
	static const int keep[] = {CAP_BPF, CAP_NET_ADMIN};
	static const char *const calls[] = {"bpf"};
	int err = tp_priv_chown(d->config->pin_path, TP_PRIV_USER);

	err = err ?: tp_priv_chown(d->config->control_socket, TP_PRIV_USER);
	err = err ?: tp_priv_chown(d->config->state_dir, TP_PRIV_USER);
	err = err ?: tp_priv_drop(TP_PRIV_USER, keep, 2);
	return err ?: tp_priv_seccomp(calls, 1);
}

/* Under systemd a process that we start would end with our unit, and every session with it: there
 * wireguard-go has a unit of its own. */
static int open_starter(struct gw_daemon *d)
{
	return getenv("INVOCATION_ID") ? 0 : tp_wireguard_starter_new(&d->starter, WIREGUARD_GO);
}

static int open_overlays(struct gw_daemon *d)
{
	const struct gw_overlays_setup setup = {&d->state, d->base, d->starter, d->relays};

	return gw_overlays_open(&d->overlays, d->config, &setup);
}

static int daemon_open(struct gw_daemon *d)
{
	int err;

	d->started = tp_now();
	err = open_starter(d);
	d->base = err ? NULL : event_base_new();
	err = err ?: d->base ? 0 : -ENOMEM;
	err = err ?: open_state(d);
	err = err ?: gw_membership_relays(&d->relays, d);
	err = err ?: open_overlays(d);
	err = err ?: open_kernel_side(d);
	err = err ?: start_events(d);
	err = err ?: open_services(d);
	err = err ?: gw_membership_start(&d->member, d);
	return err ?: drop_privileges(d);
}

/* --- closing -------------------------------------------------------------------------------- */

static void detach(struct gw_daemon *d)
{
	gw_datapath_detach(d->dp);
	d->state.nat_first = d->state.nat_ports = d->state.nat_block = 0;
	give_back(d);
}

static void daemon_close(struct gw_daemon *d)
{
	tp_member_free(d->member);
	tp_metrics_server_free(d->metrics);
	tp_control_free(d->control);
	for (unsigned int i = 0; i < 3; i++)
		if (d->signals[i])
			event_free(d->signals[i]);
	if (d->tick)
		event_free(d->tick);
	if (d->slow_tick)
		event_free(d->slow_tick);
	if (d->detach && d->dp)
		detach(d);
	gw_datapath_policy_close(d->published);
	gw_policy_free(d->policy);
	gw_links_free(d->links);
	gw_punts_free(d->punts);
	gw_sweeper_free(d->sweeper);
	gw_blocks_free(d->blocks);
	gw_datapath_close(d->dp);
	gw_overlays_free(d->overlays);
	gw_relays_free(d->relays);
	tp_wireguard_starter_free(d->starter);
	if (d->base)
		event_base_free(d->base);
	gw_state_fini(&d->state);
	gw_config_free(d->config);
	json_decref(d->settings);
}

int gw_daemon_run(const struct gw_daemon_options *options, struct gw_config *config)
{
	struct gw_daemon d = {.options = options, .config = config};
	int err = daemon_open(&d);

	if (err)
		goto out;
	d.ready = true;
	tp_info("gateway %s: %zu overlays, %zu uplinks, XDP %s", config->instance,
		config->n_overlays, config->egress.n_uplinks, gw_datapath_xdp(d.dp));
	tp_sdnotify("READY=1");
	event_base_dispatch(d.base);
	tp_sdnotify("STOPPING=1");
	d.detach = d.detach || options->detach_on_exit;
	if (!d.detach)
		tp_info("stopping; flows go on (`turnpike gateway detach` ends them)");
out:
	daemon_close(&d);
	return err;
}
