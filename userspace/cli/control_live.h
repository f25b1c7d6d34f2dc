/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members "state" and "roundTrips" of what the API tells of devices, peers and relays. */
#ifndef TP_CLI_CONTROL_LIVE_H
#define TP_CLI_CONTROL_LIVE_H

#include "control_cli.h"

/* Connected or not, as `without` says; whether it has in force what it was told. */
void cell_state(struct table *t, const json_t *row, const char *without);
/* The nearest relay, and how many more there are. */
void cell_nearest(struct table *t, const json_t *row);

/* "away", or "-" for what has nothing that connects. */
const char *control_away(const char *kind);

/* control_relays.c: the id of the relay of this name; a new string, or NULL, told. */
char *control_relay_id(struct control *c, const char *name);

control_command control_node_show, control_relay_nodes;

#endif
