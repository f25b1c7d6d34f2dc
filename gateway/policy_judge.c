// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs' judgement of a new flow, in the same order, on the tables before they are
 * published. */
#include <stdio.h>
#include <string.h>

#include "policy_tables.h"

static const struct policy_segment *segment_find(const struct gw_policy_tables *t,
						 const struct policy_pair *pair, uint32_t what)
{
	uint32_t low = pair->first, high = pair->first + pair->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct policy_segment *s = &t->segments[middle];

		if (what < s->low)
			high = middle;
		else if (what > s->high)
			low = middle + 1;
		else
			return s;
	}
	return NULL;
}

/* Does the pair's rule settle it? */
static bool judge_pair(const struct gw_policy_tables *t, uint32_t from, uint32_t to, uint32_t what,
		       struct gw_policy_verdict *v)
{
	const struct policy_pair *pair = policy_pair_find(t, from, to);
	const struct policy_segment *s = pair ? segment_find(t, pair, what) : NULL;

	if (!s)
		return false;
	if (!v->shadow)
		v->shadow = s->shadow;
	if (!s->rule)
		return false;
	v->rule = s->rule;
	v->from = from;
	v->to = to;
	return true;
}

static bool judge_from(const struct gw_policy_tables *t, const struct policy_selector *from,
		       const struct policy_class *dst, uint32_t what, struct gw_policy_verdict *v)
{
	for (uint32_t i = 0; i < dst->n; i++)
		if (from->reaches & policy_bit(dst->selector[i].id) &&
		    judge_pair(t, from->id, dst->selector[i].id, what, v))
			return true;
	return false;
}

struct gw_policy_verdict gw_policy_judge(const struct gw_policy_tables *t,
					 const struct gw_policy_end *src,
					 const struct gw_policy_end *dst, uint8_t proto,
					 uint16_t port)
{
	struct gw_policy_verdict v = {
		.src_class = policy_class_of(t, src),
		.dst_class = policy_class_of(t, dst),
	};
	struct policy_class from = policy_class_image(t, v.src_class);
	struct policy_class to = policy_class_image(t, v.dst_class);
	uint32_t what = (uint32_t)proto << 16 | port;
	bool found = false;

	for (uint32_t i = 0; !found && i < from.n; i++)
		found = judge_from(t, &from.selector[i], &to, what, &v);
	v.allowed = found || t->allow;
	v.passes = v.allowed || t->shadow;
	return v;
}

/* --- names ----------------------------------------------------------------------------------- */

size_t gw_policy_rules(const struct gw_policy_tables *t)
{
	return t->n_rules;
}

const char *gw_policy_rule_name(const struct gw_policy_tables *t, uint32_t rule)
{
	return rule <= t->n_rules ? t->rules[rule].name : "unknown";
}

const char *gw_policy_selector_name(const struct gw_policy_tables *t, uint32_t selector)
{
	return selector < t->n_selectors ? t->selectors[selector]->text : "unknown";
}

const char *gw_policy_class_names(const struct gw_policy_tables *t, uint32_t class_id, char *buf,
				  size_t size)
{
	size_t used = 0;

	if (size)
		*buf = '\0';
	if (class_id >= t->n_classes)
		return buf;
	for (uint32_t i = 0; i < t->classes[class_id]->n && used < size; i++) {
		uint32_t id = t->classes[class_id]->selectors[i];

		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
					 t->selectors[id]->text);
	}
	return buf;
}
