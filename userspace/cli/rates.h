/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened between two looks at the relay's counters. */
#ifndef TP_CLI_RATES_H
#define TP_CLI_RATES_H

#include <stdint.h>

#include <jansson.h>

/* One look: the answers to status, nodes and drops, and when. */
struct sample {
	json_t *status, *nodes, *drops;
	uint64_t at; /* ns */
};

void sample_free(struct sample *s);

/* Rates from `old` to `new`, a new reference:
 *   {"interval_s", "xdp": {"packets_s", "bits_s"}, "user": {...}, "dropped_s",
 *    "nodes": [{"name", "network", "state", "flows",
 *               "rx_packets_s", "rx_bits_s", "tx_packets_s", "tx_bits_s"}],   busiest first
 *    "drops": [{"kind", "reason", "per_s", "total"}]}                         most frequent first
 * A rate is null when there is no earlier value, or a counter fell because the daemon restarted.
 * `old` may be empty. Only drops that have ever happened are listed. */
json_t *rates_between(const struct sample *old, const struct sample *new);

#endif
