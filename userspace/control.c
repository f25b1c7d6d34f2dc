// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "oneshot.h"

#define ANSWER_MAX (64u << 20)
#define BACKLOG	   128

struct tp_control {
	struct tp_oneshot *server;
	json_t *(*handler)(void *arg, const json_t *request);
	void *arg;
	char *path;
	dev_t dev; /* of the socket file */
	ino_t ino;
};

json_t *tp_control_error(const char *fmt, ...)
{
	json_t *message;
	va_list ap;

	va_start(ap, fmt);
	message = json_vsprintf(fmt, ap);
	va_end(ap);
	return json_pack("{s:o}", "error", message ? message : json_string("out of memory"));
}

static int append_bounded(const char *s, size_t len, void *arg)
{
	struct evbuffer *out = arg;

	if (evbuffer_get_length(out) + len > ANSWER_MAX)
		return -1;
	return evbuffer_add(out, s, len);
}

/* Takes over `value`. */
static void write_answer(struct evbuffer *reply, json_t *value)
{
	static const char too_large[] = "{\"error\":\"the answer is too large\"}";

	if (json_dump_callback(value, append_bounded, reply, JSON_COMPACT | JSON_ENCODE_ANY)) {
		evbuffer_drain(reply, evbuffer_get_length(reply));
		evbuffer_add(reply, too_large, strlen(too_large));
	}
	evbuffer_add(reply, "\n", 1);
	json_decref(value);
}

static json_t *handle_request(struct tp_control *c, const char *text, size_t len)
{
	json_error_t error;
	json_t *request = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	json_t *answer;

	if (!request)
		return tp_control_error("request is not JSON: %s", error.text);
	if (json_is_object(request))
		answer = c->handler(c->arg, request);
	else
		answer = tp_control_error("request is not a JSON object");
	json_decref(request);
	return answer ? answer : tp_control_error("internal error");
}

static void on_request(void *arg, enum tp_oneshot_status status, char *request, size_t len,
		       struct evbuffer *reply)
{
	json_t *answer;

	switch (status) {
	case TP_ONESHOT_REQUEST: answer = handle_request(arg, request, len); break;
	case TP_ONESHOT_TOO_LONG: answer = tp_control_error("request is too long"); break;
	default: answer = tp_control_error("busy with other clients, try again"); break;
	}
	write_answer(reply, answer);
}

static const struct tp_oneshot_ops control_ops = {
	.end = "\n",
	.request_max = 65536,
	.unsent_max = ANSWER_MAX,
	.clients_max = 32,
	.request_ms = 10000,
	.answer_ms = 30000,
	.answer = on_request,
};

static int make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int err = 0;

	if (!slash || slash == path)
		return 0;
	dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return -ENOMEM;
	if (mkdir(dir, 0755) && errno != EEXIST)
		err = -errno;
	free(dir);
	return err;
}

/* Clears the way for bind(): 0 when nothing is at the path, or a dead daemon's socket was. */
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, err = 0;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: somebody listens and its backlog is full. */
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		err = -EADDRINUSE;
	else if (errno != ECONNREFUSED || unlink(addr->sun_path))
		err = -errno;
	close(fd);
	return err;
}

static int listen_at(struct tp_control *c, const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	/* Before bind(), so that the file never has a wider mode; after it, because bind() applied
	 * the umask. */
	if (fchmod(fd, 0660) || bind(fd, (const struct sockaddr *)addr, sizeof(*addr))) {
		err = -errno;
		close(fd);
		return err;
	}
	if (chmod(addr->sun_path, 0660) || lstat(addr->sun_path, &st) || listen(fd, BACKLOG)) {
		err = -errno;
		unlink(addr->sun_path);
		close(fd);
		return err;
	}
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	return fd;
}

static int open_socket(struct tp_control *c)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int err;

	if (strlen(c->path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, c->path);
	err = make_parent(c->path);
	if (!err)
		err = remove_stale(&addr);
	return err ? err : listen_at(c, &addr);
}

static void remove_socket(const struct tp_control *c)
{
	struct stat st;

	if (!lstat(c->path, &st) && st.st_dev == c->dev && st.st_ino == c->ino)
		unlink(c->path);
}

int tp_control_new(struct tp_control **out, struct event_base *base, const char *path,
		   json_t *(*handler)(void *arg, const json_t *request), void *arg)
{
	struct tp_control *c = calloc(1, sizeof(*c));
	int fd, err = -ENOMEM;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->handler = handler;
	c->arg = arg;
	c->path = strdup(path);
	if (!c->path)
		goto err_free;
	fd = open_socket(c);
	if (fd < 0) {
		err = fd;
		goto err_free;
	}
	err = tp_oneshot_new(&c->server, base, fd, &control_ops, c);
	if (err)
		goto err_socket;
	*out = c;
	return 0;

err_socket:
	close(fd);
	remove_socket(c);
err_free:
	free(c->path);
	free(c);
	return err;
}

void tp_control_free(struct tp_control *c)
{
	if (!c)
		return;
	tp_oneshot_free(c->server);
	remove_socket(c);
	free(c->path);
	free(c);
}
