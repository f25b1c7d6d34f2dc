// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which selectors an address falls under: classes, and the addresses that have them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_tables.h"

/* Room for nodes that join, and for sets of tags that they bring, before a new compile. */
#define SPARE_NODES(n)	 ((n) / 4 + 1024)
#define SPARE_CLASSES(n) ((n) / 4 + 256)

/* --- lists of selectors ---------------------------------------------------------------------- */

/* Ascending, each once. */
static void list_add(struct policy_list *list, uint32_t id)
{
	uint32_t known = list->n < TP_POLICY_SELECTORS ? list->n : TP_POLICY_SELECTORS, at = 0;

	while (at < known && list->id[at] < id)
		at++;
	if (at < known && list->id[at] == id)
		return;
	list->n++;
	if (known == TP_POLICY_SELECTORS)
		return;
	memmove(&list->id[at + 1], &list->id[at], (known - at) * sizeof(*list->id));
	list->id[at] = id;
}

static void list_add_ranges(const struct gw_policy_tables *t, struct policy_list *list,
			    uint32_t range)
{
	for (; range != POLICY_NO_RANGE; range = t->ranges[range].parent) {
		list_add(list, t->ranges[range].selector);
		if (t->ranges[range].world)
			return;
	}
}

static void list_add_named(const struct gw_policy_tables *t, struct policy_list *list,
			   const char *kind, const char *name)
{
	struct policy_selector_entry *s = policy_selector_find(t, kind, name);

	if (!s)
		return;
	s->met = true;
	list_add(list, s->id);
}

/* All but prefixes. */
static struct policy_list node_list(const struct gw_policy_tables *t,
				    const struct gw_policy_node *node)
{
	struct policy_list list = {.n = 1, .id = {TP_POLICY_ANY}};

	if (node->name)
		list_add_named(t, &list, "node:", node->name);
	for (size_t i = 0; i < node->n_tags; i++)
		list_add_named(t, &list, "tag:", node->tags[i]);
	return list;
}

static int address_class(struct gw_policy_tables *t, const struct policy_list *begun,
			 const struct tp_addr *addr, struct policy_list *list, uint32_t *id)
{
	*list = *begun;
	list_add_ranges(t, list, policy_range_of(t, addr->b));
	return policy_class_get(t, list, id);
}

/* --- classes --------------------------------------------------------------------------------- */

static int grow_classes(struct gw_policy_tables *t)
{
	size_t room = 2 * t->room_classes + 64;
	struct policy_class_entry **grown = reallocarray(t->classes, room, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	t->classes = grown;
	t->room_classes = room;
	return 0;
}

static int class_add(struct gw_policy_tables *t, const struct policy_list *list, uint32_t *id)
{
	struct policy_class_entry *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->id = (uint32_t)t->n_classes;
	c->n = list->n;
	memcpy(c->selectors, list->id, list->n * sizeof(*list->id));
	HASH_ADD_KEYPTR(hh, t->by_selectors, c->selectors, c->n * sizeof(*c->selectors), c);
	if (!tp_hash_added(c)) {
		free(c);
		return -ENOMEM;
	}
	t->classes[t->n_classes++] = c;
	*id = c->id;
	return 0;
}

int policy_class_get(struct gw_policy_tables *t, struct policy_list *list, uint32_t *id)
{
	struct policy_class_entry *c;

	*id = TP_POLICY_CLASS_NONE;
	if (list->n > TP_POLICY_SELECTORS)
		return -E2BIG;
	HASH_FIND(hh, t->by_selectors, list->id, list->n * sizeof(*list->id), c);
	if (c) {
		*id = c->id;
		return 0;
	}
	/* Once room_nodes is set the maps have their sizes. */
	if (t->n_classes == t->room_classes) {
		if (t->room_nodes)
			return -ENOSPC;
		if (grow_classes(t))
			return -ENOMEM;
	}
	return class_add(t, list, id);
}

struct policy_class policy_class_image(const struct gw_policy_tables *t, uint32_t id)
{
	const struct policy_class_entry *c = t->classes[id];
	struct policy_class image = {.n = c->n};

	for (uint32_t i = 0; i < c->n; i++) {
		image.selector[i].id = c->selectors[i];
		image.selector[i].reaches = t->selectors[c->selectors[i]]->reaches;
	}
	return image;
}

/* --- nodes ----------------------------------------------------------------------------------- */

struct policy_node_key policy_node_key(uint32_t overlay, const struct tp_addr *addr)
{
	struct policy_node_key key = {.overlay = overlay};

	memcpy(key.addr, addr->b, sizeof(key.addr));
	return key;
}

struct policy_node_entry *policy_node_find(const struct gw_policy_tables *t,
					   const struct policy_node_key *key)
{
	struct policy_node_entry *n;

	HASH_FIND(hh, t->nodes, key, sizeof(*key), n);
	return n;
}

static int node_add(struct gw_policy_tables *t, const struct policy_node_key *key, uint32_t id)
{
	struct policy_node_entry *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->key = *key;
	n->class_id = id;
	HASH_ADD(hh, t->nodes, key, sizeof(n->key), n);
	if (tp_hash_added(n))
		return 0;
	free(n);
	return -ENOMEM;
}

static void node_remove(struct gw_policy_tables *t, const struct policy_node_key *key)
{
	struct policy_node_entry *n = policy_node_find(t, key);

	if (!n)
		return;
	HASH_DEL(t->nodes, n);
	free(n);
}

struct place {
	struct policy_node_key key;
	uint32_t class_id;
	bool skip, added;
};

static void undo_places(struct gw_policy_tables *t, const struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].added)
			node_remove(t, &places[i].key);
}

