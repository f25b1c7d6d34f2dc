/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The other direction of ncp_document.c: from two views to the delta between them. Objects that
 * both views share are not looked into, and lists are looked up by key only where they differ, so a
 * small change of a large view costs little more than a walk along its lists.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ncp_document.h"
#include "ncp_merge.h"

static int diff(const struct tp_ncp_table *t, const json_t *from, const json_t *to,
		json_t *changes);

/* Places in two lists that are left when what has the same keys at their beginning and at their end
 * is taken away. */
struct middle {
	size_t first, from_end, to_end;
};

static bool same_key(const struct tp_ncp_table *t, const json_t *from, size_t i, const json_t *to,
		     size_t k)
{
	const json_t *old = json_array_get(from, i), *new = json_array_get(to, k);
	const char *a, *b;

	if (old == new) /* most are shared */
		return true;
	a = tp_ncp_key_of(t, old);
	b = tp_ncp_key_of(t, new);
	return a && b && !strcmp(a, b);
}

static struct middle find_middle(const struct tp_ncp_table *t, const json_t *from, const json_t *to)
{
	struct middle m = {0, json_array_size(from), json_array_size(to)};

	while (m.first < m.from_end && m.first < m.to_end &&
	       same_key(t, from, m.first, to, m.first))
		m.first++;
	while (m.from_end > m.first && m.to_end > m.first &&
	       same_key(t, from, m.from_end - 1, to, m.to_end - 1)) {
		m.from_end--;
		m.to_end--;
	}
	return m;
}

/* key -> object, borrowed ones, of a part of a list */
static json_t *by_key(const struct tp_ncp_table *t, const json_t *list, size_t first, size_t end)
{
	json_t *index = json_object();

	for (size_t i = first; index && i < end; i++) {
		json_t *object = json_array_get(list, i);
		const char *key = tp_ncp_key_of(t, object);

		if (key && json_object_set(index, key, object)) {
			json_decref(index);
			index = NULL;
		}
	}
	return index;
}

/* Adds to `put` what is to be sent of an object that is in the new list. */
static int put_change(const struct tp_ncp_table *t, json_t *put, json_t *old, json_t *new)
{
	json_t *change;
	int err;

	if (old && json_equal(old, new))
		return 0;
	if (!old || !tp_ncp_is_merged(t))
		return json_array_append(put, new);
	change = json_object();
	err = diff(t, old, new, change);
	if (!err && json_object_size(change)) /* else only the order of a list differs */
		err = json_object_set(change, t->key, json_object_get(new, t->key)) ||
		      json_array_append(put, change);
	json_decref(change);
	return err;
}

static int put_changes(const struct tp_ncp_table *t, json_t *put, const json_t *from,
		       const json_t *to, const struct middle *m, const json_t *old)
{
	size_t n = json_array_size(to);
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		json_t *object = json_array_get(to, i), *before;

		if (i < m->first)
			before = json_array_get(from, i);
		else if (i < m->to_end)
			before = json_object_get(old, tp_ncp_key_of(t, object));
		else
			before = json_array_get(from, i - m->to_end + m->from_end);
		err = put_change(t, put, before, object);
	}
	return err;
}

static int find_gone(json_t *gone, json_t *old, const json_t *new)
{
	json_t *object;
	const char *key;
	int err = 0;

	json_object_foreach(old, key, object) if (!json_object_get(new, key)) err |=
		json_array_append_new(gone, json_string(key));
	return err;
}

static int set_if_any(json_t *changes, const char *prefix, const char *name, json_t *list)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "%s%s", prefix, name);
	return json_array_size(list) ? json_object_set(changes, whole, list) : 0;
}

static int diff_list(const struct tp_ncp_table *t, json_t *changes, const char *name,
		     const json_t *from, const json_t *to)
{
	struct middle m = find_middle(t, from, to);
	json_t *old = by_key(t, from, m.first, m.from_end);
	json_t *new = by_key(t, to, m.first, m.to_end);
	json_t *put = json_array(), *gone = json_array();
	int err = !old || !new || !put || !gone || find_gone(gone, old, new) ||
		  put_changes(t, put, from, to, &m, old) ||
		  set_if_any(changes, TP_NCP_REMOVED, name, gone) ||
		  set_if_any(changes, "", name, put);

	json_decref(old);
	json_decref(new);
	json_decref(put);
	json_decref(gone);
	return err;
}

/* Members that are gone, then. */
static int diff_missing(const struct tp_ncp_table *t, const json_t *from, const json_t *to,
			json_t *changes)
{
	const char *name;
	json_t *v;
	int err = 0;

	json_object_foreach((json_t *)from, name, v)
	{
		const struct tp_ncp_table *list = tp_ncp_keyed(t, name);

		if (err || json_object_get(to, name))
			continue;
		err = list ? diff_list(list, changes, name, v, NULL)
			   : json_object_set_new(changes, name, json_null());
	}
	return err;
}

/* Nonzero: no memory. */
static int diff(const struct tp_ncp_table *t, const json_t *from, const json_t *to, json_t *changes)
{
	const char *name;
	json_t *v;
	int err = 0;

	json_object_foreach((json_t *)to, name, v)
	{
		const json_t *old = json_object_get(from, name);
		const struct tp_ncp_table *list = tp_ncp_keyed(t, name);

		if (err)
			break;
		if (list)
			err = diff_list(list, changes, name, old, v);
		else if (!old || !json_equal(old, v))
			err = json_object_set(changes, name, v);
	}
	return err ? err : diff_missing(t, from, to, changes);
}

json_t *tp_ncp_view_diff(const json_t *from, const json_t *to)
{
	json_t *changes = json_object();

	if (changes && !diff(&tp_ncp_view_table, from, to, changes))
		return changes;
	json_decref(changes);
	return NULL;
}
