/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entries carried from one map layout to another. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_migrate.h"
#include "tests/bpf/migrate_layout.h"
#include "tests/bpf/migrate_new.skel.h"
#include "tests/bpf/migrate_old.skel.h"

static struct migrate_old_bpf *old;
static struct migrate_new_bpf *new;

#define FD(skel, map) bpf_map__fd((skel)->maps.map)

static struct old_key old_key(uint32_t i)
{
	return (struct old_key){.id = i, .kind = (uint16_t)(i % 7)};
}

static struct old_value old_value(uint32_t i)
{
	struct old_value v = {
		.tag = 0x0102030405060708ull + i,
		.port = htons((uint16_t)i),
		.mtu = 0xfff0,
		.change = -5,
		.removed = ~0u,
		.narrowed = 0xfffe,
		.parts = {{1, 0x8001}, {2, 0x8002}, {3, 0x8003}},
		.whole = 0x12345678,
		.hidden = 9,
		.shape = 77,
	};

	memset(v.addr, (int)(i & 0xff), sizeof(v.addr));
	return v;
}

static void fill_old(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct old_key key = old_key(i);
		struct old_value value = old_value(i);

		assert_int_equal(bpf_map_update_elem(FD(old, table), &key, &value, BPF_ANY), 0);
	}
}

static void check_new(uint32_t i)
{
	struct new_key key = {.id = i, .kind = (uint16_t)(i % 7)};
	struct old_value want = old_value(i);
	struct new_value got;

	assert_int_equal(bpf_map_lookup_elem(FD(new, table), &key, (void *)&got), 0);
	assert_true(got.tag == want.tag);
	assert_memory_equal(got.addr, want.addr, sizeof(got.addr));
	assert_true(got.mtu == 0xfff0); /* grew */
	assert_int_equal(got.narrowed, 0xfffe);
	assert_int_equal(got.port, 0);
	assert_int_equal(got.change, 0);
	assert_int_equal(got.change_added, 0);
	for (int p = 0; p < 2; p++) { /* parts[2] has no place */
		assert_int_equal(got.parts[p].a, want.parts[p].a);
		assert_int_equal(got.parts[p].b, want.parts[p].b);
		assert_int_equal(got.parts[p].added, 0);
	}
	assert_int_equal(got.whole, 0x12345678); /* was in an anonymous union */
	assert_int_equal(got.hidden, 9);	 /* ... struct */
	assert_int_equal(got.shape.x, 0);
}

static void test_members(void **state)
{
	struct tp_bpf_migrated done;

	(void)state;
	fill_old(3000);
	assert_int_equal(tp_bpf_migrate(FD(old, table), FD(new, table), &done), 0);
	assert_int_equal(done.copied, 3000);
	assert_int_equal(done.left_out, 0);
	for (uint32_t i = 0; i < 3000; i++)
		check_new(i);
}

static void test_value_that_does_not_fit(void **state)
{
	struct old_key key = old_key(1);
	struct old_value value = old_value(1);
	struct new_key gone = {.id = 1, .kind = 1};
	struct new_value got;
	struct tp_bpf_migrated done;

	(void)state;
	fill_old(3);
	value.narrowed = 0x10000;
	assert_int_equal(bpf_map_update_elem(FD(old, table), &key, &value, BPF_ANY), 0);
	assert_int_equal(tp_bpf_migrate(FD(old, table), FD(new, table), &done), 0);
	assert_int_equal(done.copied, 2);
	assert_int_equal(done.left_out, 1);
	assert_int_equal(bpf_map_lookup_elem(FD(new, table), &gone, (void *)&got), -ENOENT);
	check_new(0);
	check_new(2);
}

static void test_too_many(void **state)
{
	struct tp_bpf_migrated done;

	(void)state;
	fill_old(5000);
	assert_int_equal(tp_bpf_migrate(FD(old, table), FD(new, table), &done), -E2BIG);
	assert_int_equal(done.copied, 4000);
}

