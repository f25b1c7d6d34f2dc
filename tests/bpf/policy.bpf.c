// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The gateway's maps and its judge alone, asked one question a run. */
#pragma clang diagnostic ignored "-Wunused-function" /* the judge's headers have more */
#include "bpf/lib/gateway/judge.h"

struct policy_node_key from, to;
__u32 what;
__u32 rule, shadow; /* the answer */
bool passes;
bool is_node; /* the source */

SEC("xdp")
int policy_ask(struct xdp_md *ctx)
{
	struct gw_question q = {.from = from, .to = to, .what = what, .policy = gw_policy_now()};

	passes = gw_judge(&q) == CARRY_ON;
	is_node = gw_is_node(&q.from, gw_policy_set(q.policy));
	rule = q.rule;
	shadow = q.shadow;
	return XDP_PASS;
}

/* Two sources under the policies that come and go: what no policy allows to one of them, and what
 * each allows to the other. */
struct policy_node_key never, always;
__u64 asked, leaked, lost;

static bool may_go(const struct policy_node_key *source)
{
	struct gw_question q = {.from = *source, .to = to, .what = what, .policy = gw_policy_now()};

	return gw_judge(&q) == CARRY_ON;
}

/* For tc, since each test run of an XDP program waits for RCU's grace periods. */
SEC("tc")
int policy_watch(struct __sk_buff *skb)
{
	asked++;
	leaked += may_go(&never);
	lost += !may_go(&always);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
