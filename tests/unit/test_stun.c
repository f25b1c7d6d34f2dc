// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* STUN against the vectors of RFC 5769, and what a server must refuse or ignore (RFC 8489). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bpf/lib/stun.h"
#include "relay/stun.h"
#include "tests/unit/hex.h"

#define TXID  "b7e7a701bc34d686fa87dfae"
#define EMPTY "000100002112a442" TXID

static uint8_t msg[2048];

/* --- building messages --- */

static size_t begin(void)
{
	return unhex(EMPTY, msg, sizeof(msg));
}

/* Appends an attribute with `size` bytes of value, all 0x5a, and counts it in the header. */
static size_t add(size_t len, uint16_t type, uint16_t size)
{
	size_t padded = (size + 3u) & ~3u;

	tp_stun_put16(msg + len, type);
	tp_stun_put16(msg + len + 2, size);
	memset(msg + len + 4, 0x5a, padded);
	len += 4 + padded;
	tp_stun_put16(msg + 2, (uint32_t)len - TP_STUN_HEADER);
	return len;
}

/* The right FINGERPRINT, made bit by bit and not by the table that is tested. */
static size_t add_fingerprint(size_t len)
{
	uint32_t crc = 0xffffffff;

	add(len, TP_STUN_FINGERPRINT, 4);
	for (size_t i = 0; i < len * 8; i++) {
		uint32_t bit = (msg[i / 8] >> (i % 8)) & 1;

		crc = (crc >> 1) ^ ((crc ^ bit) & 1 ? 0xedb88320 : 0);
	}
	tp_stun_put32(msg + len + 4, ~crc ^ 0x5354554e);
	return len + 8;
}

static int verdict(size_t len)
{
	struct tp_stun_request req;
	uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees reads past the end */
	int v;

	memcpy(exact, msg, len);
	v = tp_stun_parse(exact, (uint32_t)len, &req);
	free(exact);
	return v;
}

static struct tp_endpoint endpoint(const char *s)
{
	struct tp_endpoint e;

	assert_int_equal(tp_endpoint_parse(s, &e), 0);
	return e;
}

static size_t reply_to(size_t len, uint8_t *out, size_t size)
{
	struct tp_endpoint from = endpoint("192.0.2.1:32853");

	return relay_stun_reply(msg, len, &from, out, size);
}

/* Both parsers say so. */
static void expect_refused(size_t len)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];

	assert_int_equal(verdict(len), TP_STUN_MALFORMED);
	assert_int_equal(reply_to(len, out, sizeof(out)), 0);
}

static void expect_answer(size_t len)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];

	assert_int_equal(verdict(len), TP_STUN_ANSWER);
	assert_true(reply_to(len, out, sizeof(out)) >= 32);
	assert_hex(out, "0101");
}

static void expect_error(size_t len)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];

	assert_int_equal(verdict(len), TP_STUN_UNKNOWN);
	assert_true(reply_to(len, out, sizeof(out)) > 0);
	assert_hex(out, "0111");
}

/* --- RFC 5769 --- */

#define SAMPLE_REQUEST                                                             \
	"000100582112a442" TXID "802200105354554e207465737420636c69656e74"         \
	"002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020" \
	"000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"

/* 2.1: its FINGERPRINT fits, and PRIORITY is ICE's, which we don't speak. */
static void test_sample_request(void **state)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];
	size_t len = unhex(SAMPLE_REQUEST, msg, sizeof(msg));

	(void)state;
	assert_int_equal(verdict(len), TP_STUN_UNKNOWN);
	assert_int_equal(reply_to(len, out, sizeof(out)), 64);
	assert_hex(out, "0111002c2112a442" TXID
			"0009001500000414556e6b6e6f776e20417474726962757465000000"
			"000a00020024000080280004");
	for (size_t i = 0; i < len; i++) {
		if (i == len - 8 || i == len - 7)
			continue; /* its type: without one, nothing is protected */
		msg[i] ^= 0x10;
		expect_refused(len);
		msg[i] ^= 0x10;
	}
}

/* 2.2 and 2.3, the attributes that we send: XOR-MAPPED-ADDRESS. */
static void test_sample_addresses(void **state)
{
	static const struct {
		const char *from, *answer;
	} cases[] = {
		{"192.0.2.1:32853", "0101000c2112a442" TXID "002000080001a147e112a643"},
		{"[2001:db8:1234:5678:11:2233:4455:6677]:32853",
		 "010100182112a442" TXID "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"},
	};
	uint8_t out[RELAY_STUN_REPLY_MAX];
	size_t len = begin();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct tp_endpoint from = endpoint(cases[i].from);

		assert_int_equal(relay_stun_reply(msg, len, &from, out, sizeof(out)),
				 strlen(cases[i].answer) / 2);
		assert_hex(out, cases[i].answer);
	}
}

