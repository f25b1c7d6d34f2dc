// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy_parse.h"
#include "policy_tables.h"

#define MEMORY_DEFAULT (64ull << 20)
#define MIB(bytes)     ((uint64_t)((bytes) + (1u << 20) - 1) >> 20)

/* --- messages -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void
say(struct policy_report *r, const struct gw_policy_rule *rule, const char *fmt, va_list args)
{
	if (!r->out)
		return;
	if (r->source && rule)
		fprintf(r->out, "%s:%d: ", r->source, rule->line);
	else if (r->source)
		fprintf(r->out, "%s: ", r->source);
	if (rule)
		fprintf(r->out, "rule \"%s\": ", rule->name ? rule->name : "(unnamed)");
	vfprintf(r->out, fmt, args);
	fputc('\n', r->out);
}

void policy_error(struct policy_report *r, const struct gw_policy_rule *rule, int err,
		  const char *fmt, ...)
{
	va_list args;

	if (!r->err)
		r->err = err;
	va_start(args, fmt);
	say(r, rule, fmt, args);
	va_end(args);
}

void policy_warn(struct policy_report *r, const struct gw_policy_rule *rule, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(r, rule, fmt, args);
	va_end(args);
}

/* --- rules ----------------------------------------------------------------------------------- */

struct compiler {
	const struct gw_policy_input *in;
	struct gw_policy_tables *t;
	struct policy_report report;
	uint32_t *ids; /* selectors of all rules, from before to, rule by rule */
	size_t n_ids;
	struct policy_span *spans;
	uint64_t n_spans;
};

static int out_of_memory(struct compiler *c)
{
	policy_error(&c->report, NULL, -ENOMEM, "out of memory");
	return -ENOMEM;
}

static size_t reaches_of(const struct gw_policy_rule *rule, size_t protocol)
{
	return rule->n_ports ? rule->n_ports : protocol;
}

static size_t check_what(struct compiler *c, const struct gw_policy_rule *rule)
{
	struct policy_reach reach[POLICY_REACHES];
	uint16_t low, high;
	bool ports;
	size_t n = policy_parse_protocol(rule->protocol, reach, &ports);

	if (!n)
		policy_error(&c->report, rule, -EINVAL,
			     "protocol \"%s\" is none of all, tcp, udp, icmp", rule->protocol);
	else if (rule->n_ports && !ports)
		policy_error(&c->report, rule, -EINVAL, "only tcp and udp have ports, not %s",
			     rule->protocol ? rule->protocol : "all");
	for (size_t i = 0; i < rule->n_ports; i++) {
		const char *wrong = policy_parse_ports(rule->ports[i], &low, &high);

		if (wrong)
			policy_error(&c->report, rule, -EINVAL, "ports: \"%s\" %s", rule->ports[i],
				     wrong);
	}
	return reaches_of(rule, n);
}

static void name_selectors(struct compiler *c, uint32_t number, char *const *texts, size_t n,
			   const char *side)
{
	const struct gw_policy_rule *rule = &c->in->rules[number - 1];

	if (!n)
		policy_error(&c->report, rule, -EINVAL, "\"%s\" is empty", side);
	for (size_t i = 0; i < n; i++) {
		struct policy_selector_entry *s =
			policy_selector_add(c->t, texts[i], rule, &c->report);

		c->ids[c->n_ids++] = s ? s->id : TP_POLICY_ANY;
		if (s && !s->rule)
			s->rule = number;
	}
}

static int read_rule(struct compiler *c, uint32_t number)
{
	const struct gw_policy_rule *rule = &c->in->rules[number - 1];
	struct policy_rule_entry *entry = &c->t->rules[number];

	entry->name = strdup(rule->name ? rule->name : "(unnamed)");
	entry->shadow = rule->shadow;
	if (!entry->name)
		return out_of_memory(c);
	name_selectors(c, number, rule->from, rule->n_from, "from");
	name_selectors(c, number, rule->to, rule->n_to, "to");
	c->n_spans += (uint64_t)rule->n_from * rule->n_to * check_what(c, rule);
	return 0;
}

