// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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
#include "oneshot.h"

#define PATIENCE_S 30
#define BIG	   (8u << 20) /* more than socket buffers take */

struct fixture {
	struct event_base *base;
	struct tp_oneshot *server;
	struct sockaddr_un addr;
	socklen_t addr_len;
};

/* Echoes the request; "big" gets a big answer, the other statuses get their names. */
static void answer(void *arg, enum tp_oneshot_status status, char *request, size_t len,
		   struct evbuffer *reply)
{
	static char big[BIG];

	assert_int_equal(strlen(request), len);
	if (!strcmp(request, "stop"))
		event_base_loopbreak(((struct fixture *)arg)->base);
	if (status == TP_ONESHOT_TOO_LONG)
		evbuffer_add_printf(reply, "too long");
	else if (status == TP_ONESHOT_BUSY)
		evbuffer_add_printf(reply, "busy");
	else if (!strcmp(request, "big"))
		evbuffer_add_reference(reply, big, BIG, NULL, NULL);
	else
		evbuffer_add(reply, request, len);
}

/* With a limit for the request alone. */
static const struct tp_oneshot_ops silent_ops = {
	.end = "\r\n",
	.request_max = 100,
	.unsent_max = 1000,
	.clients_max = 3,
	.request_ms = 200,
	.answer_ms = 600000,
	.answer = answer,
};

/* The same with time limits that no test reaches. */
static const struct tp_oneshot_ops patient_ops = {
	.end = "\r\n",
	.request_max = 100,
	.unsent_max = 1000,
	.clients_max = 3,
	.request_ms = 600000,
	.answer_ms = 600000,
	.answer = answer,
};

/* With a limit for reading alone. */
static const struct tp_oneshot_ops deaf_ops = {
	.end = "\r\n",
	.request_max = 100,
	.unsent_max = 1000,
	.clients_max = 3,
	.request_ms = 600000,
	.answer_ms = 200,
	.answer = answer,
};

static int start(void **state, const struct tp_oneshot_ops *with)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	f->base = event_base_new();
	f->addr.sun_family = AF_UNIX; /* no name: the kernel picks an abstract one */
	assert_int_equal(bind(fd, (struct sockaddr *)&f->addr, sizeof(sa_family_t)), 0);
	f->addr_len = sizeof(f->addr);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&f->addr, &f->addr_len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(tp_oneshot_new(&f->server, f->base, fd, with, f), 0);
	*state = f;
	return 0;
}

static int setup_silent(void **state)
{
	return start(state, &silent_ops);
}

static int setup_deaf(void **state)
{
	return start(state, &deaf_ops);
}

static int setup_patient(void **state)
{
	return start(state, &patient_ops);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tp_oneshot_free(f->server);
	event_base_free(f->base);
	free(f);
	return 0;
}

static int dial(struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	return fd;
}

static int ask(struct fixture *f, const char *request)
{
	int fd = dial(f);

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return fd;
}

/* Reads until the end of file into buf (size > 0), turning the server's loop meanwhile. Closes fd.
 * Returns the bytes read; those beyond the buffer are dropped. */
static size_t read_all(struct fixture *f, int fd, char *buf, size_t size)
{
	uint64_t give_up = tp_now() + TP_SEC(PATIENCE_S);
	static char chunk[65536];
	size_t total = 0;
	ssize_t n;

	for (;;) {
		assert_true(tp_now() < give_up);
		event_base_loop(f->base, EVLOOP_NONBLOCK);
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			break;
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			usleep(1000);
			continue;
		}
		if (total + (size_t)n < size)
			memcpy(buf + total, chunk, (size_t)n);
		total += (size_t)n;
	}
	buf[total < size ? total : 0] = '\0';
	close(fd);
	return total;
}

static void assert_answer(struct fixture *f, int fd, const char *expected)
{
	char buf[200];

	assert_int_equal(read_all(f, fd, buf, sizeof(buf)), strlen(expected));
	assert_string_equal(buf, expected);
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void test_answers_and_closes(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, ask(f, "hello\r\n"), "hello");
	assert_answer(f, ask(f, "\r\n"), "");
	assert_answer(f, ask(f, "first\r\nsecond\r\n"), "first");
}

