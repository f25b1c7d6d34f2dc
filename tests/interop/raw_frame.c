/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends frames as they are, from the Ethernet header on.
 *
 *	raw_frame DEVICE HEX [COUNT]
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FRAME_MAX 1514

static size_t parse_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; n < FRAME_MAX && sscanf(hex, "%2hhx", &out[n]) == 1; n++)
		hex += 2;
	return n;
}

static int open_device(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd < 0 || !at.sll_ifindex || bind(fd, (void *)&at, sizeof(at)) ? -1 : fd;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
	uint8_t frame[FRAME_MAX];
	size_t len = argc > 2 ? parse_hex(argv[2], frame) : 0;
	int fd;

	if (!len) {
		fprintf(stderr, "usage: raw_frame DEVICE HEX [COUNT]\n");
		return 2;
	}
	fd = open_device(argv[1]);
	while (fd >= 0 && count && send(fd, frame, len, 0) == (ssize_t)len)
		count--;
	if (!count)
		return 0;
	fprintf(stderr, "raw_frame: %s: %s\n", argv[1], strerror(errno));
	return 1;
}
