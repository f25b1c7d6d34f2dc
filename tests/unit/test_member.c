/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A member against a control made of sessions, over loopback. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "clock.h"
#include "crypto.h"
#include "log.h"
#include "member.h"
#include "ncp_session.h"

#define PATIENCE TP_SEC(30)
#define NETWORK	 "0190a0b0-0000-7000-8000-00000000000a"
#define EPOCH	 0xaa
#define PORT	 51820

static struct {
	struct event_base *base;
	char dir[64], document[96], device_key[96], auth_key_file[96], network_key[128];
	struct tp_member_settings settings;
	struct tp_member *member;
	char server[32];
	json_t *saved;

	/* its owner */
	int applies, refuse;
	size_t networks; /* of the latest view */

	/* control */
	struct evconnlistener *listener;
	struct tp_noise_identity control;
	struct tp_ncp_session_config session_config;
	struct tp_ncp_session *session; /* the newest */
	int said[TP_NCP_N_TYPES], ended;
	struct tp_ncp_hello hello;
	struct tp_ncp_ack ack;
	struct tp_ncp_pubkey pubkey;
	uint64_t handshake_time;
	char auth_key[129];
} f;

/* --- control --- */

static int on_accept(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		     const json_t *payload)
{
	struct tp_ncp_auth auth;

	(void)arg;
	(void)s;
	(void)key;
	assert_int_equal(tp_ncp_decode(&tp_ncp_auth_table, payload, &auth, NULL), 0);
	strcpy(f.auth_key, auth.auth_key);
	return 0;
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)arg;
	(void)s;
	(void)payload;
}

static void on_message(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg)
{
	struct tp_ncp_message m;

	(void)arg;
	(void)s;
	(void)type;
	assert_int_equal(tp_ncp_message_decode(msg, &m, NULL), 0);
	if (m.type == TP_NCP_HELLO)
		f.hello = m.hello;
	else if (m.type == TP_NCP_ACK)
		f.ack = m.ack;
	else if (m.type == TP_NCP_PUBKEY)
		f.pubkey = m.pubkey;
	else if (m.type == TP_NCP_HANDSHAKES)
		f.handshake_time = m.handshakes.handshakes[0].time;
	f.said[m.type]++;
	tp_ncp_message_fini(&m); /* no list of it is looked at */
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	(void)arg;
	(void)end;
	if (f.session == s)
		f.session = NULL;
	f.ended++;
}

static const struct tp_ncp_session_ops control_ops = {.accept = on_accept,
						      .established = on_established,
						      .message = on_message,
						      .closed = on_closed};