static void test_there_and_back(void **state)
{
	struct old_key key = old_key(5), none = old_key(6);
	struct old_value got, want = old_value(5);

	(void)state;
	fill_old(6);
	assert_int_equal(tp_bpf_migrate(FD(old, table), FD(new, table), NULL), 0);
	migrate_old_bpf__destroy(old);
	old = migrate_old_bpf__open_and_load();
	assert_non_null(old);
	assert_int_equal(tp_bpf_migrate(FD(new, table), FD(old, table), NULL), 0);
	assert_int_equal(bpf_map_lookup_elem(FD(old, table), &none, &got), -ENOENT);
	assert_int_equal(bpf_map_lookup_elem(FD(old, table), &key, &got), 0);
	want.port = 0; /* what the new layout does not hold is lost */
	want.change = 0;
	want.removed = 0;
	want.parts[2] = (struct old_part){0, 0};
	want.shape = 0;
	assert_memory_equal(&got, &want, sizeof(got));
}

static void test_array(void **state)
{
	struct tp_bpf_migrated done;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t value = ~i;

		assert_int_equal(bpf_map_update_elem(FD(old, list), &i, &value, BPF_ANY), 0);
	}
	assert_int_equal(tp_bpf_migrate(FD(old, list), FD(new, list), &done), 0);
	assert_int_equal(done.copied, 2000); /* as far as the shorter one goes */
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t got = 0;

		assert_int_equal(bpf_map_lookup_elem(FD(new, list), &i, &got), 0);
		assert_true(got == (uint32_t)~i);
	}
}

static void test_percpu(void **state)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *in = calloc((size_t)cpus, 8); /* values are rounded up to 8 bytes */
	struct new_part *out = calloc((size_t)cpus, sizeof(*out));
	uint32_t index = 2, beyond = 7;

	(void)state;
	for (int i = 0; i < cpus; i++)
		memcpy(&in[i], &(struct old_part){(uint16_t)i, (uint16_t)(100 + i)}, 4);
	assert_int_equal(bpf_map_update_elem(FD(old, sums), &index, in, BPF_ANY), 0);
	assert_int_equal(tp_bpf_migrate(FD(old, sums), FD(new, sums), NULL), 0);
	assert_int_equal(bpf_map_lookup_elem(FD(new, sums), &index, out), 0);
	for (int i = 0; i < cpus; i++) {
		assert_int_equal(out[i].a, i);
		assert_int_equal(out[i].b, 100 + i);
	}
	assert_int_equal(bpf_map_lookup_elem(FD(new, sums), &beyond, out), 0);
	assert_int_equal(out[0].b, 0);
	free(in);
	free(out);
}

static void test_refused(void **state)
{
	int plain = bpf_map_create(BPF_MAP_TYPE_ARRAY, "plain", 4, 4, 3000, NULL);
	uint32_t index = 1, value = 42;

	(void)state;
	assert_true(plain >= 0);
	assert_int_equal(tp_bpf_migrate(FD(old, table), FD(new, list), NULL), -EOPNOTSUPP);
	assert_int_equal(tp_bpf_migrate(FD(old, trie), FD(old, trie), NULL), -EOPNOTSUPP);
	/* without BTF: only what is of the same size */
	assert_int_equal(tp_bpf_migrate(plain, FD(new, list), NULL), -EOPNOTSUPP);
	assert_int_equal(bpf_map_update_elem(plain, &index, &value, BPF_ANY), 0);
	assert_int_equal(tp_bpf_migrate(plain, FD(old, list), NULL), 0);
	value = 0;
	assert_int_equal(bpf_map_lookup_elem(FD(old, list), &index, &value), 0);
	assert_int_equal(value, 42);
	close(plain);
}

static int setup(void **state)
{
	(void)state;
	old = migrate_old_bpf__open_and_load();
	new = migrate_new_bpf__open_and_load();
	return old && new ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	migrate_old_bpf__destroy(old);
	migrate_new_bpf__destroy(new);
	return 0;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_members),  CASE(test_value_that_does_not_fit),
		CASE(test_too_many), CASE(test_there_and_back),
		CASE(test_array),    CASE(test_percpu),
		CASE(test_refused),
	};

	if (geteuid() != 0) {
		printf("ok 1 - migrate # SKIP needs root\n");
		return 0;
	}
	tp_bpf_log_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
