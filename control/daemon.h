/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* turnpike-control as a process: everything opened in order, run by one event loop, closed in
 * reverse. */
#ifndef CONTROL_DAEMON_H
#define CONTROL_DAEMON_H

#include "control/api.h"
#include "control/config.h"
#include "control/nodes.h"
#include "control/reaper.h"
#include "control/state.h"

struct ctl_daemon {
	const char *config_path;
	struct ctl_config *config;
	struct event_base *base;
	struct ctl_state state;
	struct tp_tls *tls; /* NULL: plain HTTP */
	int listen_fd;	    /* until the API has it */
	int ncp_fd;	    /* until `nodes` has it */
	struct ctl_passwords *passwords;
	struct ctl_api *api;
	struct ctl_nodes *nodes; /* NULL: ncp_listen is off */
	struct ctl_reaper *reaper;
	struct tp_control *control;
	struct tp_metrics_server *metrics;
	struct event *signals[3];
	uint64_t started; /* tp_now() */
};

/* Runs until SIGTERM or SIGINT (0), or fails to start (-errno, logged). Takes the config over. */
int ctl_daemon_run(const char *config_path, struct ctl_config *config);

#endif
