/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The other direction of ncp_document.c: from two views to the delta between them. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ncp_document.h"
#include "ncp_merge.h"

static json_t *diff(const struct tp_ncp_table *t, const json_t *from, const json_t *to);

/* key -> object, borrowed ones */
static json_t *by_key(const struct tp_ncp_table *t, const json_t *list)
{
	json_t *index = json_object(), *object;
	size_t i;

	json_array_foreach(list, i, object)
	{
		const char *key = tp_ncp_key_of(t, object);

		if (key)
			json_object_set(index, key, object);
	}
	return index;
}

/* What to send of an object that is in both lists; NULL: nothing. */
static json_t *object_change(const struct tp_ncp_table *t, json_t *old, json_t *new)
{
	json_t *change;

	if (json_equal(old, new))
		return NULL;
	if (!tp_ncp_is_merged(t))
		return json_incref(new);
	change = diff(t, old, new);
	if (json_object_size(change)) {
		json_object_set(change, t->key, json_object_get(new, t->key));
		return change;
	}
	json_decref(change); /* only the order of a list differs */
	return NULL;
}

static void diff_put(const struct tp_ncp_table *t, json_t *changes, const char *name,
		     const json_t *old, const json_t *list)
{
	json_t *put = json_array(), *object;
	size_t i;

	json_array_foreach(list, i, object)
	{
		json_t *before = json_object_get(old, tp_ncp_key_of(t, object));
		json_t *change = before ? object_change(t, before, object) : json_incref(object);

		if (change)
			json_array_append_new(put, change);
	}
	if (json_array_size(put))
		json_object_set(changes, name, put);
	json_decref(put);
}

static void diff_removed(json_t *changes, const char *name, json_t *old, const json_t *new)
{
	json_t *gone = json_array(), *object;
	char removed[64];
	const char *key;

	json_object_foreach(old, key, object) if (!json_object_get(new, key))
		json_array_append_new(gone, json_string(key));
	snprintf(removed, sizeof(removed), TP_NCP_REMOVED "%s", name);
	if (json_array_size(gone))
		json_object_set(changes, removed, gone);
	json_decref(gone);
}

static void diff_list(const struct tp_ncp_table *t, json_t *changes, const char *name,
		      const json_t *from, const json_t *to)
{
	json_t *old = by_key(t, from), *new = by_key(t, to);

	diff_removed(changes, name, old, new);
	diff_put(t, changes, name, old, to);
	json_decref(old);
	json_decref(new);
}

static json_t *diff(const struct tp_ncp_table *t, const json_t *from, const json_t *to)
{
	json_t *changes = json_object(), *v;
	const char *name;

	json_object_foreach((json_t *)to, name, v)
	{
		const json_t *old = json_object_get(from, name);
		const struct tp_ncp_table *list = tp_ncp_keyed(t, name);

		if (list)
			diff_list(list, changes, name, old, v);
		else if (!old || !json_equal(old, v))
			json_object_set(changes, name, v);
	}
	json_object_foreach((json_t *)from, name, v)
	{
		const struct tp_ncp_table *list = tp_ncp_keyed(t, name);

		if (json_object_get(to, name))
			continue;
		if (list)
			diff_list(list, changes, name, v, NULL);
		else
			json_object_set_new(changes, name, json_null());
	}
	return changes;
}

json_t *tp_ncp_view_diff(const json_t *from, const json_t *to)
{
	return diff(&tp_ncp_view_table, from, to);
}
