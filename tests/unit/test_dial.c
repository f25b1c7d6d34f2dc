// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A name with several addresses: one that does not answer holds no other up. In a mount namespace
 * of its own for a hosts file of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "clock.h"
#include "dial.h"

#define NAME	"control.test"
#define FILLERS 8

static struct event_base *base;
static bool private_hosts;

struct place {
	int fd, fillers[FILLERS];
	uint16_t port;
};

struct outcome {
	bool done;
	struct bufferevent *bev;
	char why[128], address[16];
	uint64_t after;
};

/* --- addresses of loopback that answer, refuse, or are silent --- */

static struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, address, &sa.sin_addr);
	return sa;
}

static void listen_at(struct place *p, const char *address, uint16_t port)
{
	struct sockaddr_in sa = at(address, port);
	socklen_t len = sizeof(sa);
	int on = 1;

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(p->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(p->fd, 0), 0);
	getsockname(p->fd, (struct sockaddr *)&sa, &len);
	p->port = ntohs(sa.sin_port);
	memset(p->fillers, -1, sizeof(p->fillers));
}

/* With its backlog full it answers no SYN any more. */
static void silence(struct place *p, const char *address)
{
	struct sockaddr_in sa = at(address, p->port);

	for (int i = 0; i < FILLERS; i++) {
		p->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(p->fillers[i], (struct sockaddr *)&sa, sizeof(sa));
	}
}

static void place_end(struct place *p)
{
	for (int i = 0; i < FILLERS; i++)
		if (p->fillers[i] >= 0)
			close(p->fillers[i]);
	close(p->fd);
}

static void write_hosts(const char *addresses[], size_t n)
{
	FILE *f = fopen("/etc/hosts", "we");

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s " NAME "\n", addresses[i]);
	fclose(f);
}

/* --- dialling --- */

static void on_done(void *arg, struct bufferevent *bev, const char *why)
{
	struct outcome *o = arg;
	struct sockaddr_in sa = {0};
	socklen_t len = sizeof(sa);

	o->done = true;
	o->bev = bev;
	if (why)
		snprintf(o->why, sizeof(o->why), "%s", why);
	if (bev && !getpeername(bufferevent_getfd(bev), (struct sockaddr *)&sa, &len))
		inet_ntop(AF_INET, &sa.sin_addr, o->address, sizeof(o->address));
}

static struct outcome dial(uint16_t port, unsigned int timeout_ms)
{
	struct outcome o = {0};
	struct tp_dial *d;
	uint64_t start = tp_now();

	assert_int_equal(tp_dial_new(&d, base, NAME, port, timeout_ms, on_done, &o), 0);
	while (!o.done)
		event_base_loop(base, EVLOOP_ONCE);
	o.after = tp_now() - start;
	if (o.bev)
		bufferevent_free(o.bev);
	event_base_loop(base, EVLOOP_NONBLOCK); /* the resolver's leftovers */
	return o;
}

/* --- tests --- */

static int begin(void **state)
{
	(void)state;
	base = event_base_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

#define NEEDS_HOSTS()                                                               \
	do {                                                                        \
		if (!private_hosts) {                                               \
			print_message("# skipped: no mount namespace to be had\n"); \
			skip();                                                     \
		}                                                                   \
	} while (0)

static void a_silent_address_holds_nobody_up(void **state)
{
	const char *both[] = {"127.0.0.2", "127.0.0.3"};
	struct place silent, good;
	struct outcome o;

	(void)state;
	NEEDS_HOSTS();
	write_hosts(both, 2);
	listen_at(&silent, "127.0.0.2", 0);
	silence(&silent, "127.0.0.2");
	listen_at(&good, "127.0.0.3", silent.port);
	o = dial(silent.port, 5000);
	assert_string_equal(o.address, "127.0.0.3");
	assert_true(o.after >= TP_MS(200)); /* the first had its head start */
	assert_true(o.after < TP_MS(1500));
	place_end(&silent);
	place_end(&good);
}

static void one_that_refuses_is_left_at_once(void **state)
{
	const char *both[] = {"127.0.0.4", "127.0.0.3"};
	struct place good;
	struct outcome o;

	(void)state;
	NEEDS_HOSTS();
	write_hosts(both, 2);
	listen_at(&good, "127.0.0.3", 0);
	o = dial(good.port, 5000);
	assert_string_equal(o.address, "127.0.0.3");
	assert_true(o.after < TP_MS(200));
	place_end(&good);
}

static void the_first_is_taken_when_it_answers(void **state)
{
	const char *both[] = {"127.0.0.3", "127.0.0.2"};
	struct place good, other;
	struct outcome o;

	(void)state;
	NEEDS_HOSTS();
	write_hosts(both, 2);
	listen_at(&good, "127.0.0.3", 0);
	listen_at(&other, "127.0.0.2", good.port);
	o = dial(good.port, 5000);
	assert_string_equal(o.address, "127.0.0.3");
	place_end(&good);
	place_end(&other);
}

static void all_silent_ends_in_time(void **state)
{
	const char *both[] = {"127.0.0.2", "127.0.0.3"};
	struct place a, b;
	struct outcome o;

	(void)state;
	NEEDS_HOSTS();
	write_hosts(both, 2);
	listen_at(&a, "127.0.0.2", 0);
	listen_at(&b, "127.0.0.3", a.port);
	silence(&a, "127.0.0.2");
	silence(&b, "127.0.0.3");
	o = dial(a.port, 600);
	assert_null(o.bev);
	assert_string_equal(o.why, "no answer");
	assert_true(o.after >= TP_MS(800) && o.after < TP_MS(2500));
	place_end(&a);
	place_end(&b);
}

static void nobody_there(void **state)
{
	const char *both[] = {"127.0.0.4", "127.0.0.5"};
	struct place gone;
	struct outcome o;

	(void)state;
	NEEDS_HOSTS();
	write_hosts(both, 2);
	listen_at(&gone, "127.0.0.4", 0);
	place_end(&gone);
	o = dial(gone.port, 5000);
	assert_null(o.bev);
	assert_string_equal(o.why, "cannot connect: Connection refused");
}

/* /etc/hosts is a file of ours, for this process alone. */
static bool make_hosts(void)
{
	char path[] = "/tmp/test-dial-XXXXXX";
	int fd = mkstemp(path);
	bool good = fd >= 0 && !unshare(CLONE_NEWNS) &&
		    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount(path, "/etc/hosts", NULL, MS_BIND, NULL);

	if (fd >= 0)
		close(fd);
	unlink(path);
	return good;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_silent_address_holds_nobody_up),
		CASE(one_that_refuses_is_left_at_once),
		CASE(the_first_is_taken_when_it_answers),
		CASE(all_silent_ends_in_time),
		CASE(nobody_there),
	};

	private_hosts = make_hosts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
