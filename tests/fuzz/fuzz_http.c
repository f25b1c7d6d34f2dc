// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a client may send to the metrics page, through its socket: each whole request gets a
 * complete HTTP answer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct tp_endpoint endpoint;

static void collect(void *arg, struct tp_metrics *m)
{
	(void)arg;
	tp_metrics_family(m, TP_GAUGE, "fuzz", "Fuzz.");
	tp_metrics_u64(m, NULL, 1);
}

static const char *not_ready(void *arg)
{
	(void)arg;
	return "never";
}

static const struct tp_metrics_ops ops = {.collect = collect, .not_ready = not_ready};

static void start(void)
{
	struct tp_metrics_server *server;

	base = event_base_new();
	if (!base || tp_endpoint_parse("127.0.0.1:0", &endpoint) ||
	    tp_metrics_server_new(&server, base, &endpoint, &ops, NULL))
		abort();
	endpoint = tp_metrics_server_endpoint(server);
}

/* Closing resets the connection: thousands a second must not stay behind in TIME_WAIT. */
static int dial(void)
{
	struct linger none = {.l_onoff = 1};
	struct sockaddr_storage ss;
	socklen_t len = tp_endpoint_to_sockaddr(&endpoint, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) ||
	    connect(fd, (struct sockaddr *)&ss, len))
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char answer[4096];
	size_t len = 0;
	ssize_t n;
	int fd;

	if (!base)
		start();
	if (size > 10000)
		return 0;
	fd = dial();
	if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
	shutdown(fd, SHUT_WR);
	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(fd, answer + len, sizeof(answer) - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	} while (n != 0 && len < sizeof(answer) - 1);
	answer[len] = '\0';
	if (len ? strncmp(answer, "HTTP/1.1 ", 9) != 0 || !strstr(answer, "\r\n\r\n")
		: memmem(data, size, "\r\n\r\n", 4) != NULL)
		abort();
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