/* 2.2 and 2.3 whole: their FINGERPRINTs are what we'd compute. */
static void test_sample_fingerprints(void **state)
{
	static const char *const samples[] = {
		"0101003c2112a442" TXID "8022000b7465737420766563746f7220002000080001a147e112a643"
		"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
		"010100482112a442" TXID "8022000b7465737420766563746f7220"
		"002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
		"00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t len = (uint32_t)unhex(samples[i], msg, sizeof(msg));

		assert_int_equal(tp_stun_fingerprint(msg, len - 8), tp_stun_get32(msg + len - 4));
		expect_refused(len); /* a response gets no response */
	}
}

/* 2.4: long-term credentials, which we know, and ignore. */
static void test_sample_long_term(void **state)
{
	size_t len = unhex("000100602112a44278ad3433c6ad72c029da412e00060012"
			   "e3839ee38388e383aae38383e382afe382b900000015001c"
			   "662f2f3439396b3935346436"
			   "4f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700"
			   "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666",
			   msg, sizeof(msg));

	(void)state;
	expect_answer(len);
}

/* --- well-formed requests --- */

static void test_fingerprint_comes_back(void **state)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];
	size_t len = add_fingerprint(begin());

	(void)state;
	assert_int_equal(reply_to(len, out, sizeof(out)), 40);
	assert_hex(out, "010100142112a442" TXID "002000080001a147e112a64380280004");
	assert_int_equal(tp_stun_get32(out + 36), tp_stun_fingerprint(out, 32));
	expect_answer(len);
}

