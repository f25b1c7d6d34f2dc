/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* JSON as text: the same that Jansson makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/json_write.h"

static void check(json_t *value)
{
	char *expected = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), *text;
	size_t len;

	assert_non_null(expected);
	text = ctl_json_write(value, &len);
	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
	free(text);
	free(expected);
	json_decref(value);
}

static void test_values(void **state)
{
	(void)state;
	check(json_null());
	check(json_true());
	check(json_false());
	check(json_integer(0));
	check(json_integer(-1));
	check(json_integer(INT64_MAX));
	check(json_integer(INT64_MIN));
	check(json_real(0.1));
	check(json_real(-1e300));
	check(json_object());
	check(json_array());
	check(json_pack("{s:[],s:{},s:n,s:[i,[b],{s:s}]}", "a", "b", "c", "d", 1, 1, "e", "f"));
}

/* Each byte that may stand in a string, at its beginning, in its midst and at its end. */
static void test_strings(void **state)
{
	json_t *key;

	(void)state;
	for (int c = 0; c < 0x80; c++) {
		char text[] = {(char)c, 'a', (char)c, (char)c, 'b', (char)c};

		check(json_stringn(text, sizeof(text)));
		if (!c)
			continue;
		key = json_object();
		json_object_set_new(key, (char[]){(char)c, '\0'}, json_null());
		check(key);
	}
	check(json_string(""));
	check(json_string("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
}

/* Texts of all lengths around those at which it grows. */
static void test_lengths(void **state)
{
	static char text[5000];

	(void)state;
	for (size_t len = 1000; len < 4200; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		check(json_pack("[s]", text));
	}
}

/* --- without memory --- */

static unsigned int before_it_fails;

static void *scarce(size_t size)
{
	return before_it_fails-- ? malloc(size) : NULL;
}

static void test_without_memory(void **state)
{
	json_t *list = json_array();
	unsigned int n;
	char *text;
	size_t len;

	(void)state;
	for (int i = 0; i < 2000; i++)
		json_array_append_new(list, json_pack("{s:i}", "key", i));
	json_set_alloc_funcs(scarce, free);
	for (n = 0;; n++) {
		before_it_fails = n;
		text = ctl_json_write(list, &len);
		if (text)
			break;
		assert_int_equal(len, 0);
	}
	json_set_alloc_funcs(malloc, free);
	assert_in_range(n, 3, 10); /* it has grown by doubling */
	assert_int_equal(len, strlen(text));
	assert_null(ctl_json_write(NULL, &len));
	free(text);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
