/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "cookie.h"
#include "crypto.h"
#include "hex.h"

#define START TP_SEC(1000)
#define LIFE  TP_SEC(WG_COOKIE_SECRET_TIME)

struct fixture {
	struct tp_mac_keys keys;
	struct tp_cookie_secret secret;
	struct tp_endpoint from;
	union {
		uint8_t msg[sizeof(struct wg_initiation)];
		struct wg_initiation init;
	};
};

static int setup(void **state)
{
	static struct fixture f;
	uint8_t pub[32];

	if (tp_crypto_init())
		return -1;
	count_up(pub, 32, 0x40);
	tp_mac_keys_init(&f.keys, pub);
	tp_cookie_secret_init(&f.secret, START);
	assert_int_equal(tp_endpoint_parse("192.0.2.1:443", &f.from), 0);
	count_up(f.msg, sizeof(f.msg), 0);
	tp_macs_write(&f.keys, NULL, f.msg, sizeof(f.msg));
	*state = &f;
	return 0;
}

/* Asks for a cookie at `now`, opens it and writes mac2 with it. */
static void fetch_cookie(struct fixture *f, uint64_t now)
{
	struct wg_cookie_reply reply;
	uint8_t cookie[WG_COOKIE_LEN];

	tp_cookie_reply(&f->secret, &f->keys, &f->from, f->msg, sizeof(f->msg), now, &reply);
	assert_int_equal(tp_cookie_open(&f->keys, f->init.macs.mac1, &reply, cookie), 0);
	tp_macs_write(&f->keys, cookie, f->msg, sizeof(f->msg));
}

static bool fits(struct fixture *f, uint64_t now)
{
	return tp_mac2_fits(&f->secret, &f->from, f->msg, sizeof(f->msg), now);
}

static void test_keys(void **state)
{
	struct fixture *f = *state;

	assert_hex(f->keys.mac1,
		   "81dd06eaa8afd940140a94adcb9fc15b2c030af1cc66c5f962b074d6583bf16f");
	assert_hex(f->keys.cookie,
		   "ee32275a11b177d80afb2ca74a413fe913e2472a1fbf8adbb990207e83cd353a");
}

static void test_mac1(void **state)
{
	struct fixture *f = *state;
	struct tp_mac_keys other;

	assert_hex(f->init.macs.mac1, "32540bdead6af339efdfe3720c9a22ba");
	assert_hex(f->init.macs.mac2, "00000000000000000000000000000000");
	assert_true(tp_mac1_fits(&f->keys, f->msg, sizeof(f->msg)));
	for (size_t i = 0; i < sizeof(f->msg); i++) {
		bool covered = i < sizeof(f->msg) - WG_MAC_LEN;

		f->msg[i] ^= 1;
		assert_int_equal(tp_mac1_fits(&f->keys, f->msg, sizeof(f->msg)), !covered);
		f->msg[i] ^= 1;
	}
	tp_mac_keys_init(&other, f->keys.mac1);
	assert_false(tp_mac1_fits(&other, f->msg, sizeof(f->msg)));
}

static void test_too_short(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 0; len < sizeof(struct wg_response); len++) {
		assert_false(tp_mac1_fits(&f->keys, f->msg, len));
		assert_false(tp_mac2_fits(&f->secret, &f->from, f->msg, len, START));
	}
}

static void test_response(void **state)
{
	struct fixture *f = *state;
	uint8_t msg[sizeof(struct wg_response)], cookie[WG_COOKIE_LEN] = {5}, mac2[WG_MAC_LEN];

	count_up(msg, sizeof(msg), 3);
	tp_macs_write(&f->keys, cookie, msg, sizeof(msg));
	assert_true(tp_mac1_fits(&f->keys, msg, sizeof(msg)));
	tp_mac(mac2, cookie, sizeof(cookie), msg, sizeof(msg) - 16);
	assert_memory_equal(msg + sizeof(msg) - 16, mac2, 16);
	assert_false(tp_mac2_fits(&f->secret, &f->from, msg, sizeof(msg), START));
}

/* The cookie is MAC(secret, address || port), checked against an independent computation. */
static void test_cookie_value(void **state)
{
	struct fixture *f = *state;
	struct wg_cookie_reply reply;
	uint8_t cookie[WG_COOKIE_LEN];

	count_up(f->secret.current, 32, 0);
	tp_cookie_reply(&f->secret, &f->keys, &f->from, f->msg, sizeof(f->msg), START, &reply);
	assert_int_equal(le32toh(reply.type), WG_COOKIE_REPLY);
	assert_memory_equal(&reply.receiver, &f->init.sender, 4);
	assert_int_equal(tp_cookie_open(&f->keys, f->init.macs.mac1, &reply, cookie), 0);
	assert_hex(cookie, "03b2d3d28496fc88029122b3bebbc969");
}

