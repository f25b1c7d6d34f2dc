/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The places that flows are between (struct relay_place), as their only writer sees them: each is
 * kept once, and for as long as a slot names it. A reader may still have the slot of a flow that
 * has ended; so a slot gives up its places when it may be used again, no sooner.
 */
#ifndef RELAY_FLOW_PLACES_H
#define RELAY_FLOW_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/relay.h"

struct flow_place;

struct flow_places {
	struct relay_place *memory; /* what XDP reads */
	uint32_t n;
	struct flow_place *by_what;    /* those in use */
	struct flow_place **by_number; /* n of them, NULL for those free */
	uint32_t *free; /* a stack; the lowest on top, so that those in use lie together */
	uint32_t n_free;
};

/* The memory remains the caller's. 0 or -ENOMEM. Then those that an earlier run left are adopted,
 * and the others become free by flow_places_ready(). */
int flow_places_init(struct flow_places *p, struct relay_place *memory, uint32_t n);
/* One more use of a place that the memory holds. False when there is no such, or two are the same.
 */
bool flow_place_adopt(struct flow_places *p, uint32_t number);
void flow_places_ready(struct flow_places *p);
void flow_places_fini(struct flow_places *p);

/* One more use of the place with address, local address, port and node of *what; the rest of *what
 * is as good as zero. The number goes to *number. 0, -ENOSPC or -ENOMEM. */
int flow_place_use(struct flow_places *p, const struct relay_place *what, uint32_t *number);
/* For all flows that lead there. */
void flow_place_nexthop(struct flow_places *p, uint32_t number, uint32_t nexthop);
/* Asks for that of every place. */
void flow_places_route(struct flow_places *p,
		       uint32_t (*nexthop)(void *arg, const struct relay_place *place), void *arg);
void flow_place_release(struct flow_places *p, uint32_t number);

#endif
