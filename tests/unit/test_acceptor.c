// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Accepting: as many as are wanted, and not in circles when there are no descriptors. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "acceptor.h"
#include "clock.h"

static struct event_base *base;
static struct tp_acceptor *acceptor;
static struct sockaddr_in address;
static int accepted[8];
static unsigned int n_accepted;
static bool yields; /* after each */

static void on_connection(void *arg, int fd, const struct sockaddr *from)
{
	assert_ptr_equal(arg, &address);
	assert_int_equal(from->sa_family, AF_INET);
	accepted[n_accepted++] = fd;
	if (yields)
		tp_acceptor_yield(acceptor);
}

static int begin(void **state)
{
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	address = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&address, &len);
	n_accepted = 0;
	yields = false;
	base = event_base_new();
	return tp_acceptor_new(&acceptor, base, fd, on_connection, &address);
}

static int end(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < n_accepted; i++)
		close(accepted[i]);
	tp_acceptor_free(acceptor);
	event_base_free(base);
	return 0;
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* How often the loop turned in that time. */
static unsigned int loop_for(uint64_t time)
{
	const struct timeval tv = {.tv_usec = 10000};
	uint64_t until = tp_now() + time;
	unsigned int turns = 0;

	for (; tp_now() < until; turns++) {
		event_base_loopexit(base, &tv);
		event_base_loop(base, EVLOOP_ONCE);
	}
	return turns;
}

static void connections_come(void **state)
{
	int a = dial(), b = dial();

	(void)state;
	loop_for(TP_MS(50));
	assert_int_equal(n_accepted, 2);
	assert_true(fcntl(accepted[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC);
	close(a);
	close(b);
}

static void only_while_they_are_wanted(void **state)
{
	int fd;

	(void)state;
	tp_acceptor_want(acceptor, false);
	fd = dial();
	loop_for(TP_MS(50));
	assert_int_equal(n_accepted, 0);
	tp_acceptor_want(acceptor, true);
	loop_for(TP_MS(50));
	assert_int_equal(n_accepted, 1);
	tp_acceptor_want(NULL, true);
	close(fd);
}

static void others_have_a_turn_in_between(void **state)
{
	int fds[3];

	(void)state;
	yields = true;
	for (int i = 0; i < 3; i++)
		fds[i] = dial();
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(n_accepted, 1);
	loop_for(TP_MS(50));
	assert_int_equal(n_accepted, 3);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void without_descriptors_it_pauses(void **state)
{
	struct rlimit before, none;
	int fd = dial();

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	assert_true(loop_for(TP_MS(200)) < 100);
	assert_int_equal(n_accepted, 0);
	tp_acceptor_want(acceptor, true); /* does not shorten it */
	setrlimit(RLIMIT_NOFILE, &before);
	loop_for(TP_MS(150));
	assert_int_equal(n_accepted, 0);
	loop_for(TP_MS(400));
	assert_int_equal(n_accepted, 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connections_come, begin, end),
		cmocka_unit_test_setup_teardown(only_while_they_are_wanted, begin, end),
		cmocka_unit_test_setup_teardown(others_have_a_turn_in_between, begin, end),
		cmocka_unit_test_setup_teardown(without_descriptors_it_pauses, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
