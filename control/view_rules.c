// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/view_rules.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_empty(const json_t *list)
{
	return !json_array_size(list);
}

/* --- whom names mean --- */

struct names {
	json_t *members; /* name -> true */
	json_t *groups;	 /* name -> names of members */
};

static void enter_group(json_t *groups, const char *group, const char *member)
{
	if (!json_object_get(groups, group))
		json_object_set_new(groups, group, json_array());
	json_array_append_new(json_object_get(groups, group), json_string(member));
}

static void names_init(struct names *names, const struct ctl_world *w)
{
	names->members = json_object();
	names->groups = json_object();
	for (size_t i = 0; i < w->n_members; i++) {
		const struct ctl_member *m = &w->members[i];
		json_t *group;
		size_t k;

		json_object_set_new(names->members, m->peer.device_name, json_true());
		json_array_foreach(m->groups, k, group)
		{
			enter_group(names->groups, json_string_value(group), m->peer.device_name);
		}
	}
}

static void names_fini(struct names *names)
{
	json_decref(names->members);
	json_decref(names->groups);
}

/* Groups become their members' names, and names of nobody here are left out: the gateway would not
 * know them. */
static json_t *selectors_json(const struct names *names, const json_t *list)
{
	json_t *out = json_array(), *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		const char *text = json_string_value(value);
		bool plain = strcmp(text, "any") && !strchr(text, ':') && !strpbrk(text, "./");

		if (!strncmp(text, "group:", 6))
			json_array_extend(out, json_object_get(names->groups, text + 6));
		else if (!plain || json_object_get(names->members, text))
			json_array_append(out, value);
	}
	return out;
}

/* --- each rule --- */

/* Without `to`. NULL: it is only tried, or lets nobody pass as nobody is in it any more. */
static json_t *told_rule(const struct names *names, const json_t *rule, size_t place)
{
	json_t *from = selectors_json(names, json_object_get(rule, "from")), *told;
	char name[32];

	if (is_empty(from) || json_is_true(json_object_get(rule, "shadow"))) {
		json_decref(from);
		return NULL;
	}
	told = json_copy((json_t *)rule);
	json_object_del(told, "shadow");
	json_object_del(told, "to");
	json_object_set_new(told, "from", from);
	snprintf(name, sizeof(name), "rule-%zu", place + 1);
	if (!json_object_get(told, "name"))
		json_object_set_new(told, "name", json_string(name));
	return told;
}

static int make_each(struct ctl_view_rules *r, const struct ctl_world *w, const struct names *names)
{
	size_t n = json_array_size(w->rules);

	if (r->each)
		return 0;
	r->each = calloc(n + 1, sizeof(*r->each));
	for (size_t i = 0; r->each && i < n; i++)
		r->each[i] = told_rule(names, json_array_get(w->rules, i), i);
	return r->each ? 0 : -1;
}

/* A new reference. */
static json_t *with_to(const json_t *rule, json_t *to)
{
	json_t *whole = json_copy((json_t *)rule);

	json_object_set(whole, "to", to);
	return whole;
}

/* --- of gateways --- */

/* NULL: it leads to nobody who is here. */
static json_t *gateway_rule(const json_t *told, const json_t *rule, const struct names *names)
{
	json_t *to = selectors_json(names, json_object_get(rule, "to")),
	       *whole = is_empty(to) ? NULL : with_to(told, to);

	json_decref(to);
	return whole;
}

static json_t *gateway_json(struct ctl_view_rules *r, const struct ctl_world *w)
{
	json_t *rules = NULL, *rule;
	struct names names;
	size_t i;

	names_init(&names, w);
	if (!make_each(r, w, &names)) {
		rules = json_array();
		json_array_foreach(w->rules, i, rule)
		{
			if (r->each[i]) /* NULL is not appended */
				json_array_append_new(rules,
						      gateway_rule(r->each[i], rule, &names));
		}
	}
	names_fini(&names);
	return rules;
}

struct json_t *ctl_view_rules_gateway(struct ctl_view_rules *r, const struct ctl_world *w)
{
	if (!r->gateway)
		r->gateway = gateway_json(r, w);
	return json_incref(r->gateway);
}

void ctl_view_rules_keep_gateway(struct ctl_view_rules *r, const struct ctl_world *w,
				 const struct ctl_view_rules *old)
{
	json_t *now;

	if (!old->gateway)
		return;
	now = ctl_view_rules_gateway(r, w);
	if (now && json_equal(now, old->gateway)) {
		json_decref(r->gateway);
		r->gateway = json_incref(old->gateway);
	}
	json_decref(now);
}

/* --- of plain nodes --- */

static int prepare(struct ctl_view_rules *r, const struct ctl_world *w)
{
	struct names names;
	int err;

	if (r->own)
		return 0;
	names_init(&names, w);
	err = make_each(r, w, &names);
	names_fini(&names);
	if (!r->by_class)
		r->by_class = calloc(w->n_classes + 1, sizeof(*r->by_class));
	if (!err && r->by_class)
		r->own = calloc(w->n_members + 1, sizeof(*r->own));
	return r->own ? 0 : -1;
}

static json_t *class_json(const struct ctl_view_rules *r, const struct ctl_world *w, uint32_t class)
{
	json_t *rules = json_array();

	for (size_t i = 0; i < json_array_size(w->rules); i++)
		if (r->each[i] && ctl_world_leads_to(w, i, class))
			json_array_append(rules, r->each[i]);
	return rules;
}

/* Of whom a rule leads to, a plain node needs to know nobody but itself. */
static json_t *own_json(const json_t *rules, const struct ctl_member *self)
{
	json_t *own = json_array(), *to = json_pack("[s]", self->peer.device_name), *rule;
	size_t i;

	json_array_foreach((json_t *)rules, i, rule)
	{
		json_array_append_new(own, with_to(rule, to));
	}
	json_decref(to);
	return own;
}

struct json_t *ctl_view_rules_own(struct ctl_view_rules *r, const struct ctl_world *w,
				  const struct ctl_member *self)
{
	json_t **class, **own;

	if (prepare(r, w))
		return NULL;
	class = &r->by_class[self->class];
	own = &r->own[self - w->members];
	if (!*class)
		*class = class_json(r, w, self->class);
	if (!*own)
		*own = own_json(*class, self);
	return json_incref(*own);
}

void ctl_view_rules_keep_own(struct ctl_view_rules *r, const struct ctl_world *w,
			     const struct ctl_member *self, const struct ctl_view_rules *old,
			     const struct ctl_world *old_world, const struct ctl_member *before)
{
	json_t *had = old->own ? old->own[before - old_world->members] : NULL, **class, *rules;

	if (!had || prepare(r, w))
		return;
	rules = old->by_class[before->class];
	class = &r->by_class[self->class];
	if (!*class) {
		*class = class_json(r, w, self->class);
		if (json_equal(*class, rules)) {
			json_decref(*class);
			*class = json_incref(rules);
		}
	}
	if (*class == rules && !strcmp(self->peer.device_name, before->peer.device_name))
		r->own[self - w->members] = json_incref(had);
}

/* --- end --- */

static void free_list(json_t **list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		json_decref(list[i]);
	free(list);
}

void ctl_view_rules_free(struct ctl_view_rules *r, const struct ctl_world *w)
{
	free_list(r->each, json_array_size(w->rules));
	free_list(r->by_class, w->n_classes);
	free_list(r->own, w->n_members);
	json_decref(r->gateway);
	memset(r, 0, sizeof(*r));
}
