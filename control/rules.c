// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/rules.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/address.h"

enum selector_kind { ANY, NODE, TAG, GROUP, PREFIX };

struct selector {
	enum selector_kind kind;
	char name[CTL_NAME_LEN];
	struct ctl_prefix prefix;
};

struct side {
	struct selector *selectors;
	size_t n;
};

struct range {
	uint16_t low, high;
};

struct rule {
	char name[CTL_NAME_LEN];
	struct side from, to;
	char protocol[8];
	struct range ports[CTL_PORTS_MAX];
	size_t n_ports;
	bool shadow;
};

struct ctl_rules {
	struct rule *rules;
	size_t n;
};

/* --- reading --- */

static bool listed(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

/* Where we are, for errors. */
struct place {
	const char *rule;
	size_t number;
	const char *member;
	struct ctl_error *err;
};

static int bad(const struct place *at, const char *why)
{
	return ctl_fail(at->err, CTL_INVALID_ARGUMENT, "rule %zu%s%.63s%s: %s: %s", at->number + 1,
			at->rule ? " \"" : "", at->rule ? at->rule : "", at->rule ? "\"" : "",
			at->member, why);
}

static int read_prefix(const char *text, struct ctl_prefix *out, const struct place *at)
{
	char cidr[CTL_CIDR_LEN];
	struct ctl_error err;
	int len = snprintf(cidr, sizeof(cidr), strchr(text, '/') ? "%s" : "%s/32", text);

	if (len >= (int)sizeof(cidr))
		return bad(at, "is no IPv4 prefix");
	if (ctl_prefix_parse(cidr, "prefix", &out->first, &out->bits, &err))
		return bad(at, err.text);
	return 0;
}

static int read_selector(const json_t *value, struct selector *out, const struct place *at)
{
	const char *text = json_string_value(value), *name = text;
	struct ctl_error err;

	if (!text)
		return bad(at, "must be a list of strings");
	if (!strcmp(text, "any")) {
		out->kind = ANY;
		return 0;
	}
	out->kind = NODE;
	if (!strncmp(text, "tag:", 4)) {
		out->kind = TAG;
		name = text + 4;
	} else if (!strncmp(text, "group:", 6)) {
		out->kind = GROUP;
		name = text + 6;
	} else if (text[0] >= '0' && text[0] <= '9' && strpbrk(text, "./")) {
		out->kind = PREFIX;
		return read_prefix(text, &out->prefix, at);
	}
	if (ctl_name_check(name, text, &err))
		return bad(at, err.text);
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

static int read_side(const json_t *list, struct side *out, const struct place *at)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || !n || n > CTL_SELECTORS_MAX)
		return bad(at, "must be a list of 1 to 256 strings");
	out->selectors = calloc(n, sizeof(*out->selectors));
	if (!out->selectors)
		return ctl_fail(at->err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	for (; out->n < n; out->n++)
		if (read_selector(json_array_get(list, out->n), &out->selectors[out->n], at))
			return -1;
	return 0;
}

/* One decimal number; its end, or NULL. */
static const char *read_port(const char *text, uint16_t *port)
{
	unsigned int n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= UINT16_MAX; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	*port = (uint16_t)n;
	return p == text || n > UINT16_MAX ? NULL : p;
}

static int read_range(const json_t *value, struct range *out, const struct place *at)
{
	const char *text = json_string_value(value),
		   *end = text ? read_port(text, &out->low) : NULL;

	out->high = out->low;
	if (end && *end == '-')
		end = read_port(end + 1, &out->high);
	return !end || *end || out->low > out->high
		       ? bad(at, "each must be a string with a port or a range such as 8000-8100")
		       : 0;
}

static int read_ports(const json_t *list, struct rule *r, const struct place *at)
{
	if (!list || json_is_null(list) || (json_is_array(list) && !json_array_size(list)))
		return 0;
	if (!json_is_array(list) || json_array_size(list) > CTL_PORTS_MAX)
		return bad(at, "must be a list of at most 64 strings");
	if (strcmp(r->protocol, "tcp") && strcmp(r->protocol, "udp"))
		return bad(at, "only tcp and udp have ports");
	for (; r->n_ports < json_array_size(list); r->n_ports++)
		if (read_range(json_array_get(list, r->n_ports), &r->ports[r->n_ports], at))
			return -1;
	return 0;
}

static int read_protocol(const json_t *value, struct rule *r, const struct place *at)
{
	static const char *const known[] = {"all", "tcp", "udp", "icmp"};
	const char *text = value ? json_string_value(value) : "all";

	for (size_t i = 0; text && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(text, known[i])) {
			snprintf(r->protocol, sizeof(r->protocol), "%s", text);
			return 0;
		}
	return bad(at, "must be all, tcp, udp or icmp");
}

static int check_members(const json_t *object, struct place *at)
{
	static const char *const known[] = {"name", "from", "to", "protocol", "ports", "shadow"};
	const size_t n = sizeof(known) / sizeof(known[0]);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		if (!listed(name, known, n)) {
			at->member = name;
			return bad(at, "is no member of a rule");
		}
	}
	return 0;
}

