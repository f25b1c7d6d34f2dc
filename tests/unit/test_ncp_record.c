/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "crypto.h"
#include "ncp_record.h"

#define MAX	 200000 /* of a message, here */
#define OVERHEAD (2 + WG_TAG_LEN)

static struct {
	struct tp_noise_cipher send, recv;
	struct tp_ncp_reader reader;
	struct evbuffer *wire;
	const char *text;
	size_t len;
} f;

static int setup(void **state)
{
	(void)state;
	if (tp_crypto_init())
		return -1;
	memset(&f, 0, sizeof(f));
	tp_random(f.send.key, sizeof(f.send.key));
	f.recv = f.send;
	tp_ncp_reader_init(&f.reader, MAX);
	f.wire = evbuffer_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tp_ncp_reader_fini(&f.reader);
	evbuffer_free(f.wire);
	return 0;
}

static int next(void)
{
	return tp_ncp_reader_next(&f.reader, &f.recv, f.wire, &f.text, &f.len, NULL);
}

static void seal(const void *text, size_t len)
{
	assert_int_equal(tp_ncp_message_seal(&f.send, text, len, f.wire), 0);
}

/* A record of this text, whatever it may be. */
static void seal_raw(const void *text, size_t len)
{
	uint8_t sealed[TP_IK_MESSAGE_MAX];
	int n = tp_noise_cipher_seal(&f.send, text, len, sealed);

	assert_int_equal(tp_ncp_record_add(f.wire, sealed, (size_t)n), 0);
}

static char *make_text(size_t len)
{
	char *text = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 23);
	text[len] = '\0';
	return text;
}

static void expect_text(const char *text, size_t len)
{
	assert_int_equal(next(), 1);
	assert_int_equal(f.len, len);
	assert_memory_equal(f.text, text, len);
}

static void every_size_arrives(void **state)
{
	static const size_t sizes[] = {1,
				       2,
				       TP_IK_TEXT_MAX - 5,
				       TP_IK_TEXT_MAX - 4,
				       TP_IK_TEXT_MAX - 3,
				       2 * TP_IK_TEXT_MAX - 4,
				       2 * TP_IK_TEXT_MAX - 3,
				       MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *text = make_text(sizes[i]);

		seal(text, sizes[i]);
		assert_int_equal(evbuffer_get_length(f.wire), tp_ncp_message_wire_size(sizes[i]));
		expect_text(text, sizes[i]);
		assert_int_equal(evbuffer_get_length(f.wire), 0);
		free(text);
	}
	assert_int_equal(next(), 0);
}

static void largest_first_record_is_full(void **state)
{
	char *text = make_text(TP_IK_TEXT_MAX - 4);
	const uint8_t *record;

	(void)state;
	seal(text, TP_IK_TEXT_MAX - 4);
	assert_int_equal(tp_ncp_record_peek(f.wire, TP_IK_MESSAGE_MAX, &record), TP_IK_MESSAGE_MAX);
	assert_int_equal(evbuffer_get_length(f.wire), 2 + TP_IK_MESSAGE_MAX);
	free(text);
}

static void several_at_once(void **state)
{
	(void)state;
	seal("one", 3);
	seal("three", 5);
	expect_text("one", 3);
	expect_text("three", 5);
	assert_int_equal(next(), 0);
}

static void byte_by_byte(void **state)
{
	char *text = make_text(70000), byte;
	struct evbuffer *all = f.wire;
	int got = 0;

	(void)state;
	seal(text, 70000);
	seal("end", 3);
	f.wire = evbuffer_new();
	while (evbuffer_remove(all, &byte, 1) == 1) {
		evbuffer_add(f.wire, &byte, 1);
		got = next();
		assert_in_range(got, 0, 1);
		if (got && f.len == 70000)
			assert_memory_equal(f.text, text, f.len);
	}
	assert_int_equal(got, 1);
	assert_int_equal(f.len, 3);
	evbuffer_free(all);
	free(text);
}

static void memory_follows_what_came(void **state)
{
	static const uint8_t announcement[] = {0, 3, 0x0d, 0x40, 'x'}; /* MAX bytes */

	(void)state;
	seal_raw(announcement, sizeof(announcement));
	assert_int_equal(next(), 0);
	assert_true(f.reader.room < 100);
}

static void memory_of_a_long_one_is_given_back(void **state)
{
	char *text = make_text(MAX);

	(void)state;
	seal(text, MAX);
	assert_int_equal(next(), 1);
	assert_true(f.reader.room >= MAX);
	assert_int_equal(next(), 0);
	assert_int_equal(f.reader.room, 0);
	free(text);
}

static void too_long_is_refused_at_once(void **state)
{
	static const uint8_t announcement[] = {0, 3, 0x0d, 0x41, 'x'}; /* MAX + 1 */

	(void)state;
	seal_raw(announcement, sizeof(announcement));
	assert_int_equal(next(), -EMSGSIZE);
}

