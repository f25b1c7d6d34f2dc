/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A client against a control made of sessions, over loopback. */
#include <errno.h>
#include <fcntl.h>
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

#include "addr.h"
#include "backoff.h"
#include "clock.h"
#include "crypto.h"
#include "key_file.h"
#include "ncp_client.h"

#define PATIENCE TP_SEC(30)

static struct {
	struct event_base *base;
	char dir[64], key_file[96];
	struct tp_ncp_client_config config;
	struct tp_ncp_client *client;
	int connected, disconnected, ends, messages;
	uint64_t revision;
	unsigned int retry_ms;
	char why[128];

	struct evconnlistener *listener;
	struct tp_noise_identity control;
	struct tp_ncp_session_config session_config;
	struct tp_ncp_session *session; /* the newest */
	struct tp_ncp_message last;
	int accepted, said;
	char auth_key[129];
} f;

/* --- control -----------------------------------------------------------------------------------
 */

static int on_accept(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		     const json_t *payload)
{
	struct tp_ncp_auth auth;

	(void)arg;
	(void)s;
	assert_int_equal(tp_ncp_decode(&tp_ncp_auth_table, payload, &auth, NULL), 0);
	assert_string_equal(auth.agent, "test/1");
	assert_memory_equal(key, tp_ncp_client_key(f.client), WG_KEY_LEN);
	strcpy(f.auth_key, auth.auth_key);
	f.accepted++;
	return 0;
}

static void on_established(void *arg, struct tp_ncp_session *s, const json_t *payload)
{
	(void)arg;
	(void)s;
	(void)payload;
}

static void on_control_message(void *arg, struct tp_ncp_session *s, const char *type,
			       const json_t *msg)
{
	(void)arg;
	(void)s;
	(void)type;
	tp_ncp_message_fini(&f.last);
	assert_int_equal(tp_ncp_message_decode(msg, &f.last, NULL), 0);
	f.said++;
}

static void on_closed(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end)
{
	(void)arg;
	(void)end;
	if (f.session == s)
		f.session = NULL;
	f.ends++;
}

static const struct tp_ncp_session_ops control_ops = {.accept = on_accept,
						      .established = on_established,
						      .message = on_control_message,
						      .closed = on_closed};

static void on_connection(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
			  int len, void *arg)
{
	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	assert_int_equal(
		tp_ncp_session_respond(&f.session,
				       bufferevent_socket_new(f.base, fd, BEV_OPT_CLOSE_ON_FREE),
				       &f.session_config, NULL),
		0);
}

/* At the same port as before, if there was one. */
static void listen_here(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(f.config.port)};
	socklen_t len = sizeof(sa);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f.listener = evconnlistener_new_bind(f.base, on_connection, NULL,
					     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
					     (struct sockaddr *)&sa, sizeof(sa));
	assert_non_null(f.listener);
	getsockname(evconnlistener_get_fd(f.listener), (struct sockaddr *)&sa, &len);
	f.config.port = ntohs(sa.sin_port);
}

/* --- the client's owner ------------------------------------------------------------------------
 */

static void on_hello(void *arg, struct tp_ncp_hello *hello)
{
	assert_ptr_equal(arg, &f);
	hello->kind = TP_NCP_GATEWAY;
	hello->epoch = f.revision ? 77 : 0;
	hello->revision = f.revision;
}

static void on_connected(void *arg)
{
	(void)arg;
	f.connected++;
}

static void on_message(void *arg, const char *type, const json_t *msg)
{
	(void)arg;
	assert_string_equal(type, json_string_value(json_object_get(msg, "type")));
	f.messages++;
}

static void on_disconnected(void *arg, const char *why, bool was_connected, unsigned int retry_ms)
{
	(void)arg;
	assert_int_equal(was_connected, f.connected > f.disconnected);
	snprintf(f.why, sizeof(f.why), "%s", why);
	f.retry_ms = retry_ms;
	if (was_connected)
		f.disconnected++;
	else
		f.ends++;
}

static const struct tp_ncp_client_ops client_ops = {.hello = on_hello,
						    .connected = on_connected,
						    .message = on_message,
						    .disconnected = on_disconnected};

/* --- fixture -----------------------------------------------------------------------------------
 */

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
	snprintf(f.key_file, sizeof(f.key_file), "%s/device.key", f.dir);
	tp_secret_key(secret);
	assert_int_equal(tp_noise_identity_init(&f.control, secret), 0);
	tp_ncp_session_config_control(&f.session_config);
	f.session_config.id = &f.control;
	f.session_config.ops = &control_ops;

	tp_ncp_client_config_init(&f.config);
	f.config.host = "127.0.0.1";
	f.config.port = 0;
	memcpy(f.config.control_key, f.control.public_key, WG_KEY_LEN);
	f.config.key_file = f.key_file;
	f.config.agent = "test/1";
	f.config.ops = &client_ops;
	f.config.arg = &f;
	f.config.retry_min_ms = 4;
	f.config.retry_max_ms = 40;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tp_ncp_client_free(f.client);
	tp_ncp_session_free(f.session);
	tp_ncp_message_fini(&f.last);
	if (f.listener)
		evconnlistener_free(f.listener);
	event_base_loop(f.base, EVLOOP_NONBLOCK); /* what was given up ends */
	event_base_free(f.base);
	unlink(f.key_file);
	rmdir(f.dir);
	return 0;
}

