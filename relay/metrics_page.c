/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "clock.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/metrics_page.h"
#include "relay/pending.h"
#include "relay/report.h"

static void write_forwarded(struct tp_metrics *m, const struct relay_totals *t)
{
	tp_metrics_family(m, TP_COUNTER, "turnpike_relay_forwarded_packets_total",
			  "Data packets forwarded, by the path they took.");
	tp_metrics_u64(m, TP_LABELS({"path", "xdp"}), t->xdp.packets);
	tp_metrics_u64(m, TP_LABELS({"path", "user"}), t->user.packets);
	tp_metrics_family(m, TP_COUNTER, "turnpike_relay_forwarded_bytes_total",
			  "UDP payload of the data packets forwarded.");
	tp_metrics_u64(m, TP_LABELS({"path", "xdp"}), t->xdp.bytes);
	tp_metrics_u64(m, TP_LABELS({"path", "user"}), t->user.bytes);
}

static void write_reasons(struct tp_metrics *m, const struct daemon *d, const char *name,
			  const char *help, enum relay_reason_kind kind)
{
	struct relay_count xdp[TP_REASON_MAX];

	report_reasons(d, xdp);
	tp_metrics_family(m, TP_COUNTER, name, help);
	for (int i = 0; i < TP_REASON_MAX; i++) {
		if (relay_reason_texts[i].kind == kind)
			tp_metrics_u64(m, TP_LABELS({"reason", relay_reason_texts[i].name}),
				       xdp[i].packets + d->relay->reasons[i].packets);
	}
}

static void write_handshakes(struct tp_metrics *m, const struct relay_stats *s)
{
	tp_metrics_family(m, TP_COUNTER, "turnpike_relay_handshakes_total",
			  "Handshake messages passed on, sent and accepted, by kind.");
	tp_metrics_u64(m, TP_LABELS({"kind", "initiation"}), s->initiations);
	tp_metrics_u64(m, TP_LABELS({"kind", "response"}), s->responses);
	tp_metrics_u64(m, TP_LABELS({"kind", "cookie"}), s->cookies);
	tp_metrics_u64(m, TP_LABELS({"kind", "challenge"}), s->challenges);
	tp_metrics_u64(m, TP_LABELS({"kind", "registration"}), s->registrations);
	tp_metrics_u64(m, TP_LABELS({"kind", "probe"}), s->probes);
	tp_metrics_u64(m, TP_LABELS({"kind", "move"}), s->moves);
}

static void write_state(struct tp_metrics *m, const struct daemon *d, const struct relay_totals *t)
{
	tp_metrics_family(m, TP_GAUGE, "turnpike_relay_nodes", "Nodes configured, by state.");
	tp_metrics_u64(m, TP_LABELS({"state", "online"}), t->online);
	tp_metrics_u64(m, TP_LABELS({"state", "offline"}), t->known - t->online);
	tp_metrics_one(m, TP_GAUGE, "turnpike_relay_flows", flows_total(d->relay),
		       "Flows in the table.");
	tp_metrics_one(m, TP_GAUGE, "turnpike_relay_flows_limit", d->config->limits.flows,
		       "Flows the table may hold.");
	tp_metrics_one(m, TP_GAUGE, "turnpike_relay_pending_handshakes", pendings_total(d->relay),
		       "Initiations passed on in the last seconds.");
	tp_metrics_family(m, TP_GAUGE, "turnpike_relay_attached",
			  "Whether XDP is attached, by interface and mode.");
	for (size_t i = 0; i < d->config->n_interfaces; i++) {
		const char *name = d->config->interfaces[i];

		tp_metrics_u64(m,
			       TP_LABELS({"interface", name}, {"mode", relay_datapath_mode(d->dp)}),
			       d->config->attach != RELAY_ATTACH_OFF &&
				       relay_datapath_attached(d->dp, name));
	}
	tp_metrics_one(m, TP_GAUGE, "turnpike_relay_uptime_seconds",
		       (tp_now() - d->relay->started) / TP_NS_PER_SEC,
		       "Time since the daemon started.");
	tp_metrics_family(m, TP_GAUGE, "turnpike_build_info", "Version, as a label.");
	tp_metrics_u64(m, TP_LABELS({"version", TP_VERSION}), 1);
}

static void collect(void *arg, struct tp_metrics *m)
{
	const struct daemon *d = arg;
	struct relay_totals t;

	report_totals(d, &t);
	write_forwarded(m, &t);
	write_reasons(m, d, "turnpike_relay_dropped_packets_total",
		      "Packets that ended at the relay, by reason.", RELAY_DROP);
	write_reasons(m, d, "turnpike_relay_passed_packets_total",
		      "Packets that XDP handed to the kernel, by reason.", RELAY_PASS);
	write_reasons(m, d, "turnpike_relay_answered_packets_total",
		      "Packets answered in place, by kind.", RELAY_ANSWER);
	write_handshakes(m, &d->relay->stats);
	write_state(m, d, &t);
}

static const char *not_ready(void *arg)
{
	const struct daemon *d = arg;

	if (!d->ready)
		return "starting";
	for (size_t i = 0; i < d->config->n_interfaces; i++)
		if (!relay_datapath_attached(d->dp, d->config->interfaces[i]))
			return "XDP is not attached to every interface";
	return NULL;
}

const struct tp_metrics_ops relay_metrics_ops = {.collect = collect, .not_ready = not_ready};
