/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened between two looks at a daemon's counters. */
#ifndef TP_CLI_RATES_H
#define TP_CLI_RATES_H

#include <stdint.h>

#include <jansson.h>

/* One look: the answers to status, to what lists nodes or flows, and to drops, and when. */
struct sample {
	json_t *status, *rows, *drops;
	uint64_t at; /* ns */
};

void sample_free(struct sample *s);

/* Adds out[name], the rate of the counter `key` between two objects; null when `old` is NULL or the
 * counter fell. */
void rates_add(json_t *out, const char *name, const json_t *old, const json_t *new, const char *key,
	       double factor, double seconds);
/* {key: element} of an array. */
json_t *rates_index(const json_t *array, const char *(*key)(const json_t *element));
/* The array in descending order of a number. Takes over `array`. */
json_t *rates_sorted(json_t *array, double (*weight)(const json_t *element));
/* [{"kind", "reason", "per_s", "total"}], most frequent first. */
json_t *rates_drops(const json_t *old, const json_t *new, double seconds);

/* The relay's rates from `old` to `new`, a new reference:
 *   {"interval_s", "xdp": {"packets_s", "bits_s"}, "user": {...}, "dropped_s",
 *    "nodes": [{"name", "network", "state", "flows",
 *               "rx_packets_s", "rx_bits_s", "tx_packets_s", "tx_bits_s"}],   busiest first
 *    "drops": [{"kind", "reason", "per_s", "total"}]}                         most frequent first
 * A rate is null when there is no earlier value, or a counter fell because the daemon restarted.
 * `old` may be empty. Only drops that have ever happened are listed. */
json_t *rates_between(const struct sample *old, const struct sample *new);

#endif
