/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "clock.h"
#include "crypto.h"
#include "ncp.h"
#include "ncp_record.h"
#include "noise_ik.h"

#define PROLOGUE   TP_NCP_PROLOGUE, sizeof(TP_NCP_PROLOGUE) - 1
#define INPUT_ROOM (2 * (TP_IK_MESSAGE_MAX + 2)) /* read ahead from the socket */

enum state {
	READ_FIRST,  /* responder, from the beginning */
	READ_SECOND, /* initiator, from the beginning */
	PROVE,	     /* responder: the first may have been a replay */
	OPEN,
	CLOSING, /* the last words are on their way */
	OVER,	 /* closed() is due */
	FREED,	 /* by the owner, inside a callback */
};

struct tp_ncp_session {
	const struct tp_ncp_session_config *config;
	void *arg;
	struct bufferevent *bev;
	struct event *timer;
	enum state state;
	enum tp_ncp_end end;
	bool in_loop; /* a callback from the loop is running: who ends it clears up after it */
	bool shut;    /* our direction is */
	struct tp_noise_ik handshake;
	struct tp_noise_transport keys;
	struct tp_ncp_reader reader;
	uint8_t key[WG_KEY_LEN];
	uint64_t heard, sent;
};

/* --- limits ----------------------------------------------------------------------------------- */

static void config_times(struct tp_ncp_session_config *c)
{
	c->handshake_ms = TP_NCP_HANDSHAKE_MS;
	c->ping_ms = TP_NCP_PING_MS;
	c->dead_ms = TP_NCP_DEAD_MS;
	c->linger_ms = TP_NCP_LINGER_MS;
}

void tp_ncp_session_config_node(struct tp_ncp_session_config *c)
{
	*c = (struct tp_ncp_session_config){.receive_max = TP_NCP_TO_NODE_MAX,
					    .send_max = TP_NCP_TO_CONTROL_MAX,
					    .unsent_max = TP_NCP_NODE_UNSENT_MAX};
	config_times(c);
}

void tp_ncp_session_config_control(struct tp_ncp_session_config *c)
{
	*c = (struct tp_ncp_session_config){.receive_max = TP_NCP_TO_CONTROL_MAX,
					    .send_max = TP_NCP_TO_NODE_MAX,
					    .unsent_max = TP_NCP_CONTROL_UNSENT_MAX};
	config_times(c);
}

const char *tp_ncp_end_name(enum tp_ncp_end end)
{
	static const char *const names[TP_NCP_N_ENDS] = {
		[TP_NCP_END_PEER] = "peer",	    [TP_NCP_END_BYE] = "bye",
		[TP_NCP_END_HERE] = "here",	    [TP_NCP_END_LATE] = "late",
		[TP_NCP_END_SILENT] = "silent",	    [TP_NCP_END_SLOW] = "slow",
		[TP_NCP_END_CRYPTO] = "crypto",	    [TP_NCP_END_TOO_LONG] = "too_long",
		[TP_NCP_END_PROTOCOL] = "protocol", [TP_NCP_END_REFUSED] = "refused",
		[TP_NCP_END_INTERNAL] = "internal",
	};

	return end < TP_NCP_N_ENDS ? names[end] : "unknown";
}

/* --- the end ---------------------------------------------------------------------------------- */

static void destroy(struct tp_ncp_session *s)
{
	if (s->timer)
		event_free(s->timer);
	bufferevent_free(s->bev);
	tp_ncp_reader_fini(&s->reader);
	tp_noise_ik_wipe(&s->handshake);
	tp_noise_transport_wipe(&s->keys);
	free(s);
}

/* From anywhere. What follows from it waits for the loop. */
static void over(struct tp_ncp_session *s, enum tp_ncp_end end)
{
	if (s->state == OVER || s->state == FREED)
		return;
	s->end = end;
	s->state = OVER;
	bufferevent_disable(s->bev, EV_READ | EV_WRITE);
	if (!s->in_loop)
		event_active(s->timer, EV_TIMEOUT, 0);
}

/* Every callback from the loop is between these two. */
static void enter(struct tp_ncp_session *s)
{
	s->in_loop = true;
}

static void leave(struct tp_ncp_session *s)
{
	if (s->state == OVER) {
		if (s->config->ends)
			s->config->ends[s->end]++;
		s->config->ops->closed(s->arg, s, s->end);
		destroy(s);
	} else if (s->state == FREED) {
		destroy(s);
	} else {
		s->in_loop = false;
	}
}

void tp_ncp_session_free(struct tp_ncp_session *s)
{
	if (!s)
		return;
	if (s->in_loop)
		s->state = FREED;
	else
		destroy(s);
}

