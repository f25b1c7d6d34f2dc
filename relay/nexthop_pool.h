/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of next-hop ids and slots, 1 to TP_NEXTHOPS - 1, and the time that must pass before one
 * may mean something else: a number that is given back becomes free at the second tick after.
 */
#ifndef RELAY_NEXTHOP_POOL_H
#define RELAY_NEXTHOP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/relay.h"

enum pool_state {
	POOL_FREE,
	POOL_USED,
	POOL_RETURNED, /* since the newest tick */
	POOL_RESTING,  /* for a whole tick at least */
};

struct pool {
	uint8_t state[TP_NEXTHOPS]; /* enum pool_state */
	uint32_t next;		    /* where to look first: the longest unused come first */
	uint32_t free;
};

void relay_pool_init(struct pool *p);
/* A free number, or 0. */
uint32_t relay_pool_take(struct pool *p);
/* Takes this very number. False when it is not free. */
bool relay_pool_claim(struct pool *p, uint32_t number);
void relay_pool_return(struct pool *p, uint32_t number);
/* A returned number is wanted again with its old meaning. */
void relay_pool_recall(struct pool *p, uint32_t number);
/* Calls fn, unless NULL, for each number just before it becomes free. */
void relay_pool_tick(struct pool *p, void (*fn)(void *arg, uint32_t number), void *arg);

#endif
