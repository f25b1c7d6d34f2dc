// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fields of messages, as proto3's JSON mapping has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/api_call.h"

static struct api_call call;

static void message(const char *text)
{
	json_decref((json_t *)call.in);
	call.in = json_loads(text, 0, NULL);
	assert_non_null(call.in);
	memset(&call.err, 0, sizeof(call.err));
}

static void assert_wrong(int result, const char *text)
{
	assert_int_equal(result, -1);
	assert_int_equal(call.err.code, CTL_INVALID_ARGUMENT);
	assert_string_equal(call.err.text, text);
}

static void names(void **state)
{
	const char *text;

	(void)state;
	message("{\"subnet_cidr\":\"a\",\"listenPort\":1,\"x\":null}");
	assert_int_equal(api_text(&call, "subnet_cidr", &text), 0);
	assert_string_equal(text, "a");
	assert_true(api_has(&call, "listen_port"));
	assert_false(api_has(&call, "x"));
	message("{\"subnetCidr\":\"b\"}");
	assert_int_equal(api_need_text(&call, "subnet_cidr", &text), 0);
	assert_string_equal(text, "b");
}

static void texts(void **state)
{
	const char *text;

	(void)state;
	message("{\"a\":5,\"b\":\"\",\"c\":null}");
	assert_wrong(api_text(&call, "a", &text), "a: must be a string");
	assert_wrong(api_need_text(&call, "b", &text), "b: is missing");
	assert_wrong(api_need_text(&call, "c", &text), "c: is missing");
	assert_int_equal(api_text(&call, "d", &text), 0);
	assert_string_equal(text, "");
}

static void ids(void **state)
{
	const char *id;

	(void)state;
	message("{\"a\":\"018b0000-0000-7000-8000-0000000000aa\",\"b\":\"x\","
		"\"c\":\"018B0000-0000-7000-8000-0000000000AA\"}");
	assert_int_equal(api_id(&call, "a", &id), 0);
	assert_wrong(api_id(&call, "b", &id), "b: must be a UUID in lower case");
	assert_wrong(api_id(&call, "c", &id), "c: must be a UUID in lower case");
	assert_wrong(api_id(&call, "d", &id), "d: is missing");
	assert_int_equal(api_optional_id(&call, "d", &id), 0);
}

