/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A long wire: whatever one device receives the other sends, MS milliseconds later, in order. It
 * stands between two hosts of a lab where the kernel has no netem. Unfinished checksums and
 *segments pass as they are (PACKET_VNET_HDR). What comes while the wire is full is lost, as on a
 *real one.
 *
 *	delay_wire DEVICE DEVICE MS
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX (65536 + 256)
#define WIRE_ROOM 4096 /* frames under way, a power of two */

struct frame {
	uint64_t due; /* ns */
	size_t len;
	uint8_t *bytes; /* with the virtio_net_hdr before them */
};

/* One way: from a device to the other. */
struct way {
	int in, out;
	struct frame frames[WIRE_ROOM];
	uint32_t head, tail;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int open_device(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1,
	    room = 8 << 20;

	at.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !at.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		fprintf(stderr, "delay_wire: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

static void take(struct way *w, uint64_t delay)
{
	static uint8_t bytes[FRAME_MAX];
	ssize_t len;

	while ((len = recv(w->in, bytes, sizeof(bytes), 0)) > 0) {
		struct frame *f = &w->frames[w->tail % WIRE_ROOM];

		if (w->tail - w->head == WIRE_ROOM)
			continue;
		f->bytes = malloc((size_t)len);
		if (!f->bytes)
			continue;
		memcpy(f->bytes, bytes, (size_t)len);
		f->len = (size_t)len;
		f->due = now() + delay;
		w->tail++;
	}
}

/* Sends what is due. A frame that the device refuses is lost. */
static void give(struct way *w, uint64_t at)
{
	while (w->head != w->tail && w->frames[w->head % WIRE_ROOM].due <= at) {
		struct frame *f = &w->frames[w->head++ % WIRE_ROOM];

		if (send(w->out, f->bytes, f->len, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
			fprintf(stderr, "delay_wire: %zu bytes: %s\n", f->len, strerror(errno));
		free(f->bytes);
	}
}

static void sooner(const struct way *w, uint64_t *due)
{
	if (w->head != w->tail && w->frames[w->head % WIRE_ROOM].due < *due)
		*due = w->frames[w->head % WIRE_ROOM].due;
}

static void wait_on(struct way ways[2])
{
	struct pollfd fds[] = {{.fd = ways[0].in, .events = POLLIN},
			       {.fd = ways[1].in, .events = POLLIN}};
	uint64_t due = UINT64_MAX, at = now(), ns;
	struct timespec left;

	for (int i = 0; i < 2; i++)
		sooner(&ways[i], &due);
	ns = due > at ? due - at : 0;
	left = (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	ppoll(fds, 2, due == UINT64_MAX ? NULL : &left, NULL);
}

int main(int argc, char **argv)
{
	static struct way ways[2];
	uint64_t delay;

	if (argc != 4) {
		fputs("usage: delay_wire DEVICE DEVICE MS\n", stderr);
		return 2;
	}
	delay = strtoull(argv[3], NULL, 10) * 1000000;
	ways[0].in = ways[1].out = open_device(argv[1]);
	ways[1].in = ways[0].out = open_device(argv[2]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		for (int i = 0; i < 2; i++)
			take(&ways[i], delay);
		for (int i = 0; i < 2; i++)
			give(&ways[i], now());
		wait_on(ways);
	}
}
