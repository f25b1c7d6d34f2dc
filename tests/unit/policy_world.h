/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Small random policies, and what their rules say when each is read by itself: nothing here knows
 * selectors, classes or segments. */
#ifndef TP_TESTS_POLICY_WORLD_H
#define TP_TESTS_POLICY_WORLD_H

#include "gateway/policy.h"

#define WORLD_NODES  12
#define WORLD_RULES  10
#define WORLD_ENDS   4
#define WORLD_PORTS  3
#define WORLD_TAGS   3
#define WORLD_LOCALS 2
#define WORLD_TEXT   32

struct world {
	uint64_t seed;
	struct gw_policy_input in;
	struct gw_policy_node nodes[WORLD_NODES];
	struct tp_prefix addrs[WORLD_NODES];
	char names[WORLD_NODES][WORLD_TEXT];
	char *tags[WORLD_NODES][WORLD_TAGS];
	struct tp_addr locals[WORLD_LOCALS];
	struct gw_policy_rule rules[WORLD_RULES];
	char rule_names[WORLD_RULES][WORLD_TEXT];
	char *from[WORLD_RULES][WORLD_ENDS], *to[WORLD_RULES][WORLD_ENDS];
	char *ports[WORLD_RULES][WORLD_PORTS];
	char port_texts[WORLD_RULES][WORLD_PORTS][WORLD_TEXT];
};

/* The same seed makes the same world. Everything is inside *w. */
void world_make(struct world *w, uint64_t seed);
uint32_t world_random(struct world *w, uint32_t below);
/* Gives the node other tags. */
void world_retag(struct world *w, size_t node);
/* An end that a flow may have: a node, an address of the host, or one of elsewhere. */
struct gw_policy_end world_end(struct world *w);

/* Does this rule speak of such a flow? */
bool world_matches(const struct world *w, const struct gw_policy_rule *rule,
		   const struct gw_policy_end *src, const struct gw_policy_end *dst, uint8_t proto,
		   uint16_t port);

#endif