static int read_rules(struct compiler *c)
{
	size_t n = c->in->n_rules, ends = 1;
	int err = 0;

	if (n >= TP_POLICY_HITS) {
		policy_error(&c->report, NULL, -E2BIG, "%zu rules are more than %d", n,
			     TP_POLICY_HITS - 1);
		return -E2BIG;
	}
	for (size_t i = 0; i < n; i++)
		ends += c->in->rules[i].n_from + c->in->rules[i].n_to;
	c->ids = calloc(ends, sizeof(*c->ids));
	c->t->rules = calloc(n + 1, sizeof(*c->t->rules));
	if (!c->ids || !c->t->rules)
		return out_of_memory(c);
	c->t->n_rules = n;
	c->t->rules[0].name = strdup("default");
	if (!c->t->rules[0].name)
		return out_of_memory(c);
	for (uint32_t i = 1; !err && i <= n; i++)
		err = read_rule(c, i);
	return err;
}

/* A tag may come to be used later; a node's name that nobody has is taken for a slip of the pen. */
static void check_met(struct compiler *c)
{
	for (size_t i = 0; i < c->t->n_selectors; i++) {
		const struct policy_selector_entry *s = c->t->selectors[i];
		const struct gw_policy_rule *rule = s->rule ? &c->in->rules[s->rule - 1] : NULL;

		if (s->met)
			continue;
		if (s->kind == POLICY_SELECT_TAG)
			policy_warn(&c->report, rule, "no node has the tag \"%s\"",
				    s->text + strlen("tag:"));
		else
			policy_error(&c->report, rule, -EINVAL, "there is no node \"%s\"",
				     s->text + strlen("node:"));
	}
}

/* --- spans ----------------------------------------------------------------------------------- */

static void add_spans(struct compiler *c, struct policy_span span, const uint32_t *from,
		      const struct gw_policy_rule *rule)
{
	const uint32_t *to = from + rule->n_from;

	for (size_t i = 0; i < rule->n_from; i++) {
		for (size_t j = 0; j < rule->n_to; j++) {
			span.from = from[i];
			span.to = to[j];
			c->spans[c->n_spans++] = span;
		}
	}
}

static void add_rule(struct compiler *c, uint32_t number, const uint32_t *from)
{
	const struct gw_policy_rule *rule = &c->in->rules[number - 1];
	struct policy_reach reach[POLICY_REACHES];
	struct policy_span span = {.rule = number};
	uint16_t low, high;
	bool ports;
	size_t n = policy_parse_protocol(rule->protocol, reach, &ports);

	for (size_t i = 0; i < reaches_of(rule, n); i++) {
		span.low = reach[rule->n_ports ? 0 : i].low;
		span.high = reach[rule->n_ports ? 0 : i].high;
		if (rule->n_ports) {
			policy_parse_ports(rule->ports[i], &low, &high);
			span.high = span.low | high;
			span.low |= low;
		}
		add_spans(c, span, from, rule);
	}
}

static uint64_t memory_allowed(const struct compiler *c)
{
	return c->in->memory ? c->in->memory : MEMORY_DEFAULT;
}

static int refuse_memory(struct compiler *c, const char *what, uint64_t bytes)
{
	policy_error(&c->report, NULL, -E2BIG,
		     "%s needs %" PRIu64 " MiB, acl.memory allows %" PRIu64 " MiB", what,
		     MIB(bytes), memory_allowed(c) >> 20);
	return -E2BIG;
}

