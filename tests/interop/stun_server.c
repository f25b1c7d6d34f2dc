/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon's STUN server alone, for tests with other people's clients. Serves both families on
 *one port until it is killed.
 *
 *	stun_server [PORT]
 *	Prints "ready PORT" once it answers.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "relay/stun.h"
#include "userspace/udp.h"

static void serve(struct tp_udp *u, struct tp_udp_batch *batch)
{
	uint8_t reply[RELAY_STUN_REPLY_MAX];
	struct tp_udp_datagram d;
	struct tp_udp_error e;

	while (tp_udp_error_recv(u, &e))
		;
	if (tp_udp_recv(u, batch) <= 0)
		return;
	while (tp_udp_next(batch, &d)) {
		d.len = relay_stun_reply(d.data, d.len, &d.peer, reply, sizeof(reply));
		d.data = reply;
		if (d.len && tp_udp_send(u, &d))
			fprintf(stderr, "stun_server: reply not sent\n");
	}
}

int main(int argc, char **argv)
{
	uint16_t port = htons(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
	struct tp_udp_batch *batch = tp_udp_batch_new();
	struct tp_udp *u[2];
	struct pollfd p[2];

	if (!batch || tp_udp_open(&u[0], AF_INET, port) ||
	    tp_udp_open(&u[1], AF_INET6, tp_udp_port(u[0])))
		return 1;
	for (int i = 0; i < 2; i++)
		p[i] = (struct pollfd){.fd = tp_udp_fd(u[i]), .events = POLLIN};
	printf("ready %u\n", ntohs(tp_udp_port(u[0])));
	fflush(stdout);
	while (poll(p, 2, -1) > 0) {
		for (int i = 0; i < 2; i++)
			if (p[i].revents)
				serve(u[i], batch);
	}
	return 1;
}