/* Nothing changes for good before it is certain that everything can. */
static int put_places(struct gw_policy_tables *t, struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = 0;

		if (places[i].skip || policy_node_find(t, &places[i].key))
			continue;
		if (HASH_COUNT(t->nodes) >= t->room_nodes)
			err = -ENOSPC;
		err = err ?: node_add(t, &places[i].key, places[i].class_id);
		places[i].added = !err;
		if (err) {
			undo_places(t, places, i);
			return err;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!places[i].skip)
			policy_node_find(t, &places[i].key)->class_id = places[i].class_id;
	return 0;
}

int gw_policy_node_put(struct gw_policy_tables *t, const struct gw_policy_node *node)
{
	struct policy_list begun = node_list(t, node), list;
	struct place *places = calloc(node->n_addrs + 1, sizeof(*places));
	int err = places ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < node->n_addrs; i++) {
		const struct tp_prefix *p = &node->addrs[i];

		places[i].key = policy_node_key(node->overlay, &p->addr);
		places[i].skip = !tp_prefix_is_host(p);
		if (!places[i].skip)
			err = address_class(t, &begun, &p->addr, &list, &places[i].class_id);
	}
	err = err ?: put_places(t, places, node->n_addrs);
	free(places);
	return err;
}

void gw_policy_node_del(struct gw_policy_tables *t, const struct gw_policy_node *node)
{
	for (size_t i = 0; i < node->n_addrs; i++) {
		struct policy_node_key key = policy_node_key(node->overlay, &node->addrs[i].addr);

		if (tp_prefix_is_host(&node->addrs[i]))
			node_remove(t, &key);
	}
}

/* --- all of them, while compiling ------------------------------------------------------------ */

static int complain(struct policy_report *r, int err, const char *what, const char *name,
		    uint32_t n)
{
	if (err == -E2BIG)
		policy_error(r, NULL, err,
			     "%s %s falls under %u selectors of the rules, more than %u", what,
			     name, n, TP_POLICY_SELECTORS);
	else if (err)
		policy_error(r, NULL, err, "out of memory");
	return err == -E2BIG ? 0 : err;
}

static int build_ranges(struct gw_policy_tables *t, struct policy_report *r)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < t->n_ranges; i++) {
		struct policy_list list = {.n = 1, .id = {TP_POLICY_ANY}};

		list_add_ranges(t, &list, i);
		err = policy_class_get(t, &list, &t->ranges[i].class_id);
		err = complain(r, err, "prefix", t->selectors[t->ranges[i].selector]->text, list.n);
	}
	return err;
}

static int build_address(struct gw_policy_tables *t, const struct gw_policy_node *node,
			 const struct policy_list *begun, const struct tp_addr *addr,
			 struct policy_report *r)
{
	struct policy_node_key key = policy_node_key(node->overlay, addr);
	char text[TP_ADDR_STRLEN];
	struct policy_list list;
	uint32_t id;
	int err = address_class(t, begun, addr, &list, &id);

