// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike explain */
#include "cli.h"
#include "table.h"

/* A step's "ok" is null when an earlier failure left nothing to look at. */
static void show_mark(struct table *t, const json_t *ok)
{
	if (json_is_true(ok))
		table_cell(t, GREEN, "ok");
	else if (json_is_false(ok))
		table_cell(t, RED, "FAIL");
	else
		table_cell(t, DIM, "--");
}

static void show_steps(struct cli *cli, const json_t *reply)
{
	static const struct column columns[] = {
		{"", false, 0},
		{"STEP", false, 0},
		{"DETAIL", false, 0},
	};
	struct table *t = table_new(columns, 3);
	bool ok = json_is_true(json_object_get(reply, "ok"));
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(reply, "steps"), i, step)
	{
		show_mark(t, json_object_get(step, "ok"));
		table_cell(t, PLAIN, "%s", cli_str(step, "step"));
		table_cell(t, PLAIN, "%s", cli_str(step, "detail"));
	}
	table_print(t, stdout, cli->width, cli->colour);
	table_free(t);
	printf("\n%s%s%s\n", paint_on(ok ? GREEN : RED, cli->colour), cli_str(reply, "verdict"),
	       paint_off(ok ? GREEN : RED, cli->colour));
}

int cli_explain_pair(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return cli_show(
		cli, json_pack("{s:s,s:s,s:s}", "command", "explain", "a", argv[0], "b", argv[1]),
		show_steps);
}

int cli_explain_flow(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return cli_show(cli,
			json_pack("{s:s,s:s,s:s,s:s,s:s}", "command", "explain", "source", argv[0],
				  "destination", argv[1], "protocol", argv[2], "port", argv[3]),
			show_steps);
}