/* A rule only tried must not be taken for one in force, nor the other way round. */
static int read_shadow(const json_t *value, struct rule *r, struct place *at)
{
	at->member = "shadow";
	if (value && !json_is_boolean(value))
		return bad(at, "must be true or false");
	r->shadow = json_is_true(value);
	return 0;
}

static int read_rule(const json_t *object, struct rule *r, struct place *at)
{
	const json_t *name = json_object_get(object, "name");

	at->member = "rule";
	if (!json_is_object(object))
		return bad(at, "must be an object");
	if (check_members(object, at))
		return -1;
	at->member = "name";
	if (name && ctl_name_check(json_string_value(name), "name", at->err))
		return bad(at, "1 to 63 of a-z, 0-9 and -");
	snprintf(r->name, sizeof(r->name), "%s", name ? json_string_value(name) : "");
	at->rule = r->name[0] ? r->name : NULL;
	at->member = "from";
	if (read_side(json_object_get(object, "from"), &r->from, at))
		return -1;
	at->member = "to";
	if (read_side(json_object_get(object, "to"), &r->to, at))
		return -1;
	at->member = "protocol";
	if (read_protocol(json_object_get(object, "protocol"), r, at))
		return -1;
	at->member = "ports";
	if (read_ports(json_object_get(object, "ports"), r, at))
		return -1;
	return read_shadow(json_object_get(object, "shadow"), r, at);
}

int ctl_rules_parse(struct ctl_rules **out, const struct json_t *rules, struct ctl_error *err)
{
	struct place at = {.err = err, .member = "rules"};
	size_t n = json_array_size(rules);
	struct ctl_rules *r;

	*out = NULL;
	if (!json_is_array(rules) || n > CTL_RULES_MAX)
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "rules: must be a list of at most %d",
				CTL_RULES_MAX);
	r = calloc(1, sizeof(*r));
	if (r)
		r->rules = calloc(n + 1, sizeof(*r->rules));
	if (!r || !r->rules) {
		ctl_rules_free(r);
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	}
	for (; r->n < n; r->n++) {
		at.number = r->n;
		at.rule = NULL;
		if (read_rule(json_array_get(rules, r->n), &r->rules[r->n], &at)) {
			r->n++; /* half of it is there */
			ctl_rules_free(r);
			return -1;
		}
	}
	*out = r;
	return 0;
}

void ctl_rules_free(struct ctl_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->rules[i].from.selectors);
		free(r->rules[i].to.selectors);
	}
	free(r->rules);
	free(r);
}

size_t ctl_rules_count(const struct ctl_rules *r)
{
	return r->n;
}

