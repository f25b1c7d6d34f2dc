/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sdnotify.h"

static char dir[] = "/tmp/tp-sdnotify-XXXXXX";

/* Binds a socket there as the service manager does. '@': abstract. */
static int listen_at(const char *name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(un.sun_path, name, strlen(name));
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&un, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *received(int fd)
{
	static char text[512];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void test_file_socket(void **state)
{
	char path[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = listen_at(path);
	assert_int_equal(tp_sdnotify("READY=1"), 0);
	assert_string_equal(received(fd), "READY=1");
	close(fd);
	assert_int_equal(tp_sdnotify("STOPPING=1"), -ECONNREFUSED);
	unlink(path);
	assert_int_equal(tp_sdnotify("STOPPING=1"), -ENOENT);
	rmdir(dir);
}

static void test_abstract_socket(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@tp-sdnotify-%d", (int)getpid());
	fd = listen_at(name);
	assert_int_equal(tp_sdnotify_status("%d nodes", 3), 0);
	assert_string_equal(received(fd), "STATUS=3 nodes");
	assert_int_equal(tp_sdnotify_reloading(), 0);
	assert_int_equal(strncmp(received(fd), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	close(fd);
}

static void test_nobody_asked(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(tp_sdnotify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(tp_sdnotify("READY=1"), 0);
}

static void test_bad_names(void **state)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	(void)state;
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(tp_sdnotify("READY=1"), -EINVAL);
	memset(name, 'a', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(tp_sdnotify("READY=1"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_socket),
		cmocka_unit_test(test_abstract_socket),
		cmocka_unit_test(test_nobody_asked),
		cmocka_unit_test(test_bad_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
