/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_document.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ncp_merge.h"
#include "ncp_messages.h"

/* --- tables ------------------------------------------------------------------------------------
 */

const struct tp_ncp_table *tp_ncp_keyed(const struct tp_ncp_table *t, const char *name)
{
	const struct tp_ncp_field *f = tp_ncp_field_find(t, name);

	if (!f || f->kind != TP_NCP_LIST || f->element != TP_NCP_OBJECT || !f->table->key)
		return NULL;
	return f->table;
}

bool tp_ncp_is_merged(const struct tp_ncp_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (tp_ncp_keyed(t, t->fields[i].name))
			return true;
	return false;
}

static bool is_removal(const char *name)
{
	return !strncmp(name, TP_NCP_REMOVED, strlen(TP_NCP_REMOVED));
}

const char *tp_ncp_key_of(const struct tp_ncp_table *t, const json_t *object)
{
	return json_string_value(json_object_get(object, t->key));
}

/* --- applying ----------------------------------------------------------------------------------
 */

static int merge(const struct tp_ncp_table *t, json_t *base, const json_t *delta);

/* key -> place in the list. Entries without a key are left out. */
static json_t *index_list(const struct tp_ncp_table *t, const json_t *list)
{
	json_t *index = json_object(), *object;
	size_t i;

	json_array_foreach(list, i, object)
	{
		const char *key = tp_ncp_key_of(t, object);

		if (key && json_object_set_new(index, key, json_integer((json_int_t)i))) {
			json_decref(index);
			return NULL;
		}
	}
	return index;
}

static int add_object(const struct tp_ncp_table *t, json_t *list, const json_t *object)
{
	json_t *fresh = tp_ncp_is_merged(t) ? json_object() : json_deep_copy(object);
	int err = fresh ? 0 : -ENOMEM;

	if (!err && tp_ncp_is_merged(t))
		err = merge(t, fresh, object);
	if (!err)
		return json_array_append_new(list, fresh) ? -ENOMEM : 0;
	json_decref(fresh);
	return err;
}

static int put_object(const struct tp_ncp_table *t, json_t *list, json_t *index,
		      const json_t *object)
{
	const char *key = tp_ncp_key_of(t, object);
	const json_t *at;
	size_t place;

	if (!key)
		return -EINVAL;
	at = json_object_get(index, key);
	if (!at) {
		place = json_array_size(list);
		if (json_object_set_new(index, key, json_integer((json_int_t)place)))
			return -ENOMEM;
		return add_object(t, list, object);
	}
	place = (size_t)json_integer_value(at);
	if (tp_ncp_is_merged(t))
		return merge(t, json_array_get(list, place), object);
	return json_array_set_new(list, place, json_deep_copy(object)) ? -ENOMEM : 0;
}

/* The list itself, made if it is missing. */
static json_t *list_of(json_t *base, const char *name)
{
	json_t *list = json_object_get(base, name);

	if (list)
		return list;
	if (json_object_set_new(base, name, json_array()))
		return NULL;
	return json_object_get(base, name);
}

static int put_objects(const struct tp_ncp_table *t, json_t *base, const char *name,
		       const json_t *changes)
{
	json_t *list = list_of(base, name), *index = index_list(t, list), *object;
	int err = list && index ? 0 : -ENOMEM;
	size_t i;

	if (!json_is_array(changes) || !json_is_array(list))
		err = -EINVAL;
	json_array_foreach(changes, i, object)
	{
		if (err)
			break;
		err = put_object(t, list, index, object);
	}
	json_decref(index);
	return err;
}

static json_t *key_set(const json_t *keys)
{
	json_t *set = json_object(), *key;
	size_t i;

	json_array_foreach(keys, i, key)
	{
		if (!json_is_string(key) ||
		    json_object_set_new(set, json_string_value(key), json_true())) {
			json_decref(set);
			return NULL;
		}
	}
	return set;
}

static int remove_objects(const struct tp_ncp_table *t, json_t *base, const char *name,
			  const json_t *keys)
{
	json_t *gone = json_is_array(keys) ? key_set(keys) : NULL, *kept = json_array(), *object;
	int err = gone && kept ? 0 : -EINVAL;
	size_t i;

	json_array_foreach(json_object_get(base, name), i, object)
	{
		const char *key = tp_ncp_key_of(t, object);

		if (!err && !(key && json_object_get(gone, key)) && json_array_append(kept, object))
			err = -ENOMEM;
	}
	json_decref(gone);
	if (!err)
		return json_object_set_new(base, name, kept) ? -ENOMEM : 0;
	json_decref(kept);
	return err;
}

static int set_member(json_t *base, const char *name, const json_t *v)
{
	if (json_is_null(v)) {
		json_object_del(base, name);
		return 0;
	}
	return json_object_set_new(base, name, json_deep_copy(v)) ? -ENOMEM : 0;
}

/* Removals first: a key that is in both lists comes anew. */
static int merge(const struct tp_ncp_table *t, json_t *base, const json_t *delta)
{
	const struct tp_ncp_table *list;
	const char *name;
	json_t *v;
	int err = 0;

	if (!json_is_object(base) || !json_is_object(delta))
		return -EINVAL;
	json_object_foreach((json_t *)delta, name, v)
	{
		list = is_removal(name) ? tp_ncp_keyed(t, name + strlen(TP_NCP_REMOVED)) : NULL;
		if (list && !err)
			err = remove_objects(list, base, name + strlen(TP_NCP_REMOVED), v);
	}
	json_object_foreach((json_t *)delta, name, v)
	{
		list = tp_ncp_keyed(t, name);
		if (err)
			break;
		if (list)
			err = put_objects(list, base, name, v);
		else if (!is_removal(name))
			err = set_member(base, name, v);
	}
	return err;
}

