/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compiled tables from inside: for the parts of the compiler, and for who publishes them. */
#ifndef GATEWAY_POLICY_TABLES_H
#define GATEWAY_POLICY_TABLES_H

#include "bpf/abi/gateway.h"
#include "gateway/policy.h"
#include "hash.h"

#define POLICY_NO_RANGE UINT32_MAX

enum policy_kind {
	POLICY_SELECT_ANY,
	POLICY_SELECT_GATEWAY,
	POLICY_SELECT_TAG,
	POLICY_SELECT_NODE,
	POLICY_SELECT_PREFIX,
};

/* `id` is its index in gw_policy_tables.selectors. */
struct policy_selector_entry {
	enum policy_kind kind;
	uint32_t id;
	uint32_t rule;	  /* the first that names it; 0: none */
	uint64_t reaches; /* struct policy_selector */
	bool met;	  /* a node has it, or needs none */
	char *text;	  /* "tag:x", "node:x", "10.0.0.0/8": the key */
	struct tp_prefix prefix;
	UT_hash_handle hh;
};

/* One prefix of the rules; sorted by address, then length, so that what holds a prefix comes before
 * it. */
struct policy_range {
	struct policy_prefix_key key;
	uint32_t selector;
	uint32_t parent; /* index of the narrowest that holds it, or POLICY_NO_RANGE */
	bool world;	 /* all of IPv4: what holds it has no say */
	uint32_t class_id;
};

struct policy_class_entry {
	uint32_t id; /* in gw_policy_tables.classes */
	uint32_t n;
	uint32_t selectors[TP_POLICY_SELECTORS];
	UT_hash_handle hh;
};

struct policy_node_entry {
	struct policy_node_key key;
	uint32_t class_id;
	UT_hash_handle hh;
};

/* An address of the host, when rules say "gateway". */
struct policy_local {
	struct policy_prefix_key key;
	uint32_t class_id;
};

struct policy_pair_entry {
	struct policy_pair_key key;
	struct policy_pair pair;
};

struct policy_rule_entry {
	char *name;
	bool shadow;
};

struct gw_policy_tables {
	struct policy_selector_entry **selectors;
	size_t n_selectors, room_selectors;
	struct policy_selector_entry *by_text;
	struct policy_range *ranges;
	size_t n_ranges;
	struct policy_local *locals;
	size_t n_locals;

	struct policy_class_entry **classes;
	size_t n_classes, room_classes; /* room: of the map, too */
	struct policy_class_entry *by_selectors;
	struct policy_node_entry *nodes;
	size_t room_nodes;

	struct policy_pair_entry *pairs; /* sorted by key */
	size_t n_pairs;
	struct policy_segment *segments;
	size_t n_segments;

	struct policy_rule_entry *rules; /* [0] is the default */
	size_t n_rules;			 /* without it */
	bool allow, shadow;
};

/* Messages of one compile. */
struct policy_report {
	FILE *out; /* or NULL */
	const char *source;
	int err; /* of the first error, 0: none */
};
__attribute__((format(printf, 4, 5))) void policy_error(struct policy_report *r,
							const struct gw_policy_rule *rule, int err,
							const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void
policy_warn(struct policy_report *r, const struct gw_policy_rule *rule, const char *fmt, ...);

/* --- policy_selectors.c --- */

/* The selector that the text means, added when it is new. NULL: refused, or no memory; reported. */
struct policy_selector_entry *policy_selector_add(struct gw_policy_tables *t, const char *text,
						  const struct gw_policy_rule *rule,
						  struct policy_report *r);
struct policy_selector_entry *policy_selector_find(const struct gw_policy_tables *t,
						   const char *kind, const char *name);
/* After the last add: sorts prefixes and finds which holds which. 0 or -ENOMEM. */
int policy_ranges_build(struct gw_policy_tables *t);
/* The narrowest that holds the address, or POLICY_NO_RANGE. */
uint32_t policy_range_of(const struct gw_policy_tables *t, const uint8_t addr[16]);

/* --- policy_classes.c --- */

/* Selectors that an address falls under; n may be more than fit. */
struct policy_list {
	uint32_t n;
	uint32_t id[TP_POLICY_SELECTORS];
};
/* A class of these selectors, found or added: 0 with *id, -ENOSPC, -ENOMEM; -E2BIG: too many. */
int policy_class_get(struct gw_policy_tables *t, struct policy_list *list, uint32_t *id);
int policy_classes_build(struct gw_policy_tables *t, const struct gw_policy_input *in,
			 struct policy_report *r);
/* As the programs see it. */
struct policy_class policy_class_image(const struct gw_policy_tables *t, uint32_t id);
uint32_t policy_class_of(const struct gw_policy_tables *t, const struct gw_policy_end *end);
struct policy_node_entry *policy_node_find(const struct gw_policy_tables *t,
					   const struct policy_node_key *key);
struct policy_node_key policy_node_key(uint32_t overlay, const struct tp_addr *addr);

/* --- policy_segments.c --- */

/* What one rule lets one pair of selectors do. */
struct policy_span {
	uint32_t from, to;
	uint32_t low, high; /* as in struct policy_segment */
	uint32_t rule;
};
/* Sorts the spans, and makes pairs and segments of them. 0, -ENOMEM, or -E2BIG, reported. */
int policy_segments_build(struct gw_policy_tables *t, struct policy_span *spans, size_t n,
			  struct policy_report *r);
const struct policy_pair *policy_pair_find(const struct gw_policy_tables *t, uint32_t from,
					   uint32_t to);

#endif
