/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `top` of any daemon: one loop and one screen, and what differs between daemons. */
#ifndef TP_CLI_TOP_H
#define TP_CLI_TOP_H

#include "cli.h"
#include "rates.h"
#include "table.h"
#include "units.h"

struct view {
	FILE *out;
	unsigned int columns;
	bool colour;
};

struct top {
	const char *rows; /* command that lists what has counters of its own */
	/* Rates between two samples, the first of which may be empty; a new reference. */
	json_t *(*rates)(const struct sample *old, const struct sample *new);
	void (*frame)(const struct view *v, const struct sample *s, const json_t *rates);
};

int cli_top(struct cli *cli, const struct top *top);

/* Parts of a frame. */
void top_table(const struct view *v, struct table *t); /* prints and frees */
void top_rate(struct table *t, const json_t *row, const char *key,
	      const char *(*unit)(double n, char *buf));
void top_drops(const struct view *v, const json_t *rates);

#endif
