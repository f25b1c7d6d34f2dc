// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Walks what libconfig has parsed, setting by setting, beside the table. libconfig's own look-ups
 * are not used: they take unknown names for granted and cannot tell absent from wrong.
 */
#include "config.h"

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "config_internal.h"

#define PATH_ROOM 96

/* Where the walk is: the names of the groups around it. */
struct scope {
	const struct scope *up;
	const char *name;
	struct tp_config_report *report;
};

static void fill(const struct scope *scope, const struct tp_config_table *table, void *object,
		 const config_setting_t *group);

/* --- the report ------------------------------------------------------------------------------ */

void tp_config_error(struct tp_config_report *r, int line, const char *fmt, ...)
{
	struct tp_config_problem *p = r->problems;
	va_list args;
	int n;

	if (r->n == r->room) {
		p = realloc(p, (r->room * 2 + 16) * sizeof(*p));
		if (!p) {
			r->out_of_memory = true;
			return;
		}
		r->problems = p;
		r->room = r->room * 2 + 16;
	}
	p += r->n;
	p->line = line > 0 ? line : 1;
	p->order = r->n;
	va_start(args, fmt);
	n = vasprintf(&p->text, fmt, args);
	va_end(args);
	if (n < 0)
		r->out_of_memory = true;
	else
		r->n++;
}

int tp_config_line(const struct tp_config_report *r, const char *setting)
{
	const config_setting_t *s = r->tree ? config_lookup(r->tree, setting) : NULL;
	int line = s ? config_setting_source_line(s) : 0;

	return line ? line : 1;
}

static int by_line(const void *a, const void *b)
{
	const struct tp_config_problem *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Writes and empties the report. */
static void report_print(struct tp_config_report *r, FILE *errors)
{
	if (r->n)
		qsort(r->problems, r->n, sizeof(*r->problems), by_line);
	for (size_t i = 0; i < r->n; i++) {
		fprintf(errors, "%s:%d: %s\n", r->name, r->problems[i].line, r->problems[i].text);
		free(r->problems[i].text);
	}
	if (r->out_of_memory)
		fprintf(errors, "%s: out of memory\n", r->name);
	free(r->problems);
}

/* --- the walk -------------------------------------------------------------------------------- */

/* "limits.flows" */
static const char *full_name(const struct scope *scope, const char *name, char *buf)
{
	const char *parts[8];
	size_t n = 0, used = 0;

	parts[n++] = name;
	for (; scope && scope->name && n < 8; scope = scope->up)
		parts[n++] = scope->name;
	buf[0] = '\0';
	while (n-- && used < PATH_ROOM)
		used += (size_t)snprintf(buf + used, PATH_ROOM - used, "%s%s", parts[n],
					 n ? "." : "");
	return buf;
}

static void complain(const struct scope *scope, const char *name, int line, int err,
		     const char *why)
{
	char path[PATH_ROOM];

	if (err == -ENOMEM)
		scope->report->out_of_memory = true;
	else if (err)
		tp_config_error(scope->report, line, "%s: %s", full_name(scope, name, path), why);
}

static struct tp_config_value value_of(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_BOOL:
		return (struct tp_config_value){TP_KIND_BOOL, config_setting_get_bool(s), NULL};
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return (struct tp_config_value){TP_KIND_INTEGER, config_setting_get_int64(s), NULL};
	case CONFIG_TYPE_FLOAT: return (struct tp_config_value){TP_KIND_FLOAT, 0, NULL};
	case CONFIG_TYPE_STRING:
		return (struct tp_config_value){TP_KIND_STRING, 0, config_setting_get_string(s)};
	case CONFIG_TYPE_GROUP: return (struct tp_config_value){TP_KIND_GROUP, 0, NULL};
	default: return (struct tp_config_value){TP_KIND_LIST, 0, NULL};
	}
}

/* Room for the elements of a list; NULL when there are none or something is wrong. */
static void *list_room(const struct scope *scope, const struct tp_config_field *f,
		       const config_setting_t *s, size_t size, void *object)
{
	size_t n = (size_t)config_setting_length(s);
	char why[TP_CONFIG_WHY];
	void *room;

	if (f->max && n > f->max) {
		snprintf(why, sizeof(why), "has %zu elements, at most %llu are allowed", n,
			 (unsigned long long)f->max);
		complain(scope, f->name, config_setting_source_line(s), -EINVAL, why);
		return NULL;
	}
	room = n ? calloc(n, size) : NULL;
	if (n && !room)
		scope->report->out_of_memory = true;
	if (room) {
		memcpy((char *)object + f->offset, &room, sizeof(room));
		memcpy((char *)object + f->second, &n, sizeof(n));
	}
	return room;
}

static void read_list(const struct scope *scope, const struct tp_config_field *f,
		      const config_setting_t *s, void *object)
{
	size_t size = tp_config_element_size(f->element);
	char *element = list_room(scope, f, s, size, object), why[TP_CONFIG_WHY];

	for (int i = 0; element && i < config_setting_length(s); i++, element += size) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);
		struct tp_config_value value = value_of(e);
		void *bits = element + offsetof(struct tp_prefix, bits);

		complain(scope, f->name, config_setting_source_line(e),
			 tp_config_store(f, f->element, &value, element,
					 f->element == TP_CONFIG_CIDR ? bits : NULL, why),
			 why);
	}
}

static void read_groups(const struct scope *scope, const struct tp_config_field *f,
			const config_setting_t *s, void *object)
{
	struct scope inner = {scope, f->name, scope->report};
	char *element = list_room(scope, f, s, f->table->size, object);

	for (int i = 0; element && i < config_setting_length(s); i++, element += f->table->size) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned int)i);

		if (config_setting_is_group(e))
			fill(&inner, f->table, element, e);
		else
			complain(scope, f->name, config_setting_source_line(e), -EINVAL,
				 "must be a list of groups");
	}
}

