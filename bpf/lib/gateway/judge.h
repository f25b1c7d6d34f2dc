/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May a new flow be? The policy of the generation that was read once for this packet: classes of
 * both ends, then pairs of their selectors, then the pair's segments (bpf/abi/gateway.h). Asked on
 * first packets only, and once a flow after a change of policy.
 */
#ifndef TP_BPF_GATEWAY_JUDGE_H
#define TP_BPF_GATEWAY_JUDGE_H

#include "packet.h"

struct gw_question {
	struct policy_node_key GW_WORDS from; /* overlay GW_LOCAL_ELSEWHERE: not on an overlay */
	struct policy_node_key GW_WORDS to;
	__u64 policy; /* the policy's word */
	__u32 what;   /* proto << 16 | port, host order */
	__u32 rule;   /* answer */
	__u32 shadow;
	__u32 again;	/* boolean: about a flow that was counted already */
	__u32 shadowed; /* answer, boolean: refused, and the policy only looks on */
};

TP_INLINE __u64 gw_policy_now(void)
{
	__u32 zero = 0;
	const struct gw_policy *policy = bpf_map_lookup_elem(&gw_policy, &zero);

	return policy ? *(const volatile __u64 *)&policy->word : 0;
}

TP_INLINE __u32 gw_policy_generation(__u64 word)
{
	return word;
}

TP_INLINE __u32 gw_policy_set(__u64 word)
{
	return word & (TP_POLICY_SETS - 1);
}

TP_INLINE bool gw_policy_flag(__u64 word, enum gw_policy_flags flag)
{
	return word >> 32 & flag;
}

/* Does a policy name this address as a node of that overlay? */
static __noinline bool gw_is_node(const struct policy_node_key *key, __u32 set)
{
	void *nodes = bpf_map_lookup_elem(&policy_nodes, &set);

	return nodes && bpf_map_lookup_elem(nodes, key);
}

/* A key for the prefix tables, placed so that its address can be written in words of eight bytes.
 */
struct gw_prefix {
	__u32 unused;
	struct policy_prefix_key key;
} __attribute__((aligned(8)));

TP_INLINE void gw_prefix_of(struct gw_prefix *prefix, const __u8 *addr)
{
	prefix->key.bits = 128;
	tp_copy16(prefix->key.addr, addr);
}

static __noinline __u32 gw_class_of(const struct policy_node_key *key, __u32 set)
{
	void *nodes = bpf_map_lookup_elem(&policy_nodes, &set);
	void *prefixes = bpf_map_lookup_elem(&policy_prefixes, &set);
	struct gw_prefix prefix;
	const __u32 *class = NULL;

	if (nodes && key->overlay != GW_LOCAL_ELSEWHERE)
		class = bpf_map_lookup_elem(nodes, key);
	if (!class && prefixes) {
		gw_prefix_of(&prefix, key->addr);
		class = bpf_map_lookup_elem(prefixes, &prefix.key);
	}
	return class ? *class : TP_POLICY_CLASS_NONE;
}

TP_INLINE const struct policy_class *gw_class(__u32 set, __u32 number)
{
	void *classes = bpf_map_lookup_elem(&policy_classes, &set);

	return classes ? bpf_map_lookup_elem(classes, &number) : NULL;
}

/* The segment of a pair that has q->what. */
TP_INLINE const struct policy_segment *gw_segment(void *segments, const struct policy_pair *pair,
						  __u32 what)
{
	__u32 low = pair->first, high = pair->first + pair->n;
	const struct policy_segment *segment;

	for (int i = 0; i < TP_POLICY_LOOKUPS; i++) {
		__u32 middle = low + (high - low) / 2;

		if (low >= high)
			return NULL;
		segment = bpf_map_lookup_elem(segments, &middle);
		if (!segment)
			return NULL;
		if (what < segment->low)
			high = middle;
		else if (what > segment->high)
			low = middle + 1;
		else
			return segment;
	}
	return NULL;
}

/* Functions that are not static are global to the verifier: it looks at each once, for any
 * arguments, not once for each call and its past. 1: allowed. */
