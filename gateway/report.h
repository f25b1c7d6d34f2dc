/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums and names that the control socket, the metrics page and explain share. */
#ifndef GATEWAY_REPORT_H
#define GATEWAY_REPORT_H

#include <jansson.h>

#include "gateway/daemon.h"

enum gw_reason_kind { GW_KIND_FORWARD, GW_KIND_PASS, GW_KIND_ANSWER, GW_KIND_DROP, GW_KINDS };

struct gw_reason_text {
	enum gw_reason_kind kind;
	const char *kind_name; /* "forward", "pass", "answer", "drop" */
	const char *name;
	const char *text;
};

extern const struct gw_reason_text gw_reason_texts[GW_REASON_MAX];

struct gw_totals {
	struct gw_count of[GW_KINDS];
};
void gw_report_totals(const struct gw_daemon *d, struct gw_totals *t);

/* Names of what numbers in flows stand for; "?" for none. */
const char *gw_report_overlay(const struct gw_daemon *d, uint32_t id);
const char *gw_report_uplink(const struct gw_daemon *d, uint32_t id);
/* "tcp", or the number in buf (8 bytes). */
const char *gw_report_proto(uint8_t proto, char *buf);
/* Of the configured peer that has the address in this overlay, or NULL. */
const char *gw_report_node(const struct gw_daemon *d, uint32_t overlay, const uint8_t addr[16]);
/* "default" for 0. Rules are numbered anew by each policy: only for flows judged by the present. */
const char *gw_report_rule(const struct gw_daemon *d, uint32_t rule);

/* One flow as JSON, a new reference. generation: of the policy in force; a flow that an older one
 * judged has no rule until its next packet. now in ticks. */
json_t *gw_report_flow(const struct gw_daemon *d, const struct gw_flow_key *key,
		       const struct gw_flow *flow, uint32_t generation, uint32_t now);

#endif
