// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/metrics_page.h"

#include "control/daemon.h"
#include "control/store.h"

static void write_api(struct tp_metrics *m, const struct ctl_api_stats *s)
{
	tp_metrics_one(m, TP_GAUGE, "turnpike_control_api_connections", s->connections,
		       "Connections to the API.");
	tp_metrics_family(m, TP_COUNTER, "turnpike_control_api_calls_total",
			  "Calls of the API, by how they ended.");
	tp_metrics_u64(m, TP_LABELS({"result", "ok"}), s->calls - s->refused - s->failed);
	tp_metrics_u64(m, TP_LABELS({"result", "refused"}), s->refused);
	tp_metrics_u64(m, TP_LABELS({"result", "failed"}), s->failed);
	tp_metrics_family(m, TP_COUNTER, "turnpike_control_logins_total",
			  "Logins whose password was looked at.");
	tp_metrics_u64(m, TP_LABELS({"result", "ok"}), s->logins);
	tp_metrics_u64(m, TP_LABELS({"result", "refused"}), s->bad_logins);
}

static void write_nodes(struct tp_metrics *m, const struct ctl_nodes_stats *s)
{
	tp_metrics_one(m, TP_GAUGE, "turnpike_control_nodes", s->connected,
		       "Nodes, gateways and relays that are connected.");
	tp_metrics_one(m, TP_GAUGE, "turnpike_control_nodes_waiting", s->waiting,
		       "Connections that have not said hello.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_nodes_displaced_total", s->displaced,
		       "Of these, closed as the oldest when there were too many.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_joins_total", s->joined,
		       "Devices that were admitted by an auth key.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_nodes_refused_total", s->refused,
		       "Nodes that were not admitted.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_networks_read_total", s->networks,
		       "Networks that were read to tell nodes of them.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_views_made_total", s->views,
		       "What nodes are to know, to be compared with what they know.");
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_views_failed_total", s->untold,
		       "Of these, not made or not sent, for want of memory or of the database.");
	tp_metrics_family(m, TP_COUNTER, "turnpike_control_views_sent_total",
			  "What nodes were told, whole or only the changes.");
	tp_metrics_u64(m, TP_LABELS({"as", "snapshot"}), s->snapshots);
	tp_metrics_u64(m, TP_LABELS({"as", "delta"}), s->deltas);
	tp_metrics_one(m, TP_COUNTER, "turnpike_control_sent_bytes_total", s->bytes,
		       "Text of messages to nodes.");
	tp_metrics_family(m, TP_COUNTER, "turnpike_control_acknowledged_total",
			  "What nodes made of it.");
	tp_metrics_u64(m, TP_LABELS({"status", "applied"}), s->applied);
	tp_metrics_u64(m, TP_LABELS({"status", "failed"}), s->failed);
}

static void collect(void *arg, struct tp_metrics *m)
{
	const struct ctl_daemon *d = arg;
	struct ctl_api_stats s = {0};
	struct ctl_nodes_stats n = {0};

	if (d->api)
		ctl_api_stats(d->api, &s);
	write_api(m, &s);
	if (d->nodes)
		ctl_nodes_stats(d->nodes, &n);
	write_nodes(m, &n);
	tp_metrics_one(m, TP_GAUGE, "turnpike_control_revision", ctl_store_revision(d->state.store),
		       "Revision of what nodes are told.");
}

static const char *not_ready(void *arg)
{
	const struct ctl_daemon *d = arg;

	return d->api ? NULL : "starting";
}

const struct tp_metrics_ops ctl_metrics_ops = {.collect = collect, .not_ready = not_ready};
