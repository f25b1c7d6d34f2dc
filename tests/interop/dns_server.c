// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns_server FILE: a name server on 127.0.0.1, UDP port 53. FILE has lines "NAME ADDRESS", IPv4 or
 * IPv6, and is read anew for each question; what is not in it does not exist. Prints "ready", then
 * the name of each question.
 */
#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TTL 1

static int add_line(struct evdns_server_request *req, const struct evdns_server_question *q,
		    const char *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (q->type == EVDNS_TYPE_A && inet_pton(AF_INET, address, &v4) == 1)
		evdns_server_request_add_a_reply(req, q->name, 1, &v4, TTL);
	if (q->type == EVDNS_TYPE_AAAA && inet_pton(AF_INET6, address, &v6) == 1)
		evdns_server_request_add_aaaa_reply(req, q->name, 1, &v6, TTL);
	return 1;
}

static int answer(struct evdns_server_request *req, const struct evdns_server_question *q,
		  const char *path)
{
	char name[256], address[64];
	FILE *f = fopen(path, "r");
	int found = 0;

	if (!f)
		return 0;
	while (fscanf(f, "%255s %63s", name, address) == 2)
		if (!evutil_ascii_strcasecmp(name, q->name))
			found |= add_line(req, q, address);
	fclose(f);
	return found;
}

static void on_request(struct evdns_server_request *req, void *path)
{
	int found = 0;

	for (int i = 0; i < req->nquestions; i++) {
		printf("%s\n", req->questions[i]->name);
		found |= answer(req, req->questions[i], path);
	}
	fflush(stdout);
	evdns_server_request_respond(req, found ? DNS_ERR_NONE : DNS_ERR_NOTEXIST);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(53),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct event_base *base = event_base_new();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 2 || !base || fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    evutil_make_socket_nonblocking(fd) ||
	    !evdns_add_server_port_with_base(base, fd, 0, on_request, argv[1])) {
		perror("dns_server");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	return event_base_dispatch(base) < 0;
}
