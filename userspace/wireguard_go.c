// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A wireguard-go process as a backend: its socket, and starting it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto.h"
#include "log.h"
#include "wireguard_uapi.h"

#define SOCKET_DIRECTORY "/var/run/wireguard"

struct go {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd; /* -1: lost */
};

/* --- the socket ---
 *
 * It is its owner's alone, and giving it to somebody else makes wireguard-go end (it watches its
 * socket). So one connection is held, which works for whom this process becomes. */

static int connect_to(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, err;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int tp_wireguard_go_open(void **backend, const char *name)
{
	struct go *go;
	int err;

	*backend = NULL;
	go = calloc(1, sizeof(*go));
	if (!go)
		return -ENOMEM;
	snprintf(go->path, sizeof(go->path), SOCKET_DIRECTORY "/%s.sock", name);
	go->fd = connect_to(go->path);
	if (go->fd < 0) {
		err = go->fd;
		free(go);
		return err;
	}
	*backend = go;
	return 0;
}

static void lose(struct go *go)
{
	if (go->fd >= 0)
		close(go->fd);
	go->fd = -1;
}

static int go_reopen(void *backend)
{
	struct go *go = backend;

	lose(go);
	go->fd = connect_to(go->path);
	return go->fd < 0 ? go->fd : 0;
}

static void go_close(void *backend)
{
	lose(backend);
	free(backend);
}

/* --- one operation --- */

static int wait_until(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&pfd, 1, TP_WIREGUARD_PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

static int send_all(int fd, const char *data, size_t len)
{
	ssize_t n;
	int err;

	while (len) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EAGAIN)
			err = wait_until(fd, POLLOUT);
		else
			err = errno == EINTR ? 0 : -errno;
		if (err)
			return err;
	}
	return 0;
}

static int read_some(int fd, char *buf, size_t size, size_t *len)
{
	ssize_t n;
	int err;

	for (;;) {
		n = recv(fd, buf, size, 0);
		if (n > 0) {
			*len = (size_t)n;
			return 0;
		}
		if (!n)
			return -ENOTCONN;
		if (errno == EAGAIN)
			err = wait_until(fd, POLLIN);
		else
			err = errno == EINTR ? 0 : -errno;
		if (err)
			return err;
	}
}

static int read_answer(int fd, const struct tp_wireguard_sink *sink)
{
	struct tp_wireguard_uapi_reader reader;
	char buf[4096];
	size_t len;
	int err;

	tp_wireguard_uapi_init(&reader, sink);
	do {
		err = read_some(fd, buf, sizeof(buf), &len);
		if (!err)
			err = tp_wireguard_uapi_feed(&reader, buf, len);
	} while (err == 1);
	tp_wireguard_uapi_fini(&reader);
	tp_wipe(buf, sizeof(buf));
	return err;
}

/* After an error the process may take what was still to be read for the next operation, so the
 * connection ends with it. An answer that came before all was sent tells more than the failure to
 * send the rest. */
static int operate(struct go *go, const char *text, size_t len,
		   const struct tp_wireguard_sink *sink)
{
	int sent, err;

	if (go->fd < 0)
		return -ENOTCONN;
	sent = send_all(go->fd, text, len);
	if (sent == -ETIMEDOUT)
		err = sent;
	else
		err = read_answer(go->fd, sink);
	if (!err && sent)
		err = sent;
	if (err == -EPIPE || err == -ECONNRESET)
		err = -ENOTCONN;
	if (err)
		lose(go);
	return err;
}

static int go_set(void *backend, const struct tp_wireguard_plan *plan)
{
	size_t len;
	char *text = tp_wireguard_uapi_text(plan, &len);
	int err;

	if (!text)
		return -ENOMEM;
	err = operate(backend, text, len, NULL);
	tp_wireguard_uapi_free(text, len);
	return err;
}

static int go_get(void *backend, const struct tp_wireguard_sink *sink)
{
	static const char text[] = "get=1\n\n";

	return operate(backend, text, sizeof(text) - 1, sink);
}

const struct tp_wireguard_ops tp_wireguard_go_ops = {
	.set = go_set,
	.get = go_get,
	.reopen = go_reopen,
	.close = go_close,
};

/* --- the process --- */

/* Between fork and exec only what signal-safety(7) allows. */
static void become(const char *program, const char *name)
{
	char *const argv[] = {(char *)program, "-f", (char *)name, NULL};
	int null = open("/dev/null", O_RDWR);
	sigset_t nothing;

	sigemptyset(&nothing);
	sigprocmask(SIG_SETMASK, &nothing, NULL);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	close_range(3, ~0u, 0);
	umask(022); /* its socket's directory is for all, the socket it guards itself */
	if (chdir("/"))
		_exit(127);
	execv(program, argv);
	_exit(127);
}

static void detach(const char *program, const char *name)
{
	pid_t pid;

	setsid();
	pid = fork();
	if (!pid)
		become(program, name);
	_exit(pid < 0);
}

int tp_wireguard_go_start(const char *program, const char *name)
{
	int status;
	pid_t pid;

	if (access(program, X_OK))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		detach(program, name);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EAGAIN;
}
