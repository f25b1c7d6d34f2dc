/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel half of the gateway as the daemon sees it: programs, maps and what is attached, all
 * pinned. Everything that touches libbpf is behind this header.
 */
#ifndef GATEWAY_DATAPATH_H
#define GATEWAY_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/gateway.h"
#include "gateway/config.h"
#include "gateway/nat_memory.h"
#include "gateway/state.h"

struct gw_datapath;

/* Loads what is common to all devices on the maps of an earlier run, or on new ones that got its
 * entries. Ports that differ from those that state->nat_… speak of end all flows; then, or when
 * there were no maps, the state is told the new ones. 0 with *out set, or -errno, logged. */
int gw_datapath_open(struct gw_datapath **out, const struct gw_config *config,
		     struct gw_state *state);
/* Closes descriptors; what is pinned and attached stays, and so does forwarding. */
void gw_datapath_close(struct gw_datapath *dp);
/* Takes everything off the devices and removes all pins. */
int gw_datapath_detach(struct gw_datapath *dp);

/* Before opening: is there anything to adopt? */
bool gw_datapath_pinned(const struct gw_config *config);
bool gw_datapath_adopted(const struct gw_datapath *dp); /* maps were there already */

/* --- what the daemon tells the programs (datapath_maps.c); 0 or -errno --- */

int gw_datapath_overlay_put(struct gw_datapath *dp, uint32_t id, const struct gw_overlay *o);
int gw_datapath_overlay_get(struct gw_datapath *dp, uint32_t id, struct gw_overlay *o);
int gw_datapath_uplink_put(struct gw_datapath *dp, uint32_t id, const struct gw_uplink *u);
int gw_datapath_uplink_get(struct gw_datapath *dp, uint32_t id, struct gw_uplink *u);

struct gw_local {
	struct policy_node_key key;
	uint32_t overlay;
};
/* The map holds these n afterwards, and nothing else. */
int gw_datapath_locals_set(struct gw_datapath *dp, const struct gw_local *locals, size_t n);

struct gw_subnet_entry {
	struct policy_prefix_key key;
	struct gw_subnet value;
};
int gw_datapath_subnets_set(struct gw_datapath *dp, const struct gw_subnet_entry *subnets,
			    size_t n);

/* --- what they tell the daemon --- */

/* Sums the per-CPU counters into out[GW_REASON_MAX]. */
int gw_datapath_reasons(struct gw_datapath *dp, struct gw_count *out);
/* 0 or -ENOENT. */
int gw_datapath_flow_get(struct gw_datapath *dp, const struct gw_flow_key *key,
			 struct gw_flow *flow);
/* Calls fn for each flow until it returns non-zero, which is then the result. */
int gw_datapath_flows_each(struct gw_datapath *dp,
			   int (*fn)(void *arg, const struct gw_flow_key *key,
				     const struct gw_flow *flow),
			   void *arg);
int gw_datapath_nodes_each(struct gw_datapath *dp,
			   int (*fn)(void *arg, const struct gw_node_key *key,
				     const struct gw_node *node),
			   void *arg);

/* --- masquerading and the sweeper --- */

/* Memory that is shared with the programs. */
const struct gw_nat_memory *gw_datapath_nat(const struct gw_datapath *dp);

/* How many uplinks, by number, there is room for in it. */
uint32_t gw_datapath_uplink_room(const struct gw_datapath *dp);

/* Descriptors of maps by name, for those who walk or fill them themselves; -1: no such map. */
int gw_datapath_map(const struct gw_datapath *dp, const char *name);

/* Where a walk through a hash map is; all zero at its beginning. */
struct gw_cursor {
	uint32_t at;
	bool begun;
};
/* The next entries of a map, packed, at most *n, which then says how many; *last: no more follow.
 * Entries that come or go meanwhile may be missed. 0 or -errno. */
int gw_datapath_batch(struct gw_datapath *dp, const char *map, struct gw_cursor *cursor, void *keys,
		      void *values, uint32_t *n, bool *last);

/* The list for the program gw_sweep, to be filled; and its run. 0 or -errno. */
struct gw_sweep *gw_datapath_sweep_list(const struct gw_datapath *dp);
int gw_datapath_sweep(struct gw_datapath *dp);

/* --- packets that the programs leave to the daemon (datapath_punt.c) --- */

typedef void gw_punt_fn(void *arg, const struct gw_punt *punt);

/* *fd becomes readable when there are packets; then punts_read() calls fn for each. 0 or -errno. */
int gw_datapath_punts_open(struct gw_datapath *dp, gw_punt_fn *fn, void *arg, int *fd);
void gw_datapath_punts_read(struct gw_datapath *dp);
void gw_datapath_punts_close(struct gw_datapath *dp);
/* What the first fragment of a datagram left. 0 or -ENOENT. */
int gw_datapath_fragment_get(struct gw_datapath *dp, const struct gw_fragment_key *key,
			     struct gw_fragment *out);
/* Of packets that the gateway itself sends into an overlay. */
uint32_t gw_datapath_mark(const struct gw_datapath *dp);

#endif
