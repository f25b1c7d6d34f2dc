/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* turnpike-relay as a process: everything opened in order, run by one event loop, closed in
 * reverse. */
#ifndef RELAY_DAEMON_H
#define RELAY_DAEMON_H

#include "relay/config.h"
#include "relay/relay.h"

struct daemon_options {
	const char *config_path;
	const struct json_t *saved; /* what the control plane said last; NULL: nothing */
	bool detach_on_exit;
};

struct daemon {
	const struct daemon_options *options;
	struct relay_config *config;
	struct event_base *base;
	struct sockets *sockets;
	struct relay_datapath *dp;
	struct relay_nexthops *nexthops;
	struct relay_routes *routes;
	struct relay *relay;
	struct tp_control *control;
	uint64_t trips_told, handshakes_told, traffic_told; /* when */
	struct tp_member *member;			    /* NULL: the config is all its own */
	struct json_t *settings; /* the control plane's, in force; NULL likewise */
	struct tp_metrics_server *metrics;
	struct event *signals[3], *tick, *probe_tick, *refresh;
	bool detach;
	bool ready;
};

/* Runs until SIGTERM or SIGINT (0), or fails to start (-errno, logged). Takes the config over. */
int daemon_run(const struct daemon_options *options, struct relay_config *config);

/* Rereads the config file. 0, or -errno with nothing changed and the reason logged. */
int daemon_reload(struct daemon *d);
/* The same with these settings from the control plane, which are taken over. */
int daemon_take_settings(struct daemon *d, struct json_t *settings);
/* Ends the event loop; with `detach`, XDP is taken off and all pins are removed on the way out. */
void daemon_stop(struct daemon *d, bool detach);

#endif