__noinline int gw_judge_pair(struct gw_question *q, __u32 from, __u32 to)
{
	struct policy_pair_key key = {from, to};
	const struct policy_segment *segment;
	const struct policy_pair *pair;
	void *pairs, *segments;
	__u32 set;

	if (!q)
		return 0;
	set = gw_policy_set(q->policy);
	pairs = bpf_map_lookup_elem(&policy_pairs, &set);
	segments = bpf_map_lookup_elem(&policy_segments, &set);
	if (!pairs || !segments)
		return 0;
	pair = bpf_map_lookup_elem(pairs, &key);
	if (!pair)
		return 0;
	segment = gw_segment(segments, pair, q->what);
	if (!segment)
		return 0;
	if (!q->shadow)
		q->shadow = segment->shadow;
	q->rule = segment->rule;
	return segment->rule != 0;
}

struct gw_scan {
	struct gw_question *q;
	const struct policy_class *from, *to;
	__u32 n_to;
	__u32 allowed;
};

/* Pair number `at` of a class's selectors and another's. */
static long gw_scan_pair(__u32 at, void *arg)
{
	struct gw_scan *s = arg;
	__u64 i = at / s->n_to, k = at % s->n_to;
	__u32 from, to;

	barrier_var(i);
	barrier_var(k);
	if (i >= TP_POLICY_SELECTORS || k >= TP_POLICY_SELECTORS)
		return 1;
	from = s->from->selector[i].id;
	to = s->to->selector[k].id;
	if (!(s->from->selector[i].reaches & policy_bit(to)) || !gw_judge_pair(s->q, from, to))
		return 0;
	s->allowed = true;
	return 1;
}

TP_INLINE __u32 gw_selectors(const struct policy_class *class)
{
	return class->n < TP_POLICY_SELECTORS ? class->n : TP_POLICY_SELECTORS;
}

TP_INLINE bool gw_judge_classes(struct gw_question *q, __u32 from_class, __u32 to_class)
{
	struct gw_scan s = {.q = q};

	s.from = gw_class(gw_policy_set(q->policy), from_class);
	s.to = gw_class(gw_policy_set(q->policy), to_class);
	if (!s.from || !s.to)
		return false;
	s.n_to = gw_selectors(s.to);
	bpf_loop(gw_selectors(s.from) * s.n_to, gw_scan_pair, &s, 0);
	return s.allowed;
}

TP_INLINE void gw_hit(__u64 policy, __u32 rule, bool refused)
{
	__u32 set = gw_policy_set(policy);
	void *hits = bpf_map_lookup_elem(&policy_hits, &set);
	struct policy_hit *hit = hits ? bpf_map_lookup_elem(hits, &rule) : NULL;

	if (!hit)
		return;
	if (refused)
		hit->refused++;
	else
		hit->flows++;
}

/* CARRY_ON with q->rule, or GW_DROP_policy_denied. A refusal that is `shadowed` is counted as one
 * and lets the flow pass. */
__noinline int gw_judge(struct gw_question *q)
{
	struct policy_node_key GW_WORDS end;
	__u32 set, from, to;
	bool allow;

	if (!q)
		return GW_DROP_policy_denied;
	set = gw_policy_set(q->policy);
	end = q->from; /* 6.1 takes no key from a global function's argument */
	from = gw_class_of(&end, set);
	end = q->to;
	to = gw_class_of(&end, set);
	q->rule = q->shadow = q->shadowed = 0;
	allow = gw_judge_classes(q, from, to);
	if (!allow)
		q->rule = 0;
	if (!allow && q->shadow && !q->again)
		gw_hit(q->policy, q->shadow, false);
	if (!allow && gw_policy_flag(q->policy, GW_POLICY_DEFAULT_ALLOW))
		allow = true;
	if (!q->again)
		gw_hit(q->policy, q->rule, !allow);
	if (!allow && gw_policy_flag(q->policy, GW_POLICY_SHADOW))
		q->shadowed = allow = true;
	return allow ? CARRY_ON : GW_DROP_policy_denied;
}

#endif
