/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Blocks of ports in the daemon's hands: each is written to the log when a node has got it and when
 * it was given back, and given back when all its ports are dead and rested.
 *
 * The log is a line of JSON a record: {"time", "event": "allocated" or "released", "overlay",
 * "node", "uplink", "external", "first_port", "last_port"}.
 */
#ifndef GATEWAY_BLOCKS_H
#define GATEWAY_BLOCKS_H

#include <stdint.h>

#include "gateway/nat_memory.h"
#include "gateway/state.h"

struct gw_blocks;

/* memory and state are kept by reference. The log is appended to `path`; it is opened here, and
 * anew by gw_blocks_reopen. 0 or -errno, logged. */
int gw_blocks_new(struct gw_blocks **out, const struct gw_nat_memory *memory,
		  const struct gw_state *state, const char *path);
void gw_blocks_free(struct gw_blocks *b);
int gw_blocks_reopen(struct gw_blocks *b);

/* The address that a slot's records name; 0 leaves the last one. */
void gw_blocks_address(struct gw_blocks *b, uint32_t slot, __be32 addr);

/* Logs what was taken since the last time, gives back what a former tick has chosen, and adds
 * blocks to be taken from their nodes to `list`. To be called every TICK (100 ms) or so: two calls
 * must lie further apart than a program runs. */
void gw_blocks_tick(struct gw_blocks *b, struct gw_sweep *list, uint32_t now);

/* Ends the mappings in all blocks of an overlay's nodes, or of an uplink's addresses, and gives the
 * blocks back. Nobody may claim there any more. */
void gw_blocks_end(struct gw_blocks *b, enum gw_role role, uint32_t id);

struct gw_blocks_stats {
	uint64_t allocated, released;
	uint64_t log_errors;
};
const struct gw_blocks_stats *gw_blocks_stats(const struct gw_blocks *b);

#endif
