/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the config engine tell each other. */
#ifndef TP_CONFIG_INTERNAL_H
#define TP_CONFIG_INTERNAL_H

#include "config.h"

struct config_t; /* libconfig's */
struct json_t;

struct tp_config_report {
	const char *name; /* of the file */
	const struct config_t *tree;
	struct tp_config_problem {
		int line;
		size_t order; /* among those of one line */
		char *text;
	} * problems;
	size_t n, room;
	bool out_of_memory;
};

/* One value as it stands in a file. */
enum tp_config_kind {
	TP_KIND_BOOL,
	TP_KIND_INTEGER,
	TP_KIND_FLOAT,
	TP_KIND_STRING,
	TP_KIND_LIST,
	TP_KIND_GROUP
};

struct tp_config_value {
	enum tp_config_kind kind;
	long long number; /* integer or bool */
	const char *text; /* string */
};

#define TP_CONFIG_WHY 128

/* config_text.c: the text as libconfig may read it without losing anything: numbers that need 64
 * bits say so, larger ones are cut to the largest. Lines stay where they are. *out is allocated.
 * 0, -ENOMEM, or -EINVAL when the report says why. */
int tp_config_clean(const char *text, size_t len, char **out, struct tp_config_report *report);
/* Reads a file of moderate size whole. 0 or -errno. */
int tp_config_slurp(const char *path, char **text, size_t *len);

/* config_graft.c: adds the members of a JSON object (NULL: none) as settings. One that the file
 * has, too, is an error, but groups become one. */
void tp_config_graft(struct config_t *tree, const struct json_t *settings,
		     struct tp_config_report *report);

/* config_value.c: checks a value and stores it at member (`second` for its second half, which may
 * be NULL). `type` is the field's or, for one in a list, its element's.
 * 0, -EINVAL with the reason in why[TP_CONFIG_WHY], or -ENOMEM. */
int tp_config_store(const struct tp_config_field *field, enum tp_config_type type,
		    const struct tp_config_value *value, void *member, void *second, char *why);
/* Stores the preset, if there is one. */
int tp_config_store_preset(const struct tp_config_field *field, void *object, char *why);
/* Bytes of one element of a list of this type. */
size_t tp_config_element_size(enum tp_config_type type);
bool tp_config_is_string(enum tp_config_type type);
const char *tp_config_type_name(enum tp_config_type type);

/* config_table.c */
void tp_config_fini(const struct tp_config_table *table, void *object);

#endif
