// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy_world.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Few of each, so that they meet; prefixes that lie in one another, and that hold nodes. */
static char *const tag_names[] = {"red", "green", "blue", "grey"};
static char *const prefixes[] = {
	"0.0.0.0/0",  "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24",   "10.1.2.3",	   "100.64.0.0/10",
	"100.64.1.4", "::/0",	    "fd00:1::/32", "fd00:1:2::/48", "fd00:1:2::5",
};
static char *const outsiders[] = {"10.1.2.3", "10.1.2.4",    "10.1.9.9",    "10.9.9.9",
				  "8.8.8.8",  "fd00:1:2::5", "fd00:1:9::1", "2001:db8::1"};
static char *const protocols[] = {"all", "tcp", "udp", "icmp"};

uint32_t world_random(struct world *w, uint32_t below)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 16) % below;
}

/* --- making ---------------------------------------------------------------------------------- */

void world_retag(struct world *w, size_t node)
{
	struct gw_policy_node *n = &w->nodes[node];

	n->n_tags = world_random(w, WORLD_TAGS + 1);
	for (size_t i = 0; i < n->n_tags; i++)
		w->tags[node][i] = tag_names[world_random(w, COUNT(tag_names))];
}

/* Two overlays with the same addresses; every third node has IPv6. */
static void make_node(struct world *w, size_t i)
{
	char text[WORLD_TEXT];

	snprintf(text, sizeof(text), i % 3 ? "100.64.1.%zu" : "fd00:1:2::%zu", i / 2 + 1);
	w->addrs[i].bits = i % 3 ? 32 : 128;
	tp_addr_parse(text, &w->addrs[i].addr);
	snprintf(w->names[i], sizeof(w->names[i]), "n%zu", i);
	w->nodes[i] = (struct gw_policy_node){
		.name = w->names[i],
		.overlay = (uint32_t)i % 2,
		.addrs = &w->addrs[i],
		.n_addrs = 1,
		.tags = w->tags[i],
	};
	world_retag(w, i);
}

static char *make_selector(struct world *w)
{
	static char *const tags[] = {"tag:red", "tag:green", "tag:blue", "tag:grey"};
	static char *const others[] = {"any", "gateway", "n1", "node:n1", "node:n2", "n3"};

	switch (world_random(w, 3)) {
	case 0: return tags[world_random(w, COUNT(tags))];
	case 1: return prefixes[world_random(w, COUNT(prefixes))];
	default: return others[world_random(w, COUNT(others))];
	}
}

static void make_ports(struct world *w, size_t rule)
{
	for (size_t i = 0; i < w->rules[rule].n_ports; i++) {
		uint32_t low = world_random(w, 20), high = low + world_random(w, 5);

		snprintf(w->port_texts[rule][i], WORLD_TEXT, world_random(w, 2) ? "%u-%u" : "%u",
			 low, high);
		w->ports[rule][i] = w->port_texts[rule][i];
	}
}

static void make_rule(struct world *w, size_t i)
{
	struct gw_policy_rule *r = &w->rules[i];

	snprintf(w->rule_names[i], WORLD_TEXT, "r%zu", i + 1);
	*r = (struct gw_policy_rule){
		.name = w->rule_names[i],
		.from = w->from[i],
		.to = w->to[i],
		.n_from = 1 + world_random(w, WORLD_ENDS),
		.n_to = 1 + world_random(w, WORLD_ENDS),
		.protocol = protocols[world_random(w, COUNT(protocols))],
		.ports = w->ports[i],
		.shadow = !world_random(w, 4),
		.line = (int)i + 1,
	};
	for (size_t j = 0; j < r->n_from; j++)
		w->from[i][j] = make_selector(w);
	for (size_t j = 0; j < r->n_to; j++)
		w->to[i][j] = make_selector(w);
	if (!strcmp(r->protocol, "tcp") || !strcmp(r->protocol, "udp"))
		r->n_ports = world_random(w, WORLD_PORTS + 1);
	make_ports(w, i);
}

