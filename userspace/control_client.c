// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The client's side of the control socket. */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

#define CALL_SECONDS 10
#define REPLY_MAX    (128u << 20)

struct buffer {
	char *data;
	size_t len, size;
};

static int open_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = CALL_SECONDS};
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Bounds connect(), which waits while the daemon's backlog is full. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = errno == EAGAIN ? -ETIMEDOUT : -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Waits until fd can be read or written; 0, -ETIMEDOUT past the deadline, -EINTR, or -errno. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now = tp_now();
	int n;

	if (now >= deadline)
		return -ETIMEDOUT;
	n = poll(&p, 1, (int)((deadline - now) / TP_NS_PER_MS) + 1);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int send_all(int fd, const char *data, size_t len, uint64_t deadline)
{
	while (len) {
		ssize_t n;
		int err = wait_for(fd, POLLOUT, deadline);

		if (err)
			return err;
		n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EPIPE) {
			return 0; /* the daemon has read enough; its answer says why */
		} else if (errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int buffer_grow(struct buffer *b)
{
	size_t size = b->size ? b->size * 2 : 4096;
	char *data;

	if (size > REPLY_MAX)
		return -EFBIG;
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

/* Reads up to the newline that ends the answer. */
static int receive_line(int fd, struct buffer *b, uint64_t deadline)
{
	for (;;) {
		ssize_t n;
		int err = b->len == b->size ? buffer_grow(b) : 0;

		if (!err)
			err = wait_for(fd, POLLIN, deadline);
		if (err)
			return err;
		n = recv(fd, b->data + b->len, b->size - b->len, MSG_DONTWAIT);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		if (memchr(b->data + b->len, '\n', (size_t)n)) {
			b->len += (size_t)n;
			return 0;
		}
		b->len += (size_t)n;
	}
}

int tp_control_call(const char *path, const json_t *request, json_t **reply)
{
	uint64_t deadline = tp_now() + TP_SEC(CALL_SECONDS);
	char *line = json_dumps(request, JSON_COMPACT);
	struct buffer in = {0};
	int fd, err;

	*reply = NULL;
	if (!line)
		return -EINVAL;
	fd = open_socket(path);
	err = fd < 0 ? fd : send_all(fd, line, strlen(line), deadline);
	if (!err)
		err = send_all(fd, "\n", 1, deadline);
	if (!err)
		err = receive_line(fd, &in, deadline);
	if (!err) {
		*reply = json_loadb(in.data, in.len, JSON_DECODE_ANY, NULL);
		if (!*reply)
			err = -EBADMSG;
	}
	if (fd >= 0)
		close(fd);
	free(line);
	free(in.data);
	return err;
}
