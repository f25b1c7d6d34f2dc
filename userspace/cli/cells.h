/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members of answers as cells of a table; "-" when a member is absent, or an empty text. */
#ifndef TP_CLI_CELLS_H
#define TP_CLI_CELLS_H

#include "cli.h"
#include "table.h"

void cell_str(struct table *t, const json_t *row, const char *key);
void cell_count(struct table *t, const json_t *row, const char *key);
void cell_bytes(struct table *t, const json_t *row, const char *key);
void cell_duration(struct table *t, const json_t *row, const char *key);
void cell_millis(struct table *t, const json_t *row, const char *key); /* from microseconds */
/* As it is: for what is compared with other output. */
void cell_number(struct table *t, const json_t *row, const char *key);
void cell_yes(struct table *t, const json_t *row, const char *key); /* "yes", "no" */
/* An array of strings, " " between them. */
void cell_list(struct table *t, const json_t *row, const char *key);

/* What let a flow of the gateway pass. */
const char *cli_flow_rule(const json_t *flow);

/* Prints and frees. */
void table_finish(const struct cli *cli, struct table *t);

/* "title   text", the title bold. */
__attribute__((format(printf, 3, 4))) void cli_line(const struct cli *cli, const char *title,
						    const char *fmt, ...);

#endif
