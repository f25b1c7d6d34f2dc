/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Removes what is dead from the tables of flows, mappings and filters, a part of them each tick.
 * The daemon only finds; the program gw_sweep takes, when it is still dead then. Nothing depends on
 * how soon: programs judge what they find by its time.
 */
#ifndef GATEWAY_SWEEP_H
#define GATEWAY_SWEEP_H

#include <stdint.h>

#include "gateway/blocks.h"
#include "gateway/datapath.h"

#define GW_SWEEP_TICK_MS 100

struct gw_sweeper;

/* dp and blocks are kept by reference. 0 or -ENOMEM. */
int gw_sweeper_new(struct gw_sweeper **out, struct gw_datapath *dp, struct gw_blocks *blocks);
void gw_sweeper_free(struct gw_sweeper *s);

/* To be called every GW_SWEEP_TICK_MS. now: tp_now(). */
void gw_sweeper_tick(struct gw_sweeper *s, uint64_t now);

struct gw_sweep_stats {
	uint64_t removed;	  /* entries, of all tables */
	uint64_t passes;	  /* over the table of flows */
	uint32_t flows, mappings; /* entries seen in the last pass */
};
const struct gw_sweep_stats *gw_sweeper_stats(const struct gw_sweeper *s);

#endif
