/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flow table over plain memory, for the tests of its parts. */
#ifndef TESTS_FLOW_SHELF_H
#define TESTS_FLOW_SHELF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "relay/flow_table.h"

extern struct shelf {
	struct relay_flow_table table;
	struct relay_flow_memory memory;
} shelf;

/* Memory of these sizes, all zero; the table is the caller's to open. */
void shelf_make(uint32_t buckets, uint32_t slots, uint32_t places);
/* The same with an open table in place of what was there. No two of shelf_flow_of() share a place
 * as their source, so there are two for each slot. */
void shelf_resize(uint32_t buckets, uint32_t slots);
void shelf_open(void);
void shelf_clear(void);

/* Flows by number, each with that for its session. */
struct relay_flow shelf_flow_of(uint32_t n);
void shelf_put(uint32_t n);
struct relay_slot *shelf_find(uint32_t n);
struct relay_flow shelf_get(uint32_t n);
struct relay_count shelf_del(uint32_t n, uint64_t now);
uint32_t shelf_count_all(void);

#endif
