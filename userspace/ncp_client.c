/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "backoff.h"
#include "clock.h"
#include "crypto.h"
#include "dial.h"
#include "key_file.h"
#include "ncp.h"

#define CONNECT_MS   10000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define STABLE_MS    30000

struct tp_ncp_client {
	struct event_base *base;
	struct tp_ncp_client_config config; /* with strings of its own */
	struct tp_noise_identity id;
	struct tp_backoff backoff;
	struct event *retry;
	struct tp_dial *dial; /* one of these two, or neither while it waits */
	struct tp_ncp_session *session;
	uint64_t connected; /* since; 0: not */
};

void tp_ncp_client_config_init(struct tp_ncp_client_config *c)
{
	*c = (struct tp_ncp_client_config){.port = TP_NCP_PORT,
					   .connect_ms = CONNECT_MS,
					   .retry_min_ms = RETRY_MIN_MS,
					   .retry_max_ms = RETRY_MAX_MS,
					   .stable_ms = STABLE_MS};
	tp_ncp_session_config_node(&c->session);
}

/* --- attempts ----------------------------------------------------------------------------------
 */

static void attempt_over(struct tp_ncp_client *c, const char *why)
{
	uint64_t since = c->connected;
	struct timeval tv;
	uint32_t random, ms;

	c->connected = 0;
	c->session = NULL;
	if (since && tp_now() - since >= TP_MS(c->config.stable_ms))
		tp_backoff_reset(&c->backoff);
	tp_random(&random, sizeof(random));
	ms = tp_backoff_next(&c->backoff, random);
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	event_add(c->retry, &tv);
	c->config.ops->disconnected(c->config.arg, why, since != 0, ms);
}

static json_t *first_payload(const struct tp_ncp_client *c)
{
	struct tp_ncp_auth auth = {.v = TP_NCP_VERSION,
				   .time = tp_clock(CLOCK_REALTIME) / TP_NS_PER_MS};
	json_t *payload;

	snprintf(auth.agent, sizeof(auth.agent), "%s", c->config.agent);
	if (c->config.auth_key)
		snprintf(auth.auth_key, sizeof(auth.auth_key), "%s", c->config.auth_key);
	payload = tp_ncp_encode(&tp_ncp_auth_table, &auth);
	tp_wipe(&auth, sizeof(auth));
	return payload;
}

static void on_dialed(void *arg, struct bufferevent *bev, const char *why)
{
	struct tp_ncp_client *c = arg;
	json_t *payload;
	int err;

	c->dial = NULL;
	if (!bev) {
		attempt_over(c, why);
		return;
	}
	payload = first_payload(c);
	err = tp_ncp_session_initiate(&c->session, bev, &c->config.session, c->config.control_key,
				      payload, c);
	json_decref(payload);
	if (err)
		attempt_over(c, strerror(-err));
}

static void attempt(struct tp_ncp_client *c)
{
	if (tp_dial_new(&c->dial, c->base, c->config.host, c->config.port, c->config.connect_ms,
			on_dialed, c))
		attempt_over(c, strerror(ENOMEM));
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	attempt(arg);
}

/* --- the session -------------------------------------------------------------------------------
 */

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	struct tp_ncp_message m = {.type = TP_NCP_HELLO};
	struct tp_ncp_client *c = arg;

	(void)s;
	(void)payload;
	c->config.ops->hello(c->config.arg, &m.hello);
	c->connected = tp_now();
	if (!tp_ncp_client_send_message(c, &m))
		c->config.ops->connected(c->config.arg);
}

static void on_message(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	struct tp_ncp_client *c = arg;

	(void)s;
	c->config.ops->message(c->config.arg, type, msg);
}

static const char *describe(enum tp_ncp_end end)
{
	switch (end) {
	case TP_NCP_END_PEER: return "control closed the connection";
	case TP_NCP_END_BYE: return "control said goodbye";
	case TP_NCP_END_HERE: return "closed here";
	case TP_NCP_END_LATE: return "no handshake in time";
	case TP_NCP_END_SILENT: return "control is silent";
	case TP_NCP_END_SLOW: return "control takes nothing";
	case TP_NCP_END_CRYPTO: return "a message does not open: is this control's key?";
	case TP_NCP_END_TOO_LONG: return "a message is too long";
	case TP_NCP_END_PROTOCOL: return "control does not keep to the protocol";
	default: return tp_ncp_end_name(end);
	}
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	(void)s;
	attempt_over(arg, describe(end));
}

