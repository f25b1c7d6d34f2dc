// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cells.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "units.h"

#define LIST_MAX 256

void cell_str(struct table *t, const json_t *row, const char *key)
{
	const char *text = cli_str(row, key);

	table_cell(t, PLAIN, "%s", *text ? text : "-");
}

const char *cli_flow_rule(const json_t *flow)
{
	return strcmp(cli_str(flow, "policy"), "older") ? cli_str(flow, "rule") : "older policy";
}

void cell_count(struct table *t, const json_t *row, const char *key)
{
	char buf[UNIT_STRLEN];

	table_cell(t, PLAIN, "%s", cli_has(row, key) ? unit_count(cli_num(row, key), buf) : "-");
}

void cell_bytes(struct table *t, const json_t *row, const char *key)
{
	char buf[UNIT_STRLEN];

	table_cell(t, PLAIN, "%s", cli_has(row, key) ? unit_bytes(cli_num(row, key), buf) : "-");
}

void cell_duration(struct table *t, const json_t *row, const char *key)
{
	char buf[UNIT_STRLEN];
	double seconds = json_number_value(json_object_get(row, key));

	table_cell(t, PLAIN, "%s", cli_has(row, key) ? unit_duration(seconds, buf) : "-");
}

void cell_number(struct table *t, const json_t *row, const char *key)
{
	if (cli_has(row, key))
		table_cell(t, PLAIN, "%" PRIu64, cli_num(row, key));
	else
		table_cell(t, PLAIN, "-");
}

void cell_millis(struct table *t, const json_t *row, const char *key)
{
	if (cli_has(row, key))
		table_cell(t, PLAIN, "%.1f ms", (double)cli_num(row, key) / 1000);
	else
		table_cell(t, PLAIN, "-");
}

void cell_yes(struct table *t, const json_t *row, const char *key)
{
	table_cell(t, PLAIN, "%s", json_is_true(json_object_get(row, key)) ? "yes" : "no");
}

void cell_list(struct table *t, const json_t *row, const char *key)
{
	char text[LIST_MAX] = "";
	size_t i, used = 0;
	const json_t *e;

	json_array_foreach(json_object_get(row, key), i, e)
	{
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 i ? " " : "", json_string_value(e));
	}
	table_cell(t, PLAIN, "%s", *text ? text : "-");
}

void table_finish(const struct cli *cli, struct table *t)
{
	table_print(t, stdout, cli->width, cli->colour);
	table_free(t);
}

void cli_line(const struct cli *cli, const char *title, const char *fmt, ...)
{
	va_list ap;

	printf("%s%-14s%s", paint_on(BOLD, cli->colour), title, paint_off(BOLD, cli->colour));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}
