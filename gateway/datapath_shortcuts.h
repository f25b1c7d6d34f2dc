/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs' table of shortcuts (bpf/lib/gateway/shortcut.h). */
#ifndef GATEWAY_DATAPATH_SHORTCUTS_H
#define GATEWAY_DATAPATH_SHORTCUTS_H

#include "bpf/abi/gateway.h"

/* As mapped into memory: TP_GW_SHORTCUTS places, and how much of them is in use
 * (datapath_extent.h). */
struct gw_shortcut_table {
	struct gw_shortcut *places;
	struct gw_extent *extent;
};

/* Adds to the flow's counters what its shortcuts have counted. */
void gw_shortcuts_add(const struct gw_shortcut_table *t, const struct gw_flow_key *key,
		      struct gw_flow *flow);

/* Ends all shortcuts of an overlay or uplink. What they have counted is nobody's when the overlay
 * is removed with its flows; of an uplink the flows are still to be ended, or go on. */
void gw_shortcuts_purge(const struct gw_shortcut_table *t, enum gw_role role, uint32_t id);

/* Makes what the table's shortcuts have counted the flows', and empties it. Both are descriptors of
 * maps that no program runs on yet. 0 or -errno. */
int gw_shortcuts_settle(int table, int flows);

#endif
