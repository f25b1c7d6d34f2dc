/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A host of the office LAN: says by whom it is asked.
 *
 *	lan_server [-w PORT] [-t PORT] [-u PORT]... [-1]
 *	  -w PORT  HTTP: GET /bytes/N has N bytes, every other path the asker's address
 *	  -t PORT  TCP: greets with the asker's address and port in a line, then echoes
 *	  -u PORT  UDP: echoes
 *	  -1       log only the first datagram from each ip:port in a row
 *	Prints "ready", then a line "tcp|udp|http PORT from ADDRESS:PORT [LENGTH]" for each of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"

#define PORTS_MAX 32
#define CHUNK	  65536
#define QUEUE	  (8 << 20) /* bytes of datagrams that may wait when the machine is busy */

enum service { HTTP, TCP, UDP };

struct port {
	enum service service;
	unsigned int number;
	char last[TP_ADDR_STRLEN]; /* who sent the latest datagram */
};

static struct port ports[PORTS_MAX];
static struct pollfd fds[PORTS_MAX];
static unsigned int n_ports;
static bool terse;

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static const char *name_of(const struct sockaddr_in6 *from, char *buf)
{
	struct tp_endpoint e = {0};

	tp_endpoint_from_sockaddr((const struct sockaddr *)from, &e);
	return tp_endpoint_format(&e, buf);
}

static void report(const struct port *p, const char *from, ssize_t len)
{
	static const char *const names[] = {[HTTP] = "http", [TCP] = "tcp", [UDP] = "udp"};

	printf("%s %u from %s", names[p->service], p->number, from);
	if (len >= 0)
		printf(" %zd", len);
	putchar('\n');
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void echo(int fd, const char *from)
{
	char buf[CHUNK];
	ssize_t n;

	snprintf(buf, sizeof(buf), "%s\n", from);
	if (write_all(fd, buf, strlen(buf)))
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write_all(fd, buf, (size_t)n))
			return;
}

static void send_bytes(int fd, size_t len)
{
	static char chunk[CHUNK];

	memset(chunk, 'x', sizeof(chunk));
	while (len) {
		size_t n = len < sizeof(chunk) ? len : sizeof(chunk);

		if (write_all(fd, chunk, n))
			return;
		len -= n;
	}
}

/* One request, then the end of the connection. */
static void serve_page(int fd, const char *from)
{
	char request[4096] = "", head[256], page[TP_ADDR_STRLEN + 2];
	size_t have = 0, bytes = 0;
	ssize_t n;

	while (!strstr(request, "\r\n\r\n") && have < sizeof(request) - 1) {
		n = read(fd, request + have, sizeof(request) - 1 - have);
		if (n <= 0)
			return;
		have += (size_t)n;
		request[have] = 0;
	}
	snprintf(page, sizeof(page), "%s\n", from);
	if (sscanf(request, "GET /bytes/%zu ", &bytes) != 1)
		bytes = strlen(page);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", bytes);
	if (write_all(fd, head, strlen(head)))
		return;
	if (strstr(request, "GET /bytes/"))
		send_bytes(fd, bytes);
	else
		write_all(fd, page, strlen(page));
}

static void serve_connection(const struct port *p, int listener)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char name[TP_ADDR_STRLEN];
	int fd = accept(listener, (struct sockaddr *)&from, &len);

	if (fd < 0)
		return;
	report(p, name_of(&from, name), -1);
	if (!fork()) {
		if (p->service == HTTP)
			serve_page(fd, name);
		else
			echo(fd, name);
		_exit(0);
	}
	close(fd);
}

/* --- UDP -------------------------------------------------------------------------------------- */

static void serve_datagram(struct port *p, int fd)
{
	static char buf[CHUNK];
	struct sockaddr_in6 from;
	socklen_t size = sizeof(from);
	char name[TP_ADDR_STRLEN];
	ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

	if (n < 0)
		return;
	name_of(&from, name);
	if (!terse || strcmp(name, p->last) != 0)
		report(p, name, n);
	strcpy(p->last, name);
	sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, size);
}

/* --- start ------------------------------------------------------------------------------------ */

static int open_port(const struct port *p)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)p->number)};
	int fd = socket(AF_INET6, p->service == UDP ? SOCK_DGRAM : SOCK_STREAM, 0), on = 1;
	int queue = QUEUE;

	if (p->service == UDP)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		fail("bind");
	if (p->service != UDP && listen(fd, 128))
		fail("listen");
	return fd;
}

static void add(enum service service, const char *number)
{
	struct port *p = &ports[n_ports];

	if (n_ports == PORTS_MAX)
		exit(EXIT_FAILURE);
	p->service = service;
	p->number = (unsigned int)strtoul(number, NULL, 10);
	fds[n_ports] = (struct pollfd){.fd = open_port(p), .events = POLLIN};
	n_ports++;
}

static void serve(void)
{
	if (poll(fds, n_ports, -1) < 0)
		fail("poll");
	for (unsigned int i = 0; i < n_ports; i++) {
		if (!(fds[i].revents & POLLIN))
			continue;
		if (ports[i].service == UDP)
			serve_datagram(&ports[i], fds[i].fd);
		else
			serve_connection(&ports[i], fds[i].fd);
	}
}

int main(int argc, char **argv)
{
	int opt;

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((opt = getopt(argc, argv, "w:t:u:1")) != -1) {
		switch (opt) {
		case 'w': add(HTTP, optarg); break;
		case 't': add(TCP, optarg); break;
		case 'u': add(UDP, optarg); break;
		case '1': terse = true; break;
		default: return 2;
		}
	}
	puts("ready");
	for (;;)
		serve();
}
