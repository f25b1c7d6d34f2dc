// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "control.h"

struct fixture {
	char dir[32];
	char path[64];
	struct event_base *base;
	struct tp_control *control;
	unsigned int handled;
};

static json_t *handle(void *arg, const json_t *request)
{
	struct fixture *f = arg;
	const char *command = json_string_value(json_object_get(request, "command"));

	f->handled++;
	if (!command)
		return tp_control_error("no \"%s\"", "command");
	if (!strcmp(command, "null"))
		return NULL;
	if (!strcmp(command, "scalar"))
		return json_integer(42);
	if (!strcmp(command, "huge")) {
		char *s = malloc(70u << 20);
		json_t *j;

		memset(s, 'x', 70u << 20);
		j = json_stringn(s, 70u << 20);
		free(s);
		return j;
	}
	if (!strcmp(command, "stop"))
		event_base_loopexit(f->base, NULL);
	return json_pack("{s:s}", "did", command);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/tp-control-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/run/sock", f->dir);
	f->base = event_base_new();
	assert_int_equal(tp_control_new(&f->control, f->base, f->path, handle, f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char run[64];

	tp_control_free(f->control);
	event_base_free(f->base);
	assert_int_equal(access(f->path, F_OK), -1);
	snprintf(run, sizeof(run), "%s/run", f->dir);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* A blocking client beside the loop. Whoever finishes wakes the loop through `done`. */
struct call {
	struct fixture *f;
	const char *raw; /* sent as it is; else `request` through tp_control_call() */
	json_t *request;
	json_t *reply;
	int err;
	int done[2];
	pthread_t thread;
};

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void call_raw(struct call *c)
{
	int fd = dial(c->f->path);
	FILE *in = fdopen(fd, "r");

	send(fd, c->raw, strlen(c->raw), MSG_NOSIGNAL);
	c->reply = json_loadf(in, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
	fclose(in);
}

static void *call_thread(void *arg)
{
	struct call *c = arg;

	if (c->raw)
		call_raw(c);
	else
		c->err = tp_control_call(c->f->path, c->request, &c->reply);
	close(c->done[1]);
	return NULL;
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopexit(arg, NULL);
}

static void call_start(struct call *c)
{
	assert_int_equal(pipe(c->done), 0);
	assert_int_equal(pthread_create(&c->thread, NULL, call_thread, c), 0);
}

static void call_finish(struct call *c)
{
	event_base_once(c->f->base, c->done[0], EV_READ, on_done, c->f->base, NULL);
	event_base_dispatch(c->f->base);
	pthread_join(c->thread, NULL);
	close(c->done[0]);
}

static json_t *call_raw_json(struct fixture *f, const char *raw)
{
	struct call c = {.f = f, .raw = raw};

	call_start(&c);
	call_finish(&c);
	return c.reply;
}

static int call_json(struct fixture *f, const char *command, json_t **reply)
{
	struct call c = {.f = f, .request = json_pack("{s:s}", "command", command)};

	call_start(&c);
	call_finish(&c);
	json_decref(c.request);
	*reply = c.reply;
	return c.err;
}

static void assert_error(json_t *reply, const char *part)
{
	const char *text = json_string_value(json_object_get(reply, "error"));

	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
	json_decref(reply);
}

static void test_command(void **state)
{
	struct fixture *f = *state;
	json_t *reply;

	assert_int_equal(call_json(f, "status", &reply), 0);
	assert_string_equal(json_string_value(json_object_get(reply, "did")), "status");
	json_decref(reply);
	assert_int_equal(call_json(f, "scalar", &reply), 0);
	assert_int_equal(json_integer_value(reply), 42);
	json_decref(reply);
	assert_int_equal(call_json(f, "null", &reply), 0);
	assert_error(reply, "internal error");
	assert_int_equal(f->handled, 3);
}

static void test_bad_requests(void **state)
{
	static const char *const bad[] = {
		"\n",	      "{\n",	 "nonsense\n",	 "{\"a\":1,\"a\":2}\n",
		"\"\xff\"\n", "{} {}\n", "{\"a\":1}}\n", "[[[[[[\n"};
	struct fixture *f = *state;
	char *deep = malloc(60001);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_error(call_raw_json(f, bad[i]), "not JSON");
	memset(deep, '[', 60000);
	deep[59999] = '\n';
	deep[60000] = '\0';
	assert_error(call_raw_json(f, deep), "not JSON");
	free(deep);
	assert_error(call_raw_json(f, "[]\n"), "not a JSON object");
	assert_int_equal(f->handled, 0);
	assert_error(call_raw_json(f, "{\"a\":1}\n"), "no \"command\"");
	assert_int_equal(f->handled, 1);
}

static void test_oversize_request(void **state)
{
	struct fixture *f = *state;
	char *big = malloc(1000001);
	struct call c = {.f = f};

	memset(big, ' ', 1000000);
	big[1000000] = '\0';
	assert_error(call_raw_json(f, big), "too long");
	/* The library's client, too, gets the answer although the daemon stops reading. */
	memset(big, 'x', 1000000);
	c.request = json_pack("{s:s}", "command", big);
	call_start(&c);
	call_finish(&c);
	assert_int_equal(c.err, 0);
	assert_error(c.reply, "too long");
	json_decref(c.request);
	free(big);
}

static void test_oversize_answer(void **state)
{
	json_t *reply;

	assert_int_equal(call_json(*state, "huge", &reply), 0);
	assert_error(reply, "too large");
}

static void test_many_clients(void **state)
{
	struct fixture *f = *state;
	struct call calls[100];

	for (int i = 0; i < 100; i++) {
		calls[i] = (struct call){.f = f, .request = json_pack("{s:i}", "number", i)};
		call_start(&calls[i]);
	}
	for (int i = 0; i < 100; i++) {
		call_finish(&calls[i]);
		assert_int_equal(calls[i].err, 0);
		assert_error(calls[i].reply, "no \"command\"");
		json_decref(calls[i].request);
	}
	assert_int_equal(f->handled, 100);
}

static void test_handler_may_stop_the_loop(void **state)
{
	struct fixture *f = *state;
	struct call c = {.f = f, .request = json_pack("{s:s}", "command", "stop")};

	call_start(&c);
	event_base_dispatch(f->base); /* ended by the handler */
	tp_control_free(f->control);
	f->control = NULL;
	pthread_join(c.thread, NULL);
	close(c.done[0]);
	assert_int_equal(c.err, 0);
	assert_string_equal(json_string_value(json_object_get(c.reply, "did")), "stop");
	json_decref(c.reply);
	json_decref(c.request);
}

static void test_socket_file(void **state)
{
	struct fixture *f = *state;
	struct tp_control *second;
	struct stat st;
	char other[64];
	int fd;

	assert_int_equal(lstat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(tp_control_new(&second, f->base, f->path, handle, f), -EADDRINUSE);
	assert_null(second);
	assert_int_equal(access(f->path, F_OK), 0);

	snprintf(other, sizeof(other), "%s/run/file", f->dir);
	fd = open(other, O_CREAT | O_EXCL | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(tp_control_new(&second, f->base, other, handle, f), -ENOTSOCK);
	assert_int_equal(unlink(other), 0); /* still there */

	snprintf(other, sizeof(other), "%s/a/b/c", f->dir);
	assert_int_equal(tp_control_new(&second, f->base, other, handle, f), -ENOENT);
}

static void test_path_too_long(void **state)
{
	struct fixture *f = *state;
	struct tp_control *second;
	json_t *reply, *request = json_object();
	char path[200];

	memset(path, 'x', sizeof(path));
	path[199] = '\0';
	assert_int_equal(tp_control_new(&second, f->base, path, handle, f), -ENAMETOOLONG);
	assert_int_equal(tp_control_call(path, request, &reply), -ENAMETOOLONG);
	json_decref(request);
}

/* The socket of a process that died stays behind. */
static void leave_stale_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void test_stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	json_t *reply, *request = json_object();

	tp_control_free(f->control);
	assert_int_equal(tp_control_call(f->path, request, &reply), -ENOENT);
	leave_stale_socket(f->path);
	assert_int_equal(tp_control_call(f->path, request, &reply), -ECONNREFUSED);
	assert_int_equal(tp_control_new(&f->control, f->base, f->path, handle, f), 0);
	assert_int_equal(call_json(f, "status", &reply), 0);
	json_decref(reply);
	json_decref(request);
}

static void test_successor_keeps_its_socket(void **state)
{
	struct fixture *f = *state;
	struct tp_control *second;

	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(tp_control_new(&second, f->base, f->path, handle, f), 0);
	tp_control_free(f->control);
	f->control = NULL;
	assert_int_equal(access(f->path, F_OK), 0);
	tp_control_free(second);
}

/* In a child, because a process can't get its root back. Returns tp_control_call()'s result. */
static int call_as_nobody(const char *path)
{
	json_t *reply, *request = json_object();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(255);
		_exit(-tp_control_call(path, request, &reply));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	json_decref(request);
	return -WEXITSTATUS(status);
}

static void test_others_are_denied(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		print_message("# needs root to become somebody else\n");
		skip();
	}
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(call_as_nobody(f->path), -EACCES);
}

static void test_daemon_that_hangs_up(void **state)
{
	struct fixture *f = *state;
	struct call c = {.f = f, .request = json_object()};
	char path[64];
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	struct fixture other;

	snprintf(path, sizeof(path), "%s/run/other", f->dir);
	strcpy(addr.sun_path, path);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 4), 0);
	strcpy(other.path, path);
	c.f = &other;
	for (int i = 0; i < 2; i++) {
		call_start(&c);
		fd = accept(listener, NULL, NULL);
		if (i == 1)
			assert_int_equal(write(fd, "rubbish\n", 8), 8);
		shutdown(fd, SHUT_WR);
		pthread_join(c.thread, NULL);
		close(c.done[0]);
		close(fd);
		assert_int_equal(c.err, i == 0 ? -ECONNRESET : -EBADMSG);
		assert_null(c.reply);
	}
	json_decref(c.request);
	close(listener);
	unlink(path);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_command),
		T(test_bad_requests),
		T(test_oversize_request),
		T(test_oversize_answer),
		T(test_many_clients),
		T(test_handler_may_stop_the_loop),
		T(test_socket_file),
		T(test_path_too_long),
		T(test_stale_socket_is_replaced),
		T(test_successor_keeps_its_socket),
		T(test_others_are_denied),
		T(test_daemon_that_hangs_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
