// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "relay/nexthop_pool.h"

#include <string.h>

void relay_pool_init(struct pool *p)
{
	memset(p, 0, sizeof(*p));
	p->state[0] = POOL_USED; /* 0 is "unresolved" */
	p->next = 1;
	p->free = TP_NEXTHOPS - 1;
}

uint32_t relay_pool_take(struct pool *p)
{
	uint32_t number;

	if (!p->free)
		return 0;
	while (p->state[p->next] != POOL_FREE)
		p->next = (p->next + 1) % TP_NEXTHOPS;
	number = p->next;
	p->next = (p->next + 1) % TP_NEXTHOPS;
	relay_pool_claim(p, number);
	return number;
}

bool relay_pool_claim(struct pool *p, uint32_t number)
{
	if (number >= TP_NEXTHOPS || p->state[number] != POOL_FREE)
		return false;
	p->state[number] = POOL_USED;
	p->free--;
	return true;
}

void relay_pool_return(struct pool *p, uint32_t number)
{
	p->state[number] = POOL_RETURNED;
}

void relay_pool_recall(struct pool *p, uint32_t number)
{
	p->state[number] = POOL_USED;
}

void relay_pool_tick(struct pool *p, void (*fn)(void *arg, uint32_t number), void *arg)
{
	uint32_t i;

	for (i = 1; i < TP_NEXTHOPS; i++) {
		if (p->state[i] == POOL_RETURNED) {
			p->state[i] = POOL_RESTING;
		} else if (p->state[i] == POOL_RESTING) {
			if (fn)
				fn(arg, i);
			p->state[i] = POOL_FREE;
			p->free++;
		}
	}
}