/* The message without what is not the view's. */
static json_t *body_of(const json_t *msg)
{
	static const char *const own[] = {"type", "epoch", "base", "revision"};
	json_t *body = json_copy((json_t *)msg);

	for (size_t i = 0; body && i < sizeof(own) / sizeof(*own); i++)
		json_object_del(body, own[i]);
	return body;
}

/* Is a key twice in a list, anywhere in the object? Names the list then. */
static const char *doubled(const struct tp_ncp_table *t, const json_t *object)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tp_ncp_table *list = tp_ncp_keyed(t, t->fields[i].name);
		json_t *objects = json_object_get(object, t->fields[i].name), *index, *inner;
		const char *name = NULL;
		size_t k;

		if (!list || !objects)
			continue;
		index = index_list(list, objects);
		if (json_object_size(index) != json_array_size(objects))
			name = t->fields[i].name;
		json_decref(index);
		json_array_foreach(objects, k, inner) name = name ? name : doubled(list, inner);
		if (name)
			return name;
	}
	return NULL;
}

static int check_keys(const json_t *view, struct tp_ncp_fault *fault)
{
	const char *name = doubled(&tp_ncp_view_table, view);

	if (name && fault)
		snprintf(fault->text, sizeof(fault->text), "%s: has a key twice", name);
	return name ? -EINVAL : 0;
}

/* Takes over `view`. */
static int adopt(struct tp_ncp_document *d, json_t *view, uint64_t epoch, uint64_t revision,
		 struct tp_ncp_fault *fault)
{
	struct tp_ncp_view check;
	int err = tp_ncp_decode(&tp_ncp_view_table, view, &check, fault);

	if (!err) {
		tp_ncp_free_lists(&tp_ncp_view_table, &check);
		err = check_keys(view, fault);
	}
	if (err) {
		json_decref(view);
		return err;
	}
	json_decref(d->view);
	*d = (struct tp_ncp_document){epoch, revision, view};
	return 0;
}

static int apply_delta(struct tp_ncp_document *d, const struct tp_ncp_delta *delta,
		       const json_t *msg, struct tp_ncp_fault *fault)
{
	json_t *body, *view;
	int err;

	if (!d->view || delta->epoch != d->epoch)
		return -ESTALE;
	if (delta->revision <= d->revision)
		return -EALREADY;
	if (delta->base != d->revision)
		return -ESTALE;
	body = body_of(msg);
	view = json_deep_copy(d->view);
	err = body && view ? merge(&tp_ncp_view_table, view, body) : -ENOMEM;
	json_decref(body);
	if (!err)
		return adopt(d, view, delta->epoch, delta->revision, fault);
	if (fault)
		strcpy(fault->text, "changes: do not fit the view");
	json_decref(view);
	return err;
}

static int apply_snapshot(struct tp_ncp_document *d, const json_t *msg, uint64_t epoch,
			  uint64_t revision, struct tp_ncp_fault *fault)
{
	json_t *body = body_of(msg), *view = json_deep_copy(body);

	json_decref(body);
	return view ? adopt(d, view, epoch, revision, fault) : -ENOMEM;
}

int tp_ncp_document_apply(struct tp_ncp_document *d, const json_t *msg, struct tp_ncp_fault *fault)
{
	struct tp_ncp_message m;
	int err = tp_ncp_message_decode(msg, &m, fault);

	if (err)
		return err;
	if (m.type == TP_NCP_SNAPSHOT)
		err = apply_snapshot(d, msg, m.snapshot.epoch, m.snapshot.revision, fault);
	else if (m.type == TP_NCP_DELTA)
		err = apply_delta(d, &m.delta, msg, fault);
	else
		err = -EINVAL;
	tp_ncp_message_fini(&m);
	return err;
}

void tp_ncp_document_fini(struct tp_ncp_document *d)
{
	json_decref(d->view);
	memset(d, 0, sizeof(*d));
}

int tp_ncp_document_view(const struct tp_ncp_document *d, struct tp_ncp_view *out)
{
	memset(out, 0, sizeof(*out));
	return d->view ? tp_ncp_decode(&tp_ncp_view_table, d->view, out, NULL) : -ENOENT;
}

json_t *tp_ncp_document_snapshot(const struct tp_ncp_document *d)
{
	const struct tp_ncp_message m = {.type = TP_NCP_SNAPSHOT,
					 .snapshot = {.epoch = d->epoch, .revision = d->revision}};
	json_t *msg = d->view ? tp_ncp_message_encode(&m) : NULL;

	if (!msg || !json_object_update(msg, d->view))
		return msg;
	json_decref(msg);
	return NULL;
}

json_t *tp_ncp_delta_new(uint64_t epoch, uint64_t base, uint64_t revision, json_t *changes)
{
	const struct tp_ncp_message m = {
		.type = TP_NCP_DELTA,
		.delta = {.epoch = epoch, .base = base, .revision = revision}};
	json_t *msg = tp_ncp_message_encode(&m);

	if (json_object_update(msg, changes)) {
		json_decref(msg);
		msg = NULL;
	}
	json_decref(changes);
	return msg;
}