static void numbers(void **state)
{
	static const struct {
		const char *json;
		int64_t value;
		const char *error;
	} cases[] = {
		{"{}", 0, NULL},
		{"{\"n\":null}", 0, NULL},
		{"{\"n\":7}", 7, NULL},
		{"{\"n\":\"7\"}", 7, NULL},
		{"{\"n\":\"10\"}", 10, NULL},
		{"{\"n\":11}", 0, "n: must be between 1 and 10"},
		{"{\"n\":\"-1\"}", 0, "n: must be between 1 and 10"},
		{"{\"n\":7.5}", 0, "n: must be an integer"},
		{"{\"n\":\"7x\"}", 0, "n: must be an integer"},
		{"{\"n\":\" 7\"}", 0, "n: must be an integer"},
		{"{\"n\":\"\"}", 0, "n: must be an integer"},
		{"{\"n\":\"99999999999999999999\"}", 0, "n: must be an integer"},
		{"{\"n\":true}", 0, "n: must be an integer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value;
		int result;

		message(cases[i].json);
		result = api_number(&call, "n", 1, 10, &value);
		if (cases[i].error)
			assert_wrong(result, cases[i].error);
		else
			assert_int_equal(value, cases[i].value);
	}
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: none */
	} cases[] = {
		{"1970-01-01T00:00:01Z", 1000},
		{"2026-01-31T12:00:00.5Z", 1769860800500},
		{"2026-01-31T12:00:00.123456789Z", 1769860800123},
		{"2026-01-31T14:00:00+02:00", 1769860800000},
		{"2026-01-31T10:30:00-01:30", 1769860800000},
		{"2026-01-31T12:00:00", -1},
		{"2026-01-31", -1},
		{"2026-02-29T12:00:00Z", -1},
		{"2028-02-29T12:00:00Z", 1835438400000},
		{"2026-01-31T12:00:00Zx", -1},
		{"2026-01-31T12:00:00+2:00", -1},
		{"2026-01-31T12:00:00+2x:00", -1},
		{"2026-01-31T12:00:00+02:00x", -1},
		{"2026-01-31T12:00:00+24:00", -1},
		{"2026-01-31T12:00:00+02:60", -1},
		{"2026-13-31T12:00:00Z", -1},
		{"tomorrow", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char json[100];
		int64_t ms;
		int result;

		snprintf(json, sizeof(json), "{\"expiresAt\":\"%s\"}", cases[i].text);
		message(json);
		result = api_time(&call, "expires_at", &ms);
		assert_int_equal(result, cases[i].ms < 0 ? -1 : 0);
		if (!result)
			assert_int_equal(ms, cases[i].ms);
	}
}

static void lists(void **state)
{
	const json_t *list;
	uint8_t key[32];
	bool flag;

	(void)state;
	message("{\"a\":[\"x\",\"y\"],\"b\":[1],\"c\":\"x\",\"t\":true,\"s\":\"true\",\"k\":"
		"\"x\"}");
	assert_int_equal(api_texts(&call, "a", 2, &list), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_wrong(api_texts(&call, "a", 1, &list), "a: at most 1");
	assert_wrong(api_texts(&call, "b", 2, &list), "b: must be a list of strings");
	assert_wrong(api_texts(&call, "c", 2, &list), "c: must be a list");
	assert_int_equal(api_texts(&call, "d", 2, &list), 0);
	assert_null(list);
	assert_int_equal(api_bool(&call, "t", &flag), 0);
	assert_true(flag);
	assert_wrong(api_bool(&call, "s", &flag), "s: must be true or false");
	assert_wrong(api_key(&call, "k", key), "k: must be a key as wg pubkey prints it");
}

static void pages(void **state)
{
	struct api_page page;
	json_t *out;

	(void)state;
	message("{\"page_size\":2,\"pageToken\":\"t\"}");
	assert_int_equal(api_page_begin(&call, &page), 0);
	assert_string_equal(page.after, "t");
	api_page_add(&page, "1", json_integer(1));
	assert_int_equal(api_page_end(&page, "items", 0, &out), 0);
	assert_string_equal(json_string_value(json_object_get(out, "nextPageToken")), "");
	json_decref(out);
	assert_int_equal(api_page_begin(&call, &page), 0);
	api_page_add(&page, "1", json_integer(1));
	api_page_add(&page, "2", json_integer(2));
	assert_int_equal(api_page_end(&page, "items", 0, &out), 0);
	assert_string_equal(json_string_value(json_object_get(out, "nextPageToken")), "2");
	assert_int_equal(json_array_size(json_object_get(out, "items")), 2);
	json_decref(out);
	message("{\"page_size\":100000}");
	assert_int_equal(api_page_begin(&call, &page), 0);
	assert_int_equal(page.limit, 1000);
	assert_int_equal(api_page_end(&page, "items", -1, &out), -1);
}

static void timestamps(void **state)
{
	json_t *j = api_timestamp(1769860800123);

	(void)state;
	assert_string_equal(json_string_value(j), "2026-01-31T12:00:00.123Z");
	json_decref(j);
	assert_true(json_is_null(api_timestamp(0)));
}

static int teardown(void **state)
{
	(void)state;
	json_decref((json_t *)call.in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),   cmocka_unit_test(texts),	 cmocka_unit_test(ids),
		cmocka_unit_test(numbers), cmocka_unit_test(times),	 cmocka_unit_test(lists),
		cmocka_unit_test(pages),   cmocka_unit_test(timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