static void set_timer(struct tp_ncp_session *s, uint64_t ns)
{
	struct timeval tv = {.tv_sec = (time_t)(ns / TP_NS_PER_SEC),
			     .tv_usec = (suseconds_t)(ns % TP_NS_PER_SEC / 1000)};

	event_add(s->timer, &tv);
}

/* Closing a socket with unread input would reset the connection and could take the last words with
 * it, so only our direction is shut, and the peer closes. */
static void shut_if_drained(struct tp_ncp_session *s)
{
	if (s->shut || evbuffer_get_length(bufferevent_get_output(s->bev)))
		return;
	s->shut = true;
	shutdown(bufferevent_getfd(s->bev), SHUT_WR);
}

static void close_politely(struct tp_ncp_session *s, enum tp_ncp_end end, const json_t *last)
{
	if (s->state > OPEN)
		return;
	if (last && s->state == OPEN)
		tp_ncp_session_send(s, last);
	if (s->state > OPEN) /* it was too slow for that */
		return;
	s->end = end;
	s->state = CLOSING;
	set_timer(s, TP_MS(s->config->linger_ms));
	shut_if_drained(s);
}

void tp_ncp_session_close(struct tp_ncp_session *s, const json_t *last)
{
	close_politely(s, TP_NCP_END_HERE, last);
}

/* The peer did what is not allowed: tell it, if it can read that. */
static void complain(struct tp_ncp_session *s, enum tp_ncp_end end, const char *what)
{
	json_t *error;

	if (s->state != OPEN) {
		over(s, end);
		return;
	}
	error = json_pack("{s:s, s:s, s:s}", "type", "error", "code", tp_ncp_end_name(end),
			  "message", what);
	close_politely(s, end, error);
	json_decref(error);
}

/* An error of ncp_record.h or noise_ik.h. */
static void fail(struct tp_ncp_session *s, int err)
{
	switch (err) {
	case -EBADMSG:
	case -EKEYEXPIRED: over(s, TP_NCP_END_CRYPTO); break;
	case -EMSGSIZE: complain(s, TP_NCP_END_TOO_LONG, "the message is too long"); break;
	case -EPROTO: complain(s, TP_NCP_END_PROTOCOL, "the message is badly framed"); break;
	default: over(s, TP_NCP_END_INTERNAL); break;
	}
}

/* --- sending ---------------------------------------------------------------------------------- */

size_t tp_ncp_session_unsent(const struct tp_ncp_session *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->bev));
}

int tp_ncp_session_send_text(struct tp_ncp_session *s, const char *text, size_t len)
{
	int err;

	if (s->state != OPEN)
		return -ENOTCONN;
	if (!len || len > s->config->send_max)
		return -EMSGSIZE;
	if (tp_ncp_session_unsent(s) + tp_ncp_message_wire_size(len) > s->config->unsent_max) {
		over(s, TP_NCP_END_SLOW);
		return -ENOBUFS;
	}
	err = tp_ncp_message_seal(&s->keys.send, text, len, bufferevent_get_output(s->bev));
	if (err)
		over(s, err == -EKEYEXPIRED ? TP_NCP_END_CRYPTO : TP_NCP_END_INTERNAL);
	s->sent = tp_now();
	return err;
}

int tp_ncp_session_send(struct tp_ncp_session *s, const json_t *msg)
{
	char *text = json_dumps(msg, JSON_COMPACT);
	int err = -ENOMEM;

	if (text)
		err = tp_ncp_session_send_text(s, text, strlen(text));
	free(text);
	return err;
}

static void send_simple(struct tp_ncp_session *s, const char *text)
{
	tp_ncp_session_send_text(s, text, strlen(text));
}

/* --- keepalive -------------------------------------------------------------------------------- */

/* Each side pings when it has sent nothing for a while, whatever it has heard: so a node that takes
 * minutes over a snapshot is heard meanwhile. */
