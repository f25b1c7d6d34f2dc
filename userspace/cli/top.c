// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike relay top */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "clock.h"
#include "rates.h"
#include "screen.h"
#include "table.h"
#include "units.h"

#define DROPS_SHOWN 8

static int ask_into(const struct cli *cli, const char *command, json_t **out)
{
	int err = cli_ask_quietly(cli, json_pack("{s:s}", "command", command), out);

	if (!err && cli_has(*out, "error"))
		err = -EBADMSG;
	return err;
}

/* 0, -EINTR, or -errno; *s is empty then. */
static int take_sample(const struct cli *cli, struct sample *s)
{
	int err;

	*s = (struct sample){0};
	err = ask_into(cli, "status", &s->status);
	s->at = tp_now();
	if (!err)
		err = ask_into(cli, "nodes", &s->nodes);
	if (!err)
		err = ask_into(cli, "drops", &s->drops);
	if (err)
		sample_free(s);
	return err;
}

static void cell_rate(struct table *t, const json_t *row, const char *key,
		      const char *(*unit)(double n, char *buf))
{
	char buf[UNIT_STRLEN];

	table_cell(t, PLAIN, "%s",
		   cli_has(row, key) ? unit(json_number_value(json_object_get(row, key)), buf)
				     : "-");
}

struct view {
	FILE *out;
	unsigned int columns;
	bool colour;
};

static void print_table(const struct view *v, struct table *t)
{
	table_print(t, v->out, v->columns, v->colour);
	table_free(t);
	fputc('\n', v->out);
}

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
	cell_rate(t, json_object_get(rates, "xdp"), "packets_s", unit_count);
	cell_rate(t, json_object_get(rates, "xdp"), "bits_s", unit_bits);
	table_cell(t, PLAIN, "by daemon");
	cell_rate(t, json_object_get(rates, "user"), "packets_s", unit_count);
	cell_rate(t, json_object_get(rates, "user"), "bits_s", unit_bits);
	print_table(v, t);
}

static void print_drops(const struct view *v, const json_t *rates)
{
	static const struct column columns[] = {
		{"NOT FORWARDED", false, 0},
		{"REASON", false, 0},
		{"PKT/S", true, 0},
		{"TOTAL", true, 1},
	};
	const json_t *drops = json_object_get(rates, "drops"), *row;
	struct table *t;
	char buf[UNIT_STRLEN];
	size_t i;

	if (!json_array_size(drops))
		return;
	t = table_new(columns, 4);
	json_array_foreach(drops, i, row)
	{
		if (i == DROPS_SHOWN)
			break;
		table_cell(t, PLAIN, "%s", cli_str(row, "kind"));
		table_cell(t, PLAIN, "%s", cli_str(row, "reason"));
		cell_rate(t, row, "per_s", unit_count);
		table_cell(t, PLAIN, "%s", unit_count(cli_num(row, "total"), buf));
	}
	print_table(v, t);
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
		cell_rate(t, row, "rx_packets_s", unit_count);
		cell_rate(t, row, "rx_bits_s", unit_bits);
		cell_rate(t, row, "tx_packets_s", unit_count);
		cell_rate(t, row, "tx_bits_s", unit_bits);
		table_cell(t, PLAIN, "%" PRIu64, cli_num(row, "flows"));
	}
	print_table(v, t);
}

/* What is most wanted comes first, because a low terminal cuts the end off. */
static void print_frame(const struct view *v, const struct sample *s, const json_t *rates)
{
	print_head(v, s->status);
	print_totals(v, rates);
	print_drops(v, rates);
	print_nodes(v, rates);
}

static void draw_frame(const struct cli *cli, const struct sample *s, const json_t *rates)
{
	struct view v = {.colour = cli->colour};
	unsigned int rows;
	char *text = NULL;
	size_t len;

	screen_size(&v.columns, &rows);
	v.out = open_memstream(&text, &len);
	if (!v.out)
		return;
	print_frame(&v, s, rates);
	fclose(v.out);
	screen_draw(text, rows);
	free(text);
}

static void show_frame(const struct cli *cli, const struct sample *s, const json_t *rates)
{
	struct view v = {.out = stdout};

	if (cli->json) {
		json_dumpf(rates, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	} else if (screen_active()) {
		draw_frame(cli, s, rates);
	} else {
		print_frame(&v, s, rates);
		fflush(stdout);
	}
}

/* Waits, redrawing when the terminal changes. True to go on. */
static bool wait_next(const struct cli *cli, uint64_t deadline, const struct sample *s,
		      const json_t *rates)
{
	enum screen_event event;

	while ((event = screen_wait(deadline)) == SCREEN_RESIZED)
		if (screen_active())
			show_frame(cli, s, rates);
	return event == SCREEN_TIMEOUT;
}

/* A signal interrupts the asking; unless it was to quit, ask again. */
static int sample_again(const struct cli *cli, struct sample *s)
{
	int err;

	do
		err = take_sample(cli, s);
	while (err == -EINTR && !screen_quit_asked());
	return err;
}

static int run_top(const struct cli *cli)
{
	struct sample old = {0}, new = {0};
	json_t *rates = NULL;
	unsigned int shown = 0;
	int err = sample_again(cli, &new);

	while (!err) {
		json_decref(rates);
		rates = rates_between(&old, &new);
		/* Without an earlier sample there is no rate to show but on a screen. */
		if (old.status || screen_active())
			show_frame(cli, &new, rates);
		if (ferror(stdout) || (old.status && cli->count && ++shown == cli->count))
			break;
		if (!wait_next(cli, new.at + TP_MS(cli->delay_ms), &new, rates))
			break;
		sample_free(&old);
		old = new;
		err = sample_again(cli, &new);
	}
	json_decref(rates);
	sample_free(&old);
	sample_free(&new);
	return screen_quit_asked() ? 0 : err;
}

int cli_relay_top(struct cli *cli, int argc, char **argv)
{
	int err;

	(void)argc;
	(void)argv;
	if (!cli->json)
		screen_enter();
	err = run_top(cli);
	screen_leave();
	return err ? cli_fail("%s", cli_ask_error(cli, err)) : CLI_OK;
}
