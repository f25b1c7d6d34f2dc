// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/commands.h"

#include <string.h>

#include "clock.h"
#include "control.h"
#include "control/daemon.h"
#include "control/store.h"
#include "crypto.h"

static json_t *status(const struct ctl_daemon *d)
{
	char listen[TP_ADDR_STRLEN];
	struct ctl_nodes_stats n = {0};
	char key[TP_KEY_STRLEN], ncp[TP_ADDR_STRLEN];
	struct ctl_api_stats s;
	json_t *answer;

	ctl_api_stats(d->api, &s);
	if (d->nodes)
		ctl_nodes_stats(d->nodes, &n);
	answer = json_pack("{s:s,s:s,s:b,s:I,s:I,s:I,s:i,s:I,s:I,s:I,s:I,s:I}", "version",
			   TP_VERSION, "listen", tp_endpoint_format(&d->config->listen, listen),
			   "tls", d->tls != NULL, "uptime_s",
			   (json_int_t)((tp_now() - d->started) / TP_NS_PER_SEC), "epoch",
			   (json_int_t)ctl_store_epoch(d->state.store), "revision",
			   (json_int_t)ctl_store_revision(d->state.store), "connections",
			   (int)s.connections, "calls", (json_int_t)s.calls, "refused",
			   (json_int_t)s.refused, "failed", (json_int_t)s.failed, "logins",
			   (json_int_t)s.logins, "bad_logins", (json_int_t)s.bad_logins);
	json_object_set_new(
		answer, "ncp",
		json_pack("{s:s,s:s,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "listen",
			  d->nodes ? tp_endpoint_format(&d->config->ncp_listen, ncp) : "off",
			  "public_key", tp_key_format(d->state.ncp.public_key, key), "connected",
			  (int)n.connected, "waiting", (int)n.waiting, "displaced",
			  (json_int_t)n.displaced, "joined", (json_int_t)n.joined, "refused",
			  (json_int_t)n.refused, "snapshots", (json_int_t)n.snapshots, "deltas",
			  (json_int_t)n.deltas, "bytes", (json_int_t)n.bytes, "applied",
			  (json_int_t)n.applied, "failed", (json_int_t)n.failed));
	return answer;
}

json_t *ctl_command(void *arg, const json_t *request)
{
	const char *command = json_string_value(json_object_get(request, "command"));
	struct ctl_daemon *d = arg;

	if (!command)
		return tp_control_error("no command given");
	if (!d->api)
		return tp_control_error("not started yet");
	if (!strcmp(command, "status"))
		return status(d);
	return tp_control_error("unknown command %s", command);
}