	tp_addr_format(addr, text);
	if (err)
		return complain(r, err, node->name ? "node" : "address",
				node->name ? node->name : text, list.n);
	if (!policy_node_find(t, &key))
		return complain(r, node_add(t, &key, id), "", "", 0);
	policy_error(r, NULL, -EINVAL, "node %s: %s is the address of another node",
		     node->name ? node->name : "without a name", text);
	return 0;
}

static int build_node(struct gw_policy_tables *t, const struct gw_policy_node *node,
		      struct policy_report *r)
{
	struct policy_list begun = node_list(t, node);
	size_t taken = 0;
	int err = 0;

	for (size_t i = 0; !err && i < node->n_addrs; i++) {
		if (!tp_prefix_is_host(&node->addrs[i]))
			continue;
		taken++;
		err = build_address(t, node, &begun, &node->addrs[i].addr, r);
	}
	if (!taken)
		policy_warn(r, NULL, "node %s has no single address: the policy does not know it",
			    node->name ? node->name : "without a name");
	return err;
}

static bool local_known(const struct gw_policy_tables *t, const struct tp_addr *addr)
{
	for (size_t i = 0; i < t->n_locals; i++)
		if (!memcmp(t->locals[i].key.addr, addr->b, sizeof(addr->b)))
			return true;
	return false;
}

static int build_locals(struct gw_policy_tables *t, const struct gw_policy_input *in,
			struct policy_report *r)
{
	const struct policy_selector_entry *s = policy_selector_find(t, "gateway", "");
	struct policy_list begun = {.n = 1, .id = {TP_POLICY_ANY}}, list;
	int err = 0;

	if (!s)
		return 0;
	list_add(&begun, s->id);
	t->locals = calloc(in->n_locals + 1, sizeof(*t->locals));
	if (!t->locals)
		return complain(r, -ENOMEM, "", "", 0);
	for (size_t i = 0; !err && i < in->n_locals; i++) {
		struct policy_local *l = &t->locals[t->n_locals];

		if (local_known(t, &in->locals[i]))
			continue;
		l->key.bits = 128;
		memcpy(l->key.addr, in->locals[i].b, sizeof(l->key.addr));
		err = address_class(t, &begun, &in->locals[i], &list, &l->class_id);
		err = complain(r, err, "an address of", "the gateway", list.n);
		t->n_locals++;
	}
	return err;
}

/* Class TP_POLICY_CLASS_NONE comes first. */
int policy_classes_build(struct gw_policy_tables *t, const struct gw_policy_input *in,
			 struct policy_report *r)
{
	struct policy_list none = {.n = 1, .id = {TP_POLICY_ANY}};
	uint32_t id;
	int err = complain(r, policy_class_get(t, &none, &id), "", "", 0);

	err = err ?: build_ranges(t, r);
	for (size_t i = 0; !err && i < in->n_nodes; i++)
		err = build_node(t, &in->nodes[i], r);
	err = err ?: build_locals(t, in, r);
	t->room_nodes = HASH_COUNT(t->nodes) + SPARE_NODES(HASH_COUNT(t->nodes));
	while (!err && t->room_classes < t->n_classes + SPARE_CLASSES(t->n_classes))
		err = complain(r, grow_classes(t), "", "", 0);
	t->room_classes = t->n_classes + SPARE_CLASSES(t->n_classes);
	return err;
}

/* --- questions ------------------------------------------------------------------------------- */

uint32_t policy_class_of(const struct gw_policy_tables *t, const struct gw_policy_end *end)
{
	struct policy_node_key key = policy_node_key(end->overlay, &end->addr);
	const struct policy_node_entry *n = policy_node_find(t, &key);
	uint32_t range;

	if (n && end->overlay != GW_POLICY_OUTSIDE)
		return n->class_id;
	for (size_t i = 0; i < t->n_locals; i++)
		if (!memcmp(t->locals[i].key.addr, key.addr, sizeof(key.addr)))
			return t->locals[i].class_id;
	range = policy_range_of(t, end->addr.b);
	return range == POLICY_NO_RANGE ? TP_POLICY_CLASS_NONE : t->ranges[range].class_id;
}

bool gw_policy_is_node(const struct gw_policy_tables *t, const struct gw_policy_end *end)
{
	struct policy_node_key key = policy_node_key(end->overlay, &end->addr);

	return policy_node_find(t, &key) != NULL;
}
