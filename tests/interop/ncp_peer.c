/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One end of an NCP connection made of userspace/ncp_session.c and ncp_client.c, to be tried
 *against ncp_peer.go, which is made of another Noise implementation
 *(tests/net/test_ncp_interop.sh).
 *
 *	ncp_peer control KEY-FILE PORT
 *	ncp_peer node KEY-FILE PORT CONTROL-PUBLIC-KEY
 *
 * The node says hello; control sends a snapshot over many records; the node acknowledges it, has
 *one large and three small messages sent back to it, and says goodbye. Exits 0 when all went well.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "crypto.h"
#include "key_file.h"
#include "log.h"
#include "ncp_client.h"

#define SNAPSHOT_FILL 3000000
#define ECHO_FILL     200000
#define ECHOES	      4
#define AUTH_KEY      "tpk-interop"
#define EPOCH	      0x0123456789abcdefull

static struct {
	struct event_base *base;
	struct tp_noise_identity id;
	struct tp_ncp_session_config config;
	struct tp_ncp_client *client;
	int echoes;
	bool established, acked;
} f;

static _Noreturn void fail(const char *what)
{
	tp_err("%s", what);
	exit(1);
}

/* --- text that both sides know -----------------------------------------------------------------
 */

static json_t *fill(size_t len)
{
	char *text = malloc(len);
	json_t *v;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 23);
	v = json_stringn(text, len);
	free(text);
	return v;
}

static void check_fill(const json_t *msg, size_t len)
{
	json_t *want = fill(len);

	if (!json_equal(json_object_get(msg, "fill"), want))
		fail("the text did not arrive as it was sent");
	json_decref(want);
}

/* --- control -----------------------------------------------------------------------------------
 */

static int on_accept(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		     const json_t *payload)
{
	char text[TP_KEY_STRLEN];
	struct tp_ncp_fault fault;
	struct tp_ncp_auth auth;

	(void)arg;
	(void)s;
	if (tp_ncp_decode(&tp_ncp_auth_table, payload, &auth, &fault))
		fail(fault.text);
	if (strcmp(auth.auth_key, AUTH_KEY) != 0)
		fail("another auth key");
	tp_info("accepting %s with %s", tp_key_format(key, text), auth.agent);
	return 0;
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)arg;
	(void)s;
	(void)payload;
	f.established = true;
	tp_info("established");
}

static void send_snapshot(struct tp_ncp_session *s)
{
	const struct tp_ncp_message m = {.type = TP_NCP_SNAPSHOT,
					 .snapshot = {.epoch = EPOCH, .revision = 1}};
	json_t *msg = tp_ncp_message_encode(&m);

	json_object_set_new(msg, "fill", fill(SNAPSHOT_FILL));
	if (tp_ncp_session_send(s, msg))
		fail("cannot send");
	json_decref(msg);
}

static void on_control_message(void *arg, struct tp_ncp_session *s, const char *type,
			       const json_t *msg)
{
	struct tp_ncp_message m;
	int err = tp_ncp_message_decode(msg, &m, NULL);

	(void)arg;
	if (!strcmp(type, "echo")) {
		f.echoes++;
		tp_ncp_session_send(s, msg);
	} else if (err) {
		fail("a message that is not as it should be");
	} else if (m.type == TP_NCP_HELLO) {
		send_snapshot(s);
	} else if (m.type == TP_NCP_ACK) {
		f.acked = m.ack.status == TP_NCP_APPLIED && m.ack.epoch == EPOCH;
	}
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	(void)arg;
	(void)s;
	tp_info("ended: %s", tp_ncp_end_name(end));
	if (!f.established)
		return; /* may the next do better */
	if (end != TP_NCP_END_BYE || f.echoes != ECHOES || !f.acked)
		fail("not all was said");
	event_base_loopbreak(f.base);
}

static const struct tp_ncp_session_ops control_ops = {.accept = on_accept,
						      .established = on_established,
						      .message = on_control_message,
						      .closed = on_closed};