static int build_segments(struct compiler *c)
{
	const uint32_t *ids = c->ids;
	uint64_t bytes = c->n_spans * sizeof(*c->spans);

	if (c->n_spans > UINT32_MAX || bytes > memory_allowed(c))
		return refuse_memory(c, "compiling the policy", bytes);
	c->spans = calloc(c->n_spans + 1, sizeof(*c->spans));
	if (!c->spans)
		return out_of_memory(c);
	c->n_spans = 0;
	for (uint32_t i = 1; i <= c->in->n_rules; i++) {
		add_rule(c, i, ids);
		ids += c->in->rules[i - 1].n_from + c->in->rules[i - 1].n_to;
	}
	return policy_segments_build(c->t, c->spans, c->n_spans, &c->report)
		       ? c->report.err ?: out_of_memory(c)
		       : 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int check_memory(struct compiler *c)
{
	uint64_t needs = gw_policy_size(c->t).memory;

	return needs <= memory_allowed(c) ? 0 : refuse_memory(c, "the policy", needs);
}

static int compile(struct compiler *c)
{
	int err;

	if (!policy_selector_add(c->t, "any", NULL, &c->report))
		return c->report.err;
	err = read_rules(c);
	if (err)
		return err;
	if (policy_ranges_build(c->t))
		return out_of_memory(c);
	err = policy_classes_build(c->t, c->in, &c->report);
	if (err)
		return err;
	check_met(c);
	if (c->report.err)
		return c->report.err;
	return build_segments(c) ?: check_memory(c);
}

int gw_policy_compile(const struct gw_policy_input *in, struct gw_policy_tables **out,
		      FILE *messages)
{
	struct compiler c = {.in = in, .report = {messages, in->source, 0}};
	int err = -ENOMEM;

	*out = NULL;
	c.t = calloc(1, sizeof(*c.t));
	if (c.t) {
		c.t->allow = in->allow;
		c.t->shadow = in->shadow;
		err = compile(&c);
	}
	free(c.ids);
	free(c.spans);
	if (err)
		gw_policy_free(c.t);
	else
		*out = c.t;
	return err;
}

static void free_hashes(struct gw_policy_tables *t)
{
	struct policy_node_entry *n, *next;

	HASH_CLEAR(hh, t->by_text);
	HASH_CLEAR(hh, t->by_selectors);
	HASH_ITER (hh, t->nodes, n, next) {
		HASH_DEL(t->nodes, n);
		free(n);
	}
}

void gw_policy_free(struct gw_policy_tables *t)
{
	if (!t)
		return;
	free_hashes(t);
	for (size_t i = 0; i < t->n_selectors; i++) {
		free(t->selectors[i]->text);
		free(t->selectors[i]);
	}
	for (size_t i = 0; i < t->n_classes; i++)
		free(t->classes[i]);
	for (size_t i = 0; t->rules && i <= t->n_rules; i++)
		free(t->rules[i].name);
	free(t->selectors);
	free(t->ranges);
	free(t->locals);
	free(t->classes);
	free(t->pairs);
	free(t->segments);
	free(t->rules);
	free(t);
}

/* --- size ------------------------------------------------------------------------------------ */

static uint64_t round_up8(uint64_t n)
{
	return (n + 7) & ~7ull;
}

/* As the kernel lays out a preallocated hash: 48 bytes before each element, spares for the CPUs, 16
 * bytes a bucket, their number a power of two. */
static uint64_t hash_bytes(uint64_t n, size_t key, size_t value)
{
	uint64_t buckets = 1, spares = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);

	while (buckets < n)
		buckets *= 2;
	return (n + spares) * (48 + round_up8(key) + round_up8(value)) + buckets * 16;
}

/* A leaf and at most one inner node for each prefix. */
static uint64_t trie_bytes(uint64_t n)
{
	return n * 2 * 96;
}

struct gw_policy_size gw_policy_size(const struct gw_policy_tables *t)
{
	struct gw_policy_size size = {
		.rules = t->n_rules,
		.selectors = t->n_selectors,
		.nodes = HASH_COUNT(t->nodes),
		.prefixes = t->n_ranges + t->n_locals,
		.classes = t->n_classes,
		.pairs = t->n_pairs,
		.segments = t->n_segments,
	};

	size.memory =
		hash_bytes(t->room_nodes, sizeof(struct policy_node_key), sizeof(__u32)) +
		trie_bytes(size.prefixes) + t->room_classes * sizeof(struct policy_class) +
		hash_bytes(t->n_pairs, sizeof(struct policy_pair_key), sizeof(struct policy_pair)) +
		t->n_segments * round_up8(sizeof(struct policy_segment));
	return size;
}