static const struct tp_ncp_session_ops session_ops = {
	.established = on_established, .message = on_message, .closed = on_closed};

/* --- from outside ------------------------------------------------------------------------------
 */

static void free_strings(struct tp_ncp_client_config *c)
{
	if (c->auth_key)
		tp_wipe((char *)c->auth_key, strlen(c->auth_key));
	free((char *)c->auth_key);
	free((char *)c->host);
	free((char *)c->agent);
}

/* false: no memory */
static bool copy_config(struct tp_ncp_client *c, const struct tp_ncp_client_config *from)
{
	struct tp_ncp_client_config *to = &c->config;

	*to = *from;
	to->key_file = NULL;
	to->host = strdup(from->host);
	to->agent = strdup(from->agent);
	to->auth_key = from->auth_key ? strdup(from->auth_key) : NULL;
	to->session.id = &c->id;
	to->session.ops = &session_ops;
	c->backoff = (struct tp_backoff){.min_ms = to->retry_min_ms, .max_ms = to->retry_max_ms};
	return to->host && to->agent && (to->auth_key || !from->auth_key);
}

/* Also refuses a key of control's that nobody can connect to. */
static int load_key(struct tp_ncp_client *c, const char *path)
{
	uint8_t secret[WG_KEY_LEN], shared[WG_KEY_LEN];
	int err = tp_key_file_get(path, secret);

	if (!err)
		err = tp_noise_identity_init(&c->id, secret);
	if (!err)
		err = tp_dh(shared, secret, c->config.control_key);
	tp_wipe(secret, sizeof(secret));
	tp_wipe(shared, sizeof(shared));
	return err;
}

int tp_ncp_client_new(struct tp_ncp_client **out, struct event_base *base,
		      const struct tp_ncp_client_config *config)
{
	struct tp_ncp_client *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->base = base;
	c->retry = evtimer_new(base, on_retry, c);
	if (copy_config(c, config) && c->retry)
		err = load_key(c, config->key_file);
	if (err) {
		tp_ncp_client_free(c);
		return err;
	}
	event_active(c->retry, EV_TIMEOUT, 0);
	*out = c;
	return 0;
}

void tp_ncp_client_free(struct tp_ncp_client *c)
{
	if (!c)
		return;
	tp_dial_free(c->dial);
	tp_ncp_session_free(c->session);
	if (c->retry)
		event_free(c->retry);
	free_strings(&c->config);
	tp_noise_identity_wipe(&c->id);
	free(c);
}

bool tp_ncp_client_is_connected(const struct tp_ncp_client *c)
{
	return c->session && tp_ncp_session_is_open(c->session);
}

int tp_ncp_client_send(struct tp_ncp_client *c, const json_t *msg)
{
	return c->session ? tp_ncp_session_send(c->session, msg) : -ENOTCONN;
}

int tp_ncp_client_send_message(struct tp_ncp_client *c, const struct tp_ncp_message *m)
{
	json_t *msg = tp_ncp_message_encode(m);
	int err = msg ? tp_ncp_client_send(c, msg) : -ENOMEM;

	json_decref(msg);
	return err;
}

int tp_ncp_client_resync(struct tp_ncp_client *c)
{
	struct tp_ncp_message m = {.type = TP_NCP_HELLO};

	c->config.ops->hello(c->config.arg, &m.hello);
	m.hello.epoch = m.hello.revision = 0;
	return tp_ncp_client_send_message(c, &m);
}

void tp_ncp_client_reconnect(struct tp_ncp_client *c)
{
	json_t *bye = json_pack("{s:s}", "type", "bye");

	if (c->session)
		tp_ncp_session_close(c->session, bye);
	json_decref(bye);
}

const uint8_t *tp_ncp_client_key(const struct tp_ncp_client *c)
{
	return c->id.public_key;
}
