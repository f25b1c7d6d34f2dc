/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Configuration files (libconfig syntax) described by tables. From a daemon's table come the
 * parser, the checks, the errors with file and line, and the list of settings in its manual page.
 */
#ifndef TP_CONFIG_H
#define TP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_t;

enum tp_config_type {			  /* the member it fills */
		      TP_CONFIG_BOOL,	  /* bool */
		      TP_CONFIG_ENUM,	  /* an enum: position in `names` */
		      TP_CONFIG_INT,	  /* unsigned integer of `size` bytes */
		      TP_CONFIG_QUANTITY, /* the same; in the file also a string such as "10k" or
					     "200Mbit" */
		      TP_CONFIG_STRING,	  /* char * */
		      TP_CONFIG_PATH,	  /* char *; absolute */
		      TP_CONFIG_KEY,	  /* uint8_t[32]; base64 as `wg` prints it */
		      TP_CONFIG_ADDR,	  /* struct tp_addr */
		      TP_CONFIG_CIDR, /* struct tp_addr, and its bits as unsigned int at `second` */
		      TP_CONFIG_ENDPOINT, /* struct tp_endpoint */
		      TP_CONFIG_LIST,	/* array of what `element` says (string, address, endpoint,
					 * CIDR as   struct tp_prefix), allocated; their number as
					 * size_t at   `second` */
		      TP_CONFIG_GROUP,	/* nothing of its own: `table` continues in the same struct
					 */
		      TP_CONFIG_GROUPS, /* array of `table`->size structs, allocated; number as for
					   a list */
};

struct tp_config_table;

struct tp_config_field {
	const char *name;
	enum tp_config_type type;
	enum tp_config_type element; /* of a list */
	size_t offset, second, size;
	uint64_t min, max;	  /* integers: value; strings: length, max 0 is 255;
				   * lists: max is their number, 0 any */
	const char *preset;	  /* value when absent, as the file would say it; NULL: all zero;
				   * of a list of strings: its one element */
	const char *unit;	  /* of a quantity: may follow the factor; NULL: none */
	const char *const *names; /* of an enum, NULL at the end */
	const struct tp_config_table *table; /* of a group */
	/* Looks at the member, or one element of a list; returns what is wrong with it, or NULL. */
	const char *(*check)(const void *member);
	bool required;
	bool frozen;	  /* only a restart changes it; not inside TP_CONFIG_GROUPS */
	bool or_off;	  /* endpoint: "off" leaves it zero */
	const char *help; /* whole sentences */
};

struct tp_config_table {
	const struct tp_config_field *fields;
	size_t n;
	size_t size; /* of the struct */
	size_t line; /* offset of an int that takes the group's line number; 0: none */
};

/* What is wrong with one file, collected. */
struct tp_config_report;

/* printf-like: adds "file:line: …". */
__attribute__((format(printf, 3, 4))) void tp_config_error(struct tp_config_report *report,
							   int line, const char *fmt, ...);
/* The line of a setting, as "limits.flows"; 1 when it is not in the file. */
int tp_config_line(const struct tp_config_report *report, const char *setting);

/* Checks across settings. Runs even after errors, so that all are reported at once: what failed to
 * parse is zero. */
typedef void tp_config_validate(const void *object, struct tp_config_report *report);

/* Reads a file into a new struct. 0 with *out set (tp_config_free), or every problem written to
 * `errors` in order of lines and -EINVAL, or the errno of reading the file. validate may be NULL.
 */
int tp_config_load(const char *path, const struct tp_config_table *table,
		   tp_config_validate *validate, void **out, FILE *errors);
/* The same from memory; `name` stands for the file in messages. */
int tp_config_parse(const char *name, const char *text, size_t len,
		    const struct tp_config_table *table, tp_config_validate *validate, void **out,
		    FILE *errors);
/* The same with settings that someone else has: an object whose members are settings as if they
 * stood in the file, which must not have them itself; groups that both have become one.
 * NULL: none. Borrowed. */
int tp_config_load_with(const char *path, const struct json_t *more,
			const struct tp_config_table *table, tp_config_validate *validate,
			void **out, FILE *errors);
int tp_config_parse_with(const char *name, const char *text, size_t len, const struct json_t *more,
			 const struct tp_config_table *table, tp_config_validate *validate,
			 void **out, FILE *errors);
/* Frees the struct and all that the table put into it. NULL is fine. */
void tp_config_free(const struct tp_config_table *table, void *object);

/* Names of frozen settings that differ, comma separated, cut to fit buf; returns how many. */
size_t tp_config_frozen_diff(const struct tp_config_table *table, const void *a, const void *b,
			     char *buf, size_t size);

/* The table as an mdoc(7) tagged list. */
void tp_config_print_manual(const struct tp_config_table *table, FILE *out);

#endif
