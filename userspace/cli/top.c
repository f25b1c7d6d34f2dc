// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Live rates: asking again and again, and the screen that shows them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "screen.h"
#include "top.h"

#define DROPS_SHOWN 8

static int ask_into(const struct cli *cli, const char *command, json_t **out)
{
	int err = cli_ask_quietly(cli, json_pack("{s:s}", "command", command), out);

	if (!err && cli_has(*out, "error"))
		err = -EBADMSG;
	return err;
}

/* 0, -EINTR, or -errno; *s is empty then. */
static int take_sample(const struct cli *cli, const struct top *top, struct sample *s)
{
	int err;

	*s = (struct sample){0};
	err = ask_into(cli, "status", &s->status);
	s->at = tp_now();
	if (!err)
		err = ask_into(cli, top->rows, &s->rows);
	if (!err)
		err = ask_into(cli, "drops", &s->drops);
	if (err)
		sample_free(s);
	return err;
}

void top_rate(struct table *t, const json_t *row, const char *key,
	      const char *(*unit)(double n, char *buf))
{
	char buf[UNIT_STRLEN];

	table_cell(t, PLAIN, "%s",
		   cli_has(row, key) ? unit(json_number_value(json_object_get(row, key)), buf)
				     : "-");
}

void top_table(const struct view *v, struct table *t)
{
	table_print(t, v->out, v->columns, v->colour);
	table_free(t);
	fputc('\n', v->out);
}

void top_drops(const struct view *v, const json_t *rates)
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
		top_rate(t, row, "per_s", unit_count);
		table_cell(t, PLAIN, "%s", unit_count(cli_num(row, "total"), buf));
	}
	top_table(v, t);
}

static void draw_frame(const struct cli *cli, const struct top *top, const struct sample *s,
		       const json_t *rates)
{
	struct view v = {.colour = cli->colour};
	unsigned int rows;
	char *text = NULL;
	size_t len;

	screen_size(&v.columns, &rows);
	v.out = open_memstream(&text, &len);
	if (!v.out)
		return;
	top->frame(&v, s, rates);
	fclose(v.out);
	screen_draw(text, rows);
	free(text);
}

static void show_frame(const struct cli *cli, const struct top *top, const struct sample *s,
		       const json_t *rates)
{
	struct view v = {.out = stdout};

	if (cli->json) {
		json_dumpf(rates, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	} else if (screen_active()) {
		draw_frame(cli, top, s, rates);
	} else {
		top->frame(&v, s, rates);
		fflush(stdout);
	}
}

/* Waits, redrawing when the terminal changes. True to go on. */
static bool wait_next(const struct cli *cli, const struct top *top, uint64_t deadline,
		      const struct sample *s, const json_t *rates)
{
	enum screen_event event;

	while ((event = screen_wait(deadline)) == SCREEN_RESIZED)
		if (screen_active())
			show_frame(cli, top, s, rates);
	return event == SCREEN_TIMEOUT;
}

/* A signal interrupts the asking; unless it was to quit, ask again. */
static int sample_again(const struct cli *cli, const struct top *top, struct sample *s)
{
	int err;

	do
		err = take_sample(cli, top, s);
	while (err == -EINTR && !screen_quit_asked());
	return err;
}

static int run_top(const struct cli *cli, const struct top *top)
{
	struct sample old = {0}, new = {0};
	json_t *rates = NULL;
	unsigned int shown = 0;
	int err = sample_again(cli, top, &new);

	while (!err) {
		json_decref(rates);
		rates = top->rates(&old, &new);
		/* Without an earlier sample there is no rate to show but on a screen. */
		if (old.status || screen_active())
			show_frame(cli, top, &new, rates);
		if (ferror(stdout) || (old.status && cli->count && ++shown == cli->count))
			break;
		if (!wait_next(cli, top, new.at + TP_MS(cli->delay_ms), &new, rates))
			break;
		sample_free(&old);
		old = new;
		err = sample_again(cli, top, &new);
	}
	json_decref(rates);
	sample_free(&old);
	sample_free(&new);
	return screen_quit_asked() ? 0 : err;
}

int cli_top(struct cli *cli, const struct top *top)
{
	int err;

	if (!cli->json)
		screen_enter();
	err = run_top(cli, top);
	screen_leave();
	return err ? cli_fail("%s", cli_ask_error(cli, err)) : CLI_OK;
}
