/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/flow_places.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/relay/flow.h"
#include "hash.h"

struct place_key {
	uint8_t addr[16];
	uint8_t local[16];
	uint32_t node;
	uint32_t port;
};

struct flow_place {
	struct place_key key;
	uint32_t number;
	uint32_t uses;
	UT_hash_handle hh;
};

static struct place_key key_of(const struct relay_place *what)
{
	struct place_key key = {.node = what->node, .port = what->port};

	memcpy(key.addr, what->addr, sizeof(key.addr));
	memcpy(key.local, what->local, sizeof(key.local));
	return key;
}

static struct flow_place *find(const struct flow_places *p, const struct place_key *key)
{
	struct flow_place *place;

	HASH_FIND(hh, p->by_what, key, sizeof(*key), place);
	return place;
}

static struct flow_place *enter(struct flow_places *p, const struct place_key *key, uint32_t number)
{
	struct flow_place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->key = *key;
	place->number = number;
	HASH_ADD(hh, p->by_what, key, sizeof(place->key), place);
	if (!tp_hash_added(place)) {
		free(place);
		return NULL;
	}
	p->by_number[number] = place;
	return place;
}

static void fill(struct relay_place *to, const struct relay_place *what)
{
	*to = *what;
	tp_place_sums(to);
}

int flow_place_use(struct flow_places *p, const struct relay_place *what, uint32_t *number)
{
	struct place_key key = key_of(what);
	struct flow_place *place = find(p, &key);

	if (!place) {
		if (!p->n_free)
			return -ENOSPC;
		place = enter(p, &key, p->free[p->n_free - 1]);
		if (!place)
			return -ENOMEM;
		p->n_free--;
		fill(&p->memory[place->number], what);
	}
	place->uses++;
	*number = place->number;
	return 0;
}

void flow_place_nexthop(struct flow_places *p, uint32_t number, uint32_t nexthop)
{
	__atomic_store_n(&p->memory[number].nexthop, nexthop, __ATOMIC_RELAXED);
}

void flow_places_route(struct flow_places *p,
		       uint32_t (*nexthop)(void *arg, const struct relay_place *place), void *arg)
{
	struct flow_place *place, *tmp;

	HASH_ITER (hh, p->by_what, place, tmp)
		flow_place_nexthop(p, place->number, nexthop(arg, &p->memory[place->number]));
}

void flow_place_release(struct flow_places *p, uint32_t number)
{
	struct flow_place *place = p->by_number[number];

	if (--place->uses)
		return;
	HASH_DELETE(hh, p->by_what, place);
	free(place);
	p->by_number[number] = NULL;
	p->free[p->n_free++] = number;
}

/* --- opening -------------------------------------------------------------------------------- */

bool flow_place_adopt(struct flow_places *p, uint32_t number)
{
	struct flow_place *place;
	struct place_key key;

	if (number >= p->n)
		return false;
	place = p->by_number[number];
	if (!place) {
		key = key_of(&p->memory[number]);
		place = find(p, &key) ? NULL : enter(p, &key, number);
	}
	if (!place)
		return false;
	place->uses++;
	return true;
}

void flow_places_ready(struct flow_places *p)
{
	p->n_free = 0;
	for (uint32_t number = p->n; number-- > 0;)
		if (!p->by_number[number])
			p->free[p->n_free++] = number;
}

int flow_places_init(struct flow_places *p, struct relay_place *memory, uint32_t n)
{
	*p = (struct flow_places){.memory = memory, .n = n};
	p->by_number = calloc(n, sizeof(*p->by_number));
	p->free = calloc(n, sizeof(*p->free));
	if (p->by_number && p->free)
		return 0;
	flow_places_fini(p);
	return -ENOMEM;
}

void flow_places_fini(struct flow_places *p)
{
	struct flow_place *place, *tmp;

	HASH_ITER (hh, p->by_what, place, tmp) {
		HASH_DELETE(hh, p->by_what, place);
		free(place);
	}
	free(p->by_number);
	free(p->free);
	*p = (struct flow_places){0};
}