#define UNTIL(expression)                                         \
	do {                                                      \
		uint64_t give_up_ = tp_now() + PATIENCE;          \
		while (!(expression)) {                           \
			assert_true(tp_now() < give_up_);         \
			event_base_loop(f.base, EVLOOP_NONBLOCK); \
		}                                                 \
	} while (0)

static void start(void)
{
	assert_int_equal(tp_ncp_client_new(&f.client, f.base, &f.config), 0);
}

static void connect_client(void)
{
	listen_here();
	start();
	UNTIL(f.said == 1);
}

static void close_from_control(const char *last)
{
	json_t *msg = last ? json_loads(last, 0, NULL) : NULL;

	tp_ncp_session_close(f.session, msg);
	json_decref(msg);
}

/* --- connections -------------------------------------------------------------------------------
 */

static void connects_and_says_hello(void **state)
{
	(void)state;
	f.config.auth_key = "tpk-secret";
	assert_null(f.client);
	connect_client();
	assert_true(tp_ncp_client_is_connected(f.client));
	assert_int_equal(f.connected, 1);
	assert_string_equal(f.auth_key, "tpk-secret");
	assert_int_equal(f.last.type, TP_NCP_HELLO);
	assert_int_equal(f.last.hello.kind, TP_NCP_GATEWAY);
	assert_int_equal(f.last.hello.revision, 0);
}

static void messages_both_ways(void **state)
{
	const struct tp_ncp_message ack = {.type = TP_NCP_ACK, .ack = {.epoch = 77, .revision = 3}};
	json_t *join = json_pack("{s:s}", "type", "join");

	(void)state;
	connect_client();
	assert_int_equal(tp_ncp_session_send(f.session, join), 0);
	UNTIL(f.messages == 1);
	assert_int_equal(tp_ncp_client_send_message(f.client, &ack), 0);
	UNTIL(f.said == 2);
	assert_int_equal(f.last.ack.revision, 3);
	json_decref(join);
}

static void comes_back_with_what_it_has(void **state)
{
	(void)state;
	connect_client();
	f.revision = 12;
	close_from_control(NULL);
	UNTIL(f.said == 2);
	assert_int_equal(f.disconnected, 1);
	assert_string_equal(f.why, "control closed the connection");
	assert_in_range(f.retry_ms, 2, 4);
	assert_int_equal(f.last.hello.revision, 12);
	assert_int_equal(f.last.hello.epoch, 77);
	assert_int_equal(f.connected, 2);
}

static void resync_asks_for_everything(void **state)
{
	(void)state;
	f.revision = 12;
	connect_client();
	assert_int_equal(f.last.hello.revision, 12);
	assert_int_equal(tp_ncp_client_resync(f.client), 0);
	UNTIL(f.said == 2);
	assert_int_equal(f.last.type, TP_NCP_HELLO);
	assert_int_equal(f.last.hello.epoch, 0);
}

static void control_says_goodbye(void **state)
{
	(void)state;
	f.config.retry_min_ms = f.config.retry_max_ms = 600000; /* stays away while we look */
	connect_client();
	close_from_control("{\"type\":\"bye\"}");
	UNTIL(f.disconnected == 1);
	assert_string_equal(f.why, "control said goodbye");
	assert_false(tp_ncp_client_is_connected(f.client));
	assert_int_equal(tp_ncp_client_resync(f.client), -ENOTCONN);
}

static void reconnects_when_told(void **state)
{
	(void)state;
	connect_client();
	tp_ncp_client_reconnect(f.client);
	UNTIL(f.connected == 2);
	assert_string_equal(f.why, "closed here");
}

static void waits_for_control_to_appear(void **state)
{
	int failures;

	(void)state;
	listen_here();
	evconnlistener_free(f.listener); /* its port is free, most likely */
	f.listener = NULL;
	start();
	UNTIL(f.ends >= 3);
	failures = f.ends;
	assert_string_equal(f.why, "cannot connect: Connection refused");
	assert_in_range(f.retry_ms, 8, 40);
	listen_here();
	UNTIL(f.connected == 1);
	assert_true(f.ends >= failures);
}

static void wrong_key_of_control(void **state)
{
	(void)state;
	listen_here();
	f.config.control_key[3] ^= 1;
	start();
	UNTIL(f.ends >= 4); /* both sides count here */
	assert_string_equal(f.why, "control closed the connection");
	assert_int_equal(f.accepted + f.connected, 0);
}

