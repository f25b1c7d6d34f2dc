// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a client may send to a control socket, through the socket: each whole request gets an answer
 * that is one line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "control.h"

#define REQUEST_MAX 70000 /* a little more than the server takes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct sockaddr_un addr = {.sun_family = AF_UNIX};

static json_t *echo(void *arg, const json_t *request)
{
	(void)arg;
	return json_deep_copy(request);
}

static void remove_directory(void)
{
	unlink(addr.sun_path);
	*strrchr(addr.sun_path, '/') = '\0';
	rmdir(addr.sun_path);
}

static void start(void)
{
	char dir[] = "/tmp/tp-fuzz-XXXXXX";
	struct tp_control *control;

	base = event_base_new();
	if (!base || !mkdtemp(dir))
		abort();
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", dir);
	if (tp_control_new(&control, base, addr.sun_path, echo, NULL))
		abort();
	atexit(remove_directory);
}

static void check_answer(const char *answer, size_t len)
{
	json_t *j = json_loadb(answer, len, JSON_DECODE_ANY, NULL);

	if (!j || memchr(answer, '\n', len) != answer + len - 1)
		abort();
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char answer[8 * REQUEST_MAX]; /* echoed characters may come back as \u escapes */
	size_t len = 0;
	ssize_t n;
	int fd;

	if (!base)
		start();
	if (size > REQUEST_MAX)
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	shutdown(fd, SHUT_WR);
	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(fd, answer + len, sizeof(answer) - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	} while (n != 0 && len < sizeof(answer));
	if (len)
		check_answer(answer, len);
	else if (memchr(data, '\n', size))
		abort();
	close(fd);
	return 0;
}
