// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What rules name: a number for each selector, and which prefix lies in which. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_tables.h"

#define V4_OFFSET 96 /* bits of an IPv4 address that are the same for all */

/* --- meaning of a text ----------------------------------------------------------------------- */

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Not an error: -EINVAL when it is no address. */
static int parse_prefix(const char *text, struct tp_prefix *prefix)
{
	return tp_addr_parse_cidr(text, &prefix->addr, &prefix->bits);
}

static char *text_of(const struct policy_selector_entry *s, const char *text)
{
	char buf[TP_ADDR_STRLEN], *out;

	switch (s->kind) {
	case POLICY_SELECT_PREFIX: return strdup(tp_prefix_format(&s->prefix, buf));
	case POLICY_SELECT_NODE:
		if (has_prefix(text, "node:"))
			text += strlen("node:");
		return asprintf(&out, "node:%s", text) < 0 ? NULL : out;
	default: return strdup(text);
	}
}

/* NULL, or what is wrong with the text. */
static const char *classify(const char *text, struct policy_selector_entry *s)
{
	struct tp_addr masked;

	if (!strcmp(text, "any")) {
		s->kind = POLICY_SELECT_ANY;
	} else if (!strcmp(text, "gateway")) {
		s->kind = POLICY_SELECT_GATEWAY;
	} else if (has_prefix(text, "tag:")) {
		s->kind = POLICY_SELECT_TAG;
		return text[4] ? NULL : "names no tag";
	} else if (!parse_prefix(text, &s->prefix)) {
		s->kind = POLICY_SELECT_PREFIX;
		masked = tp_addr_prefix(&s->prefix.addr, s->prefix.bits);
		if (!tp_addr_equal(&masked, &s->prefix.addr))
			return "has bits set behind its length";
	} else if (strchr(text, '/')) {
		return "is no prefix such as 192.168.10.0/24";
	} else {
		s->kind = POLICY_SELECT_NODE;
		return *text && strcmp(text, "node:") != 0 ? NULL : "names no node";
	}
	return NULL;
}

/* --- the table of them ----------------------------------------------------------------------- */

