// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A policy from text: a line a rule, "FROM,FROM>TO,TO PROTOCOL PORTS,PORTS" with "!" before for
 * shadow mode. A refusal must say why; what compiles must judge, rule by rule, as it says: by a
 * segment that names an existing rule of the right kind.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/policy_tables.h"

#define RULES 24
#define ITEMS 6

struct line {
	char *from[ITEMS], *to[ITEMS], *ports[ITEMS];
};

struct text {
	struct line lines[RULES];
	struct gw_policy_rule rules[RULES];
	size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static size_t split(char *text, char *items[ITEMS])
{
	size_t n = 0;
	char *item;

	while (n < ITEMS && text && (item = strsep(&text, ",")))
		items[n++] = item;
	return n;
}

static void read_line(struct text *t, char *line)
{
	struct line *l = &t->lines[t->n];
	struct gw_policy_rule *r = &t->rules[t->n++];
	char *from, *to;

	*r = (struct gw_policy_rule){.name = "r", .line = (int)t->n, .shadow = *line == '!'};
	from = line + r->shadow;
	to = strchr(from, '>');
	if (to)
		*to++ = '\0';
	r->from = l->from;
	r->to = l->to;
	r->ports = l->ports;
	line = to;
	r->n_from = split(from, l->from);
	r->n_to = split(strsep(&line, " "), l->to);
	r->protocol = strsep(&line, " ");
	r->n_ports = split(line, l->ports);
}

static const struct gw_policy_node *make_nodes(void)
{
	static char *tags[] = {"staff", "admin"};
	static struct tp_prefix addrs[2];
	static struct gw_policy_node nodes[2];

	tp_addr_parse_cidr("100.64.1.1", &addrs[0].addr, &addrs[0].bits);
	tp_addr_parse_cidr("fd00::1", &addrs[1].addr, &addrs[1].bits);
	for (size_t i = 0; i < 2; i++)
		nodes[i] = (struct gw_policy_node){.name = i ? "bob" : "alice",
						   .addrs = &addrs[i],
						   .n_addrs = 1,
						   .tags = tags,
						   .n_tags = i + 1};
	return nodes;
}

static void check_pair(const struct gw_policy_tables *t, const struct policy_pair *pair)
{
	const struct policy_segment *s = &t->segments[pair->first];

	demand(pair->n && pair->first + pair->n <= t->n_segments);
	for (uint32_t i = 0; i < pair->n; i++, s++) {
		demand(s->low <= s->high && s->high <= 0xffffff);
		demand(!i || s[-1].high < s->low);
		demand(s->rule || s->shadow);
		demand(s->rule <= t->n_rules && s->shadow <= t->n_rules);
		demand(!s->rule || !t->rules[s->rule].shadow);
		demand(!s->shadow || t->rules[s->shadow].shadow);
	}
}

static void check_tables(const struct gw_policy_tables *t)
{
	struct gw_policy_end a = {0}, b = {.overlay = GW_POLICY_OUTSIDE};

	for (size_t i = 0; i < t->n_pairs; i++)
		check_pair(t, &t->pairs[i].pair);
	for (size_t i = 0; i < t->n_ranges; i++) {
		struct gw_policy_verdict v;

		memcpy(b.addr.b, t->ranges[i].key.addr, sizeof(b.addr.b));
		v = gw_policy_judge(t, &a, &b, IPPROTO_TCP, 80);
		demand(v.dst_class < t->n_classes && v.rule <= t->n_rules);
	}
}

static void compile(const struct text *text)
{
	struct gw_policy_input in = {.nodes = make_nodes(),
				     .n_nodes = 2,
				     .rules = text->rules,
				     .n_rules = text->n,
				     .memory = 4 << 20};
	struct gw_policy_tables *t;
	char *messages;
	size_t size;
	FILE *f = open_memstream(&messages, &size);
	int err = gw_policy_compile(&in, &t, f);

	fclose(f);
	demand((err != 0) == (t == NULL));
	demand(!err || size);
	if (t)
		check_tables(t);
	gw_policy_free(t);
	free(messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct text text;
	char *copy = strndup((const char *)data, len), *rest = copy, *line;

	if (!copy)
		return 0;
	memset(&text, 0, sizeof(text));
	while (text.n < RULES && (line = strsep(&rest, "\n")))
		read_line(&text, line);
	compile(&text);
	free(copy);
	return 0;
}
