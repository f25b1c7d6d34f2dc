/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prints UDP packets as they pass a device, one line each: "SRC DST HEX-PAYLOAD". What it prints
 * can be given to rawudp.
 *
 *	udpcap -i DEVICE [-t TYPE] [-c COUNT] [-p PORT]
 *	  -t TYPE   only WireGuard messages of this type
 *	  -p PORT   only to or from this port
 *	  -c COUNT  stop after so many
 *
 * Told to end (SIGTERM, SIGINT), it prints what has come until then: on a busy machine that is not
 * little.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"

#define BEHIND 200000 /* packets that may wait when it is told to end */

static volatile sig_atomic_t ending;

struct wanted {
	unsigned int ifindex;
	unsigned long count;
	int type;      /* 0: any */
	uint16_t port; /* network order, 0: any */
};

struct udp_packet {
	struct tp_endpoint src, dst;
	const uint8_t *payload;
	size_t len;
};

/* The IP header's length, or 0 when it is not UDP. */
static size_t parse_ip(const uint8_t *p, size_t len, struct udp_packet *out)
{
	const struct iphdr *v4 = (const void *)p;
	const struct ip6_hdr *v6 = (const void *)p;

	if (len >= sizeof(*v4) && v4->version == 4) {
		if (v4->protocol != IPPROTO_UDP)
			return 0;
		out->src.addr = tp_addr_from_v4((struct in_addr){v4->saddr});
		out->dst.addr = tp_addr_from_v4((struct in_addr){v4->daddr});
		return v4->ihl * 4u;
	}
	if (len < sizeof(*v6) || v6->ip6_vfc >> 4 != 6 || v6->ip6_nxt != IPPROTO_UDP)
		return 0;
	out->src.addr = tp_addr_from_v6(&v6->ip6_src);
	out->dst.addr = tp_addr_from_v6(&v6->ip6_dst);
	return sizeof(*v6);
}

static bool parse_udp(const uint8_t *p, size_t len, struct udp_packet *out)
{
	size_t ip_len = parse_ip(p, len, out);
	struct udphdr udp;

	if (!ip_len || len < ip_len + sizeof(udp))
		return false;
	memcpy(&udp, p + ip_len, sizeof(udp));
	out->src.port = udp.source;
	out->dst.port = udp.dest;
	out->payload = p + ip_len + sizeof(udp);
	out->len = len - ip_len - sizeof(udp);
	if (ntohs(udp.len) >= sizeof(udp) && ntohs(udp.len) - sizeof(udp) < out->len)
		out->len = ntohs(udp.len) - sizeof(udp); /* Ethernet's padding */
	return true;
}

static bool fits(const struct wanted *w, const struct udp_packet *p)
{
	if (w->port && p->src.port != w->port && p->dst.port != w->port)
		return false;
	if (!w->type)
		return true;
	return p->len >= 4 && p->payload[0] == w->type && !p->payload[1] && !p->payload[2] &&
	       !p->payload[3];
}

static void print(const struct udp_packet *p)
{
	char src[TP_ADDR_STRLEN], dst[TP_ADDR_STRLEN];

	printf("%s %s ", tp_endpoint_format(&p->src, src), tp_endpoint_format(&p->dst, dst));
	for (size_t i = 0; i < p->len; i++)
		printf("%02x", p->payload[i]);
	putchar('\n');
	fflush(stdout);
}

static void on_end(int sig)
{
	(void)sig;
	ending = 1;
}

static int open_device(const struct wanted *w)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)w->ifindex};
	const struct timeval look = {.tv_usec = 100000}; /* whether to end */
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0), room = 8 << 20;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look));
	if (bind(fd, (void *)&at, sizeof(at)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int capture(const struct wanted *w)
{
	int fd = open_device(w);
	unsigned long seen = 0, left = BEHIND;
	struct udp_packet p;
	uint8_t buf[65536];
	ssize_t n;

	if (fd < 0)
		return fd;
	fprintf(stderr, "listening\n");
	while ((!w->count || seen < w->count) && left) {
		left -= ending;
		n = recv(fd, buf, sizeof(buf), ending ? MSG_DONTWAIT : 0);
		if (n < 0 && (ending || (errno != EINTR && errno != EAGAIN)))
			break;
		if (n <= 0 || !parse_udp(buf, (size_t)n, &p) || !fits(w, &p))
			continue;
		print(&p);
		seen++;
	}
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct wanted w = {0};
	int option, err;

	while ((option = getopt(argc, argv, "i:t:c:p:")) != -1) {
		switch (option) {
		case 'i': w.ifindex = if_nametoindex(optarg); break;
		case 't': w.type = atoi(optarg); break;
		case 'c': w.count = strtoul(optarg, NULL, 10); break;
		case 'p': w.port = htons((uint16_t)atoi(optarg)); break;
		default: w.ifindex = 0; break;
		}
	}
	if (!w.ifindex) {
		fprintf(stderr, "usage: udpcap -i DEVICE [-t TYPE] [-c COUNT] [-p PORT]\n");
		return 2;
	}
	signal(SIGTERM, on_end);
	signal(SIGINT, on_end);
	err = capture(&w);
	if (err)
		fprintf(stderr, "udpcap: %s\n", strerror(-err));
	return err ? 1 : 0;
}
