// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike relay top: what a screen of it shows. */
#include <inttypes.h>
#include <string.h>

#include "top.h"

static void print_head(const struct view *v, const json_t *status)
{
	const json_t *nodes = json_object_get(status, "nodes");
	char up[UNIT_STRLEN];

	fprintf(v->out, "%s%s%s  %s  up %s  nodes %" PRIu64 "/%" PRIu64 "  flows %" PRIu64 "\n\n",
		paint_on(BOLD, v->colour), cli_str(status, "instance"), paint_off(BOLD, v->colour),
		cli_str(status, "attach"),
		unit_duration(json_number_value(json_object_get(status, "uptime_s")), up),
		cli_num(nodes, "online"), cli_num(nodes, "known"), cli_num(status, "flows"));
}

static void print_totals(const struct view *v, const json_t *rates)
{
	static const struct column columns[] = {
		{"FORWARDED", false, 0},
		{"PKT/S", true, 0},
		{"BIT/S", true, 0},
	};
	struct table *t = table_new(columns, 3);

	table_cell(t, PLAIN, "by XDP");
	top_rate(t, json_object_get(rates, "xdp"), "packets_s", unit_count);
	top_rate(t, json_object_get(rates, "xdp"), "bits_s", unit_bits);
	table_cell(t, PLAIN, "by daemon");
	top_rate(t, json_object_get(rates, "user"), "packets_s", unit_count);
	top_rate(t, json_object_get(rates, "user"), "bits_s", unit_bits);
	top_table(v, t);
}

static void print_nodes(const struct view *v, const json_t *rates)
{
	static const struct column columns[] = {
		{"NODE", false, 0},    {"NETWORK", false, 3}, {"STATE", false, 2},
		{"RX PKT/S", true, 0}, {"RX BIT/S", true, 0}, {"TX PKT/S", true, 0},
		{"TX BIT/S", true, 0}, {"FLOWS", true, 1},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(rates, "nodes"), i, row)
	{
		const char *state = cli_str(row, "state");

		table_cell(t, PLAIN, "%s", cli_str(row, "name"));
		table_cell(t, PLAIN, "%s", cli_str(row, "network"));
		table_cell(t, strcmp(state, "online") == 0 ? GREEN : YELLOW, "%s", state);
		top_rate(t, row, "rx_packets_s", unit_count);
		top_rate(t, row, "rx_bits_s", unit_bits);
		top_rate(t, row, "tx_packets_s", unit_count);
		top_rate(t, row, "tx_bits_s", unit_bits);
		table_cell(t, PLAIN, "%" PRIu64, cli_num(row, "flows"));
	}
	top_table(v, t);
}

/* What is most wanted comes first, because a low terminal cuts the end off. */
static void print_frame(const struct view *v, const struct sample *s, const json_t *rates)
{
	print_head(v, s->status);
	print_totals(v, rates);
	top_drops(v, rates);
	print_nodes(v, rates);
}

int cli_relay_top(struct cli *cli, int argc, char **argv)
{
	static const struct top relay = {
		.rows = "nodes",
		.rates = rates_between,
		.frame = print_frame,
	};

	(void)argc;
	(void)argv;
	return cli_top(cli, &relay);
}
