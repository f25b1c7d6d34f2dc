/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules of a policy: who may send what to whom. The same words as the gateway's acl, and groups.
 *
 *	[ { "name": "web", "from": ["tag:staff"], "to": ["192.168.10.0/24"],
 *	    "protocol": "tcp", "ports": ["443", "8000-8100"], "shadow": false } ]
 *
 * from and to: "any", "tag:NAME", "group:NAME", an IPv4 prefix or address, or a device's name.
 * protocol: all, tcp, udp or icmp. What no rule allows is denied; answers are allowed with what
 * they answer. No database here.
 */
#ifndef CONTROL_RULES_H
#define CONTROL_RULES_H

#include "control/store.h"

#define CTL_RULES_MAX	  50000
#define CTL_SELECTORS_MAX 256 /* of one side of a rule */
#define CTL_PORTS_MAX	  64

struct ctl_rules;

struct ctl_prefix {
	uint32_t first; /* host order */
	unsigned int bits;
};

/* One end of a conversation: a peer with what stands behind it, or just an address. */
struct ctl_subject {
	const char *name; /* NULL: no peer */
	uint32_t ip;	  /* host order */
	const char *const *tags, *const *groups;
	size_t n_tags, n_groups;
	const struct ctl_prefix *subnets; /* that it is a gateway to */
	size_t n_subnets;
};

/* -1 with the rule and the reason in *err. Borrows nothing. */
int ctl_rules_parse(struct ctl_rules **out, const struct json_t *rules, struct ctl_error *err);
void ctl_rules_free(struct ctl_rules *r);
size_t ctl_rules_count(const struct ctl_rules *r);
const char *ctl_rules_name(const struct ctl_rules *r, size_t rule);

/* The first rule that lets `from` begin this with `to`; -1: none. protocol: "tcp" …, port 0 for
 * those without. Subnets do not count: `to` is who is spoken to. */
long ctl_rules_judge(const struct ctl_rules *r, const struct ctl_subject *from,
		     const struct ctl_subject *to, const char *protocol, uint16_t port);
/* May these two peers have a tunnel: does any rule let the one, or who stands behind it, begin
 * anything with the other? */
bool ctl_rules_pair(const struct ctl_rules *r, const struct ctl_subject *a,
		    const struct ctl_subject *b);

/* That in two steps, for many peers: what the rules say of one, and then of two by that. Those with
 * equal signatures are treated alike. */
size_t ctl_rules_signature_words(const struct ctl_rules *r);
void ctl_rules_signature(const struct ctl_rules *r, const struct ctl_subject *who, uint64_t *out);
bool ctl_rules_signatures_meet(const struct ctl_rules *r, const uint64_t *a, const uint64_t *b);
/* Does the rule's `to` mean the one with this signature, of so many words, or who stands behind? */
bool ctl_rules_signature_to(const uint64_t *signature, size_t words, size_t rule);

#endif