const char *ctl_rules_name(const struct ctl_rules *r, size_t rule)
{
	return r->rules[rule].name;
}

/* --- judging --- */

static bool holds(const struct ctl_prefix *p, uint32_t ip)
{
	return ip >= p->first && ip <= ctl_prefix_last(p->first, p->bits);
}

static bool touch(const struct ctl_prefix *a, const struct ctl_prefix *b)
{
	return a->first <= ctl_prefix_last(b->first, b->bits) &&
	       b->first <= ctl_prefix_last(a->first, a->bits);
}

/* `behind`: what the subject is a gateway to counts as well. */
static bool selects(const struct selector *s, const struct ctl_subject *who, bool behind)
{
	switch (s->kind) {
	case ANY: return true;
	case NODE: return who->name && !strcmp(who->name, s->name);
	case TAG: return listed(s->name, who->tags, who->n_tags);
	case GROUP: return listed(s->name, who->groups, who->n_groups);
	case PREFIX: break;
	}
	if (holds(&s->prefix, who->ip))
		return true;
	for (size_t i = 0; behind && i < who->n_subnets; i++)
		if (touch(&s->prefix, &who->subnets[i]))
			return true;
	return false;
}

static bool side_selects(const struct side *side, const struct ctl_subject *who, bool behind)
{
	for (size_t i = 0; i < side->n; i++)
		if (selects(&side->selectors[i], who, behind))
			return true;
	return false;
}

static bool carries(const struct rule *r, const char *protocol, uint16_t port)
{
	if (strcmp(r->protocol, "all") && strcmp(r->protocol, protocol))
		return false;
	for (size_t i = 0; i < r->n_ports; i++)
		if (port >= r->ports[i].low && port <= r->ports[i].high)
			return true;
	return !r->n_ports;
}

long ctl_rules_judge(const struct ctl_rules *r, const struct ctl_subject *from,
		     const struct ctl_subject *to, const char *protocol, uint16_t port)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->rules[i];

		if (!rule->shadow && carries(rule, protocol, port) &&
		    side_selects(&rule->from, from, false) && side_selects(&rule->to, to, false))
			return (long)i;
	}
	return -1;
}

/* --- signatures: the first half of the words is "selected by from", the second "by to" --- */

static size_t half(const struct ctl_rules *r)
{
	return r->n / 64 + 1;
}

size_t ctl_rules_signature_words(const struct ctl_rules *r)
{
	return 2 * half(r);
}

void ctl_rules_signature(const struct ctl_rules *r, const struct ctl_subject *who, uint64_t *out)
{
	memset(out, 0, ctl_rules_signature_words(r) * sizeof(*out));
	for (size_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->rules[i];
		uint64_t bit = 1ull << i % 64;

		if (rule->shadow)
			continue;
		if (side_selects(&rule->from, who, true))
			out[i / 64] |= bit;
		if (side_selects(&rule->to, who, true))
			out[half(r) + i / 64] |= bit;
	}
}

bool ctl_rules_signatures_meet(const struct ctl_rules *r, const uint64_t *a, const uint64_t *b)
{
	for (size_t i = 0; i < half(r); i++)
		if ((a[i] & b[half(r) + i]) | (b[i] & a[half(r) + i]))
			return true;
	return false;
}

bool ctl_rules_signature_to(const uint64_t *signature, size_t words, size_t rule)
{
	return signature[words / 2 + rule / 64] >> rule % 64 & 1;
}

bool ctl_rules_pair(const struct ctl_rules *r, const struct ctl_subject *a,
		    const struct ctl_subject *b)
{
	size_t words = ctl_rules_signature_words(r);
	uint64_t *both = calloc(2 * words, sizeof(*both));
	bool meet = false;

	if (both) {
		ctl_rules_signature(r, a, both);
		ctl_rules_signature(r, b, both + words);
		meet = ctl_rules_signatures_meet(r, both, both + words);
	}
	free(both);
	return meet;
}
