// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Handshakes that fail and sessions that break: strangers, replays, garbage, silence, the slow. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "crypto.h"
#include "ncp_pair.h"

/* --- handshakes that fail --------------------------------------------------------------------- */

static void wrong_control_key(void **state)
{
	int fds[2];

	(void)state;
	make_pair(fds);
	respond(fds[1]);
	assert_int_equal(initiate(fds[0], f.node.id.public_key), 0);
	UNTIL(f.node.end != NONE);
	control_ends(TP_NCP_END_CRYPTO);
	assert_int_equal(f.node.end, TP_NCP_END_PEER);
	assert_int_equal(f.control.accepted + f.node.established, 0);
}

static void small_order_control_key(void **state)
{
	static const uint8_t zero[WG_KEY_LEN];
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(initiate(fds[0], zero), -EINVAL);
	assert_null(f.node.session);
	close(fds[1]);
}

static void refused_by_owner(void **state)
{
	int fds[2];

	(void)state;
	f.control.refuse = -EACCES;
	make_pair(fds);
	respond(fds[1]);
	assert_int_equal(initiate(fds[0], f.control.id.public_key), 0);
	UNTIL(f.node.end != NONE);
	control_ends(TP_NCP_END_REFUSED);
	assert_int_equal(f.node.established, 0);
}

static void bad_payloads(void **state)
{
	static const char *const payloads[] = {
		"", "{}", "[1]", "{\"v\":0}", "{\"v\":\"1\"}", "{\"v\":1,\"v\":1}", "{\"v\":1} x"};
	uint8_t msg[4096];

	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
		if (i)
			setup(state);
		face_control();
		put_record(msg, (size_t)write_first(msg, payloads[i]));
		control_ends(TP_NCP_END_PROTOCOL);
		assert_int_equal(f.control.accepted, 0);
		if (i + 1 < sizeof(payloads) / sizeof(*payloads))
			teardown(state);
	}
}

static void later_version_is_answered_with_ours(void **state)
{
	uint8_t msg[4096], text[4096];
	int len;

	(void)state;
	face_control();
	len = write_first(msg, "{\"v\":2,\"future\":{}}");
	put_record(msg, (size_t)len);
	len = take_record(msg, sizeof(msg));
	assert_int_equal(tp_noise_ik_read_second(&f.handshake, msg, (size_t)len, text, &f.keys), 7);
	assert_int_equal(f.control.accepted, 1);
}

/* The bytes of a first message again: the responder answers, and goes no further. */
static void replayed_first_message(void **state)
{
	uint8_t msg[4096], again[4096], text[4096];
	struct tp_noise_ik other;
	int len, fds[2];

	(void)state;
	f.control.config.handshake_ms = 50;
	face_control();
	len = write_first(msg, "{\"v\":1}");
	put_record(msg, (size_t)len);
	take_record(again, sizeof(again));
	close(f.fd);
	control_ends(TP_NCP_END_PEER);

	f.control.end = NONE;
	make_pair(fds);
	f.fd = fds[0];
	respond(fds[1]);
	put_record(msg, (size_t)len);
	len = take_record(again, sizeof(again));
	assert_int_equal(f.control.accepted, 2);
	/* Who replays has not the ephemeral key, and the best it can do is silence or guessing. */
	tp_noise_ik_initiator(&other, &f.node.id, f.control.id.public_key, PROLOGUE);
	other.step = TP_IK_READ_SECOND;
	assert_int_equal(tp_noise_ik_read_second(&other, again, (size_t)len, text, &f.keys),
			 -EBADMSG);
	put_record(msg, 100);
	control_ends(TP_NCP_END_CRYPTO);
	assert_int_equal(f.control.established, 0);
}

static void half_open_before_first(void **state)
{
	(void)state;
	f.control.config.handshake_ms = 20;
	face_control();
	put("\0", 1);
	control_ends(TP_NCP_END_LATE);
}

static void half_open_after_first(void **state)
{
	(void)state;
	f.control.config.handshake_ms = 50;
	face_control();
	shake_hands();
	control_ends(TP_NCP_END_LATE);
	assert_int_equal(f.control.accepted, 1);
	assert_int_equal(f.control.established, 0);
}

static void initiator_does_not_wait_for_ever(void **state)
{
	int fds[2];

	(void)state;
	f.node.config.handshake_ms = 20;
	make_pair(fds);
	f.fd = fds[1];
	assert_int_equal(initiate(fds[0], f.control.id.public_key), 0);
	UNTIL(f.node.end != NONE);
	assert_int_equal(f.node.end, TP_NCP_END_LATE);
}

static void oversize_first_record(void **state)
{
	static const uint16_t len = TP_IK_FIRST_OVERHEAD + TP_NCP_HELLO_MAX + 1;

	(void)state;
	face_control();
	put((uint8_t[]){len >> 8, len & 0xff}, 2); /* the length alone is enough */
	control_ends(TP_NCP_END_PROTOCOL);
}

