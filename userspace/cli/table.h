/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Aligned columns for people, which make do with a narrow terminal. */
#ifndef TP_CLI_TABLE_H
#define TP_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum paint { PLAIN, BOLD, DIM, RED, GREEN, YELLOW };

struct column {
	const char *title;
	bool right;	       /* numbers */
	unsigned int optional; /* 0 stays; else the higher goes first when the terminal is narrow */
};

struct table;

/* `columns` is kept by reference. Memory that can't be had ends the program. */
struct table *table_new(const struct column *columns, size_t n);
void table_free(struct table *t);

/* The next cell, from left to right, row after row. Control characters become '?'. */
__attribute__((format(printf, 3, 4))) void table_cell(struct table *t, enum paint paint,
						      const char *fmt, ...);

/* width 0: no limit. Prints nothing but the titles when there are no rows. */
void table_print(const struct table *t, FILE *out, unsigned int width, bool colour);

/* Escape sequences around a text; empty without colour. */
const char *paint_on(enum paint paint, bool colour);
const char *paint_off(enum paint paint, bool colour);

#endif