static void keep_alive(struct tp_ncp_session *s)
{
	uint64_t now = tp_now(), dead = s->heard + TP_MS(s->config->dead_ms), due;

	if (now >= dead) {
		over(s, TP_NCP_END_SILENT);
		return;
	}
	if (now >= s->sent + TP_MS(s->config->ping_ms))
		send_simple(s, "{\"type\":\"ping\"}");
	due = s->sent + TP_MS(s->config->ping_ms);
	set_timer(s, (due < dead ? due : dead) - now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tp_ncp_session *s = arg;

	(void)fd;
	(void)what;
	enter(s);
	if (s->state == OPEN)
		keep_alive(s);
	else if (s->state == CLOSING)
		over(s, s->end);
	else
		over(s, TP_NCP_END_LATE); /* unless it was over already */
	leave(s);
}

static void open_session(struct tp_ncp_session *s, const json_t *payload)
{
	s->state = OPEN;
	s->heard = s->sent = tp_now();
	set_timer(s, TP_MS(s->config->ping_ms));
	s->config->ops->established(s->arg, s, payload);
}

/* --- handshake -------------------------------------------------------------------------------- */

/* An object with a version that can be talked about, or NULL. */
static json_t *parse_payload(const void *text, size_t len)
{
	json_t *payload = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *v = json_object_get(payload, "v");

	if (json_is_integer(v) && json_integer_value(v) >= 1)
		return payload;
	json_decref(payload);
	return NULL;
}

static int send_first(struct tp_ncp_session *s, const json_t *payload)
{
	uint8_t msg[TP_IK_FIRST_OVERHEAD + TP_NCP_HELLO_MAX];
	char *text = json_dumps(payload, JSON_COMPACT);
	int err = -ENOMEM;

	if (text && strlen(text) > TP_NCP_HELLO_MAX)
		err = -EMSGSIZE;
	else if (text)
		err = tp_noise_ik_write_first(&s->handshake, text, strlen(text), msg);
	if (err > 0)
		err = tp_ncp_record_add(bufferevent_get_output(s->bev), msg, (size_t)err);
	if (text)
		tp_wipe(text, strlen(text)); /* an auth key may be in it */
	free(text);
	return err;
}

static void send_second(struct tp_ncp_session *s)
{
	uint8_t msg[TP_IK_SECOND_OVERHEAD + 64];
	char text[64];
	int len = snprintf(text, sizeof(text), "{\"v\":%d}", TP_NCP_VERSION);

	len = tp_noise_ik_write_second(&s->handshake, text, (size_t)len, msg, &s->keys);
	if (len > 0)
		len = tp_ncp_record_add(bufferevent_get_output(s->bev), msg, (size_t)len);
	if (len < 0)
		over(s, TP_NCP_END_INTERNAL);
	else
		s->state = PROVE;
}

static void accept_first(struct tp_ncp_session *s, const json_t *payload)
{
	if (!payload) {
		over(s, TP_NCP_END_PROTOCOL);
		return;
	}
	memcpy(s->key, s->handshake.remote_static, WG_KEY_LEN);
	if (s->config->ops->accept(s->arg, s, s->key, payload))
		over(s, TP_NCP_END_REFUSED);
	if (s->state == READ_FIRST)
		send_second(s);
}

static void take_first(struct tp_ncp_session *s, const uint8_t *msg, size_t len)
{
	uint8_t text[TP_NCP_HELLO_MAX];
	int n = tp_noise_ik_read_first(&s->handshake, msg, len, text);
	json_t *payload;

	if (n < 0) {
		over(s, TP_NCP_END_CRYPTO);
		return;
	}
	payload = parse_payload(text, (size_t)n);
	accept_first(s, payload);
	json_decref(payload);
	tp_wipe(text, sizeof(text));
}

static void take_second(struct tp_ncp_session *s, const uint8_t *msg, size_t len)
{
	uint8_t text[TP_NCP_HELLO_MAX];
	int n = tp_noise_ik_read_second(&s->handshake, msg, len, text, &s->keys);
	json_t *payload;

	if (n < 0) {
		over(s, TP_NCP_END_CRYPTO);
		return;
	}
	payload = parse_payload(text, (size_t)n);
	if (payload && json_integer_value(json_object_get(payload, "v")) == TP_NCP_VERSION)
		open_session(s, payload);
	else
		over(s, TP_NCP_END_PROTOCOL);
	json_decref(payload);
}

/* Returns whether there may be more to read. */
static bool read_handshake(struct tp_ncp_session *s, struct evbuffer *in)
{
	bool first = s->state == READ_FIRST;
	size_t overhead = first ? TP_IK_FIRST_OVERHEAD : TP_IK_SECOND_OVERHEAD;
	const uint8_t *msg;
	int len = tp_ncp_record_peek(in, overhead + TP_NCP_HELLO_MAX, &msg);

	if (len < 0)
		over(s, len == -EPROTO ? TP_NCP_END_PROTOCOL : TP_NCP_END_INTERNAL);
	if (len <= 0)
		return false;
	if (first)
		take_first(s, msg, (size_t)len);
	else
		take_second(s, msg, (size_t)len);
	tp_ncp_record_drain(in, len);
	return true;
}

/* --- messages --------------------------------------------------------------------------------- */

static void dispatch(struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	if (s->state == PROVE) {
		if (strcmp(type, "hello")) {
			over(s, TP_NCP_END_PROTOCOL);
			return;
		}
		open_session(s, NULL);
		if (s->state != OPEN)
			return;
	}
	if (!strcmp(type, "ping"))
		send_simple(s, "{\"type\":\"pong\"}");
	else if (!strcmp(type, "bye"))
		over(s, TP_NCP_END_BYE);
	else if (strcmp(type, "pong") != 0)
		s->config->ops->message(s->arg, s, type, msg);
}

static bool read_message(struct tp_ncp_session *s, struct evbuffer *in)
{
	unsigned int opened = 0;
	const char *text, *type;
	json_t *msg;
	size_t len;
	int n = tp_ncp_reader_next(&s->reader, &s->keys.recv, in, &text, &len, &opened);

	if (opened)
		s->heard = tp_now();
	if (n < 0)
		fail(s, n);
	if (n <= 0)
		return false;
	msg = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	type = json_string_value(json_object_get(msg, "type"));
	if (type)
		dispatch(s, type, msg);
	else
		complain(s, TP_NCP_END_PROTOCOL, "no JSON object with a type");
	json_decref(msg);
	return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct tp_ncp_session *s = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	bool more = true;

	enter(s);
	while (more && s->state <= OPEN) {
		if (s->state == READ_FIRST || s->state == READ_SECOND)
			more = read_handshake(s, in);
		else
			more = read_message(s, in);
	}
	if (s->state == CLOSING)
		evbuffer_drain(in, evbuffer_get_length(in));
	leave(s);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct tp_ncp_session *s = arg;

	(void)bev;
	enter(s);
	if (s->state == CLOSING)
		shut_if_drained(s);
	else if (s->state == OPEN && s->config->ops->drained)
		s->config->ops->drained(s->arg, s);
	leave(s);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct tp_ncp_session *s = arg;

	(void)bev;
	enter(s);
	if (s->state == CLOSING)
		over(s, s->end);
	else
		over(s, what & BEV_EVENT_TIMEOUT ? TP_NCP_END_SLOW : TP_NCP_END_PEER);
	leave(s);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* Messages are small and answers are waited for. Fails where it is no TCP socket, which does no
 * harm. */
static void send_at_once(struct bufferevent *bev)
{
	int on = 1;

	setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static struct tp_ncp_session *new_session(struct bufferevent *bev,
					  const struct tp_ncp_session_config *c, void *arg)
{
	struct timeval patience = {.tv_sec = c->dead_ms / 1000,
				   .tv_usec = c->dead_ms % 1000 * 1000};
	struct tp_ncp_session *s = calloc(1, sizeof(*s));

	if (!s) {
		bufferevent_free(bev);
		return NULL;
	}
	s->config = c;
	s->arg = arg;
	s->bev = bev;
	s->timer = evtimer_new(bufferevent_get_base(bev), on_timer, s);
	if (!s->timer) {
		destroy(s);
		return NULL;
	}
	tp_ncp_reader_init(&s->reader, c->receive_max);
	send_at_once(bev);
	bufferevent_setcb(bev, on_read, on_written, on_event, s);
	bufferevent_setwatermark(bev, EV_READ, 0, INPUT_ROOM);
	bufferevent_set_timeouts(bev, NULL, &patience);
	set_timer(s, TP_MS(c->handshake_ms));
	return s;
}

int tp_ncp_session_initiate(struct tp_ncp_session **out, struct bufferevent *bev,
			    const struct tp_ncp_session_config *c, const uint8_t key[WG_KEY_LEN],
			    const json_t *payload, void *arg)
{
	struct tp_ncp_session *s = new_session(bev, c, arg);
	int err;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	memcpy(s->key, key, WG_KEY_LEN);
	s->state = READ_SECOND;
	tp_noise_ik_initiator(&s->handshake, c->id, key, PROLOGUE);
	err = send_first(s, payload);
	if (!err && bufferevent_enable(bev, EV_READ | EV_WRITE))
		err = -ENOMEM;
	if (err) {
		destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

int tp_ncp_session_respond(struct tp_ncp_session **out, struct bufferevent *bev,
			   const struct tp_ncp_session_config *c, void *arg)
{
	struct tp_ncp_session *s = new_session(bev, c, arg);

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->state = READ_FIRST;
	tp_noise_ik_responder(&s->handshake, c->id, PROLOGUE);
	if (bufferevent_enable(bev, EV_READ | EV_WRITE)) {
		destroy(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

const uint8_t *tp_ncp_session_key(const struct tp_ncp_session *s)
{
	return s->key;
}

bool tp_ncp_session_is_open(const struct tp_ncp_session *s)
{
	return s->state == OPEN;
}