static void test_reply_tampering(void **state)
{
	struct fixture *f = *state;
	struct wg_cookie_reply reply;
	uint8_t cookie[WG_COOKIE_LEN], mac1[WG_MAC_LEN], zero[WG_COOKIE_LEN] = {0};

	tp_cookie_reply(&f->secret, &f->keys, &f->from, f->msg, sizeof(f->msg), START, &reply);
	for (size_t i = 0; i < sizeof(reply); i++) {
		bool covered = i < 4 || i >= 8; /* the receiver index is not authenticated */

		((uint8_t *)&reply)[i] ^= 0x40;
		assert_int_equal(tp_cookie_open(&f->keys, f->init.macs.mac1, &reply, cookie),
				 covered ? -EBADMSG : 0);
		if (covered)
			assert_memory_equal(cookie, zero, sizeof(zero));
		((uint8_t *)&reply)[i] ^= 0x40;
	}
	memcpy(mac1, f->init.macs.mac1, sizeof(mac1));
	mac1[0] ^= 1;
	assert_int_equal(tp_cookie_open(&f->keys, mac1, &reply, cookie), -EBADMSG);
}

static void test_mac2(void **state)
{
	struct fixture *f = *state;

	assert_false(fits(f, START));
	fetch_cookie(f, START);
	assert_true(fits(f, START));
	assert_true(tp_mac1_fits(&f->keys, f->msg, sizeof(f->msg)));
	for (size_t i = 0; i < sizeof(f->msg); i++) {
		f->msg[i] ^= 1;
		assert_false(fits(f, START));
		f->msg[i] ^= 1;
	}
}

static void test_mac2_only(void **state)
{
	struct fixture *f = *state;
	uint8_t cookie[WG_COOKIE_LEN] = {9}, want[sizeof(f->msg)];

	memcpy(want, f->msg, sizeof(want));
	tp_macs_write(&f->keys, cookie, want, sizeof(want));
	tp_mac2_write(cookie, f->msg, sizeof(f->msg));
	assert_memory_equal(f->msg, want, sizeof(want));
}

static void test_bound_to_source(void **state)
{
	struct fixture *f = *state;

	fetch_cookie(f, START);
	f->from.port ^= htons(1);
	assert_false(fits(f, START));
	f->from.port ^= htons(1);
	f->from.addr.b[15] ^= 1;
	assert_false(fits(f, START));
	f->from.addr.b[15] ^= 1;
	assert_true(fits(f, START));
}

static void test_secret_renewal(void **state)
{
	struct fixture *f = *state;

	fetch_cookie(f, START + LIFE - 1);
	assert_true(fits(f, START + LIFE - 1));
	assert_true(fits(f, START + LIFE)); /* now the former one */
	assert_true(fits(f, START + 2 * LIFE - 1));
	assert_false(fits(f, START + 2 * LIFE));
}

/* The former secret ends in time, whenever the renewal was noticed. */
static void test_late_renewal(void **state)
{
	struct fixture *f = *state;

	fetch_cookie(f, START);
	assert_true(fits(f, START + 2 * LIFE - 1));
	assert_false(fits(f, START + 2 * LIFE));
}

static void test_long_silence(void **state)
{
	struct fixture *f = *state;

	fetch_cookie(f, START);
	assert_false(fits(f, START + 10 * LIFE));
	fetch_cookie(f, START + 10 * LIFE);
	assert_true(fits(f, START + 11 * LIFE));
	assert_true(fits(f, START + 12 * LIFE - 1));
	assert_false(fits(f, START + 12 * LIFE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_keys, setup),
		cmocka_unit_test_setup(test_mac1, setup),
		cmocka_unit_test_setup(test_too_short, setup),
		cmocka_unit_test_setup(test_response, setup),
		cmocka_unit_test_setup(test_cookie_value, setup),
		cmocka_unit_test_setup(test_reply_tampering, setup),
		cmocka_unit_test_setup(test_mac2, setup),
		cmocka_unit_test_setup(test_mac2_only, setup),
		cmocka_unit_test_setup(test_bound_to_source, setup),
		cmocka_unit_test_setup(test_secret_renewal, setup),
		cmocka_unit_test_setup(test_late_renewal, setup),
		cmocka_unit_test_setup(test_long_silence, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
