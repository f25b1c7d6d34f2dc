/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compiled policies into the kernel: two sets of tables, of which one word says which is in force
 * (bpf/abi/gateway.h). A packet reads the word once and sees one policy whole.
 */
#ifndef GATEWAY_DATAPATH_POLICY_H
#define GATEWAY_DATAPATH_POLICY_H

#include "bpf/abi/gateway.h"
#include "gateway/policy.h"

/* Descriptors of the maps gw_policy and policy_...; they stay the caller's. */
struct gw_policy_maps {
	int policy, nodes, prefixes, classes, pairs, segments, hits;
};

struct gw_datapath_policy;

/* Goes on from the generation that the maps have. To be called while the process may still open
 * maps by their id (CAP_SYS_ADMIN): otherwise the hits of an earlier run are lost, and logged so.
 * 0 with *out set, or -errno, logged. */
int gw_datapath_policy_open(struct gw_datapath_policy **out, const struct gw_policy_maps *maps);
void gw_datapath_policy_close(struct gw_datapath_policy *p);

/* Puts the tables in force under the next generation; flows are judged again as their packets come.
 * Rules that have the name of one before keep its hits; those counted while this happens (some
 * milliseconds) may be missing. Waits for all programs that may still use the set before this one:
 * tens of milliseconds. 0; or -errno, logged, and what was in force stays. */
int gw_datapath_policy_publish(struct gw_datapath_policy *p, const struct gw_policy_tables *t);

/* gw_policy_node_put and _del, for the tables that are in force too. When the classes of known
 * addresses change, flows are judged again. -ENOSPC, -E2BIG: compile and publish anew. After any
 * other error so, too: kernel and tables may differ. */
int gw_datapath_policy_node_put(struct gw_datapath_policy *p, struct gw_policy_tables *t,
				const struct gw_policy_node *node);
int gw_datapath_policy_node_del(struct gw_datapath_policy *p, struct gw_policy_tables *t,
				const struct gw_policy_node *node);

/* 0: nothing was ever published. */
uint32_t gw_datapath_policy_generation(const struct gw_datapath_policy *p);

/* Hits of the rules 0 … n - 1 of the set in force. 0 or -errno. */
int gw_datapath_policy_hits(const struct gw_datapath_policy *p, struct policy_hit *out, size_t n);

#endif
