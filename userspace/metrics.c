// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <event2/buffer.h>

void tp_metrics_init(struct tp_metrics *m, struct evbuffer *out)
{
	*m = (struct tp_metrics){.out = out};
}

static void put(struct tp_metrics *m, const char *s, size_t len)
{
	if (evbuffer_add(m->out, s, len))
		m->failed = true;
}

static void put_text(struct tp_metrics *m, const char *s)
{
	put(m, s, strlen(s));
}

/* Backslash and line feed are escaped everywhere, the quote only inside quotes. */
static void put_escaped(struct tp_metrics *m, const char *s, const char *special)
{
	while (*s) {
		size_t n = strcspn(s, special);

		put(m, s, n);
		s += n;
		if (!*s)
			break;
		put(m, "\\", 1);
		put(m, *s == '\n' ? "n" : s, 1);
		s++;
	}
}

void tp_metrics_family(struct tp_metrics *m, enum tp_metric_type type, const char *name,
		       const char *help)
{
	m->family = name;
	put_text(m, "# HELP ");
	put_text(m, name);
	put_text(m, " ");
	put_escaped(m, help, "\\\n");
	put_text(m, "\n# TYPE ");
	put_text(m, name);
	put_text(m, type == TP_COUNTER ? " counter\n" : " gauge\n");
}

static void put_name(struct tp_metrics *m, const struct tp_metric_label *l)
{
	const char *before = "{";

	put_text(m, m->family);
	if (!l || !l->name)
		return;
	for (; l->name; l++) {
		put_text(m, before);
		put_text(m, l->name);
		put_text(m, "=\"");
		put_escaped(m, l->value, "\\\n\"");
		put_text(m, "\"");
		before = ",";
	}
	put_text(m, "}");
}

void tp_metrics_u64(struct tp_metrics *m, const struct tp_metric_label *labels, uint64_t value)
{
	put_name(m, labels);
	if (evbuffer_add_printf(m->out, " %" PRIu64 "\n", value) < 0)
		m->failed = true;
}

void tp_metrics_real(struct tp_metrics *m, const struct tp_metric_label *labels, double value)
{
	put_name(m, labels);
	if (isnan(value))
		put_text(m, " NaN\n");
	else if (isinf(value))
		put_text(m, value > 0 ? " +Inf\n" : " -Inf\n");
	else if (evbuffer_add_printf(m->out, " %.17g\n", value) < 0)
		m->failed = true;
}

void tp_metrics_one(struct tp_metrics *m, enum tp_metric_type type, const char *name,
		    uint64_t value, const char *help)
{
	tp_metrics_family(m, type, name, help);
	tp_metrics_u64(m, NULL, value);
}
