/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The token bucket that XDP and the daemon share, and the daemon's budgets on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/budget.h"

#define START TP_SEC(1000)

/* How many of n units, `gap` ns apart, are granted. */
static unsigned int granted(__u64 *word, uint64_t from, uint64_t gap, unsigned int n, uint64_t cost,
			    uint64_t burst)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++)
		count += tp_bucket_take(word, from + i * gap, cost, burst);
	return count;
}

static void test_starts_full(void **state)
{
	__u64 word = 0;

	(void)state;
	assert_int_equal(granted(&word, START, 0, 1000, TP_MS(10), TP_MS(640)), 64);
	assert_int_equal(word, START + TP_MS(640));
}

static void test_refills(void **state)
{
	__u64 word = 0;

	(void)state;
	granted(&word, START, 0, 1000, TP_MS(10), TP_MS(640));
	assert_false(tp_bucket_take(&word, START + TP_MS(10) - 1, TP_MS(10), TP_MS(640)));
	assert_true(tp_bucket_take(&word, START + TP_MS(10), TP_MS(10), TP_MS(640)));
	assert_false(tp_bucket_take(&word, START + TP_MS(10), TP_MS(10), TP_MS(640)));
	/* Idle for long: full, and not more than full. */
	assert_int_equal(granted(&word, START + TP_SEC(1000), 0, 1000, TP_MS(10), TP_MS(640)), 64);
}

static void test_rate(void **state)
{
	__u64 word = 0;

	(void)state;
	/* 100 a second for 10 seconds, asked 1000 times a second */
	assert_in_range(granted(&word, START, TP_MS(1), 10000, TP_MS(10), TP_MS(100)), 1009, 1010);
}

static void test_refusal_costs_nothing(void **state)
{
	__u64 word = 0, before;

	(void)state;
	granted(&word, START, 0, 10, TP_MS(10), TP_MS(100));
	before = word;
	assert_false(tp_bucket_take(&word, START, TP_MS(10), TP_MS(100)));
	assert_int_equal(word, before);
	assert_false(tp_bucket_take(&word, START, TP_SEC(100), TP_MS(100)));
	assert_int_equal(word, before);
}

static void test_uneven_costs(void **state)
{
	__u64 word = 0;

	(void)state;
	assert_true(tp_bucket_take(&word, START, TP_MS(70), TP_MS(100)));
	assert_false(tp_bucket_take(&word, START, TP_MS(31), TP_MS(100)));
	assert_true(tp_bucket_take(&word, START, TP_MS(30), TP_MS(100)));
	assert_false(tp_bucket_take(&word, START, 1, TP_MS(100)));
	assert_true(tp_bucket_take(&word, START, 0, TP_MS(100)));
}

/* The clock of the two paths may differ by a tick of the coarse one. */
static void test_clock_steps_back(void **state)
{
	__u64 word = 0;

	(void)state;
	assert_true(tp_bucket_take(&word, START, TP_MS(1), TP_MS(100)));
	assert_true(tp_bucket_take(&word, START - TP_MS(10), TP_MS(1), TP_MS(100)));
	assert_int_equal(word, START + TP_MS(2));
}

static void test_grant_only_writes_the_answer(void **state)
{
	__u64 out = 0;

	(void)state;
	assert_true(tp_bucket_grant(START - 5, START, 10, 10, &out));
	assert_int_equal(out, START + 10);
	assert_true(tp_bucket_grant(START + 5, START, 5, 10, &out));
	assert_int_equal(out, START + 10);
	assert_false(tp_bucket_grant(START + 6, START, 5, 10, &out));
}

/* --- budgets --- */

static unsigned int taken(uint64_t *word, struct budget_rate rate, uint32_t units, unsigned int n,
			  uint64_t now)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n; i++)
		count += budget_take(word, rate, units, now);
	return count;
}

static void test_budget(void **state)
{
	uint64_t word = 0;

	(void)state;
	assert_int_equal(taken(&word, (struct budget_rate){2, 8}, 1, 100, START), 8);
	assert_int_equal(taken(&word, (struct budget_rate){2, 8}, 1, 100, START + TP_SEC(1)), 2);
	assert_int_equal(taken(&word, (struct budget_rate){2, 8}, 1, 100, START + TP_SEC(100)), 8);
}

static void test_budget_of_nothing(void **state)
{
	uint64_t word = 0;

	(void)state;
	assert_false(budget_take(&word, (struct budget_rate){0, 8}, 1, START));
	assert_int_equal(word, 0);
}

/* More at once than the burst holds: granted when the bucket is full, and then paid for. */
static void test_budget_larger_than_burst(void **state)
{
	struct budget_rate rate = {100, 10};
	uint64_t word = 0;

	(void)state;
	assert_true(budget_take(&word, rate, 200, START));
	assert_false(budget_take(&word, rate, 200, START + TP_SEC(2) - 1));
	assert_false(budget_take(&word, rate, 1, START + TP_SEC(1)));
	assert_true(budget_take(&word, rate, 200, START + TP_SEC(2)));
}

static void test_budget_extremes(void **state)
{
	uint64_t word = 0;

	(void)state;
	/* 2^32 - 1 seconds' worth in one unit of time each: no product overflows */
	assert_true(budget_take(&word, (struct budget_rate){1, UINT32_MAX}, UINT32_MAX, START));
	assert_int_equal(word, START + TP_NS_PER_SEC * UINT32_MAX);
	assert_false(budget_take(&word, (struct budget_rate){1, UINT32_MAX}, 1, START));
	/* Above a billion a second a unit is less than a nanosecond: nothing is refused. */
	word = 0;
	assert_int_equal(taken(&word, (struct budget_rate){UINT32_MAX, 1}, 1, 1000, START), 1000);
	word = 0;
	assert_int_equal(taken(&word, (struct budget_rate){1000000000, 5}, 1, 1000, START), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_full),
		cmocka_unit_test(test_refills),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_refusal_costs_nothing),
		cmocka_unit_test(test_uneven_costs),
		cmocka_unit_test(test_clock_steps_back),
		cmocka_unit_test(test_grant_only_writes_the_answer),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_of_nothing),
		cmocka_unit_test(test_budget_larger_than_burst),
		cmocka_unit_test(test_budget_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
