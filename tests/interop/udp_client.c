/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asks UDP echo servers from sockets of its own, and tells what came back.
 *
 *	udp_client [options] ADDRESS:PORT...
 *	  -s PORT   source port of the first socket (chosen by the kernel)
 *	  -m N      N sockets, with consecutive ports when there is a -s (1)
 *	  -n N      datagrams from each socket to each server (1)
 *	  -l LEN    bytes of each (16)
 *	  -i MS     pause between rounds (0)
 *	  -w MS     wait for the last answers, ICMP errors among them, if some are missing (5000)
 *	  -f        let the datagrams be fragmented on their way (DF=0)
 *	  -q        stay quiet about ICMP errors
 *	Prints "sent N received N", and "icmp TYPE CODE N" for each kind of error that came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"

#define SOCKETS_MAX 20000
#define SERVERS_MAX 64
#define BYTES_MAX   65000
#define KINDS	    256

static struct {
	unsigned int first_port, sockets, rounds, len, pause_ms, wait_ms;
	bool fragment, quiet;
	struct sockaddr_storage servers[SERVERS_MAX];
	unsigned int n_servers;
} opts = {.sockets = 1, .rounds = 1, .len = 16, .wait_ms = 5000};

static struct pollfd fds[SOCKETS_MAX];
static unsigned long sent, received, refused, errors[KINDS][KINDS];

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* --- what comes back -------------------------------------------------------------------------- */

static void take_error(int fd)
{
	char control[512], data[64];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};

	while (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		const struct sock_extended_err *e = c ? (const void *)CMSG_DATA(c) : NULL;

		if (e && e->ee_origin != SO_EE_ORIGIN_LOCAL) {
			errors[e->ee_type][e->ee_code]++;
			refused++;
		}
		m.msg_controllen = sizeof(control);
	}
}

static void take(struct pollfd *p)
{
	static char buf[BYTES_MAX];

	if (p->revents & POLLERR)
		take_error(p->fd);
	while (p->revents & POLLIN) {
		ssize_t n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0)
			break;
		received += n == (ssize_t)opts.len;
	}
}

/* Takes what comes for so long, or, when `early`, until everything was answered. */
static void collect(unsigned int ms, bool early)
{
	uint64_t end = tp_now() + ms * TP_NS_PER_MS;
	uint64_t now;

	do {
		now = tp_now();
		if (poll(fds, opts.sockets, now < end ? (int)((end - now) / TP_NS_PER_MS) : 0) <= 0)
			continue;
		for (unsigned int i = 0; i < opts.sockets; i++)
			if (fds[i].revents)
				take(&fds[i]);
	} while (now < end && (!early || received + refused < sent));
}

/* --- sockets ---------------------------------------------------------------------------------- */

static void bind_to(int fd, int family, unsigned int port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int err = family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
				    : bind(fd, (struct sockaddr *)&v6, sizeof(v6));

	if (err)
		fail("bind");
}

static void open_socket(unsigned int i)
{
	int family = opts.servers[0].ss_family, on = 1, pmtu = IP_PMTUDISC_DONT;
	int fd = socket(family, SOCK_DGRAM, 0);

	if (fd < 0)
		fail("socket");
	if (family == AF_INET) {
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
		if (opts.fragment)
			setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu, sizeof(pmtu));
	} else {
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	}
	if (opts.first_port)
		bind_to(fd, family, opts.first_port + i);
	fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void send_round(unsigned int socket_no)
{
	static char data[BYTES_MAX];

	for (unsigned int i = 0; i < opts.n_servers; i++) {
		const struct sockaddr *to = (const struct sockaddr *)&opts.servers[i];
		socklen_t size = to->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							  : sizeof(struct sockaddr_in6);
		int fd = fds[socket_no].fd;

		/* An error that came for an earlier one is told once, instead of sending. */
		if (sendto(fd, data, opts.len, 0, to, size) < 0) {
			take_error(fd);
			sendto(fd, data, opts.len, 0, to, size);
		}
		sent++;
	}
}

/* --- start ------------------------------------------------------------------------------------ */

static void add_server(const char *text)
{
	struct tp_endpoint e;

	if (opts.n_servers == SERVERS_MAX || tp_endpoint_parse(text, &e)) {
		fprintf(stderr, "%s: no address and port\n", text);
		exit(2);
	}
	tp_endpoint_to_sockaddr(&e, &opts.servers[opts.n_servers++]);
}

static void parse(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "s:m:n:l:i:w:fq")) != -1) {
		unsigned int n = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		switch (opt) {
		case 's': opts.first_port = n; break;
		case 'm': opts.sockets = n; break;
		case 'n': opts.rounds = n; break;
		case 'l': opts.len = n; break;
		case 'i': opts.pause_ms = n; break;
		case 'w': opts.wait_ms = n; break;
		case 'f': opts.fragment = true; break;
		case 'q': opts.quiet = true; break;
		default: exit(2);
		}
	}
	while (optind < argc)
		add_server(argv[optind++]);
	if (!opts.n_servers || !opts.sockets || opts.sockets > SOCKETS_MAX || opts.len > BYTES_MAX)
		exit(2);
}

static void print_result(void)
{
	printf("sent %lu received %lu\n", sent, received);
	for (int type = 0; type < KINDS && !opts.quiet; type++)
		for (int code = 0; code < KINDS; code++)
			if (errors[type][code])
				printf("icmp %d %d %lu\n", type, code, errors[type][code]);
}

int main(int argc, char **argv)
{
	struct rlimit files = {SOCKETS_MAX + 64, SOCKETS_MAX + 64};

	parse(argc, argv);
	setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned int i = 0; i < opts.sockets; i++)
		open_socket(i);
	for (unsigned int round = 0; round < opts.rounds; round++) {
		for (unsigned int i = 0; i < opts.sockets; i++) {
			send_round(i);
			if (i % 64 == 63)
				collect(1, true);
		}
		collect(opts.pause_ms, false);
	}
	collect(opts.wait_ms, true);
	print_result();
	return received == sent ? EXIT_SUCCESS : EXIT_FAILURE;
}