static void on_connection(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
			  int len, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(f.base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	assert_int_equal(tp_ncp_session_respond(&f.session, bev, &f.session_config, NULL), 0);
}

static void listen_here(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f.listener = evconnlistener_new_bind(f.base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE, 16,
					     (struct sockaddr *)&sa, sizeof(sa));
	assert_non_null(f.listener);
	getsockname(evconnlistener_get_fd(f.listener), (struct sockaddr *)&sa, &len);
	snprintf(f.server, sizeof(f.server), "127.0.0.1:%u", ntohs(sa.sin_port));
}

static void tell(json_t *msg)
{
	assert_non_null(msg);
	assert_int_equal(tp_ncp_session_send(f.session, msg), 0);
	json_decref(msg);
}

static json_t *network(void)
{
	return json_pack("{s:s,s:s,s:i,s:[],s:b,s:b,s:[],s:[]}", "network_id", NETWORK, "address",
			 "10.1.0.2/24", "listen_port", 0, "stun_servers", "is_relay", 0,
			 "is_egress", 0, "egress_subnets", "peers");
}

static void tell_snapshot(int revision)
{
	tell(json_pack("{s:s,s:s,s:i,s:[o]}", "type", "snapshot", "epoch", "00000000000000aa",
		       "revision", revision, "networks", network()));
}

/* From `base`, one that takes the network away. */
static void tell_delta(int base, int revision)
{
	tell(json_pack("{s:s,s:s,s:i,s:i,s:[s]}", "type", "delta", "epoch", "00000000000000aa",
		       "base", base, "revision", revision, "removed_networks", NETWORK));
}

/* --- the member's owner --- */

static int apply(void *arg, const struct tp_ncp_view *view)
{
	assert_ptr_equal(arg, &f);
	f.applies++;
	f.networks = view->n_networks;
	tp_warn("nothing of that kind");
	if (f.refuse < 0) {
		tp_err("no device wg0");
		tp_err("nothing has changed");
	}
	return f.refuse;
}

static uint16_t port(void *arg, const char *network_id)
{
	(void)arg;
	assert_string_equal(network_id, NETWORK);
	return PORT;
}

static const struct tp_member_ops ops = {.agent = "test/1", .apply = apply, .port = port};

/* --- fixture --- */

static int setup(void **state)
{
	uint8_t secret[WG_KEY_LEN];

	(void)state;
	if (tp_crypto_init())
		return -1;
	memset(&f, 0, sizeof(f));
	f.base = event_base_new();
	strcpy(f.dir, "/tmp/turnpike-test-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.document, sizeof(f.document), "%s/gateway-control.json", f.dir);
	snprintf(f.device_key, sizeof(f.device_key), "%s/gateway-device.key", f.dir);
	snprintf(f.auth_key_file, sizeof(f.auth_key_file), "%s/auth.key", f.dir);
	snprintf(f.network_key, sizeof(f.network_key), "%s/gateway-" NETWORK ".key", f.dir);
	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&f.control, secret), 0);
	tp_ncp_session_config_control(&f.session_config);
	f.session_config.id = &f.control;
	f.session_config.ops = &control_ops;
	listen_here();
	f.settings.server = f.server;
	memcpy(f.settings.public_key, f.control.public_key, WG_KEY_LEN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tp_member_free(f.member);
	tp_ncp_session_free(f.session);
	evconnlistener_free(f.listener);
	event_base_loop(f.base, EVLOOP_NONBLOCK); /* what was given up ends */
	event_base_free(f.base);
	json_decref(f.saved);
	unlink(f.document);
	unlink(f.device_key);
	unlink(f.auth_key_file);
	unlink(f.network_key);
	return rmdir(f.dir); /* nothing else is left behind */
}

#define UNTIL(expression)                                         \
	do {                                                      \
		uint64_t give_up_ = tp_now() + PATIENCE;          \
		while (!(expression)) {                           \
			assert_true(tp_now() < give_up_);         \
			event_base_loop(f.base, EVLOOP_NONBLOCK); \
		}                                                 \
	} while (0)

static int start(void)
{
	return tp_member_new(&f.member, f.base, &f.settings,
			     (struct tp_member_files){f.dir, "gateway"}, f.saved, TP_NCP_GATEWAY,
			     &ops, &f);
}

static void connect_member(void)
{
	int hellos = f.said[TP_NCP_HELLO];

	assert_int_equal(start(), 0);
	UNTIL(f.said[TP_NCP_HELLO] > hellos);
}

/* The daemon ends and starts again, with what it finds on disk. */
static void restart(void)
{
	tp_member_free(f.member);
	UNTIL(!f.session);
	json_decref(f.saved);
	f.saved = tp_member_saved((struct tp_member_files){f.dir, "gateway"});
	connect_member();
}

static void write_auth_key(mode_t mode, const char *key)
{
	FILE *file = fopen(f.auth_key_file, "we");

	assert_non_null(file);
	fputs(key, file);
	fclose(file);
	assert_int_equal(chmod(f.auth_key_file, mode), 0);
	f.settings.auth_key_file = f.auth_key_file;
}

static void assert_private(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void assert_reported(const char *format, ...)
{
	json_t *report = tp_member_report(f.member), *expected, *value;
	const char *name;
	va_list ap;

	va_start(ap, format);
	expected = json_vpack_ex(NULL, 0, format, ap);
	va_end(ap);
	assert_non_null(expected);
	json_object_foreach(expected, name,
			    value) if (!json_equal(value, json_object_get(report, name)))
		fail_msg("%s is not as expected", name);
	json_decref(expected);
	json_decref(report);
}

/* --- joining --- */

static void joins_by_its_auth_key(void **state)
{
	(void)state;
	write_auth_key(0600, "tpk-secret\n");
	connect_member();
	assert_string_equal(f.auth_key, "tpk-secret");
	assert_int_equal(f.hello.kind, TP_NCP_GATEWAY);
	assert_int_equal(f.hello.epoch, 0);
	assert_true(f.hello.name[0]);
	assert_private(f.device_key);
	assert_reported("{s:b,s:s,s:i}", "connected", 1, "server", f.server, "applied", 0);
}

static void auth_key_that_others_may_read(void **state)
{
	(void)state;
	write_auth_key(0640, "tpk-secret\n");
	assert_int_equal(start(), -EPERM);
	assert_null(f.member);
}

static void auth_key_that_is_too_long(void **state)
{
	char key[140];

	(void)state;
	memset(key, 'k', sizeof(key));
	strcpy(key + 129, "\n");
	write_auth_key(0600, key);
	assert_int_equal(start(), -EMSGSIZE);
	assert_null(f.member);
	strcpy(key + 128, "\n");
	write_auth_key(0600, key);
	connect_member();
	assert_int_equal(strlen(f.auth_key), 128);
}

static void auth_key_file_may_be_gone(void **state)
{
	(void)state;
	f.settings.auth_key_file = f.auth_key_file;
	connect_member();
	assert_string_equal(f.auth_key, "");
}

static void reports_the_key_it_makes(void **state)
{
	uint8_t secret[WG_KEY_LEN], key[WG_KEY_LEN];

	(void)state;
	connect_member();
	tell(json_pack("{s:s,s:s}", "type", "join", "network_id", NETWORK));
	UNTIL(f.said[TP_NCP_PUBKEY] == 1);
	assert_private(f.network_key);
	assert_int_equal(tp_key_load(f.network_key, secret), 0);
	tp_public_key(key, secret);
	assert_memory_equal(f.pubkey.public_key, key, WG_KEY_LEN);
	assert_string_equal(f.pubkey.network_id, NETWORK);
	assert_int_equal(f.pubkey.listen_port, PORT);
}

/* --- views --- */

static void acknowledges_what_is_in_force(void **state)
{
	(void)state;
	connect_member();
	tell_snapshot(7);
	UNTIL(f.said[TP_NCP_ACK] == 1);
	assert_int_equal(f.applies, 1);
	assert_int_equal(f.networks, 1);
	assert_int_equal(f.ack.status, TP_NCP_APPLIED);
	assert_int_equal(f.ack.epoch, EPOCH);
	assert_int_equal(f.ack.revision, 7);
	assert_private(f.document);
	assert_reported("{s:s,s:i,s:i,s:s}", "epoch", "00000000000000aa", "revision", 7, "applied",
			7, "error", "");
}

static void says_why_it_could_not(void **state)
{
	(void)state;
	f.refuse = -ENODEV;
	connect_member();
	tell_snapshot(7);
	UNTIL(f.said[TP_NCP_ACK] == 1);
	assert_int_equal(f.ack.status, TP_NCP_FAILED);
	assert_string_equal(f.ack.reason, "no device wg0");
	assert_int_equal(access(f.document, F_OK), -1);
	assert_reported("{s:i,s:i,s:s}", "revision", 7, "applied", 0, "error", "no device wg0");
}

/* Written when it ends, and not at all when what came then is not in force. */
static void does_not_write_what_is_the_same(void **state)
{
	(void)state;
	f.refuse = TP_MEMBER_SAME;
	connect_member();
	tell_snapshot(7);
	UNTIL(f.said[TP_NCP_ACK] == 1);
	assert_int_equal(f.ack.status, TP_NCP_APPLIED);
	assert_reported("{s:i}", "applied", 7);
	assert_int_equal(access(f.document, F_OK), -1);
	f.refuse = -ENODEV;
	tell_snapshot(8);
	UNTIL(f.said[TP_NCP_ACK] == 2);
	restart();
	assert_int_equal(f.hello.revision, 0);
	f.refuse = TP_MEMBER_SAME;
	tell_snapshot(9);
	UNTIL(f.said[TP_NCP_ACK] == 3);
	restart();
	assert_int_equal(f.hello.revision, 9);
}

static void deltas_are_applied(void **state)
{
	(void)state;
	connect_member();
	tell_snapshot(7);
	tell_delta(7, 9);
	UNTIL(f.said[TP_NCP_ACK] == 2);
	assert_int_equal(f.ack.revision, 9);
	assert_int_equal(f.networks, 0);
}

static void asks_anew_when_a_delta_is_missing(void **state)
{
	(void)state;
	connect_member();
	tell_snapshot(7);
	tell_delta(8, 9);
	UNTIL(f.said[TP_NCP_HELLO] == 2);
	assert_int_equal(f.hello.epoch, 0);
	assert_int_equal(f.applies, 1);
	tell_snapshot(9);
	UNTIL(f.said[TP_NCP_ACK] == 2);
	assert_int_equal(f.ack.revision, 9);
}

static void hangs_up_on_nonsense(void **state)
{
	(void)state;
	connect_member();
	tell(json_pack("{s:s,s:s,s:i,s:[{}]}", "type", "snapshot", "epoch", "00000000000000aa",
		       "revision", 7, "networks"));
	UNTIL(f.ended == 1);
	assert_int_equal(f.said[TP_NCP_ACK], 1);
	assert_int_equal(f.ack.status, TP_NCP_FAILED);
	assert_int_equal(f.ack.epoch, EPOCH);
	assert_int_equal(f.ack.revision, 7);
	assert_string_equal(f.ack.reason, "networks[0].network_id: is missing");
	assert_int_equal(f.applies, 0);
	assert_int_equal(access(f.document, F_OK), -1);
}

static void nonsense_without_a_name(void **state)
{
	(void)state;
	connect_member();
	tell(json_pack("{s:s,s:[]}", "type", "snapshot", "networks"));
	UNTIL(f.ended == 1);
	assert_int_equal(f.said[TP_NCP_ACK], 0);
	assert_int_equal(f.applies, 0);
}

static void shows_what_control_refuses(void **state)
{
	(void)state;
	connect_member();
	tell(json_pack("{s:s,s:s,s:s}", "type", "error", "code", "permission_denied", "message",
		       "no such auth key"));
	tell(json_pack("{s:s,s:s}", "type", "join", "network_id", NETWORK));
	UNTIL(f.said[TP_NCP_PUBKEY] == 1); /* so the error has come, too */
	assert_reported("{s:s}", "error", "no such auth key");
}

static void reports_handshakes(void **state)
{
	struct tp_ncp_handshake one = {.network_id = NETWORK, .public_key = {1}, .time = 1234};
	const struct tp_ncp_handshakes none = {0}, some = {.handshakes = &one, .n_handshakes = 1};

	(void)state;
	connect_member();
	tp_member_handshakes(f.member, &none); /* no news, no message */
	tp_member_handshakes(f.member, &some);
	tell(json_pack("{s:s,s:s}", "type", "join", "network_id", NETWORK));
	UNTIL(f.said[TP_NCP_PUBKEY] == 1);
	assert_int_equal(f.said[TP_NCP_HANDSHAKES], 1);
	assert_int_equal(f.handshake_time, 1234);
}

/* --- restarts --- */

static void goes_on_with_what_was_in_force(void **state)
{
	(void)state;
	connect_member();
	tell_snapshot(7);
	UNTIL(f.said[TP_NCP_ACK] == 1);
	f.refuse = -ENODEV;
	tell_snapshot(8);
	UNTIL(f.said[TP_NCP_ACK] == 2);
	restart();
	assert_int_equal(f.hello.epoch, EPOCH);
	assert_int_equal(f.hello.revision, 7);
	assert_reported("{s:i}", "applied", 7);
	UNTIL(f.said[TP_NCP_PUBKEY] >= 1); /* of the saved view's network, without being asked */
	assert_int_equal(f.pubkey.listen_port, PORT);
}

static void keeps_its_keys(void **state)
{
	uint8_t first[WG_KEY_LEN];
	json_t *before, *after;

	(void)state;
	connect_member();
	before = tp_member_report(f.member);
	tell(json_pack("{s:s,s:s}", "type", "join", "network_id", NETWORK));
	UNTIL(f.said[TP_NCP_PUBKEY] == 1);
	memcpy(first, f.pubkey.public_key, WG_KEY_LEN);
	restart();
	after = tp_member_report(f.member);
	assert_true(json_equal(json_object_get(before, "device_key"),
			       json_object_get(after, "device_key")));
	tell(json_pack("{s:s,s:s}", "type", "join", "network_id", NETWORK));
	UNTIL(f.said[TP_NCP_PUBKEY] == 2);
	assert_memory_equal(first, f.pubkey.public_key, WG_KEY_LEN);
	json_decref(before);
	json_decref(after);
}

/* Another daemon of the same host and state_dir has a key of its own, and is told by nobody else's
 * file what it serves. */
static void shares_its_directory(void **state)
{
	const struct tp_member_files other = {f.dir, "relay"};
	char key_file[sizeof(f.network_key)], *path;
	uint8_t key[WG_KEY_LEN], other_key[WG_KEY_LEN];

	(void)state;
	path = tp_member_key_file((struct tp_member_files){f.dir, "gateway"}, NETWORK);
	assert_string_equal(path, f.network_key);
	assert_int_equal(tp_key_load(path, key), 0);
	free(path);
	path = tp_member_key_file(other, NETWORK);
	snprintf(key_file, sizeof(key_file), "%s", path);
	free(path);
	assert_int_equal(tp_key_load(key_file, other_key), 0);
	unlink(key_file);
	assert_memory_not_equal(key, other_key, WG_KEY_LEN);
	connect_member();
	tell_snapshot(7);
	UNTIL(f.said[TP_NCP_ACK] == 1);
	assert_int_equal(access(f.document, F_OK), 0);
	assert_null(tp_member_saved(other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(joins_by_its_auth_key),
		TEST(auth_key_that_others_may_read),
		TEST(auth_key_that_is_too_long),
		TEST(auth_key_file_may_be_gone),
		TEST(reports_the_key_it_makes),
		TEST(acknowledges_what_is_in_force),
		TEST(says_why_it_could_not),
		TEST(deltas_are_applied),
		TEST(asks_anew_when_a_delta_is_missing),
		TEST(hangs_up_on_nonsense),
		TEST(nonsense_without_a_name),
		TEST(shows_what_control_refuses),
		TEST(does_not_write_what_is_the_same),
		TEST(goes_on_with_what_was_in_force),
		TEST(keeps_its_keys),
		TEST(reports_handshakes),
		TEST(shares_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
