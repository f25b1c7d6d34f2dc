// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What else follows from a table besides the parser: freeing, comparing, the manual. */
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "config_internal.h"
#include "messages.h"

#define MANUAL_WIDTH 78 /* of a line of source, as mandoc -Tlint likes it */

/* --- freeing --------------------------------------------------------------------------------- */

static size_t count_of(const struct tp_config_field *f, const void *object)
{
	size_t n;

	memcpy(&n, (const char *)object + f->second, sizeof(n));
	return n;
}

static void *pointer_of(const struct tp_config_field *f, const void *object)
{
	void *p;

	memcpy(&p, (const char *)object + f->offset, sizeof(p));
	return p;
}

static void free_list(const struct tp_config_field *f, void *object)
{
	char **list = pointer_of(f, object);

	for (size_t i = 0; tp_config_is_string(f->element) && i < count_of(f, object); i++)
		free(list[i]);
	free(list);
}

static void free_groups(const struct tp_config_field *f, void *object)
{
	char *list = pointer_of(f, object);

	for (size_t i = 0; i < count_of(f, object); i++)
		tp_config_fini(f->table, list + i * f->table->size);
	free(list);
}

void tp_config_fini(const struct tp_config_table *table, void *object)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct tp_config_field *f = &table->fields[i];

		if (tp_config_is_string(f->type))
			free(pointer_of(f, object));
		else if (f->type == TP_CONFIG_LIST)
			free_list(f, object);
		else if (f->type == TP_CONFIG_GROUPS)
			free_groups(f, object);
		else if (f->type == TP_CONFIG_GROUP)
			tp_config_fini(f->table, object);
	}
}

void tp_config_free(const struct tp_config_table *table, void *object)
{
	if (object)
		tp_config_fini(table, object);
	free(object);
}

/* --- comparing ------------------------------------------------------------------------------- */

static bool strings_differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static bool lists_differ(const struct tp_config_field *f, const void *a, const void *b)
{
	char **x = pointer_of(f, a), **y = pointer_of(f, b);
	size_t n = count_of(f, a);

	if (n != count_of(f, b))
		return true;
	if (!tp_config_is_string(f->element))
		return n && memcmp(x, y, n * tp_config_element_size(f->element)) != 0;
	for (size_t i = 0; i < n; i++)
		if (strings_differ(x[i], y[i]))
			return true;
	return false;
}

static size_t member_size(const struct tp_config_field *f)
{
	switch (f->type) {
	case TP_CONFIG_BOOL: return sizeof(bool);
	case TP_CONFIG_ENUM: return sizeof(int);
	case TP_CONFIG_KEY: return WG_KEY_LEN;
	case TP_CONFIG_ENDPOINT: return sizeof(struct tp_endpoint);
	case TP_CONFIG_ADDR:
	case TP_CONFIG_CIDR: return sizeof(struct tp_addr);
	default: return f->size;
	}
}

static bool differs(const struct tp_config_field *f, const void *a, const void *b)
{
	const char *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;

	if (tp_config_is_string(f->type))
		return strings_differ(pointer_of(f, a), pointer_of(f, b));
	if (f->type == TP_CONFIG_LIST)
		return lists_differ(f, a, b);
	if (f->type == TP_CONFIG_CIDR &&
	    memcmp((const char *)a + f->second, (const char *)b + f->second, sizeof(int)) != 0)
		return true;
	return memcmp(x, y, member_size(f)) != 0;
}

static size_t diff(const struct tp_config_table *table, const char *group, const void *a,
		   const void *b, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct tp_config_field *f = &table->fields[i];

		if (f->type == TP_CONFIG_GROUP) {
			n += diff(f->table, f->name, a, b, out);
		} else if (f->frozen && differs(f, a, b)) {
			fprintf(out, ", %s%s%s", group ? group : "", group ? "." : "", f->name);
			n++;
		}
	}
	return n;
}

size_t tp_config_frozen_diff(const struct tp_config_table *table, const void *a, const void *b,
			     char *buf, size_t size)
{
	char *names = NULL;
	size_t n, len;
	FILE *out = open_memstream(&names, &len);

	if (size)
		buf[0] = '\0';
	if (!out)
		return 0;
	n = diff(table, NULL, a, b, out);
	if (fclose(out) == 0 && n)
		snprintf(buf, size, "%s", names + strlen(", "));
	free(names);
	return n;
}

/* --- the manual ------------------------------------------------------------------------------ */

static void print_word(const char *word, size_t len, bool line_start, FILE *out)
{
	if (line_start && (*word == '.' || *word == '\''))
		fputs("\\&", out);
	for (; len; len--, word++) {
		if (*word == '\\')
			fputs("\\e", out);
		else
			putc(*word, out);
	}
}

/* Running text in short lines, a new one for each sentence, and nothing that mdoc would take for
 * markup. */
static void print_text(const char *text, FILE *out)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > MANUAL_WIDTH) {
			putc('\n', out);
			column = 0;
		}
		if (column)
			putc(' ', out);
		print_word(text, len, column == 0, out);
		column += len + 1;
		if (len > 1 && text[len - 1] == '.' && text[len] == ' ') {
			putc('\n', out);
			column = 0;
		}
		text += len + strspn(text + len, " ");
	}
	putc('\n', out);
}

static void print_bounds(const struct tp_config_field *f, FILE *out)
{
	bool number = f->type == TP_CONFIG_INT || f->type == TP_CONFIG_QUANTITY;

	if (number)
		fprintf(out, "From %llu to %llu.\n", (unsigned long long)f->min,
			(unsigned long long)f->max);
	if (f->type == TP_CONFIG_QUANTITY)
		fprintf(out, "A string may carry a unit: k, M, G or T%s%s.\n",
			f->unit ? ", followed by " : "", f->unit ? f->unit : "");
	for (int i = 0; f->type == TP_CONFIG_ENUM && f->names[i]; i++)
		fprintf(out, "%s.Ql %s%s\n", i ? "" : "One of\n", f->names[i],
			f->names[i + 1] ? " ," : " .");
	if (f->required)
		fputs("Required.\n", out);
	if (f->preset)
		fprintf(out, "Default:\n.Ql %s .\n", f->preset);
	if (f->frozen)
		fputs("Only a restart changes it.\n", out);
}

static void print_type(const struct tp_config_field *f, FILE *out)
{
	fprintf(out, ".It Cm %s No = Ar %s%s%s\n", f->name, tp_config_type_name(f->type),
		f->type == TP_CONFIG_LIST ? " No of Ar " : "",
		f->type == TP_CONFIG_LIST ? tp_config_type_name(f->element) : "");
}

void tp_config_print_manual(const struct tp_config_table *table, FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < table->n; i++) {
		print_type(&table->fields[i], out);
		print_text(table->fields[i].help, out);
		print_bounds(&table->fields[i], out);
		if (table->fields[i].table)
			tp_config_print_manual(table->fields[i].table, out);
	}
	fputs(".El\n", out);
}
