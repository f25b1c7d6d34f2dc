/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums that both the control socket and the metrics page show. */
#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H

#include "relay/daemon.h"

struct relay_totals {
	struct relay_count xdp, user; /* data packets forwarded */
	uint64_t dropped, answered, passed;
	uint32_t known, online;
};

enum relay_reason_kind { RELAY_DROP, RELAY_PASS, RELAY_ANSWER };

struct relay_reason_text {
	enum relay_reason_kind kind;
	const char *kind_name; /* "drop", "pass", "answer" */
	const char *name;
	const char *text;
};

extern const struct relay_reason_text relay_reason_texts[TP_REASON_MAX];

/* XDP's counters in xdp[TP_REASON_MAX]; the daemon's own are d->relay->reasons. */
void report_reasons(const struct daemon *d, struct relay_count *xdp);
void report_totals(const struct daemon *d, struct relay_totals *out);

#endif
