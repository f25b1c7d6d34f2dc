// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Settings that come as JSON, put into the tree of a file as if they stood there. */
#include <errno.h>
#include <jansson.h>
#include <libconfig.h>

#include "config_internal.h"

#define DEPTH_MAX 8

static int graft(config_setting_t *into, const char *name, const json_t *value, unsigned int depth);

static int graft_members(config_setting_t *group, const json_t *object, unsigned int depth)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		int err = graft(group, name, value, depth);

		if (err)
			return err;
	}
	return 0;
}

static int graft_elements(config_setting_t *list, const json_t *array, unsigned int depth)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		int err = graft(list, NULL, json_array_get(array, i), depth);

		if (err)
			return err;
	}
	return 0;
}

static int type_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return CONFIG_TYPE_GROUP;
	case JSON_ARRAY: return CONFIG_TYPE_LIST;
	case JSON_STRING: return CONFIG_TYPE_STRING;
	case JSON_INTEGER: return CONFIG_TYPE_INT64;
	case JSON_REAL: return CONFIG_TYPE_FLOAT;
	case JSON_TRUE:
	case JSON_FALSE: return CONFIG_TYPE_BOOL;
	default: return CONFIG_TYPE_NONE;
	}
}

static int fill_in(config_setting_t *s, const json_t *value, unsigned int depth)
{
	int good = CONFIG_TRUE;

	switch (json_typeof(value)) {
	case JSON_OBJECT: return graft_members(s, value, depth + 1);
	case JSON_ARRAY: return graft_elements(s, value, depth + 1);
	case JSON_STRING: good = config_setting_set_string(s, json_string_value(value)); break;
	case JSON_INTEGER: good = config_setting_set_int64(s, json_integer_value(value)); break;
	case JSON_REAL: good = config_setting_set_float(s, json_real_value(value)); break;
	default: good = config_setting_set_bool(s, json_is_true(value));
	}
	return good ? 0 : -EINVAL;
}

/* A null is a setting that is not there. */
static int graft(config_setting_t *into, const char *name, const json_t *value, unsigned int depth)
{
	config_setting_t *s;

	if (json_is_null(value))
		return 0;
	if (depth > DEPTH_MAX)
		return -EINVAL;
	s = config_setting_add(into, name, type_of(value));
	return s ? fill_in(s, value, depth) : -EINVAL;
}

/* Groups that both have become one. */
static void merge(config_setting_t *group, const json_t *object, struct tp_config_report *report)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		config_setting_t *own = config_setting_get_member(group, name);

		if (own && config_setting_is_group(own) && json_is_object(value))
			merge(own, value, report);
		else if (own)
			tp_config_error(report, config_setting_source_line(own),
					"%s: is set by the control plane, take it out of the file",
					name);
		else if (graft(group, name, value, 0))
			tp_config_error(report, 1, "%s: what the control plane says is no setting",
					name);
	}
}

void tp_config_graft(config_t *tree, const json_t *settings, struct tp_config_report *report)
{
	merge(config_root_setting(tree), settings, report);
}