static void silent_control(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0); /* the kernel accepts, nobody else */
	getsockname(fd, (struct sockaddr *)&sa, &len);
	f.config.port = ntohs(sa.sin_port);
	f.config.session.handshake_ms = 20;
	start();
	UNTIL(f.ends == 2);
	assert_string_equal(f.why, "no handshake in time");
	close(fd);
}

static void name_from_the_hosts_file(void **state)
{
	(void)state;
	f.config.host = "localhost";
	connect_client();
	assert_int_equal(f.connected, 1);
}

static void name_that_nobody_knows(void **state)
{
	(void)state;
	f.config.host = "nobody.invalid";
	f.config.port = 1;
	f.config.connect_ms = 30;
	start();
	UNTIL(f.ends == 2);
	assert_non_null(strstr(f.why, "name"));
}

static void freed_at_any_time(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "nobody.invalid"};

	(void)state;
	listen_here();
	for (size_t i = 0; i < 3 * sizeof(hosts) / sizeof(*hosts); i++) {
		f.config.host = hosts[i % 3];
		start();
		for (size_t turns = 0; turns < i / 3; turns++)
			event_base_loop(f.base, EVLOOP_NONBLOCK);
		tp_ncp_client_free(f.client);
		f.client = NULL;
		tp_ncp_session_free(f.session);
		f.session = NULL;
		assert_int_equal(f.disconnected, 0);
		f.connected = 0; /* some get so far in the turns they have */
	}
}

/* --- waits -------------------------------------------------------------------------------------
 */

static void short_connections_count_as_failures(void **state)
{
	(void)state;
	connect_client();
	for (int i = 1; i <= 5; i++) {
		UNTIL(f.said == i && f.session);
		close_from_control(NULL);
		UNTIL(f.disconnected == i);
	}
	assert_in_range(f.retry_ms, 20, 40);
}

static void long_connections_make_waits_short(void **state)
{
	(void)state;
	f.config.stable_ms = 0;
	connect_client();
	for (int i = 1; i <= 5; i++) {
		UNTIL(f.said == i && f.session);
		close_from_control(NULL);
		UNTIL(f.disconnected == i);
		assert_in_range(f.retry_ms, 2, 4);
	}
}

static void backoff_doubles_up_to_its_bound(void **state)
{
	struct tp_backoff b = {.min_ms = 1000, .max_ms = 60000};
	uint32_t step = 1000;

	(void)state;
	for (int i = 0; i < 12; i++) {
		struct tp_backoff least = b, most = b;

		assert_int_equal(tp_backoff_next(&most, 0), step);
		assert_int_equal(tp_backoff_next(&least, step / 2), step / 2);
		assert_in_range(tp_backoff_next(&b, UINT32_MAX), step / 2, step);
		step = 2 * step > 60000 ? 60000 : 2 * step;
	}
	tp_backoff_reset(&b);
	assert_int_equal(tp_backoff_next(&b, 0), 1000);
	b = (struct tp_backoff){.min_ms = 1, .max_ms = 1};
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(tp_backoff_next(&b, i), 1);
}

/* --- keys --------------------------------------------------------------------------------------
 */

static void key_file_is_made_once(void **state)
{
	uint8_t first[32], second[32];
	struct stat st;

	(void)state;
	assert_int_equal(tp_key_file_get(f.key_file, first), 0);
	assert_int_equal(stat(f.key_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(tp_key_file_get(f.key_file, second), 0);
	assert_memory_equal(first, second, 32);
}

static void key_files_that_wont_do(void **state)
{
	uint8_t secret[32];
	char path[128];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/missing/device.key", f.dir);
	assert_int_equal(tp_key_file_get(path, secret), -ENOENT);
	fd = open(f.key_file, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(tp_key_file_get(f.key_file, secret), -EINVAL); /* not replaced */
	chmod(f.key_file, 0644);
	f.config.port = 1;
	assert_int_equal(tp_ncp_client_new(&f.client, f.base, &f.config), -EPERM);
	assert_null(f.client);
}

static void control_key_of_small_order(void **state)
{
	(void)state;
	memset(f.config.control_key, 0, WG_KEY_LEN);
	assert_int_equal(tp_ncp_client_new(&f.client, f.base, &f.config), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connects_and_says_hello),
		TEST(messages_both_ways),
		TEST(comes_back_with_what_it_has),
		TEST(resync_asks_for_everything),
		TEST(control_says_goodbye),
		TEST(reconnects_when_told),
		TEST(waits_for_control_to_appear),
		TEST(wrong_key_of_control),
		TEST(silent_control),
		TEST(name_from_the_hosts_file),
		TEST(name_that_nobody_knows),
		TEST(freed_at_any_time),
		TEST(short_connections_count_as_failures),
		TEST(long_connections_make_waits_short),
		TEST(backoff_doubles_up_to_its_bound),
		TEST(key_file_is_made_once),
		TEST(key_files_that_wont_do),
		TEST(control_key_of_small_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
