// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rates.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"

void sample_free(struct sample *s)
{
	json_decref(s->status);
	json_decref(s->rows);
	json_decref(s->drops);
	*s = (struct sample){0};
}

static json_t *rate(uint64_t old, uint64_t new, double factor, double seconds)
{
	if (new < old || seconds <= 0)
		return json_null();
	return json_real((double)(new - old) * factor / seconds);
}

/* Adds out[name] from the counter `key` of two objects, `old` NULL when there is none. */
void rates_add(json_t *out, const char *name, const json_t *old, const json_t *new, const char *key,
	       double factor, double seconds)
{
	json_object_set_new(out, name,
			    old ? rate(cli_num(old, key), cli_num(new, key), factor, seconds)
				: json_null());
}

static json_t *path_rates(const struct sample *old, const struct sample *new, const char *path,
			  double seconds)
{
	const json_t *a = json_object_get(json_object_get(old->status, "forwarded"), path);
	const json_t *b = json_object_get(json_object_get(new->status, "forwarded"), path);
	json_t *out = json_object();

	rates_add(out, "packets_s", a, b, "packets", 1, seconds);
	rates_add(out, "bits_s", a, b, "bytes", 8, seconds);
	return out;
}

static const char *node_key(const json_t *node)
{
	return cli_str(node, "public_key");
}

/* Reasons are unique within their kind. */
static const char *drop_key(const json_t *drop)
{
	static char key[128];

	snprintf(key, sizeof(key), "%s %s", cli_str(drop, "kind"), cli_str(drop, "reason"));
	return key;
}

/* {key: element}, to find the earlier values without a search for each. */
json_t *rates_index(const json_t *array, const char *(*key)(const json_t *element))
{
	json_t *index = json_object(), *element;
	size_t i;

	json_array_foreach(array, i, element) json_object_set(index, key(element), element);
	return index;
}

struct weighed {
	json_t *element;
	double weight;
};

static int heavier_first(const void *a, const void *b)
{
	double x = ((const struct weighed *)a)->weight, y = ((const struct weighed *)b)->weight;

	return (x < y) - (x > y);
}

/* The array in descending order of a number, null being the least. Takes over `array`. */
json_t *rates_sorted(json_t *array, double (*weight)(const json_t *element))
{
	size_t n = json_array_size(array);
	struct weighed *w = calloc(n + 1, sizeof(*w));
	json_t *out = json_array();

	if (!w)
		err(CLI_FAILURE, NULL);
	for (size_t i = 0; i < n; i++) {
		w[i].element = json_array_get(array, i);
		w[i].weight = weight(w[i].element);
	}
	qsort(w, n, sizeof(*w), heavier_first);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, w[i].element);
	free(w);
	json_decref(array);
	return out;
}

static double node_weight(const json_t *node)
{
	return json_number_value(json_object_get(node, "rx_bits_s")) +
	       json_number_value(json_object_get(node, "tx_bits_s"));
}

static double drop_weight(const json_t *drop)
{
	return json_number_value(json_object_get(drop, "per_s"));
}

static json_t *node_rates(const json_t *old, const json_t *new, double seconds)
{
	json_t *index = rates_index(old, node_key), *out = json_array();
	const json_t *node;
	size_t i;

	json_array_foreach(new, i, node)
	{
		const json_t *before = json_object_get(index, node_key(node));
		json_t *row =
			json_pack("{s:s,s:s,s:s,s:I}", "name", cli_str(node, "name"), "network",
				  cli_str(node, "network"), "state", cli_str(node, "state"),
				  "flows", (json_int_t)cli_num(node, "flows"));

		rates_add(row, "rx_packets_s", before, node, "rx_packets", 1, seconds);
		rates_add(row, "rx_bits_s", before, node, "rx_bytes", 8, seconds);
		rates_add(row, "tx_packets_s", before, node, "tx_packets", 1, seconds);
		rates_add(row, "tx_bits_s", before, node, "tx_bytes", 8, seconds);
		json_array_append_new(out, row);
	}
	json_decref(index);
	return rates_sorted(out, node_weight);
}

static uint64_t drop_total(const json_t *drop)
{
	return cli_num(drop, "xdp") + cli_num(drop, "user") + cli_num(drop, "packets");
}

json_t *rates_drops(const json_t *old, const json_t *new, double seconds)
{
	json_t *index = rates_index(old, drop_key), *out = json_array();
	const json_t *drop;
	size_t i;

	json_array_foreach(new, i, drop)
	{
		const json_t *before = json_object_get(index, drop_key(drop));
		uint64_t total = drop_total(drop);

		if (!total || !strcmp(cli_str(drop, "kind"), "forward"))
			continue;
		json_array_append_new(out,
				      json_pack("{s:s,s:s,s:o,s:I}", "kind", cli_str(drop, "kind"),
						"reason", cli_str(drop, "reason"), "per_s",
						before ? rate(drop_total(before), total, 1, seconds)
						       : json_null(),
						"total", (json_int_t)total));
	}
	json_decref(index);
	return rates_sorted(out, drop_weight);
}

json_t *rates_between(const struct sample *old, const struct sample *new)
{
	double seconds = old->status ? (double)(new->at - old->at) / TP_NS_PER_SEC : 0;
	json_t *out = json_pack("{s:f,s:o,s:o}", "interval_s", seconds, "xdp",
				path_rates(old, new, "xdp", seconds), "user",
				path_rates(old, new, "user", seconds));

	rates_add(out, "dropped_s", old->status, new->status, "dropped", 1, seconds);
	json_object_set_new(out, "nodes", node_rates(old->rows, new->rows, seconds));
	json_object_set_new(out, "drops", rates_drops(old->drops, new->drops, seconds));
	return out;
}
