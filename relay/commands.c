/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <string.h>

#include "control.h"
#include "relay/commands.h"
#include "relay/daemon.h"
#include "relay/node.h"

static json_t *run_detach(struct daemon *d)
{
	daemon_stop(d, true);
	return json_pack("{s:b}", "ok", 1);
}

static const char *text_of(const json_t *request, const char *name)
{
	return json_string_value(json_object_get(request, name));
}

static json_t *run_flows(struct daemon *d, const json_t *request)
{
	const json_t *node = json_object_get(request, "node");
	const json_t *limit = json_object_get(request, "limit");
	const char *name = json_string_value(node);

	if (node && (!name || !node_by_word(d->relay, name)))
		return tp_control_error("no node %s", name ? name : "is named by that");
	if (limit && json_integer_value(limit) < 1)
		return tp_control_error("limit must be a number above 0");
	return command_flows(d, name, limit ? (size_t)json_integer_value(limit) : FLOWS_LISTED);
}

json_t *relay_command(void *arg, const json_t *request)
{
	static const struct {
		const char *name;
		json_t *(*run)(struct daemon *d);
	} plain[] = {
		{"status", command_status},
		{"nodes", command_nodes},
		{"drops", command_drops},
		{"detach", run_detach},
	};
	const char *command = text_of(request, "command");
	const char *name = text_of(request, "name");
	const char *a = text_of(request, "a"), *b = text_of(request, "b");
	struct daemon *d = arg;

	if (!command)
		return tp_control_error("no command given");
	for (unsigned int i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(command, plain[i].name))
			return plain[i].run(d);
	if (!strcmp(command, "flows"))
		return run_flows(d, request);
	if (!strcmp(command, "peer-config"))
		return name ? command_peer_config(d, name) : tp_control_error("no name given");
	if (!strcmp(command, "explain"))
		return a && b ? command_explain(d, a, b) : tp_control_error("two names are needed");
	return tp_control_error("unknown command %s", command);
}