static void read_setting(const struct scope *scope, const struct tp_config_field *f,
			 const config_setting_t *s, void *object)
{
	struct tp_config_value value = value_of(s);
	struct scope inner = {scope, f->name, scope->report};
	char why[TP_CONFIG_WHY];
	int err;

	if (f->type == TP_CONFIG_LIST && value.kind == TP_KIND_LIST) {
		read_list(scope, f, s, object);
	} else if (f->type == TP_CONFIG_GROUPS && value.kind == TP_KIND_LIST) {
		read_groups(scope, f, s, object);
	} else if (f->type == TP_CONFIG_GROUP && value.kind == TP_KIND_GROUP) {
		fill(&inner, f->table, object, s);
	} else {
		err = tp_config_store(f, f->type, &value, (char *)object + f->offset,
				      (char *)object + f->second, why);
		complain(scope, f->name, config_setting_source_line(s), err, why);
	}
}

/* The preset of a list is its one element. */
static void preset_list(const struct scope *scope, const struct tp_config_field *f, void *object)
{
	struct tp_config_value value = {TP_KIND_STRING, 0, f->preset};
	char *element = calloc(1, tp_config_element_size(f->element)), why[TP_CONFIG_WHY];
	size_t n = 1;

	if (!element) {
		scope->report->out_of_memory = true;
		return;
	}
	memcpy((char *)object + f->offset, &element, sizeof(element));
	memcpy((char *)object + f->second, &n, sizeof(n));
	complain(scope, f->name, 0, tp_config_store(f, f->element, &value, element, NULL, why),
		 why);
}

static void read_absent(const struct scope *scope, const struct tp_config_field *f, int line,
			void *object)
{
	struct scope inner = {scope, f->name, scope->report};
	char why[TP_CONFIG_WHY];

	if (f->type == TP_CONFIG_GROUP)
		fill(&inner, f->table, object, NULL);
	else if (f->type == TP_CONFIG_LIST && f->preset)
		preset_list(scope, f, object);
	else if (f->required)
		complain(scope, f->name, line, -EINVAL, "is required");
	else
		complain(scope, f->name, line, tp_config_store_preset(f, object, why), why);
}

static const struct tp_config_field *field_named(const struct tp_config_table *table,
						 const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->fields[i].name, name) == 0)
			return &table->fields[i];
	return NULL;
}

/* Reads a group into the object; NULL stands for one that is not in the file. */
static void fill(const struct scope *scope, const struct tp_config_table *table, void *object,
		 const config_setting_t *group)
{
	int line = group ? config_setting_source_line(group) : 0;

	if (table->line)
		memcpy((char *)object + table->line, &line, sizeof(line));
	for (int i = 0; group && i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned int)i);
		const struct tp_config_field *f = field_named(table, config_setting_name(s));

		if (f)
			read_setting(scope, f, s, object);
		else
			complain(scope, config_setting_name(s), config_setting_source_line(s),
				 -EINVAL, "unknown setting");
	}
	for (size_t i = 0; i < table->n; i++)
		if (!group || !config_setting_get_member(group, table->fields[i].name))
			read_absent(scope, &table->fields[i], line, object);
}

/* --- the file -------------------------------------------------------------------------------- */

static int parse_tree(config_t *tree, const char *text, size_t len, struct tp_config_report *r)
{
	char *clean;
	int err = tp_config_clean(text, len, &clean, r);

	if (!err && !config_read_string(tree, clean)) {
		tp_config_error(r, config_error_line(tree), "%s", config_error_text(tree));
		err = -EINVAL;
	}
	free(clean);
	return err;
}

int tp_config_parse_with(const char *name, const char *text, size_t len, const struct json_t *more,
			 const struct tp_config_table *table, tp_config_validate *validate,
			 void **out, FILE *errors)
{
	struct tp_config_report report = {.name = name};
	struct scope root = {NULL, NULL, &report};
	config_t tree;
	void *object;
	int err;

	*out = NULL;
	config_init(&tree);
	object = calloc(1, table->size);
	err = object ? parse_tree(&tree, text, len, &report) : -ENOMEM;
	if (!err) {
		tp_config_graft(&tree, more, &report);
		report.tree = &tree;
		fill(&root, table, object, config_root_setting(&tree));
		if (validate)
			validate(object, &report);
		err = report.n ? -EINVAL : 0;
	}
	report.out_of_memory |= err == -ENOMEM;
	if (report.out_of_memory)
		err = -ENOMEM;
	report_print(&report, errors);
	config_destroy(&tree);
	if (err)
		tp_config_free(table, object);
	else
		*out = object;
	return err;
}

int tp_config_parse(const char *name, const char *text, size_t len,
		    const struct tp_config_table *table, tp_config_validate *validate, void **out,
		    FILE *errors)
{
	return tp_config_parse_with(name, text, len, NULL, table, validate, out, errors);
}

int tp_config_load_with(const char *path, const struct json_t *more,
			const struct tp_config_table *table, tp_config_validate *validate,
			void **out, FILE *errors)
{
	char *text;
	size_t len;
	int err = tp_config_slurp(path, &text, &len);

	*out = NULL;
	if (err) {
		fprintf(errors, "%s: %s\n", path, strerror(-err));
		return err;
	}
	err = tp_config_parse_with(path, text, len, more, table, validate, out, errors);
	free(text);
	return err;
}

int tp_config_load(const char *path, const struct tp_config_table *table,
		   tp_config_validate *validate, void **out, FILE *errors)
{
	return tp_config_load_with(path, NULL, table, validate, out, errors);
}
