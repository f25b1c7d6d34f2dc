/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy compiler: rules and nodes in, the tables of bpf/abi/gateway.h out. Knows neither the
 * configuration file nor libbpf; gateway/datapath_policy.h publishes what it makes. docs/acl.md
 * says what rules mean.
 */
#ifndef GATEWAY_POLICY_H
#define GATEWAY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"

/* In place of an overlay: the address is none of an overlay's. */
#define GW_POLICY_OUTSIDE UINT32_MAX

struct gw_policy_node {
	const char *name; /* unique over all overlays; NULL: none */
	uint32_t overlay;
	const struct tp_prefix *addrs; /* only single addresses are taken */
	size_t n_addrs;
	char *const *tags; /* without "tag:" */
	size_t n_tags;
};

struct gw_policy_rule {
	const char *name; /* unique */
	/* Selectors: "any", "gateway", "tag:x", "node:x", an address or prefix, or a node's name.
	 * "gateway" are the addresses in gw_policy_input.locals. */
	char *const *from, *const *to;
	size_t n_from, n_to;
	const char *protocol; /* all, tcp, udp or icmp (with ICMPv6); NULL: all */
	char *const *ports;   /* "443", "8000-8100"; only tcp and udp; none: every port */
	size_t n_ports;
	bool shadow; /* counted, but allows nothing */
	int line;
};

struct gw_policy_input {
	const char *source; /* before messages, as "source:line: "; NULL: neither is printed */
	const struct gw_policy_node *nodes;
	size_t n_nodes;
	const struct tp_addr *locals; /* the host's own addresses, of all overlays and devices */
	size_t n_locals;
	const struct gw_policy_rule *rules;
	size_t n_rules;
	bool allow;	 /* what no rule allows */
	bool shadow;	 /* judge and count, but let everything pass */
	uint64_t memory; /* bytes that one set of tables may take in the kernel; 0: 64 MiB */
};

struct gw_policy_tables;

/* Time is n log n in rules (each counts its from times its to times its ranges of ports) and nodes.
 * Nothing in the input is needed afterwards. Writes sentences to `messages`, a line each: on
 * failure all that is wrong, else warnings. 0 with *out set, or -EINVAL, -E2BIG (does not fit
 * `memory`, or a limit of the tables), -ENOMEM. */
int gw_policy_compile(const struct gw_policy_input *in, struct gw_policy_tables **out,
		      FILE *messages);
void gw_policy_free(struct gw_policy_tables *t);

/* --- changes without compiling: they cost what the node has, not what the policy has --- */

/* A node is there, with these addresses and tags; its addresses that are not named stay as they
 * are. 0, -ENOSPC or -E2BIG (needs a new compile, which says why), or -ENOMEM; then nothing has
 * changed. */
int gw_policy_node_put(struct gw_policy_tables *t, const struct gw_policy_node *node);
/* Takes these addresses out. */
void gw_policy_node_del(struct gw_policy_tables *t, const struct gw_policy_node *node);

/* --- questions --- */

struct gw_policy_end {
	struct tp_addr addr;
	uint32_t overlay; /* whose nodes are asked first, or GW_POLICY_OUTSIDE */
};

struct gw_policy_verdict {
	bool allowed;	   /* by a rule, or by the default */
	bool passes;	   /* allowed, or the whole policy is in shadow mode */
	uint32_t rule;	   /* that allows it; 0: the default decided */
	uint32_t shadow;   /* rule in shadow mode that would allow it; 0: none */
	uint32_t from, to; /* selectors by which `rule` matched */
	uint32_t src_class, dst_class;
};

/* What the programs decide of a new flow. proto: IP's number; port: of the destination, host order,
 * 0 for protocols without. */
struct gw_policy_verdict gw_policy_judge(const struct gw_policy_tables *t,
					 const struct gw_policy_end *src,
					 const struct gw_policy_end *dst, uint8_t proto,
					 uint16_t port);

/* Is the address a node of that overlay? */
bool gw_policy_is_node(const struct gw_policy_tables *t, const struct gw_policy_end *end);

/* Rules are numbered from 1 in the order of the input; 0 is "default". */
size_t gw_policy_rules(const struct gw_policy_tables *t);
const char *gw_policy_rule_name(const struct gw_policy_tables *t, uint32_t rule);
const char *gw_policy_selector_name(const struct gw_policy_tables *t, uint32_t selector);
/* Selectors of a class, ", " between them; cut off when they do not fit. Returns buf. */
const char *gw_policy_class_names(const struct gw_policy_tables *t, uint32_t class_id, char *buf,
				  size_t size);

struct gw_policy_size {
	size_t rules, selectors, nodes, prefixes, classes, pairs, segments;
	uint64_t memory; /* bytes in the kernel, one set, without the hits of rules */
};
struct gw_policy_size gw_policy_size(const struct gw_policy_tables *t);

#endif