static void test_answer_leaves_at_once(void **state)
{
	struct fixture *f = *state;
	int fd = ask(f, "stop\r\n");
	char buf[10] = "";

	event_base_dispatch(f->base);
	tp_oneshot_free(f->server); /* as a daemon does that was asked to stop */
	f->server = NULL;
	assert_int_equal(read(fd, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "stop");
	close(fd);
}

static void test_request_in_pieces(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	for (const char *p = "piecemeal\r\n"; *p; p++) {
		assert_int_equal(write(fd, p, 1), 1);
		turn(f);
	}
	assert_answer(f, fd, "piecemeal");
}

static void test_longest_and_too_long(void **state)
{
	struct fixture *f = *state;
	char request[4096];

	memset(request, 'x', sizeof(request));
	strcpy(request + 100, "\r\n");
	int fd = ask(f, request);
	request[100] = '\0';
	assert_answer(f, fd, request);

	memset(request, 'x', sizeof(request));
	strcpy(request + 101, "\r\n");
	assert_answer(f, ask(f, request), "too long");

	memset(request, 'x', sizeof(request)); /* no end at all, and more than the limit */
	request[sizeof(request) - 1] = '\0';
	assert_answer(f, ask(f, request), "too long");
}

static void test_half_closed_client_is_answered(void **state)
{
	struct fixture *f = *state;
	char c[1];
	int fd = ask(f, "big\r\n");

	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(read_all(f, fd, c, sizeof(c)), BIG);
}

static void test_silent_client_is_dropped(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, dial(f), "");
	assert_answer(f, ask(f, "no end"), "");
}

static void test_deaf_client_takes_no_more_memory(void **state)
{
	struct fixture *f = *state;
	int deaf = ask(f, "big\r\n");
	char c[1];

	turn(f);
	assert_answer(f, ask(f, "hello\r\n"), "busy"); /* unsent_max is exceeded */
	assert_int_equal(read_all(f, deaf, c, sizeof(c)), BIG);
	assert_answer(f, ask(f, "hello\r\n"), "hello");
}

static void test_deaf_client_is_dropped(void **state)
{
	struct fixture *f = *state;
	uint64_t give_up = tp_now() + TP_SEC(PATIENCE_S);
	int deaf = ask(f, "big\r\n");
	char buf[10] = "";

	while (strcmp(buf, "hello") != 0) { /* busy until the answer was given up */
		assert_true(tp_now() < give_up);
		read_all(f, ask(f, "hello\r\n"), buf, sizeof(buf));
	}
	assert_in_range(read_all(f, deaf, buf, sizeof(buf)), 1, BIG - 1);
}

static void test_clients_in_line_get_their_turn(void **state)
{
	struct fixture *f = *state;
	int idle[3], fds[20];

	for (int i = 0; i < 3; i++)
		idle[i] = dial(f);
	turn(f);
	for (int i = 0; i < 20; i++)
		fds[i] = ask(f, "hello\r\n");
	turn(f);
	for (int i = 0; i < 20; i++) { /* all places are taken: nobody is answered */
		char c;

		assert_int_equal(read(fds[i], &c, 1), -1);
		assert_int_equal(errno, EAGAIN);
	}
	close(idle[0]);
	for (int i = 0; i < 20; i++)
		assert_answer(f, fds[i], "hello");
	close(idle[1]);
	close(idle[2]);
}

static void test_vanished_clients_leave_room(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++) {
		close(dial(f));
		close(ask(f, "big\r\n"));
		turn(f);
	}
	assert_answer(f, ask(f, "hello\r\n"), "hello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers_and_closes, setup_patient, teardown),
		cmocka_unit_test_setup_teardown(test_answer_leaves_at_once, setup_patient,
						teardown),
		cmocka_unit_test_setup_teardown(test_request_in_pieces, setup_patient, teardown),
		cmocka_unit_test_setup_teardown(test_longest_and_too_long, setup_patient, teardown),
		cmocka_unit_test_setup_teardown(test_half_closed_client_is_answered, setup_patient,
						teardown),
		cmocka_unit_test_setup_teardown(test_silent_client_is_dropped, setup_silent,
						teardown),
		cmocka_unit_test_setup_teardown(test_deaf_client_takes_no_more_memory,
						setup_patient, teardown),
		cmocka_unit_test_setup_teardown(test_deaf_client_is_dropped, setup_deaf, teardown),
		cmocka_unit_test_setup_teardown(test_clients_in_line_get_their_turn, setup_patient,
						teardown),
		cmocka_unit_test_setup_teardown(test_vanished_clients_leave_room, setup_patient,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
