/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flow_shelf.h"

#include <stdlib.h>

struct shelf shelf;

void shelf_make(uint32_t buckets, uint32_t slots, uint32_t places)
{
	struct relay_flow_memory *m = &shelf.memory;

	*m = (struct relay_flow_memory){
		.buckets = calloc(buckets, sizeof(*m->buckets)),
		.slots = calloc(slots, sizeof(*m->slots)),
		.sessions = calloc(slots, sizeof(*m->sessions)),
		.places = calloc(places, sizeof(*m->places)),
		.mask = calloc(1, sizeof(*m->mask)),
		.n_buckets = buckets,
		.n_slots = slots,
		.n_places = places,
		.seed = {{11, 22, 33, 44, 0x9e3779b97f4a7c15, 66}},
	};
	assert_true(m->buckets && m->slots && m->sessions && m->places && m->mask);
}

void shelf_open(void)
{
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
}

void shelf_clear(void)
{
	relay_flow_table_fini(&shelf.table);
	free(shelf.memory.buckets);
	free(shelf.memory.slots);
	free(shelf.memory.sessions);
	free(shelf.memory.places);
	free(shelf.memory.mask);
}

void shelf_resize(uint32_t buckets, uint32_t slots)
{
	shelf_clear();
	shelf_make(buckets, slots, 2 * slots);
	shelf_open();
}

struct relay_flow shelf_flow_of(uint32_t n)
{
	return (struct relay_flow){
		.key = {.addr = {0x20, 1}, .index = n * 0x01000193, .port = (uint16_t)n},
		.session = n,
	};
}

void shelf_put(uint32_t n)
{
	struct relay_flow flow = shelf_flow_of(n);

	assert_int_equal(relay_flow_table_put(&shelf.table, &flow, 0), 0);
}

struct relay_slot *shelf_find(uint32_t n)
{
	struct relay_flow flow = shelf_flow_of(n);

	return relay_flow_table_find(&shelf.table, &flow.key);
}

struct relay_flow shelf_get(uint32_t n)
{
	const struct relay_slot *slot = shelf_find(n);

	assert_non_null(slot);
	return relay_flow_table_get(&shelf.table, slot);
}

struct relay_count shelf_del(uint32_t n, uint64_t now)
{
	struct relay_flow flow = shelf_flow_of(n);
	struct relay_count count;

	relay_flow_table_del(&shelf.table, &flow.key, &count, now);
	return count;
}

static int count_one(void *arg, const struct relay_flow *flow)
{
	(void)flow;
	++*(uint32_t *)arg;
	return 0;
}

uint32_t shelf_count_all(void)
{
	uint32_t n = 0;

	relay_flow_table_each(&shelf.table, count_one, &n);
	return n;
}
