/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the control socket is asked for, and the answers, as docs/man/turnpike.1 shows them. */
#ifndef GATEWAY_COMMANDS_H
#define GATEWAY_COMMANDS_H

#include <jansson.h>

struct gw_daemon;

/* Flows that come when a request names no limit. */
#define GW_FLOWS_LISTED 10000

/* For tp_control_new: arg is the struct gw_daemon. */
json_t *gw_command(void *arg, const json_t *request);

/* Each returns a new reference. */
json_t *gw_command_status(struct gw_daemon *d);
json_t *gw_command_nat(struct gw_daemon *d);
json_t *gw_command_acl(struct gw_daemon *d);
json_t *gw_command_drops(struct gw_daemon *d);
/* Of the node with this address or name, NULL: all. */
json_t *gw_command_flows(struct gw_daemon *d, const char *node, size_t limit);
/* What becomes of a new flow, step by step; ends are addresses or names of nodes. */
json_t *gw_command_explain(struct gw_daemon *d, const char *src, const char *dst, const char *proto,
			   const char *port);

#endif