static void test_known_attributes(void **state)
{
	static const uint16_t known[] = {0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014,
					 0x0015, 0x001c, 0x001d, 0x001e, 0x0020, 0x8000,
					 0x8002, 0x8003, 0x8022, 0x8029, 0xc001, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		expect_answer(add(begin(), known[i], 7));
}

static void test_unknown_attributes(void **state)
{
	/* Reserved, of RFC 3489 and 5780 (CHANGE-REQUEST 3), of ICE (0x24, 0x25), of nobody. */
	static const uint16_t unknown[] = {0x0000, 0x0002, 0x0003, 0x0004, 0x0005, 0x0007, 0x000b,
					   0x0024, 0x0025, 0x003f, 0x0040, 0x0041, 0x4008, 0x7fff};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		expect_error(add(begin(), unknown[i], 4));
}

/* 14.5, 14.6: what follows the integrity attributes is ignored, FINGERPRINT excepted. */
static void test_after_integrity(void **state)
{
	size_t len;

	(void)state;
	expect_answer(add(add(begin(), TP_STUN_MESSAGE_INTEGRITY, 20), 0x0003, 4));
	expect_answer(add(add(begin(), TP_STUN_MESSAGE_INTEGRITY_SHA256, 32), 0x0003, 4));
	expect_error(add(add(begin(), 0x0003, 4), TP_STUN_MESSAGE_INTEGRITY, 20));
	len = add(add(begin(), TP_STUN_MESSAGE_INTEGRITY, 20), 0x0003, 4);
	expect_answer(add_fingerprint(len));
	add_fingerprint(len);
	msg[len + 4] ^= 1;
	expect_refused(len + 8);
}

/* --- broken ones --- */

static void test_not_a_request(void **state)
{
	static const char *const cases[] = {
		"000100002112a443" TXID,	    /* another cookie: RFC 3489 */
		"001100002112a442" TXID,	    /* an indication */
		"010100002112a442" TXID,	    /* a response */
		"011100002112a442" TXID,	    /* an error response */
		"000300002112a442" TXID,	    /* another method (TURN's Allocate) */
		"400100002112a442" TXID,	    /* ChannelData's leading bits */
		"000100042112a442" TXID,	    /* longer than the datagram */
		"000100002112a442" TXID "80220000", /* shorter than it */
		"000100022112a442" TXID "8022",	    /* no multiple of 4 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(unhex(cases[i], msg, sizeof(msg)));
	for (size_t len = 0; len < begin(); len++)
		expect_refused(len);
}

static void test_broken_attributes(void **state)
{
	size_t len;

	(void)state;
	len = add(begin(), 0x8022, 4);
	tp_stun_put16(msg + len - 6, 5); /* with padding, past the end */
	expect_refused(len);
	tp_stun_put16(msg + len - 6, 0xffff);
	expect_refused(len);
	tp_stun_put16(msg + len - 6, 1); /* padding may be anything */
	expect_answer(len);
	len = add(add(begin(), 0x0003, 4), 0x8022, 4);
	tp_stun_put16(msg + len - 6, 8); /* and an unknown one doesn't save it */
	expect_refused(len);
}

static void test_broken_fingerprint(void **state)
{
	size_t len;

	(void)state;
	len = add_fingerprint(begin());
	msg[len - 1] ^= 1;
	expect_refused(len);
	len = add_fingerprint(begin());
	msg[10] ^= 1;
	expect_refused(len);
	expect_refused(add(add_fingerprint(begin()), 0x8022, 4));  /* not the last */
	expect_refused(add_fingerprint(add_fingerprint(begin()))); /* nor the only one */
	len = add_fingerprint(begin());
	tp_stun_put16(msg + len - 6, 3); /* right but for its length */
	expect_refused(len);
	expect_refused(add(begin(), TP_STUN_FINGERPRINT, 0));
	expect_refused(add(begin(), TP_STUN_FINGERPRINT, 8));
}

/* --- bounds --- */

static void test_bounds(void **state)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];
	size_t len;

	(void)state;
	expect_answer(add(begin(), 0x8022, TP_STUN_MAX - TP_STUN_HEADER - 4));
	len = add(begin(), 0x8022, TP_STUN_MAX - TP_STUN_HEADER);
	assert_int_equal(verdict(len), TP_STUN_COMPLEX);
	assert_int_equal(reply_to(len, out, sizeof(out)), 32);

	len = begin();
	for (int i = 0; i < TP_STUN_ATTRS; i++)
		len = add(len, 0x8022, 0);
	expect_answer(len);
	len = add(len, 0x8022, 0);
	assert_int_equal(verdict(len), TP_STUN_COMPLEX);
	assert_int_equal(reply_to(len, out, sizeof(out)), 32);

	len = add_fingerprint(add(begin(), 0x8022, RELAY_STUN_LEN_MAX - TP_STUN_HEADER - 12));
	assert_int_equal(len, RELAY_STUN_LEN_MAX);
	assert_int_equal(reply_to(len, out, sizeof(out)), 40);
	assert_int_equal(reply_to(len, out, sizeof(out) - 1), 0);
	msg[100] ^= 1;
	assert_int_equal(reply_to(len, out, sizeof(out)), 0);
	len = add(begin(), 0x8022, RELAY_STUN_LEN_MAX - TP_STUN_HEADER);
	assert_int_equal(reply_to(len, out, sizeof(out)), 0);
}

/* The error names each unknown attribute once, and never grows past its bounds. */
static void test_error_stays_small(void **state)
{
	uint8_t out[RELAY_STUN_REPLY_MAX];
	size_t len = add(add(add(begin(), 0x0003, 0), 0x7001, 0), 0x0003, 0), got;

	(void)state;
	got = reply_to(len, out, sizeof(out));
	assert_int_equal(got, 20 + 28 + 8);
	assert_hex(out, "011100242112a442" TXID
			"0009001500000414556e6b6e6f776e20417474726962757465000000"
			"000a000400037001");

	len = begin();
	for (uint16_t i = 0; i < 300; i++) {
		len = add(len, 0x4000 + i, 0);
		got = reply_to(len, out, sizeof(out));
		assert_true(got > 0 && 2 * got <= 5 * len);
	}
	assert_int_equal(got, 20 + 28 + 4 + 2 * 16);
	got = reply_to(add_fingerprint(len), out, sizeof(out));
	assert_int_equal(got, 20 + 28 + 4 + 2 * 16 + 8);
	assert_int_equal(tp_stun_get32(out + got - 4), tp_stun_fingerprint(out, (uint32_t)got - 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_request),
		cmocka_unit_test(test_sample_addresses),
		cmocka_unit_test(test_sample_fingerprints),
		cmocka_unit_test(test_sample_long_term),
		cmocka_unit_test(test_fingerprint_comes_back),
		cmocka_unit_test(test_known_attributes),
		cmocka_unit_test(test_unknown_attributes),
		cmocka_unit_test(test_after_integrity),
		cmocka_unit_test(test_not_a_request),
		cmocka_unit_test(test_broken_attributes),
		cmocka_unit_test(test_broken_fingerprint),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_error_stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
