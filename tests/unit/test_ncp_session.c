/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Both ends of a session over a socket pair, or one end and a test that writes bytes. */
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

#include "clock.h"
#include "crypto.h"
#include "ncp.h"
#include "ncp_record.h"
#include "ncp_session.h"

#define PATIENCE TP_SEC(30)
#define NONE	 TP_NCP_N_ENDS
#define PROLOGUE TP_NCP_PROLOGUE, sizeof(TP_NCP_PROLOGUE) - 1

/* One end as its owner sees it. */
struct end {
	struct tp_ncp_session *session; /* NULL once it has ended */
	struct tp_noise_identity id;
	struct tp_ncp_session_config config;
	unsigned long ends[TP_NCP_N_ENDS];
	enum tp_ncp_end end;
	int accepted, established, messages, drained;
	int refuse;
	bool free_on_message, close_on_message, hello_at_once;
	uint8_t key[WG_KEY_LEN];
	json_t *last; /* message */
};

static struct {
	struct event_base *base;
	struct end node, control;
	int fd; /* the other end of a pair, when the test itself is that end */
	struct tp_noise_ik handshake;
	struct tp_noise_transport keys;
	struct evbuffer *in;
	struct tp_ncp_reader reader;
} f;

/* --- owners ----------------------------------------------------------------------------------- */

static int on_accept(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		     const json_t *payload)
{
	struct end *e = arg;

	assert_memory_equal(key, tp_ncp_session_key(s), WG_KEY_LEN);
	assert_true(json_integer_value(json_object_get(payload, "v")) >= 1);
	assert_false(tp_ncp_session_is_open(s));
	assert_int_equal(e->established, 0);
	memcpy(e->key, key, WG_KEY_LEN);
	e->accepted++;
	return e->refuse;
}

static void send_text(struct end *e, const char *text)
{
	assert_int_equal(tp_ncp_session_send_text(e->session, text, strlen(text)), 0);
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	struct end *e = arg;

	assert_true(tp_ncp_session_is_open(s));
	assert_int_equal(payload != NULL, e == &f.node);
	e->established++;
	if (e->hello_at_once)
		send_text(e, "{\"type\":\"hello\"}");
}

static void on_message(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	struct end *e = arg;

	assert_string_equal(json_string_value(json_object_get(msg, "type")), type);
	assert_int_equal(e->established, 1);
	json_decref(e->last);
	e->last = json_deep_copy(msg);
	e->messages++;
	if (e->close_on_message)
		tp_ncp_session_close(s, json_object_get(msg, "answer"));
	if (e->free_on_message) {
		e->session = NULL;
		tp_ncp_session_free(s);
	}
}

static void on_drained(void *arg, struct tp_ncp_session *s)
{
	(void)s;
	((struct end *)arg)->drained++;
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	struct end *e = arg;

	assert_ptr_equal(s, e->session);
	e->session = NULL;
	e->end = end;
}

static const struct tp_ncp_session_ops ops = {.accept = on_accept,
					      .established = on_established,
					      .message = on_message,
					      .drained = on_drained,
					      .closed = on_closed};

/* --- fixture ---------------------------------------------------------------------------------- */

static void make_end(struct end *e)
{
	uint8_t secret[WG_KEY_LEN];

	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&e->id, secret), 0);
	e->config.id = &e->id;
	e->config.ops = &ops;
	e->config.ends = e->ends;
	e->end = NONE;
}

