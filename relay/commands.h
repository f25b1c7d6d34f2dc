/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the control socket answers. The `turnpike` command and docs/relay.md show the same shapes.
 */
#ifndef RELAY_COMMANDS_H
#define RELAY_COMMANDS_H

#include <jansson.h>

#define FLOWS_LISTED 10000 /* when the request says nothing else: some 4 MB */

struct daemon;
struct node;

/* tp_control_new's handler; arg is the struct daemon. */
json_t *relay_command(void *arg, const json_t *request);

/* The single commands; each returns a new reference. */
json_t *command_status(struct daemon *d);
json_t *command_nodes(struct daemon *d);
/* At most `limit`, of all or of those from or to the node of that name. */
json_t *command_flows(struct daemon *d, const char *node, size_t limit);
json_t *command_drops(struct daemon *d);
json_t *command_peer_config(struct daemon *d, const char *name);
json_t *command_explain(struct daemon *d, const char *a, const char *b);

#endif
