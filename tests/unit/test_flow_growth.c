/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The index of the flow table, which grows with the flows; also when that is cut short. */
#include "flow_shelf.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 64
#define SLOTS	200

static int setup(void **state)
{
	(void)state;
	shelf_make(BUCKETS, SLOTS, 2 * SLOTS);
	shelf_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shelf_clear();
	return 0;
}

static uint32_t entries_anywhere(void)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b < shelf.memory.n_buckets; b++)
		for (int i = 0; i < TP_FLOW_WAYS; i++)
			n += shelf.memory.buckets[b].entry[i] != 0;
	return n;
}

static void all_there(uint32_t flows)
{
	for (uint32_t n = 0; n < flows; n++)
		assert_int_equal(shelf_get(n).session, n);
	assert_int_equal(shelf_count_all(), flows);
	assert_int_equal(entries_anywhere(), flows); /* and nothing is left where it was */
}

static void test_grows(void **state)
{
	const uint32_t flows = 10000, buckets = relay_flow_buckets(flows);
	uint32_t mask = 1, sizes = 0;

	(void)state;
	shelf_clear();
	shelf_make(buckets, flows, 2 * flows);
	*shelf.memory.mask = mask;
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
	for (uint32_t n = 0; n < flows; n++) {
		shelf_put(n);
		if (*shelf.memory.mask == mask)
			continue;
		mask = *shelf.memory.mask;
		sizes++;
		all_there(n + 1);
	}
	assert_true(sizes >= 9 && mask < buckets);
	all_there(flows);
	for (uint32_t n = 0; n < flows; n++)
		shelf_del(n, 0);
	assert_int_equal(entries_anywhere(), 0);
}

/* An index of n buckets, half full: the next flow makes it grow. Returns the buckets as they are.
 */
static struct relay_flow_bucket *about_to_grow(uint32_t n)
{
	const uint32_t flows = n * TP_FLOW_WAYS / 2;
	size_t size = n * sizeof(*shelf.memory.buckets);
	struct relay_flow_bucket *before = malloc(size);

	assert_non_null(before);
	shelf_clear();
	shelf_make(4 * n, 2 * flows, 2 * 2 * flows);
	*shelf.memory.mask = n - 1;
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
	for (uint32_t i = 0; i < flows; i++)
		shelf_put(i);
	assert_int_equal(*shelf.memory.mask, n - 1);
	memcpy(before, shelf.memory.buckets, size);
	return before;
}

/* Killed before the mask was switched: some are in the upper half already, where nobody looks. */
static void test_killed_before_the_switch(void **state)
{
	const uint32_t n = 64, flows = n * TP_FLOW_WAYS / 2;
	struct relay_flow_bucket *before = about_to_grow(n);

	(void)state;
	shelf_put(flows);
	assert_int_equal(*shelf.memory.mask, 2 * n - 1);
	relay_flow_table_fini(&shelf.table);
	memcpy(shelf.memory.buckets, before, n * sizeof(*before));
	memset(shelf.memory.buckets + n + n / 2, 0, n / 2 * sizeof(*before));
	*shelf.memory.mask = n - 1;
	assert_true(entries_anywhere() > flows);
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
	all_there(flows);
	shelf_put(flows); /* grows again */
	all_there(flows + 1);
	free(before);
}

/* Killed after it: those that have moved are still where they were, too. */
static void test_killed_after_the_switch(void **state)
{
	const uint32_t n = 64, flows = n * TP_FLOW_WAYS / 2;
	struct relay_flow_bucket *before = about_to_grow(n);
	struct relay_flow extra = shelf_flow_of(flows);

	(void)state;
	shelf_put(flows);
	relay_flow_table_del(&shelf.table, &extra.key, NULL, 0);
	relay_flow_table_fini(&shelf.table);
	memcpy(shelf.memory.buckets, before, n * sizeof(*before));
	assert_true(entries_anywhere() > flows);
	assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
	assert_int_equal(*shelf.memory.mask, 2 * n - 1);
	all_there(flows);
	assert_int_equal(shelf.table.n_free, shelf.memory.n_slots - flows);
	free(before);
}

static void test_senseless_size(void **state)
{
	const uint32_t senseless[] = {2, 4 * BUCKETS - 1, UINT32_MAX};

	(void)state;
	for (int i = 0; i < 3; i++) {
		relay_flow_table_fini(&shelf.table);
		*shelf.memory.mask = senseless[i];
		assert_int_equal(relay_flow_table_init(&shelf.table, &shelf.memory), 0);
		assert_int_equal(*shelf.memory.mask, BUCKETS - 1);
		shelf_put(1);
		assert_int_equal(shelf_get(1).session, 1);
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_grows),
		CASE(test_killed_before_the_switch),
		CASE(test_killed_after_the_switch),
		CASE(test_senseless_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