static int setup(void **state)
{
	(void)state;
	if (tp_crypto_init())
		return -1;
	memset(&f, 0, sizeof(f));
	f.fd = -1;
	f.base = event_base_new();
	f.in = evbuffer_new();
	tp_ncp_session_config_node(&f.node.config);
	tp_ncp_session_config_control(&f.control.config);
	make_end(&f.node);
	make_end(&f.control);
	f.node.hello_at_once = true;
	tp_ncp_reader_init(&f.reader, TP_NCP_TO_NODE_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tp_ncp_session_free(f.node.session);
	tp_ncp_session_free(f.control.session);
	json_decref(f.node.last);
	json_decref(f.control.last);
	event_base_free(f.base);
	evbuffer_free(f.in);
	tp_ncp_reader_fini(&f.reader);
	if (f.fd >= 0)
		close(f.fd);
	return 0;
}

static struct bufferevent *wrap(int fd)
{
	struct bufferevent *bev;

	evutil_make_socket_nonblocking(fd);
	bev = bufferevent_socket_new(f.base, fd, BEV_OPT_CLOSE_ON_FREE);
	assert_non_null(bev);
	return bev;
}

static void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static int initiate(int fd, const uint8_t key[WG_KEY_LEN])
{
	json_t *payload = json_pack("{s:i, s:s}", "v", 1, "agent", "test");
	int err = tp_ncp_session_initiate(&f.node.session, wrap(fd), &f.node.config, key, payload,
					  &f.node);

	json_decref(payload);
	return err;
}

static void respond(int fd)
{
	assert_int_equal(
		tp_ncp_session_respond(&f.control.session, wrap(fd), &f.control.config, &f.control),
		0);
}

/* Turns the loop until the expression is true. */
#define UNTIL(expression)                                         \
	do {                                                      \
		uint64_t give_up_ = tp_now() + PATIENCE;          \
		while (!(expression)) {                           \
			assert_true(tp_now() < give_up_);         \
			event_base_loop(f.base, EVLOOP_NONBLOCK); \
		}                                                 \
	} while (0)

static void connect_both(void)
{
	int fds[2];

	make_pair(fds);
	respond(fds[1]);
	assert_int_equal(initiate(fds[0], f.control.id.public_key), 0);
	UNTIL(f.control.messages == 1);
	assert_string_equal(json_string_value(json_object_get(f.control.last, "type")), "hello");
}

/* --- the test as one end ---------------------------------------------------------------------- */

static void put(const void *data, size_t len)
{
	assert_int_equal(send(f.fd, data, len, MSG_NOSIGNAL), len);
}

static void put_record(const void *data, size_t len)
{
	struct evbuffer *out = evbuffer_new();
	size_t all;

	assert_int_equal(tp_ncp_record_add(out, data, len), 0);
	all = evbuffer_get_length(out);
	put(evbuffer_pullup(out, -1), all);
	evbuffer_free(out);
}

static void put_message(const char *text, size_t len)
{
	struct evbuffer *out = evbuffer_new();

	assert_int_equal(tp_ncp_message_seal(&f.keys.send, text, len, out), 0);
	put(evbuffer_pullup(out, -1), evbuffer_get_length(out));
	evbuffer_free(out);
}

/* Reads what there is; false at the end of file. */
static bool pull(void)
{
	int n;

	evutil_make_socket_nonblocking(f.fd);
	n = evbuffer_read(f.in, f.fd, 65536);
	return n != 0 && !(n < 0 && errno == ECONNRESET);
}

static int take_record(uint8_t *out, size_t max)
{
	const uint8_t *data;
	int len;

	UNTIL((pull(), tp_ncp_record_peek(f.in, max, &data)) != 0);
	len = tp_ncp_record_peek(f.in, max, &data);
	assert_true(len > 0);
	memcpy(out, data, (size_t)len);
	tp_ncp_record_drain(f.in, len);
	return len;
}

static json_t *take_message(void)
{
	const char *text;
	size_t len;
	int got = 0;
	json_t *msg;

	UNTIL((pull(),
	       got = tp_ncp_reader_next(&f.reader, &f.keys.recv, f.in, &text, &len, NULL)) != 0);
	assert_int_equal(got, 1);
	msg = json_loadb(text, len, 0, NULL);
	assert_non_null(msg);
	return msg;
}

static bool next_is(const char *type)
{
	json_t *msg = take_message();
	bool is = !strcmp(json_string_value(json_object_get(msg, "type")), type);

	json_decref(msg);
	return is;
}

static void expect_message(const char *type)
{
	assert_true(next_is(type));
}

/* Control faces the test's bytes. */
static void face_control(void)
{
	int fds[2];

	make_pair(fds);
	f.fd = fds[0];
	respond(fds[1]);
}

static int write_first(uint8_t *msg, const char *payload)
{
	tp_noise_ik_initiator(&f.handshake, &f.node.id, f.control.id.public_key, PROLOGUE);
	return tp_noise_ik_write_first(&f.handshake, payload, strlen(payload), msg);
}

static void shake_hands(void)
{
	uint8_t msg[4096], text[4096];
	int len = write_first(msg, "{\"v\":1}");

	put_record(msg, (size_t)len);
	len = take_record(msg, sizeof(msg));
	len = tp_noise_ik_read_second(&f.handshake, msg, (size_t)len, text, &f.keys);
	assert_int_equal(len, 7);
	assert_memory_equal(text, "{\"v\":1}", 7);
}

static void say(const char *text)
{
	put_message(text, strlen(text));
}

static void face_open_control(void)
{
	face_control();
	shake_hands();
	say("{\"type\":\"hello\"}");
	UNTIL(f.control.messages == 1);
}

static void control_ends(enum tp_ncp_end end)
{
	UNTIL(f.control.end != NONE);
	assert_int_equal(f.control.end, end);
	assert_int_equal(f.control.ends[end], 1);
}

/* --- all is well ------------------------------------------------------------------------------ */

static void both_know_each_other(void **state)
{
	(void)state;
	connect_both();
	assert_int_equal(f.control.accepted, 1);
	assert_memory_equal(f.control.key, f.node.id.public_key, WG_KEY_LEN);
	assert_memory_equal(tp_ncp_session_key(f.node.session), f.control.id.public_key,
			    WG_KEY_LEN);
}

static void messages_both_ways(void **state)
{
	(void)state;
	connect_both();
	send_text(&f.control, "{\"type\":\"snapshot\",\"n\":1}");
	send_text(&f.control, "{\"type\":\"delta\",\"n\":2}");
	send_text(&f.node, "{\"type\":\"ack\",\"n\":3}");
	UNTIL(f.node.messages == 2 && f.control.messages == 2);
	assert_int_equal(json_integer_value(json_object_get(f.node.last, "n")), 2);
	assert_int_equal(json_integer_value(json_object_get(f.control.last, "n")), 3);
}

static void largest_message(void **state)
{
	size_t len = TP_NCP_TO_NODE_MAX;
	char *text = malloc(len + 1);
	int head = sprintf(text, "{\"type\":\"snapshot\",\"fill\":\"");

	(void)state;
	memset(text + head, 'x', len - (size_t)head);
	memcpy(text + len - 2, "\"}", 3);
	connect_both();
	assert_int_equal(tp_ncp_session_send_text(f.control.session, text, len + 1), -EMSGSIZE);
	send_text(&f.control, text);
	UNTIL(f.node.messages == 1);
	assert_int_equal(json_string_length(json_object_get(f.node.last, "fill")),
			 len - (size_t)head - 2);
	assert_int_equal(tp_ncp_session_send_text(f.node.session, text, TP_NCP_TO_CONTROL_MAX + 1),
			 -EMSGSIZE);
	UNTIL(f.control.drained > 0 && tp_ncp_session_unsent(f.control.session) == 0);
	assert_non_null(f.node.session);
	free(text);
}

static void keepalive_when_idle(void **state)
{
	(void)state;
	f.control.config.ping_ms = 5;
	f.control.config.dead_ms = f.node.config.dead_ms = 20000;
	face_open_control();
	for (int i = 0; i < 3; i++) {
		expect_message("ping");
		say("{\"type\":\"pong\"}");
	}
	say("{\"type\":\"ping\"}");
	while (!next_is("pong"))
		;
	assert_int_equal(f.control.messages, 1); /* the owner sees none of these */
	assert_non_null(f.control.session);
}

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

/* --- ends on purpose -------------------------------------------------------------------------- */

static void polite_close(void **state)
{
	json_t *bye = json_pack("{s:s}", "type", "bye");

	(void)state;
	connect_both();
	send_text(&f.control, "{\"type\":\"delta\"}");
	tp_ncp_session_close(f.control.session, bye);
	assert_int_equal(tp_ncp_session_send(f.control.session, bye), -ENOTCONN);
	UNTIL(f.node.end != NONE);
	assert_int_equal(f.node.end, TP_NCP_END_BYE);
	assert_int_equal(f.node.messages, 1);
	control_ends(TP_NCP_END_HERE);
	json_decref(bye);
}

static void close_does_not_wait_for_ever(void **state)
{
	(void)state;
	f.control.config.linger_ms = 20;
	face_open_control();
	tp_ncp_session_close(f.control.session, NULL);
	control_ends(TP_NCP_END_HERE);
}

static void close_in_a_callback(void **state)
{
	(void)state;
	f.control.close_on_message = true;
	face_control();
	shake_hands();
	say("{\"type\":\"hello\",\"answer\":{\"type\":\"error\"}}");
	say("{\"type\":\"ack\"}");
	expect_message("error");
	shutdown(f.fd, SHUT_WR);
	control_ends(TP_NCP_END_HERE);
	assert_int_equal(f.control.messages, 1);
}

static void free_in_a_callback(void **state)
{
	(void)state;
	f.control.free_on_message = true;
	face_control();
	shake_hands();
	say("{\"type\":\"hello\"}");
	say("{\"type\":\"ack\"}");
	UNTIL(!pull());
	assert_int_equal(f.control.messages, 1);
	assert_int_equal(f.control.end, NONE);
}

static void names_of_ends(void **state)
{
	(void)state;
	for (int i = 0; i < TP_NCP_N_ENDS; i++)
		assert_string_not_equal(tp_ncp_end_name((enum tp_ncp_end)i), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_know_each_other),
		TEST(messages_both_ways),
		TEST(largest_message),
		TEST(keepalive_when_idle),
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
		TEST(polite_close),
		TEST(close_does_not_wait_for_ever),
		TEST(close_in_a_callback),
		TEST(free_in_a_callback),
		TEST(names_of_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
