/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much of the table of shortcuts is in use. It follows the number of flows: entries that lie
 * all over a table made for many are in more pages than a CPU keeps the addresses of.
 */
#ifndef GATEWAY_DATAPATH_EXTENT_H
#define GATEWAY_DATAPATH_EXTENT_H

#include "gateway/datapath.h"
#include "gateway/datapath_shortcuts.h"

/* Places for the shortcuts of so many flows, two each: a power of two. */
uint32_t gw_extent_wanted(uint32_t flows);
/* Places in use. */
uint32_t gw_extent_used(const struct gw_shortcut_table *t);

/* Who runs the program gw_sweep, whose list must be empty. */
struct gw_extent_sweep {
	struct gw_sweep *list;
	int (*run)(void *arg); /* 0 or -errno */
	void *arg;
};

/* So many places, a power of two, are in use from now on. Entries that lie elsewhere are settled
 * and freed before this returns; a change that was cut short is brought to its end first. Waits for
 * running programs (gw_datapath_settle). 0 or -errno. */
int gw_extent_use(const struct gw_shortcut_table *t, const struct gw_extent_sweep *sweep,
		  uint32_t places);
/* Only brings one to its end. 0 or -errno. */
int gw_extent_finish(const struct gw_shortcut_table *t, const struct gw_extent_sweep *sweep);

/* --- of the daemon's table; both log what fails --- */

/* At the start: what an earlier run did not finish. 0 or -errno. */
int gw_extent_open(struct gw_datapath *dp);
/* To be called when the flows have been counted, every few seconds. */
void gw_extent_fit(struct gw_datapath *dp, uint32_t flows);

#endif