static void something_before_hello(void **state)
{
	(void)state;
	face_control();
	shake_hands();
	say("{\"type\":\"ack\"}");
	control_ends(TP_NCP_END_PROTOCOL);
	assert_int_equal(f.control.established, 0);
}

/* --- sessions that break ---------------------------------------------------------------------- */

static void garbage_record(void **state)
{
	(void)state;
	face_open_control();
	put("\0\x20", 2);
	put((uint8_t[32]){1, 2, 3}, 32);
	control_ends(TP_NCP_END_CRYPTO);
}

static void too_long_message(void **state)
{
	uint8_t sealed[64], announcement[5] = {0, 4, 0, 1, '{'};
	json_t *error;

	(void)state;
	face_open_control();
	assert_int_equal(tp_noise_cipher_seal(&f.keys.send, announcement, 5, sealed), 21);
	put_record(sealed, 21);
	error = take_message();
	assert_string_equal(json_string_value(json_object_get(error, "type")), "error");
	assert_string_equal(json_string_value(json_object_get(error, "code")), "too_long");
	json_decref(error);
	UNTIL(!pull());
	close(f.fd);
	f.fd = -1;
	control_ends(TP_NCP_END_TOO_LONG);
}

static void not_a_message(void **state)
{
	static const char *const texts[] = {"[]",
					    "{}",
					    "{\"type\":1}",
					    "nonsense",
					    "{\"type\":\"a\"",
					    "{\"type\":\"a\",\"type\":\"a\"}",
					    "\"\xff\""};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (i)
			setup(state);
		face_open_control();
		say(texts[i]);
		expect_message("error");
		shutdown(f.fd, SHUT_WR);
		control_ends(TP_NCP_END_PROTOCOL);
		if (i + 1 < sizeof(texts) / sizeof(*texts))
			teardown(state);
	}
}

static void truncated_by_the_end(void **state)
{
	(void)state;
	face_open_control();
	put("\xff\xff"
	    "beginning",
	    11);
	close(f.fd);
	f.fd = -1;
	control_ends(TP_NCP_END_PEER);
	assert_int_equal(f.control.messages, 1);
}

static void silent_peer(void **state)
{
	(void)state;
	f.control.config.ping_ms = 10;
	f.control.config.dead_ms = 50;
	face_open_control();
	control_ends(TP_NCP_END_SILENT);
	expect_message("ping");
}

/* Bytes that don't open are no sign of life. */
static void trickle_is_no_life(void **state)
{
	uint64_t give_up = tp_now() + PATIENCE;

	(void)state;
	f.control.config.ping_ms = 10;
	f.control.config.dead_ms = 60;
	face_open_control();
	put("\xff\xff", 2);
	while (f.control.end == NONE) {
		assert_true(tp_now() < give_up);
		send(f.fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		event_base_loop(f.base, EVLOOP_ONCE);
	}
	control_ends(TP_NCP_END_SILENT);
}

static int flood(struct end *e)
{
	static char text[65536];
	int err;

	snprintf(text, sizeof(text), "{\"type\":\"x\",\"fill\":\"%060000d\"}", 0);
	do {
		err = tp_ncp_session_send_text(e->session, text, strlen(text));
	} while (!err);
	return err;
}

static void slow_peer_is_dropped(void **state)
{
	(void)state;
	f.control.config.unsent_max = 1000000;
	face_open_control();
	assert_int_equal(flood(&f.control), -ENOBUFS);
	assert_int_equal(f.control.end, NONE); /* not from within the call */
	assert_true(tp_ncp_session_unsent(f.control.session) <= 1000000);
	assert_int_equal(flood(&f.control), -ENOTCONN);
	control_ends(TP_NCP_END_SLOW);
}

/* Below the bound, but it takes nothing; it may even talk. */
static void stuck_peer_is_dropped(void **state)
{
	char text[100000];
	uint64_t give_up = tp_now() + PATIENCE;

	(void)state;
	f.control.config.dead_ms = 100;
	face_open_control();
	snprintf(text, sizeof(text), "{\"type\":\"x\",\"fill\":\"%090000d\"}", 0);
	for (int i = 0; i < 50; i++)
		send_text(&f.control, text);
	while (f.control.end == NONE) {
		assert_true(tp_now() < give_up);
		say("{\"type\":\"pong\"}");
		event_base_loop(f.base, EVLOOP_ONCE);
	}
	control_ends(TP_NCP_END_SLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_control_key),
		TEST(small_order_control_key),
		TEST(refused_by_owner),
		TEST(bad_payloads),
		TEST(later_version_is_answered_with_ours),
		TEST(replayed_first_message),
		TEST(half_open_before_first),
		TEST(half_open_after_first),
		TEST(initiator_does_not_wait_for_ever),
		TEST(oversize_first_record),
		TEST(something_before_hello),
		TEST(garbage_record),
		TEST(too_long_message),
		TEST(not_a_message),
		TEST(truncated_by_the_end),
		TEST(silent_peer),
		TEST(trickle_is_no_life),
		TEST(slow_peer_is_dropped),
		TEST(stuck_peer_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
