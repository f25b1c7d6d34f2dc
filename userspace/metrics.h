/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Metrics in Prometheus' text exposition format 0.0.4, and the small HTTP server that shows them:
 * /metrics, /healthz (200 while the daemon's event loop turns) and /readyz. One request per
 * connection, GET and HEAD only, bounded as oneshot.h says.
 */
#ifndef TP_METRICS_H
#define TP_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct event_base;
struct evbuffer;
struct tp_metrics_server;

/* One page being written. The caller keeps it; nothing to free. */
struct tp_metrics {
	struct evbuffer *out;
	const char *family; /* name that samples get */
	bool failed;	    /* out of memory: the page is useless */
};

struct tp_metric_label {
	const char *name, *value;
};

/* Labels of a sample: TP_LABELS({"path", "xdp"}, {"node", name}); lives as long as the statement's
 * block. No labels: NULL. */
#define TP_LABELS(...) ((const struct tp_metric_label[]){__VA_ARGS__, {NULL, NULL}})

enum tp_metric_type { TP_COUNTER, TP_GAUGE };

void tp_metrics_init(struct tp_metrics *m, struct evbuffer *out);
/* Starts a family: its HELP and TYPE, once; all its samples follow before the next family begins.
 * `name` is kept by reference; counters are named ..._total, units (_bytes, _seconds) spelt out. */
void tp_metrics_family(struct tp_metrics *m, enum tp_metric_type type, const char *name,
		       const char *help);
/* A sample of the family begun last. `labels` end with {NULL, NULL} (TP_LABELS); values may hold
 * any text. */
void tp_metrics_u64(struct tp_metrics *m, const struct tp_metric_label *labels, uint64_t value);
void tp_metrics_real(struct tp_metrics *m, const struct tp_metric_label *labels, double value);
/* A family of one sample without labels. */
void tp_metrics_one(struct tp_metrics *m, enum tp_metric_type type, const char *name,
		    uint64_t value, const char *help);

struct tp_metrics_ops {
	/* Writes all families. */
	void (*collect)(void *arg, struct tp_metrics *m);
	/* NULL when ready, else why not (one line, valid until the next call). */
	const char *(*not_ready)(void *arg);
};

/* Listens on TCP at `listen`; port 0 lets the kernel choose. `ops` is kept by reference.
 * 0 or -errno, nothing logged. */
int tp_metrics_server_new(struct tp_metrics_server **out, struct event_base *base,
			  const struct tp_endpoint *listen, const struct tp_metrics_ops *ops,
			  void *arg);
/* Where it listens. */
struct tp_endpoint tp_metrics_server_endpoint(const struct tp_metrics_server *s);
void tp_metrics_server_free(struct tp_metrics_server *s);

#endif
