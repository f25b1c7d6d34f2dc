/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One set of inner maps, made from compiled tables; for gateway/datapath_policy.c. */
#ifndef GATEWAY_DATAPATH_POLICY_SET_H
#define GATEWAY_DATAPATH_POLICY_SET_H

#include "gateway/policy_tables.h"

/* Descriptors; -1: none. */
struct policy_set {
	int nodes, prefixes, classes, pairs, segments, hits;
};

void policy_set_init(struct policy_set *s);
void policy_set_close(struct policy_set *s);

/* Makes the maps and fills all but the hits. 0 or -errno; to be closed either way. */
int policy_set_make(struct policy_set *s, const struct gw_policy_tables *t);

/* Gives the set's hits their names, and what rules of the same name have in the map `from` (-1:
 * none). 0 or -errno. */
int policy_set_carry_hits(const struct policy_set *s, int from, const struct gw_policy_tables *t);

/* Sums rules 0 … n - 1 over the CPUs; `name` is that of any. 0 or -errno. */
int policy_hits_sum(int fd, struct policy_hit *out, size_t n);

#endif
