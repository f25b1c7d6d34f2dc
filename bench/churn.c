/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opens and closes TCP connections as fast as they go, some at a time.
 *
 *	churn -l ADDR:PORT                 the server: accepts, and closes at once
 *	churn -c ADDR:PORT [-n N] [-t S]   the client: N connections at a time (64), for S seconds
 *(1)
 *
 * The server closes first, so that what lingers (TIME_WAIT) is its: the client's ports are free for
 *the next connection. The client prints a line of JSON: {"opened", "failed", "seconds"}; a
 *connection counts as opened when the server's FIN has come and the client's is sent.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"

#define EVENTS 64

struct churn {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	int epoll;
	unsigned long opened, failed;
};

static void fatal(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(const struct churn *c, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e))
		fatal("epoll_ctl");
}

/* One more connection under way. One that fails at once has no port, say: it is counted, not tried
 * again. */
static void open_one(struct churn *c)
{
	int fd = socket(c->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fatal("socket");
	if (connect(fd, (void *)&c->addr, c->addr_len) && errno != EINPROGRESS) {
		c->failed++;
		close(fd);
		return;
	}
	watch(c, fd);
}

static void close_one(struct churn *c, int fd)
{
	char byte;

	if (recv(fd, &byte, 1, 0) == 0)
		c->opened++;
	else
		c->failed++;
	close(fd);
}

static void run_client(struct churn *c, unsigned long at_a_time, double seconds)
{
	uint64_t start = tp_now(), end = start + (uint64_t)(seconds * (double)TP_NS_PER_SEC);
	struct epoll_event events[EVENTS];

	for (unsigned long i = 0; i < at_a_time; i++)
		open_one(c);
	while (tp_now() < end) {
		int n = epoll_wait(c->epoll, events, EVENTS, 100);

		for (int i = 0; i < n; i++) {
			close_one(c, events[i].data.fd);
			open_one(c);
		}
	}
	printf("{\"opened\":%lu,\"failed\":%lu,\"seconds\":%.3f}\n", c->opened, c->failed,
	       (double)(tp_now() - start) / (double)TP_NS_PER_SEC);
}

static void run_server(const struct churn *c)
{
	int on = 1, fd = socket(c->addr.ss_family, SOCK_STREAM, 0), one;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const void *)&c->addr, c->addr_len) || listen(fd, 4096))
		fatal("listen");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		one = accept(fd, NULL, NULL);
		if (one >= 0)
			close(one);
		else if (errno != EINTR && errno != ECONNABORTED)
			fatal("accept");
	}
}

int main(int argc, char **argv)
{
	struct churn c = {.epoll = epoll_create1(0)};
	struct tp_endpoint addr = {0};
	unsigned long at_a_time = 64;
	bool server = false;
	double seconds = 1;
	int option, err = 0;

	while (!err && (option = getopt(argc, argv, "l:c:n:t:")) != -1) {
		switch (option) {
		case 'l': server = true; /* fallthrough */
		case 'c': err = tp_endpoint_parse(optarg, &addr); break;
		case 'n': at_a_time = strtoul(optarg, NULL, 10); break;
		case 't': seconds = strtod(optarg, NULL); break;
		default: err = -EINVAL;
		}
	}
	if (err || !addr.port) {
		fprintf(stderr,
			"usage: churn -l ADDR:PORT | -c ADDR:PORT [-n AT-A-TIME] [-t SECONDS]\n");
		return 2;
	}
	c.addr_len = tp_endpoint_to_sockaddr(&addr, &c.addr);
	if (server)
		run_server(&c);
	else
		run_client(&c, at_a_time, seconds);
	return 0;
}
