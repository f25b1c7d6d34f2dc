/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Control's end of an NCP session, through its socket. The input's first byte says what the rest
 * is: raw bytes of a stranger; the payload of a first message; or, after a handshake, messages, one
 * a line. Whatever it is, the session ends once, with a reason, and tells its owner of messages
 * only between established() and that, a hello first.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "crypto.h"
#include "ncp.h"
#include "ncp_record.h"
#include "ncp_session.h"

enum mode { STRANGER, PAYLOAD, MESSAGES, N_MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct event_base *base;
	struct tp_noise_identity node, control;
	struct tp_ncp_session_config config;
	int fd; /* the node's end */
	int accepted, established, messages, closed;
} f;

static void must(bool so)
{
	if (!so)
		abort();
}

static int on_accept(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		     const json_t *payload)
{
	(void)arg;
	(void)s;
	must(!memcmp(key, f.node.public_key, WG_KEY_LEN) && json_is_object(payload));
	must(!f.accepted++ && !f.established && !f.closed);
	return 0;
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)arg;
	(void)s;
	(void)payload;
	must(f.accepted && !f.established++ && !f.closed);
}

static void on_message(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	(void)arg;
	must(f.established && !f.closed && json_is_object(msg));
	must(f.messages++ || !strcmp(type, "hello"));
	must(tp_ncp_session_is_open(s));
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	(void)arg;
	(void)s;
	must(end < TP_NCP_N_ENDS && !f.closed++);
}

static const struct tp_ncp_session_ops ops = {.accept = on_accept,
					      .established = on_established,
					      .message = on_message,
					      .closed = on_closed};

static void start(void)
{
	uint8_t secret[WG_KEY_LEN];

	must(!tp_crypto_init());
	tp_secret_key(secret);
	tp_noise_identity_init(&f.node, secret);
	tp_secret_key(secret);
	tp_noise_identity_init(&f.control, secret);
	tp_ncp_session_config_control(&f.config);
	f.config.id = &f.control;
	f.config.ops = &ops;
	f.base = event_base_new();
	must(f.base);
}

static void turn(void)
{
	event_base_loop(f.base, EVLOOP_NONBLOCK);
}

/* Turns the loop meanwhile; a session that has ended takes no more. */
static void put(const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len && !f.closed) {
		ssize_t n = send(f.fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
		turn();
	}
}

static void put_buffer(struct evbuffer *out)
{
	put(evbuffer_pullup(out, -1), evbuffer_get_length(out));
	evbuffer_free(out);
}

static void put_first(struct tp_noise_ik *hs, const void *payload, size_t len)
{
	uint8_t *msg = malloc(len + TP_IK_FIRST_OVERHEAD);
	struct evbuffer *out = evbuffer_new();
	int n;

	tp_noise_ik_initiator(hs, &f.node, f.control.public_key, TP_NCP_PROLOGUE,
			      strlen(TP_NCP_PROLOGUE));
	n = tp_noise_ik_write_first(hs, payload, len, msg);
	must(n > 0 && !tp_ncp_record_add(out, msg, (size_t)n));
	put_buffer(out);
	free(msg);
}

static void put_messages(const uint8_t *data, size_t size)
{
	struct tp_noise_transport keys;
	uint8_t answer[256], text[256];
	struct evbuffer *out = evbuffer_new();
	struct tp_noise_ik hs;
	ssize_t n;

	put_first(&hs, "{\"v\":1}", 7);
	n = recv(f.fd, answer, sizeof(answer), MSG_DONTWAIT);
	must(n > 2 && tp_noise_ik_read_second(&hs, answer + 2, (size_t)n - 2, text, &keys) > 0);
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		tp_ncp_message_seal(&keys.send, data, len, out);
		len += end != NULL;
		data += len;
		size -= len;
	}
	put_buffer(out);
}

/* The node's end is closed; the answers are not read. */
static void finish(void)
{
	close(f.fd);
	for (int i = 0; i < 100 && !f.closed; i++)
		turn();
	must(f.closed == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tp_ncp_session *s;
	struct tp_noise_ik hs;
	int fds[2];

	if (!f.base)
		start();
	if (!size || size > TP_IK_PAYLOAD_MAX)
		return 0;
	f.accepted = f.established = f.messages = f.closed = 0;
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	f.fd = fds[0];
	must(!tp_ncp_session_respond(&s,
				     bufferevent_socket_new(f.base, fds[1], BEV_OPT_CLOSE_ON_FREE),
				     &f.config, NULL));
	if (data[0] % N_MODES == STRANGER)
		put(data + 1, size - 1);
	else if (data[0] % N_MODES == PAYLOAD)
		put_first(&hs, data + 1, size - 1);
	else
		put_messages(data + 1, size - 1);
	finish();
	return 0;
}