static void nothing_is_not_sent(void **state)
{
	(void)state;
	assert_int_equal(tp_ncp_message_seal(&f.send, "", 0, f.wire), -EMSGSIZE);
	assert_int_equal(tp_ncp_record_add(f.wire, "", 0), -EMSGSIZE);
	assert_int_equal(evbuffer_get_length(f.wire), 0);
}

static void bad_framing(void **state)
{
	static const struct {
		uint8_t text[16];
		size_t len;
	} cases[] = {
		{{0}, 0},				  /* a record of nothing */
		{{0, 0, 0}, 3},				  /* not even a length */
		{{0, 0, 0, 0}, 4},			  /* a message of nothing */
		{{0, 0, 0, 2, 'a', 'b', 'c'}, 7},	  /* text behind the end */
		{{0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b'}, 10}, /* two in one record */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		setup(state);
		seal_raw(cases[i].text, cases[i].len);
		assert_int_equal(next(), -EPROTO);
		if (i + 1 < sizeof(cases) / sizeof(*cases))
			teardown(state);
	}
}

/* The header alone, then the text. */
static void header_by_itself(void **state)
{
	static const uint8_t header[] = {0, 0, 0, 3};

	(void)state;
	seal_raw(header, sizeof(header));
	seal_raw("ab", 2);
	assert_int_equal(next(), 0);
	seal_raw("c", 1);
	expect_text("abc", 3);
}

/* They would keep a reader busy, and alive, for nothing. */
static void empty_records_are_refused(void **state)
{
	static const uint8_t header[] = {0, 0, 0, 3};

	seal_raw(header, sizeof(header));
	seal_raw("", 0);
	assert_int_equal(next(), -EPROTO);
	teardown(state);
	setup(state);
	evbuffer_add(f.wire, "\0\0", 2);
	assert_int_equal(next(), -EPROTO);
}

static void truncated_records_wait(void **state)
{
	struct evbuffer *cut = evbuffer_new();
	size_t whole;

	(void)state;
	seal("text", 4);
	whole = evbuffer_get_length(f.wire);
	evbuffer_remove_buffer(f.wire, cut, whole - 1);
	evbuffer_drain(f.wire, 1);
	evbuffer_add_buffer(f.wire, cut);
	assert_int_equal(next(), 0);
	assert_int_equal(evbuffer_get_length(f.wire), whole - 1);
	evbuffer_free(cut);
}

/* Every bit of what was sent, but those of a length that makes the record wait. */
static void changed_records_do_not_open(void **state)
{
	size_t whole;
	uint8_t *wire;

	(void)state;
	seal("text", 4);
	whole = evbuffer_get_length(f.wire);
	wire = evbuffer_pullup(f.wire, -1);
	for (size_t bit = 16; bit < whole * 8; bit++) {
		struct evbuffer *changed = evbuffer_new(), *kept = f.wire;

		wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
		evbuffer_add(changed, wire, whole);
		wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
		f.wire = changed;
		assert_int_equal(next(), -EBADMSG);
		f.wire = kept;
		evbuffer_free(changed);
	}
	expect_text("text", 4);
}

static void shorter_than_a_tag(void **state)
{
	(void)state;
	evbuffer_add(f.wire,
		     "\0\x0f"
		     "123456789012345",
		     17);
	assert_int_equal(next(), -EBADMSG);
}

static void replayed_record(void **state)
{
	uint8_t copy[64];
	size_t len;

	(void)state;
	seal("text", 4);
	len = (size_t)evbuffer_copyout(f.wire, copy, sizeof(copy));
	expect_text("text", 4);
	evbuffer_add(f.wire, copy, len);
	assert_int_equal(next(), -EBADMSG);
}

static void nonces_run_out(void **state)
{
	(void)state;
	f.send.nonce = UINT64_MAX;
	assert_int_equal(tp_ncp_message_seal(&f.send, "text", 4, f.wire), -EKEYEXPIRED);
}

static void peek_stands_by_its_limit(void **state)
{
	const uint8_t *record;

	(void)state;
	tp_ncp_record_add(f.wire, "123456", 6);
	assert_int_equal(tp_ncp_record_peek(f.wire, 5, &record), -EPROTO);
	assert_int_equal(tp_ncp_record_peek(f.wire, 6, &record), 6);
	assert_memory_equal(record, "123456", 6);
	tp_ncp_record_drain(f.wire, 6);
	assert_int_equal(evbuffer_get_length(f.wire), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_size_arrives),
		TEST(largest_first_record_is_full),
		TEST(several_at_once),
		TEST(byte_by_byte),
		TEST(memory_follows_what_came),
		TEST(memory_of_a_long_one_is_given_back),
		TEST(too_long_is_refused_at_once),
		TEST(nothing_is_not_sent),
		cmocka_unit_test_teardown(bad_framing, teardown),
		TEST(header_by_itself),
		TEST(empty_records_are_refused),
		TEST(truncated_records_wait),
		TEST(changed_records_do_not_open),
		TEST(shorter_than_a_tag),
		TEST(replayed_record),
		TEST(nonces_run_out),
		TEST(peek_stands_by_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
