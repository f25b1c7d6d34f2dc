// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/event.h>

#include "clock.h"
#include "control/connect_server.h"

#define PATIENCE TP_SEC(10)
#define BIG	 (8u << 20) /* more than socket buffers take */

static const struct connect_limits limits = {
	.connections = 3,
	.per_host = 100,
	.idle_ms = 300,
	.request_ms = 300,
	.answer_ms = 300,
};

static struct event_base *base;
static struct connect_server *server;
static struct sockaddr_un addr;
static socklen_t addr_len;
static struct connect_exchange *held; /* of "/later" */

static size_t body_max(void *arg, const struct connect_request *head)
{
	(void)arg;
	(void)head;
	return 100;
}

/* Says the path; "/big" gets a big answer, "/later" none yet. */
static void on_request(void *arg, struct connect_exchange *x)
{
	const char *path = connect_exchange_request(x)->path;
	struct evbuffer *body = evbuffer_new();
	struct connect_answer a = {.status = 200, .type = "text/plain", .body = body};
	static char big[BIG];

	(void)arg;
	if (!strcmp(path, "/later")) {
		held = x;
	} else {
		if (!strcmp(path, "/big"))
			evbuffer_add_reference(body, big, BIG, NULL, NULL);
		else
			evbuffer_add_printf(body, "%s", path);
		connect_respond(x, &a);
	}
	evbuffer_free(body);
}

static void on_refused(void *arg, struct connect_exchange *x, int status)
{
	const struct connect_answer a = {.status = status};

	(void)arg;
	connect_respond(x, &a);
}

static const struct connect_ops ops = {body_max, on_request, on_refused};

/* An abstract address that the kernel chooses. */
static int setup(void **state)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)state;
	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	addr_len = sizeof(addr);
	held = NULL;
	base = event_base_new();
	if (bind(fd, (struct sockaddr *)&addr, sizeof(sa_family_t)) || listen(fd, 10) ||
	    getsockname(fd, (struct sockaddr *)&addr, &addr_len))
		return -1;
	return connect_server_new(&server, base, fd, NULL, &limits, &ops, NULL);
}

static int teardown(void **state)
{
	(void)state;
	connect_server_free(server);
	event_base_free(base);
	return 0;
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, addr_len), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Never waits for events that may not come. */
static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	usleep(1000);
}

/* Turns the loop until the server has n connections. */
static void wait_for(unsigned int n)
{
	uint64_t end = tp_now() + PATIENCE;

	while (connect_server_connections(server) != n && tp_now() < end)
		turn();
	assert_int_equal(connect_server_connections(server), n);
}

/* All that comes until `n` answers with their bodies are there, or the server closes. */
static size_t hear(int fd, char *buf, size_t size, const char *last)
{
	uint64_t end = tp_now() + PATIENCE;
	size_t len = 0;
	ssize_t n = -1;

	memset(buf, 0, size);
	while (n && !(last && strstr(buf, last)) && tp_now() < end) {
		turn();
		n = recv(fd, buf + len, size - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	}
	return len;
}

static void requests_at_once_are_answered_in_order(void **state)
{
	char buf[1000], *one, *two;
	int fd = dial();

	(void)state;
	say(fd, "POST /one HTTP/1.1\r\n\r\nPOST /two HTTP/1.1\r\nConnection: close\r\n\r\n");
	hear(fd, buf, sizeof(buf), NULL);
	one = strstr(buf, "\r\n\r\n/one");
	two = strstr(buf, "\r\n\r\n/two");
	assert_non_null(one);
	assert_true(two > one);
	close(fd);
}

static void who_does_not_ask_is_closed(void **state)
{
	int silent = dial(), halfway = dial();

	(void)state;
	say(halfway, "POST /x HTTP/1.1\r\n");
	wait_for(2);
	wait_for(0);
	close(silent);
	close(halfway);
}

static void who_does_not_read_is_closed(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /big HTTP/1.1\r\n\r\n");
	wait_for(1);
	wait_for(0);
	close(fd);
}

/* The first of three idle ones goes; one that waits for its answer stays. */
static void an_idle_one_makes_way(void **state)
{
	int busy = dial(), first, second, fresh;
	char buf[1000];
	const struct connect_answer late = {.status = 503};

	(void)state;
	say(busy, "POST /later HTTP/1.1\r\n\r\n");
	wait_for(1);
	for (uint64_t end = tp_now() + PATIENCE; !held && tp_now() < end;)
		turn();
	assert_non_null(held);
	first = dial();
	wait_for(2);
	second = dial();
	wait_for(3);
	fresh = dial();
	say(fresh, "POST /fresh HTTP/1.1\r\n\r\n");
	hear(fresh, buf, sizeof(buf), "/fresh");
	assert_non_null(strstr(buf, "/fresh"));
	assert_int_equal(recv(first, buf, sizeof(buf), MSG_DONTWAIT), 0);
	assert_int_equal(recv(second, buf, sizeof(buf), MSG_DONTWAIT), -1);
	connect_respond(held, &late);
	hear(busy, buf, sizeof(buf), "503 Service Unavailable");
	assert_non_null(strstr(buf, "503"));
	close(busy);
	close(first);
	close(second);
	close(fresh);
}

static void an_answer_to_nobody(void **state)
{
	const struct connect_answer late = {.status = 200};
	int fd = dial();

	(void)state;
	say(fd, "POST /later HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
	for (uint64_t end = tp_now() + PATIENCE; !held && tp_now() < end;)
		turn();
	assert_non_null(held);
	assert_int_equal(evbuffer_get_length(connect_exchange_body(held)), 3);
	connect_server_free(server);
	server = NULL;
	connect_respond(held, &late);
	close(fd);
}

static void a_refusal_ends_the_connection(void **state)
{
	char buf[1000];
	int fd = dial();

	(void)state;
	say(fd, "POST /x HTTP/1.1\r\nContent-Length: 101\r\n\r\nPOST /smuggled HTTP/1.1\r\n\r\n");
	hear(fd, buf, sizeof(buf), NULL);
	assert_memory_equal(buf, "HTTP/1.1 413 ", 13);
	assert_non_null(strstr(buf, "Connection: close"));
	assert_null(strstr(buf, "smuggled"));
	close(fd);
}

static void who_shuts_its_side_still_gets_the_answer(void **state)
{
	const struct connect_answer late = {.status = 200};
	char buf[1000];
	int fd = dial();

	(void)state;
	say(fd, "POST /later HTTP/1.1\r\n\r\n");
	for (uint64_t end = tp_now() + PATIENCE; !held && tp_now() < end;)
		turn();
	assert_non_null(held);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 20; i++)
		turn();
	connect_respond(held, &late);
	hear(fd, buf, sizeof(buf), NULL);
	assert_memory_equal(buf, "HTTP/1.1 200 ", 13);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_at_once_are_answered_in_order),
		TEST(who_does_not_ask_is_closed),
		TEST(who_does_not_read_is_closed),
		TEST(an_idle_one_makes_way),
		TEST(an_answer_to_nobody),
		TEST(a_refusal_ends_the_connection),
		TEST(who_shuts_its_side_still_gets_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
