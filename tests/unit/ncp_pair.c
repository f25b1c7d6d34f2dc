// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ncp_pair.h"

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

struct pair f;

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

void send_text(struct end *e, const char *text)
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

int setup(void **state)
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

int teardown(void **state)
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

struct bufferevent *wrap(int fd)
{
	struct bufferevent *bev;

	evutil_make_socket_nonblocking(fd);
	bev = bufferevent_socket_new(f.base, fd, BEV_OPT_CLOSE_ON_FREE);
	assert_non_null(bev);
	return bev;
}

void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

int initiate(int fd, const uint8_t key[WG_KEY_LEN])
{
	json_t *payload = json_pack("{s:i, s:s}", "v", 1, "agent", "test");
	int err = tp_ncp_session_initiate(&f.node.session, wrap(fd), &f.node.config, key, payload,
					  &f.node);

	json_decref(payload);
	return err;
}

void respond(int fd)
{
	assert_int_equal(
		tp_ncp_session_respond(&f.control.session, wrap(fd), &f.control.config, &f.control),
		0);
}

void connect_both(void)
{
	int fds[2];

	make_pair(fds);
	respond(fds[1]);
	assert_int_equal(initiate(fds[0], f.control.id.public_key), 0);
	UNTIL(f.control.messages == 1);
	assert_string_equal(json_string_value(json_object_get(f.control.last, "type")), "hello");
}

/* --- the test as one end ---------------------------------------------------------------------- */

void put(const void *data, size_t len)
{
	assert_int_equal(send(f.fd, data, len, MSG_NOSIGNAL), len);
}

void put_record(const void *data, size_t len)
{
	struct evbuffer *out = evbuffer_new();
	size_t all;

	assert_int_equal(tp_ncp_record_add(out, data, len), 0);
	all = evbuffer_get_length(out);
	put(evbuffer_pullup(out, -1), all);
	evbuffer_free(out);
}

void put_message(const char *text, size_t len)
{
	struct evbuffer *out = evbuffer_new();

	assert_int_equal(tp_ncp_message_seal(&f.keys.send, text, len, out), 0);
	put(evbuffer_pullup(out, -1), evbuffer_get_length(out));
	evbuffer_free(out);
}

/* Reads what there is; false at the end of file. */
bool pull(void)
{
	int n;

	evutil_make_socket_nonblocking(f.fd);
	n = evbuffer_read(f.in, f.fd, 65536);
	return n != 0 && !(n < 0 && errno == ECONNRESET);
}

int take_record(uint8_t *out, size_t max)
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

json_t *take_message(void)
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

bool next_is(const char *type)
{
	json_t *msg = take_message();
	bool is = !strcmp(json_string_value(json_object_get(msg, "type")), type);

	json_decref(msg);
	return is;
}

void expect_message(const char *type)
{
	assert_true(next_is(type));
}

/* Control faces the test's bytes. */
void face_control(void)
{
	int fds[2];

	make_pair(fds);
	f.fd = fds[0];
	respond(fds[1]);
}

int write_first(uint8_t *msg, const char *payload)
{
	tp_noise_ik_initiator(&f.handshake, &f.node.id, f.control.id.public_key, PROLOGUE);
	return tp_noise_ik_write_first(&f.handshake, payload, strlen(payload), msg);
}

void shake_hands(void)
{
	uint8_t msg[4096], text[4096];
	int len = write_first(msg, "{\"v\":1}");

	put_record(msg, (size_t)len);
	len = take_record(msg, sizeof(msg));
	len = tp_noise_ik_read_second(&f.handshake, msg, (size_t)len, text, &f.keys);
	assert_int_equal(len, 7);
	assert_memory_equal(text, "{\"v\":1}", 7);
}

void say(const char *text)
{
	put_message(text, strlen(text));
}

void face_open_control(void)
{
	face_control();
	shake_hands();
	say("{\"type\":\"hello\"}");
	UNTIL(f.control.messages == 1);
}

void control_ends(enum tp_ncp_end end)
{
	UNTIL(f.control.end != NONE);
	assert_int_equal(f.control.end, end);
	assert_int_equal(f.control.ends[end], 1);
}
