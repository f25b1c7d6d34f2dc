/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* turnpike-gateway as a process: everything opened in order, run by one event loop, closed in
 * reverse. */
#ifndef GATEWAY_DAEMON_H
#define GATEWAY_DAEMON_H

#include "gateway/blocks.h"
#include "gateway/config.h"
#include "gateway/datapath.h"
#include "gateway/datapath_policy.h"
#include "gateway/links.h"
#include "gateway/overlay.h"
#include "gateway/policy.h"
#include "gateway/punt.h"
#include "gateway/relays.h"
#include "gateway/state.h"
#include "gateway/sweep.h"

struct gw_daemon_options {
	const char *config_path;
	const struct json_t *saved; /* what the control plane said last; NULL: nothing */
	bool detach_on_exit;
};

struct gw_daemon {
	const struct gw_daemon_options *options;
	struct gw_config *config;
	struct gw_state state;
	struct event_base *base;
	struct tp_wireguard_starter *starter; /* NULL: units of systemd do that */
	struct gw_overlays *overlays;
	struct gw_datapath *dp;
	struct gw_blocks *blocks;
	struct gw_sweeper *sweeper;
	struct gw_links *links;
	struct gw_punts *punts;
	struct gw_policy_tables *policy; /* in force */
	struct gw_datapath_policy *published;
	double compile_ms; /* that the policy took, publishing included */
	struct tp_control *control;
	struct gw_relays *relays; /* NULL: the config is all its own */
	struct tp_member *member; /* NULL: the config is all its own */
	struct json_t *settings;  /* the control plane's, in force; NULL likewise */
	uint64_t handshakes_told; /* up to this time (as tp_wireguard_stats has it) */
	struct tp_metrics_server *metrics;
	struct event *signals[3], *tick, *slow_tick;
	unsigned int slow_ticks;
	bool next_hops;	  /* can be asked for: gateway/loopback.h */
	uint64_t started; /* tp_now() */
	bool detach;
	bool ready;
};

/* Runs until SIGTERM or SIGINT (0), or fails to start (-errno, logged). Takes the config over. */
int gw_daemon_run(const struct gw_daemon_options *options, struct gw_config *config);

/* Rereads the config file. 0, or -errno with nothing changed and the reason logged. */
int gw_daemon_reload(struct gw_daemon *d);
/* The same with these settings from the control plane, which are taken over. */
int gw_daemon_take_settings(struct gw_daemon *d, struct json_t *settings);
/* Ends the event loop; with `detach`, everything is taken off the devices on the way out, and all
 * pins are removed. */
void gw_daemon_stop(struct gw_daemon *d, bool detach);

#endif