static void on_connection(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
			  int len, void *arg)
{
	struct tp_ncp_session *s;

	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	if (tp_ncp_session_respond(&s, bufferevent_socket_new(f.base, fd, BEV_OPT_CLOSE_ON_FREE),
				   &f.config, NULL))
		fail("no memory");
}

static void be_control(const char *key_file, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	uint8_t secret[WG_KEY_LEN];

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (tp_key_file_get(key_file, secret) || tp_noise_identity_init(&f.id, secret))
		fail("no key");
	tp_ncp_session_config_control(&f.config);
	f.config.id = &f.id;
	f.config.ops = &control_ops;
	if (!evconnlistener_new_bind(f.base, on_connection, NULL,
				     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
				     (struct sockaddr *)&sa, sizeof(sa)))
		fail("cannot listen");
	tp_info("listening");
}

/* --- node --------------------------------------------------------------------------------------
 */

static void on_hello(void *arg, struct tp_ncp_hello *hello)
{
	(void)arg;
	hello->kind = TP_NCP_NODE;
	strcpy(hello->name, "interop");
}

static void on_connected(void *arg)
{
	(void)arg;
	tp_info("connected");
}

static void send_echo(size_t len)
{
	json_t *msg = json_pack("{s:s, s:o}", "type", "echo", "fill", fill(len));

	if (tp_ncp_client_send(f.client, msg))
		fail("cannot send");
	json_decref(msg);
}

static void take_snapshot(const json_t *msg)
{
	struct tp_ncp_message m, ack = {.type = TP_NCP_ACK};

	if (tp_ncp_message_decode(msg, &m, NULL))
		fail("a snapshot that is not as it should be");
	check_fill(msg, SNAPSHOT_FILL);
	ack.ack.epoch = m.snapshot.epoch;
	ack.ack.revision = m.snapshot.revision;
	if (tp_ncp_client_send_message(f.client, &ack))
		fail("cannot send");
	tp_ncp_message_fini(&m);
	send_echo(ECHO_FILL);
	for (int i = 1; i < ECHOES; i++)
		send_echo((size_t)i);
}

static void on_message(void *arg, const char *type, const json_t *msg)
{
	(void)arg;
	if (!strcmp(type, "snapshot"))
		take_snapshot(msg);
	if (strcmp(type, "echo") != 0)
		return;
	check_fill(msg, f.echoes ? (size_t)f.echoes : ECHO_FILL);
	if (++f.echoes == ECHOES)
		tp_ncp_client_reconnect(f.client);
}

static void on_disconnected(void *arg, const char *why, bool was_connected, unsigned int retry_ms)
{
	(void)arg;
	(void)retry_ms;
	tp_info("%s", why);
	if (!was_connected || f.echoes != ECHOES)
		exit(1);
	event_base_loopbreak(f.base);
}

static const struct tp_ncp_client_ops client_ops = {.hello = on_hello,
						    .connected = on_connected,
						    .message = on_message,
						    .disconnected = on_disconnected};

static void be_node(const char *key_file, uint16_t port, const char *control_key)
{
	struct tp_ncp_client_config c;

	tp_ncp_client_config_init(&c);
	c.host = "127.0.0.1";
	c.port = port;
	c.key_file = key_file;
	c.auth_key = AUTH_KEY;
	c.agent = "interop/c";
	c.ops = &client_ops;
	if (tp_key_parse(control_key, c.control_key) || tp_ncp_client_new(&f.client, f.base, &c))
		fail("no key");
}

int main(int argc, char **argv)
{
	if (argc < 4 || tp_crypto_init())
		return 2;
	f.base = event_base_new();
	if (argc == 4 && !strcmp(argv[1], "control"))
		be_control(argv[2], (uint16_t)atoi(argv[3]));
	else if (argc == 5 && !strcmp(argv[1], "node"))
		be_node(argv[2], (uint16_t)atoi(argv[3]), argv[4]);
	else
		return 2;
	event_base_dispatch(f.base);
	tp_info("all went well");
	return 0;
}