static int make_room(struct gw_policy_tables *t)
{
	size_t room = t->room_selectors ? 2 * t->room_selectors : 64;
	struct policy_selector_entry **grown;

	if (t->n_selectors < t->room_selectors)
		return 0;
	grown = reallocarray(t->selectors, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->selectors = grown;
	t->room_selectors = room;
	return 0;
}

/* Takes over the entry's text; frees it when that fails. */
static struct policy_selector_entry *insert(struct gw_policy_tables *t,
					    const struct policy_selector_entry *entry)
{
	struct policy_selector_entry *s = malloc(sizeof(*s));

	if (!s || make_room(t))
		goto fail;
	*s = *entry;
	s->id = (uint32_t)t->n_selectors;
	s->met = s->kind != POLICY_SELECT_TAG && s->kind != POLICY_SELECT_NODE;
	HASH_ADD_KEYPTR(hh, t->by_text, s->text, strlen(s->text), s);
	if (!tp_hash_added(s))
		goto fail;
	t->selectors[t->n_selectors++] = s;
	return s;
fail:
	free(entry->text);
	free(s);
	return NULL;
}

struct policy_selector_entry *policy_selector_add(struct gw_policy_tables *t, const char *text,
						  const struct gw_policy_rule *rule,
						  struct policy_report *r)
{
	struct policy_selector_entry made = {0}, *s;
	const char *wrong = classify(text, &made);

	if (wrong) {
		policy_error(r, rule, -EINVAL, "\"%s\" %s", text, wrong);
		return NULL;
	}
	made.text = text_of(&made, text);
	if (!made.text) {
		policy_error(r, NULL, -ENOMEM, "out of memory");
		return NULL;
	}
	HASH_FIND_STR(t->by_text, made.text, s);
	if (s) {
		free(made.text);
		return s;
	}
	s = insert(t, &made);
	if (!s)
		policy_error(r, NULL, -ENOMEM, "out of memory");
	return s;
}

struct policy_selector_entry *policy_selector_find(const struct gw_policy_tables *t,
						   const char *kind, const char *name)
{
	struct policy_selector_entry *s;
	char *text;

	if (asprintf(&text, "%s%s", kind, name) < 0)
		return NULL;
	HASH_FIND_STR(t->by_text, text, s);
	free(text);
	return s;
}

/* --- prefixes in prefixes -------------------------------------------------------------------- */

static int compare_ranges(const void *pa, const void *pb)
{
	const struct policy_range *a = pa, *b = pb;
	int order = memcmp(a->key.addr, b->key.addr, sizeof(a->key.addr));

	if (order)
		return order;
	return (a->key.bits > b->key.bits) - (a->key.bits < b->key.bits);
}

static bool range_holds(const struct policy_range *range, const uint8_t addr[16])
{
	unsigned int bytes = range->key.bits / 8, rest = range->key.bits % 8;

	if (memcmp(range->key.addr, addr, bytes) != 0)
		return false;
	return !rest || !((range->key.addr[bytes] ^ addr[bytes]) >> (8 - rest));
}

/* Prefixes nest or are disjoint: what holds an address is the last that begins at or before it, or
 * around that. */
static uint32_t climb(const struct gw_policy_tables *t, uint32_t i, const uint8_t addr[16])
{
	while (i != POLICY_NO_RANGE && !range_holds(&t->ranges[i], addr))
		i = t->ranges[i].parent;
	return i;
}

static void fill_range(struct policy_range *range, const struct policy_selector_entry *s)
{
	unsigned int offset = tp_addr_is_v4(&s->prefix.addr) ? V4_OFFSET : 0;

	range->key.bits = s->prefix.bits + offset;
	memcpy(range->key.addr, s->prefix.addr.b, sizeof(range->key.addr));
	range->selector = s->id;
}

/* All of IPv4. Where a rule has a prefix as wide as ::/0, this one keeps IPv4 out of it. */
static const struct policy_range all_v4 = {
	.key = {.bits = V4_OFFSET, .addr = {[10] = 0xff, [11] = 0xff}},
	.selector = TP_POLICY_ANY,
};

static bool is_all_v4(const struct policy_range *range)
{
	return range->key.bits == V4_OFFSET &&
	       !memcmp(range->key.addr, all_v4.key.addr, sizeof(all_v4.key.addr));
}

static void add_all_v4(struct gw_policy_tables *t)
{
	bool needed = false;

	for (size_t i = 0; i < t->n_ranges; i++) {
		if (is_all_v4(&t->ranges[i]))
			return;
		needed |= t->ranges[i].key.bits < V4_OFFSET &&
			  range_holds(&t->ranges[i], all_v4.key.addr);
	}
	if (needed)
		t->ranges[t->n_ranges++] = all_v4;
}

int policy_ranges_build(struct gw_policy_tables *t)
{
	t->ranges = calloc(t->n_selectors + 1, sizeof(*t->ranges));
	if (!t->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_selectors; i++)
		if (t->selectors[i]->kind == POLICY_SELECT_PREFIX)
			fill_range(&t->ranges[t->n_ranges++], t->selectors[i]);
	add_all_v4(t);
	qsort(t->ranges, t->n_ranges, sizeof(*t->ranges), compare_ranges);
	for (uint32_t i = 0; i < t->n_ranges; i++) {
		t->ranges[i].world = is_all_v4(&t->ranges[i]);
		t->ranges[i].parent = i ? climb(t, i - 1, t->ranges[i].key.addr) : POLICY_NO_RANGE;
	}
	return 0;
}

uint32_t policy_range_of(const struct gw_policy_tables *t, const uint8_t addr[16])
{
	size_t low = 0, high = t->n_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(t->ranges[middle].key.addr, addr, 16) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? climb(t, (uint32_t)low - 1, addr) : POLICY_NO_RANGE;
}
