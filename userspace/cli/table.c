// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "table.h"

#include <err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define GAP 2 /* blanks between columns */

struct cell {
	char *text;
	enum paint paint;
};

struct table {
	const struct column *columns;
	size_t n_columns;
	struct cell *cells;
	size_t n_cells, room;
};

struct table *table_new(const struct column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		err(CLI_FAILURE, NULL);
	t->columns = columns;
	t->n_columns = n;
	return t;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

static void blank_controls(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

void table_cell(struct table *t, enum paint paint, const char *fmt, ...)
{
	struct cell *cell;
	va_list ap;

	if (t->n_cells == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->cells = reallocarray(t->cells, t->room, sizeof(*t->cells));
		if (!t->cells)
			err(CLI_FAILURE, NULL);
	}
	cell = &t->cells[t->n_cells++];
	cell->paint = paint;
	va_start(ap, fmt);
	if (vasprintf(&cell->text, fmt, ap) < 0)
		err(CLI_FAILURE, NULL);
	va_end(ap);
	blank_controls(cell->text);
}

/* Characters, taking each for one column wide: bytes that do not continue a UTF-8 sequence. */
static unsigned int text_width(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static unsigned int column_width(const struct table *t, size_t column)
{
	unsigned int width = text_width(t->columns[column].title);

	for (size_t i = column; i < t->n_cells; i += t->n_columns) {
		unsigned int w = text_width(t->cells[i].text);

		width = w > width ? w : width;
	}
	return width;
}

/* Fills widths[]; columns that have to go get 0. */
static void fit(const struct table *t, unsigned int limit, unsigned int *widths)
{
	unsigned int total = 0;

	for (size_t i = 0; i < t->n_columns; i++) {
		widths[i] = column_width(t, i);
		total += widths[i] + GAP;
	}
	while (limit && total > limit + GAP) {
		size_t victim = 0;

		for (size_t i = 1; i < t->n_columns; i++)
			if (widths[i] && (!widths[victim] ||
					  t->columns[i].optional > t->columns[victim].optional))
				victim = i;
		if (!widths[victim] || !t->columns[victim].optional)
			return;
		total -= widths[victim] + GAP;
		widths[victim] = 0;
	}
}

const char *paint_on(enum paint paint, bool colour)
{
	static const char *const codes[] = {"",		"\033[1m",  "\033[2m",
					    "\033[31m", "\033[32m", "\033[33m"};

	return colour ? codes[paint] : "";
}

const char *paint_off(enum paint paint, bool colour)
{
	return colour && paint != PLAIN ? "\033[0m" : "";
}

struct line {
	FILE *out;
	bool colour;
	unsigned int pending; /* blanks owed; never printed at a line's end */
};

static void print_cell(struct line *l, const struct column *c, unsigned int width, const char *text,
		       enum paint paint)
{
	unsigned int pad = width - text_width(text);

	if (!*text) {
		l->pending += width + GAP;
		return;
	}
	if (c->right)
		l->pending += pad;
	fprintf(l->out, "%*s%s%s%s", (int)l->pending, "", paint_on(paint, l->colour), text,
		paint_off(paint, l->colour));
	l->pending = GAP + (c->right ? 0 : pad);
}

void table_print(const struct table *t, FILE *out, unsigned int width, bool colour)
{
	unsigned int *widths = calloc(t->n_columns, sizeof(*widths));
	struct line line = {.out = out, .colour = colour};

	if (!widths)
		err(CLI_FAILURE, NULL);
	fit(t, width, widths);
	for (size_t i = 0; i < t->n_columns; i++)
		if (widths[i])
			print_cell(&line, &t->columns[i], widths[i], t->columns[i].title, BOLD);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % t->n_columns;

		if (c == 0) {
			fputc('\n', out);
			line.pending = 0;
		}
		if (widths[c])
			print_cell(&line, &t->columns[c], widths[c], t->cells[i].text,
				   t->cells[i].paint);
	}
	fputc('\n', out);
	free(widths);
}
