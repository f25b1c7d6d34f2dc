/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends UDP datagrams as IPv4 fragments in any order, as a path with several ways would deliver
 * them.
 *
 *	fragments [options] ADDRESS:PORT
 *	  -s PORT   source port (40000)
 *	  -l LEN    bytes of UDP payload (3000)
 *	  -c LEN    bytes of each fragment but the last, a multiple of 8 (1000)
 *	  -o ORDER  numbers of the fragments, "2,0,1": what is not named is not sent, what is named
 *		    twice is sent twice (all of them in order)
 *	  -n N      datagrams (1)
 *	  -i MS     pause between fragments (0)
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "crypto.h"

#define DATAGRAM_MAX 65000
#define ORDER_MAX    64
#define TTL	     64

static struct {
	struct sockaddr_in from, to;
	unsigned int len, cut, count, pause_ms;
	unsigned int order[ORDER_MAX], n_order;
} opts = {.len = 3000, .cut = 1000, .count = 1};

/* UDP header and payload. */
static unsigned char datagram[sizeof(struct udphdr) + DATAGRAM_MAX];

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static unsigned int size(void)
{
	return (unsigned int)sizeof(struct udphdr) + opts.len;
}

/* --- the datagram ----------------------------------------------------------------------------- */

static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static void make_datagram(void)
{
	struct udphdr udp = {.source = opts.from.sin_port,
			     .dest = opts.to.sin_port,
			     .len = htons((uint16_t)size())};
	uint32_t sum = IPPROTO_UDP + size();

	for (unsigned int i = 0; i < opts.len; i++)
		datagram[sizeof(udp) + i] = (unsigned char)(i * 7 + i / 251);
	memcpy(datagram, &udp, sizeof(udp));
	sum = add_words(sum, &opts.from.sin_addr, 4);
	sum = add_words(sum, &opts.to.sin_addr, 4);
	sum = add_words(sum, datagram, size());
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	udp.check = htons((uint16_t)(~sum & 0xffff ? ~sum & 0xffff : 0xffff));
	memcpy(datagram, &udp, sizeof(udp));
}

/* --- its fragments ---------------------------------------------------------------------------- */

static void send_fragment(int fd, uint16_t id, unsigned int number)
{
	unsigned char packet[sizeof(struct iphdr) + DATAGRAM_MAX];
	unsigned int at = number * opts.cut, left = at < size() ? size() - at : 0;
	unsigned int len = left > opts.cut ? opts.cut : left;
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = TTL,
			   .protocol = IPPROTO_UDP,
			   .id = id,
			   .saddr = opts.from.sin_addr.s_addr,
			   .daddr = opts.to.sin_addr.s_addr};

	if (!len)
		return;
	ip.frag_off = htons((uint16_t)(at / 8 | (left > opts.cut ? IP_MF : 0)));
	memcpy(packet, &ip, sizeof(ip)); /* the kernel fills in length and checksum */
	memcpy(packet + sizeof(ip), datagram + at, len);
	if (sendto(fd, packet, sizeof(ip) + len, 0, (struct sockaddr *)&opts.to, sizeof(opts.to)) <
	    0)
		fail("send");
}

static void send_all(int fd)
{
	for (unsigned int i = 0; i < opts.count; i++) {
		uint16_t id;

		tp_random(&id, sizeof(id));
		id |= htons(1);
		for (unsigned int n = 0; n < opts.n_order; n++) {
			send_fragment(fd, id, opts.order[n]);
			usleep(opts.pause_ms * 1000);
		}
	}
}

/* --- start ------------------------------------------------------------------------------------ */

static void parse_order(const char *text)
{
	char *end;

	for (; opts.n_order < ORDER_MAX; text = end + 1) {
		opts.order[opts.n_order++] = (unsigned int)strtoul(text, &end, 10);
		if (*end != ',')
			return;
	}
}

/* The source address is the one that the kernel would take. */
static void find_source(uint16_t port)
{
	socklen_t len = sizeof(opts.from);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&opts.to, sizeof(opts.to)) ||
	    getsockname(fd, (struct sockaddr *)&opts.from, &len))
		fail("no route");
	opts.from.sin_port = htons(port);
	close(fd);
}

static void parse_server(const char *text)
{
	struct sockaddr_storage to;
	struct tp_endpoint e;

	if (!text || tp_endpoint_parse(text, &e) || !tp_addr_is_v4(&e.addr))
		exit(2);
	tp_endpoint_to_sockaddr(&e, &to);
	memcpy(&opts.to, &to, sizeof(opts.to));
}

int main(int argc, char **argv)
{
	unsigned long port = 40000;
	int opt, fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	while ((opt = getopt(argc, argv, "s:l:c:o:n:i:")) != -1) {
		unsigned int n = (unsigned int)strtoul(optarg, NULL, 10);

		switch (opt) {
		case 's': port = n; break;
		case 'l': opts.len = n; break;
		case 'c': opts.cut = n & ~7u; break;
		case 'o': parse_order(optarg); break;
		case 'n': opts.count = n; break;
		case 'i': opts.pause_ms = n; break;
		default: return 2;
		}
	}
	if (fd < 0 || tp_crypto_init())
		fail("raw socket");
	if (opts.len > DATAGRAM_MAX || !opts.cut)
		return 2;
	parse_server(argv[optind]);
	find_source((uint16_t)port);
	make_datagram();
	if (!opts.n_order)
		for (unsigned int i = 0; i < ORDER_MAX; i++)
			opts.order[opts.n_order++] = i;
	send_all(fd);
	return EXIT_SUCCESS;
}
