// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Overlapping spans of many rules, cut into disjoint segments, pair by pair. A sweep from low to
 * high keeps the spans that it is in, in two heaps: of rules that allow, and of those in shadow
 * mode. The rule that comes first in the file is on top. n log n in the spans of a pair.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy_tables.h"

struct heap {
	const struct policy_span **at; /* room for all spans of the largest pair */
	size_t n;
};

struct sweep {
	struct gw_policy_tables *t;
	struct heap rules, shadows;
	size_t room_segments, room_pairs;
	size_t first; /* segment of the pair */
};

/* --- heaps ----------------------------------------------------------------------------------- */

static void heap_swap(struct heap *h, size_t a, size_t b)
{
	const struct policy_span *kept = h->at[a];

	h->at[a] = h->at[b];
	h->at[b] = kept;
}

static void heap_push(struct heap *h, const struct policy_span *span)
{
	size_t i = h->n++;

	h->at[i] = span;
	for (; i && h->at[i]->rule < h->at[(i - 1) / 2]->rule; i = (i - 1) / 2)
		heap_swap(h, i, (i - 1) / 2);
}

static void heap_pop(struct heap *h)
{
	size_t i = 0, least;

	h->at[0] = h->at[--h->n];
	while ((least = 2 * i + 1) < h->n) {
		if (least + 1 < h->n && h->at[least + 1]->rule < h->at[least]->rule)
			least++;
		if (h->at[i]->rule <= h->at[least]->rule)
			return;
		heap_swap(h, i, least);
		i = least;
	}
}

/* The first rule that reaches to x or beyond, NULL when there is none; what ended before goes. */
static const struct policy_span *heap_top(struct heap *h, uint32_t x)
{
	while (h->n && h->at[0]->high < x)
		heap_pop(h);
	return h->n ? h->at[0] : NULL;
}

/* --- one pair -------------------------------------------------------------------------------- */

static int emit(struct sweep *s, const struct policy_segment *segment)
{
	struct gw_policy_tables *t = s->t;
	struct policy_segment *last =
		t->n_segments > s->first ? &t->segments[t->n_segments - 1] : NULL;

	if (last && last->high + 1 == segment->low && last->rule == segment->rule &&
	    last->shadow == segment->shadow) {
		last->high = segment->high;
		return 0;
	}
	if (t->n_segments == s->room_segments) {
		size_t room = 2 * s->room_segments + 64;
		struct policy_segment *grown = reallocarray(t->segments, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->segments = grown;
		s->room_segments = room;
	}
	t->segments[t->n_segments++] = *segment;
	return 0;
}

static uint32_t least_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The spans come sorted by their lower ends. */
static int flatten(struct sweep *s, const struct policy_span *spans, size_t n)
{
	uint32_t x = spans[0].low;
	size_t next = 0;
	int err = 0;

	s->first = s->t->n_segments;
	s->rules.n = s->shadows.n = 0;
	while (!err) {
		const struct policy_span *rule, *shadow;
		struct policy_segment segment = {.low = x, .high = UINT32_MAX};

		for (; next < n && spans[next].low <= x; next++)
			heap_push(s->t->rules[spans[next].rule].shadow ? &s->shadows : &s->rules,
				  &spans[next]);
		rule = heap_top(&s->rules, x);
		shadow = heap_top(&s->shadows, x);
		if (!rule && !shadow && next == n)
			return 0;
		if (!rule && !shadow) {
			x = spans[next].low;
			continue;
		}
		if (next < n)
			segment.high = spans[next].low - 1;
		if (rule) {
			segment.rule = rule->rule;
			segment.high = least_u32(segment.high, rule->high);
		}
		if (shadow) {
			segment.shadow = shadow->rule;
			segment.high = least_u32(segment.high, shadow->high);
		}
		err = emit(s, &segment);
		x = segment.high + 1;
	}
	return err;
}

static int add_pair(struct sweep *s, const struct policy_span *span)
{
	struct gw_policy_tables *t = s->t;

	if (t->n_pairs == s->room_pairs) {
		size_t room = 2 * s->room_pairs + 64;
		struct policy_pair_entry *grown = reallocarray(t->pairs, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->pairs = grown;
		s->room_pairs = room;
	}
	t->pairs[t->n_pairs++] = (struct policy_pair_entry){
		.key = {span->from, span->to},
		.pair = {(uint32_t)s->first, (uint32_t)(t->n_segments - s->first)},
	};
	t->selectors[span->from]->reaches |= policy_bit(span->to);
	return 0;
}

static int check_pair(const struct gw_policy_tables *t, struct policy_report *r)
{
	const struct policy_pair_entry *p = &t->pairs[t->n_pairs - 1];

	if (p->pair.n < 1u << TP_POLICY_LOOKUPS)
		return 0;
	policy_error(r, NULL, -E2BIG,
		     "the rules from %s to %s make %u ranges of ports, more than %u",
		     t->selectors[p->key.from]->text, t->selectors[p->key.to]->text, p->pair.n,
		     (1u << TP_POLICY_LOOKUPS) - 1);
	return -E2BIG;
}

/* --- all pairs ------------------------------------------------------------------------------- */

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_spans(const void *pa, const void *pb)
{
	const struct policy_span *a = pa, *b = pb;
	int order = compare_u32(a->from, b->from);

	order = order ? order : compare_u32(a->to, b->to);
	order = order ? order : compare_u32(a->low, b->low);
	return order ? order : compare_u32(a->rule, b->rule);
}

static size_t group(const struct policy_span *spans, size_t n)
{
	size_t i = 1;

	while (i < n && spans[i].from == spans[0].from && spans[i].to == spans[0].to)
		i++;
	return i;
}

static size_t largest_group(const struct policy_span *spans, size_t n)
{
	size_t largest = 0, size;

	for (size_t i = 0; i < n; i += size) {
		size = group(spans + i, n - i);
		if (size > largest)
			largest = size;
	}
	return largest;
}

static int sweep_all(struct sweep *s, const struct policy_span *spans, size_t n,
		     struct policy_report *r)
{
	int err = 0;
	size_t size;

	for (size_t i = 0; !err && i < n; i += size) {
		size = group(spans + i, n - i);
		err = flatten(s, spans + i, size);
		err = err ?: add_pair(s, &spans[i]);
		err = err ?: check_pair(s->t, r);
	}
	return err;
}

int policy_segments_build(struct gw_policy_tables *t, struct policy_span *spans, size_t n,
			  struct policy_report *r)
{
	struct sweep s = {.t = t};
	size_t room;
	int err = -ENOMEM;

	if (!n)
		return 0;
	qsort(spans, n, sizeof(*spans), compare_spans);
	room = largest_group(spans, n);
	s.rules.at = calloc(room, sizeof(*s.rules.at));
	s.shadows.at = calloc(room, sizeof(*s.shadows.at));
	if (s.rules.at && s.shadows.at)
		err = sweep_all(&s, spans, n, r);
	free(s.rules.at);
	free(s.shadows.at);
	return err;
}

const struct policy_pair *policy_pair_find(const struct gw_policy_tables *t, uint32_t from,
					   uint32_t to)
{
	size_t low = 0, high = t->n_pairs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct policy_pair_entry *p = &t->pairs[middle];
		int order = compare_u32(p->key.from, from);

		order = order ? order : compare_u32(p->key.to, to);
		if (!order)
			return &p->pair;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
