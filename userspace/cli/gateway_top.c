// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike gateway top: flows by their rates. */
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "clock.h"
#include "top.h"

#define FLOWS_SHOWN 30

/* --- rates ---------------------------------------------------------------------------------- */

static const char *flow_key(const json_t *f)
{
	static char key[256];

	snprintf(key, sizeof(key), "%s %s %" PRIu64 " %s %" PRIu64 " %s", cli_str(f, "overlay"),
		 cli_str(f, "node"), cli_num(f, "node_port"), cli_str(f, "remote"),
		 cli_num(f, "remote_port"), cli_str(f, "protocol"));
	return key;
}

static double flow_weight(const json_t *f)
{
	return json_number_value(json_object_get(f, "out_bits_s")) +
	       json_number_value(json_object_get(f, "in_bits_s"));
}

static void add_direction(json_t *row, const char *packets, const char *bits, const json_t *old,
			  const json_t *new, const char *direction, double seconds)
{
	const json_t *a = old ? json_object_get(old, direction) : NULL;
	const json_t *b = json_object_get(new, direction);

	rates_add(row, packets, a, b, "packets", 1, seconds);
	rates_add(row, bits, a, b, "bytes", 8, seconds);
}

static json_t *flow_rates(const json_t *old, const json_t *new, double seconds)
{
	json_t *index = rates_index(old, flow_key), *out = json_array();
	const json_t *flow;
	size_t i;

	json_array_foreach(new, i, flow)
	{
		const json_t *before = json_object_get(index, flow_key(flow));
		json_t *row = json_copy((json_t *)flow);

		add_direction(row, "out_packets_s", "out_bits_s", before, flow, "out", seconds);
		add_direction(row, "in_packets_s", "in_bits_s", before, flow, "in", seconds);
		json_array_append_new(out, row);
	}
	json_decref(index);
	return rates_sorted(out, flow_weight);
}

static json_t *gateway_rates(const struct sample *old, const struct sample *new)
{
	double seconds = old->status ? (double)(new->at - old->at) / TP_NS_PER_SEC : 0;
	const json_t *before = old->status ? json_object_get(old->status, "forwarded") : NULL;
	const json_t *now = json_object_get(new->status, "forwarded");
	json_t *out = json_pack("{s:f}", "interval_s", seconds);

	rates_add(out, "packets_s", before, now, "packets", 1, seconds);
	rates_add(out, "bits_s", before, now, "bytes", 8, seconds);
	rates_add(out, "dropped_s", old->status, new->status, "dropped", 1, seconds);
	json_object_set_new(out, "flows", flow_rates(old->rows, new->rows, seconds));
	json_object_set_new(out, "drops", rates_drops(old->drops, new->drops, seconds));
	return out;
}

/* --- the frame ------------------------------------------------------------------------------ */

static void print_head(const struct view *v, const json_t *status)
{
	char up[UNIT_STRLEN];

	fprintf(v->out, "%s%s%s  up %s  flows %" PRIu64 "/%" PRIu64 "\n\n",
		paint_on(BOLD, v->colour), cli_str(status, "instance"), paint_off(BOLD, v->colour),
		unit_duration(json_number_value(json_object_get(status, "uptime_s")), up),
		cli_num(status, "flows"), cli_num(status, "flows_limit"));
}

static void print_totals(const struct view *v, const json_t *rates)
{
	static const struct column columns[] = {
		{"FORWARDED PKT/S", true, 0},
		{"BIT/S", true, 0},
		{"DROPPED PKT/S", true, 0},
	};
	struct table *t = table_new(columns, 3);

	top_rate(t, rates, "packets_s", unit_count);
	top_rate(t, rates, "bits_s", unit_bits);
	top_rate(t, rates, "dropped_s", unit_count);
	top_table(v, t);
}

static void cell_end(struct table *t, const json_t *row, const char *addr, const char *port)
{
	table_cell(t, PLAIN, "%s %" PRIu64, cli_str(row, addr), cli_num(row, port));
}

static void print_flows(const struct view *v, const json_t *rates)
{
	static const struct column columns[] = {
		{"NODE", false, 0},    {"REMOTE", false, 0},   {"PROTO", false, 0},
		{"RULE", false, 1},    {"OUT PKT/S", true, 2}, {"OUT BIT/S", true, 0},
		{"IN PKT/S", true, 2}, {"IN BIT/S", true, 0},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(rates, "flows"), i, row)
	{
		if (i == FLOWS_SHOWN)
			break;
		cell_end(t, row, "node", "node_port");
		cell_end(t, row, "remote", "remote_port");
		table_cell(t, PLAIN, "%s", cli_str(row, "protocol"));
		table_cell(t, PLAIN, "%s", cli_flow_rule(row));
		top_rate(t, row, "out_packets_s", unit_count);
		top_rate(t, row, "out_bits_s", unit_bits);
		top_rate(t, row, "in_packets_s", unit_count);
		top_rate(t, row, "in_bits_s", unit_bits);
	}
	top_table(v, t);
}

static void print_frame(const struct view *v, const struct sample *s, const json_t *rates)
{
	print_head(v, s->status);
	print_totals(v, rates);
	top_drops(v, rates);
	print_flows(v, rates);
}

int cli_gateway_top(struct cli *cli, int argc, char **argv)
{
	static const struct top gateway = {
		.rows = "flows",
		.rates = gateway_rates,
		.frame = print_frame,
	};

	(void)argc;
	(void)argv;
	return cli_top(cli, &gateway);
}