void world_make(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->seed = (seed + 1) * 0x9e3779b97f4a7c15u;
	for (size_t i = 0; i < WORLD_NODES; i++)
		make_node(w, i);
	tp_addr_parse("10.1.2.1", &w->locals[0]);
	tp_addr_parse("100.64.1.254", &w->locals[1]);
	w->in = (struct gw_policy_input){
		.nodes = w->nodes,
		.n_nodes = WORLD_NODES,
		.locals = w->locals,
		.n_locals = WORLD_LOCALS,
		.rules = w->rules,
		.n_rules = world_random(w, WORLD_RULES + 1),
		.allow = !world_random(w, 4),
		.shadow = !world_random(w, 8),
	};
	for (size_t i = 0; i < w->in.n_rules; i++)
		make_rule(w, i);
}

struct gw_policy_end world_end(struct world *w)
{
	struct gw_policy_end end = {.overlay = GW_POLICY_OUTSIDE};
	uint32_t node = world_random(w, WORLD_NODES);

	switch (world_random(w, 3)) {
	case 0:
		end.addr = w->addrs[node].addr;
		end.overlay = w->nodes[node].overlay;
		return end;
	case 1: end.addr = w->locals[world_random(w, WORLD_LOCALS)]; break;
	default: tp_addr_parse(outsiders[world_random(w, COUNT(outsiders))], &end.addr);
	}
	if (world_random(w, 2))
		end.overlay = world_random(w, 2);
	return end;
}

/* --- reading --------------------------------------------------------------------------------- */

static const struct gw_policy_node *node_at(const struct world *w, const struct gw_policy_end *end)
{
	for (size_t i = 0; i < w->in.n_nodes; i++)
		if (w->nodes[i].overlay == end->overlay &&
		    tp_addr_equal(&w->addrs[i].addr, &end->addr))
			return &w->nodes[i];
	return NULL;
}

static bool is_local(const struct world *w, const struct gw_policy_end *end)
{
	for (size_t i = 0; i < w->in.n_locals; i++)
		if (tp_addr_equal(&w->locals[i], &end->addr))
			return !node_at(w, end);
	return false;
}

static bool has_tag(const struct gw_policy_node *node, const char *tag)
{
	for (size_t i = 0; node && i < node->n_tags; i++)
		if (!strcmp(node->tags[i], tag))
			return true;
	return false;
}

static bool selects(const struct world *w, const char *text, const struct gw_policy_end *end)
{
	const struct gw_policy_node *node = node_at(w, end);
	struct tp_prefix prefix;

	if (!strcmp(text, "any"))
		return true;
	if (!strcmp(text, "gateway"))
		return is_local(w, end);
	if (!strncmp(text, "tag:", 4))
		return has_tag(node, text + 4);
	if (!tp_addr_parse_cidr(text, &prefix.addr, &prefix.bits))
		return tp_prefix_holds(&prefix, &end->addr);
	if (!strncmp(text, "node:", 5))
		text += 5;
	return node && !strcmp(node->name, text);
}

static bool speaks_of(const struct gw_policy_rule *rule, uint8_t proto, uint16_t port)
{
	if (!strcmp(rule->protocol, "icmp"))
		return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	if (strcmp(rule->protocol, "all") != 0 &&
	    proto != (strcmp(rule->protocol, "tcp") ? IPPROTO_UDP : IPPROTO_TCP))
		return false;
	for (size_t i = 0; i < rule->n_ports; i++) {
		unsigned long low, high;
		char *end;

		low = high = strtoul(rule->ports[i], &end, 10);
		if (*end == '-')
			high = strtoul(end + 1, NULL, 10);
		if (port >= low && port <= high)
			return true;
	}
	return !rule->n_ports;
}

static bool selects_any(const struct world *w, char *const *texts, size_t n,
			const struct gw_policy_end *end)
{
	for (size_t i = 0; i < n; i++)
		if (selects(w, texts[i], end))
			return true;
	return false;
}

bool world_matches(const struct world *w, const struct gw_policy_rule *rule,
		   const struct gw_policy_end *src, const struct gw_policy_end *dst, uint8_t proto,
		   uint16_t port)
{
	return speaks_of(rule, proto, port) && selects_any(w, rule->from, rule->n_from, src) &&
	       selects_any(w, rule->to, rule->n_to, dst);
}
