/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends UDP from any source address, its own or not, through a raw socket: replays, spoofed
 * packets and floods for the network tests.
 *
 *	rawudp -s SRC:PORT -d DST:PORT [options]
 *	  -x HEX    the payload; "-" reads one line of hex from stdin
 *	  -w TYPE   a WireGuard message of this type, random but for its header
 *	  -m KEY    with -w 1 or 2: mac1 as for this public key (base64)
 *	  -l LEN    LEN random bytes (-w 4: of ciphertext)
 *	  -n COUNT  packets (1)
 *	  -r RATE   packets a second (as fast as it goes)
 *	  -b N      of those, N at once each time
 *	  -v N      take the source from N consecutive addresses, with a random port
 *	Prints the number of packets that the kernel took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "clock.h"
#include "cookie.h"
#include "crypto.h"
#include "messages.h"

#define PAYLOAD_MAX 1400
#define TTL	    64

struct shape {
	struct tp_endpoint src, dst;
	uint8_t payload[PAYLOAD_MAX];
	size_t fixed_len;   /* of payload when it is the same every time */
	size_t random_len;  /* bytes of noise otherwise */
	unsigned long type; /* WireGuard message type, 0: plain noise */
	bool keyed;
	struct tp_mac_keys keys;
	unsigned long count, rate, burst, sources;
};

struct packet {
	union {
		struct iphdr v4;
		struct ip6_hdr v6;
	} ip;
	struct udphdr udp; /* follows whichever header it is when sent */
	uint8_t payload[PAYLOAD_MAX];
};

static uint32_t sum_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

/* RFC 768 and RFC 8200, 8.1: an IPv4 address goes into the pseudo-header without its ::ffff. */
static uint16_t udp_sum(const struct tp_endpoint *src, const struct tp_endpoint *dst,
			const struct udphdr *udp, const void *payload, size_t len)
{
	size_t skip = tp_addr_is_v4(&dst->addr) ? 12 : 0;
	uint32_t sum = IPPROTO_UDP + (uint32_t)(sizeof(*udp) + len);

	sum = sum_words(sum, src->addr.b + skip, 16 - skip);
	sum = sum_words(sum, dst->addr.b + skip, 16 - skip);
	sum = sum_words(sum, udp, sizeof(*udp));
	sum = sum_words(sum, payload, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : htons((uint16_t)~sum);
}

static size_t put_ip(void *out, const struct tp_endpoint *src, const struct tp_endpoint *dst,
		     size_t udp_len)
{
	struct iphdr *v4 = out;
	struct ip6_hdr *v6 = out;

	if (tp_addr_is_v4(&dst->addr)) {
		*v4 = (struct iphdr){.version = 4,
				     .ihl = sizeof(*v4) / 4,
				     .ttl = TTL,
				     .protocol = IPPROTO_UDP,
				     .tot_len = htons((uint16_t)(sizeof(*v4) + udp_len)),
				     .saddr = tp_addr_to_v4(&src->addr).s_addr,
				     .daddr = tp_addr_to_v4(&dst->addr).s_addr};
		return sizeof(*v4);
	}
	memset(v6, 0, sizeof(*v6));
	v6->ip6_flow = htonl(6u << 28);
	v6->ip6_plen = htons((uint16_t)udp_len);
	v6->ip6_nxt = IPPROTO_UDP;
	v6->ip6_hlim = TTL;
	memcpy(&v6->ip6_src, src->addr.b, 16);
	memcpy(&v6->ip6_dst, dst->addr.b, 16);
	return sizeof(*v6);
}

/* Length of a message of this type; data carries `noise` bytes of ciphertext. */
static size_t message_len(unsigned long type, size_t noise)
{
	switch (type) {
	case WG_INITIATION: return sizeof(struct wg_initiation);
	case WG_RESPONSE: return sizeof(struct wg_response);
	case WG_COOKIE_REPLY: return sizeof(struct wg_cookie_reply);
	case WG_DATA: return sizeof(struct wg_data) + WG_TAG_LEN + noise;
	default: return noise;
	}
}

static size_t make_payload(const struct shape *s, uint8_t *out)
{
	size_t len = message_len(s->type, s->random_len);
	struct wg_header header = {.type = htole32((uint32_t)s->type)};

	if (s->fixed_len) {
		memcpy(out, s->payload, s->fixed_len);
		return s->fixed_len;
	}
	tp_random(out, len);
	if (s->type)
		memcpy(out, &header, sizeof(header));
	if (s->keyed)
		tp_macs_write(&s->keys, NULL, out, len);
	return len;
}

static struct tp_endpoint pick_source(const struct shape *s)
{
	struct tp_endpoint src = s->src;
	uint32_t low, draw;

	if (!s->sources)
		return src;
	tp_random(&draw, sizeof(draw));
	memcpy(&low, src.addr.b + 12, sizeof(low));
	low = htonl(ntohl(low) + draw % (uint32_t)s->sources);
	memcpy(src.addr.b + 12, &low, sizeof(low));
	src.port = htons((uint16_t)(1024 + (draw >> 16) % 60000));
	return src;
}

static int send_one(int fd, const struct shape *s)
{
	struct tp_endpoint src = pick_source(s), bare = s->dst;
	uint8_t packet[sizeof(struct packet)];
	uint8_t payload[PAYLOAD_MAX];
	size_t len = make_payload(s, payload), ip_len;
	struct udphdr udp = {.source = src.port,
			     .dest = s->dst.port,
			     .len = htons((uint16_t)(sizeof(udp) + len))};
	struct sockaddr_storage to;
	socklen_t to_len;

	udp.check = udp_sum(&src, &s->dst, &udp, payload, len);
	ip_len = put_ip(packet, &src, &s->dst, sizeof(udp) + len);
	memcpy(packet + ip_len, &udp, sizeof(udp));
	memcpy(packet + ip_len + sizeof(udp), payload, len);
	bare.port = 0; /* a raw socket has no ports, and IPv6 insists */
	to_len = tp_endpoint_to_sockaddr(&bare, &to);
	return sendto(fd, packet, ip_len + sizeof(udp) + len, 0, (void *)&to, to_len) < 0 ? -errno
											  : 0;
}

static void pace(uint64_t start, unsigned long sent, unsigned long rate)
{
	uint64_t due = start + (rate ? sent * TP_NS_PER_SEC / rate : 0), now = tp_now();
	struct timespec t;

	if (due <= now)
		return;
	due -= now;
	t = (struct timespec){.tv_sec = (time_t)(due / TP_NS_PER_SEC),
			      .tv_nsec = (long)(due % TP_NS_PER_SEC)};
	nanosleep(&t, NULL);
}

static int parse_hex(const char *hex, struct shape *s)
{
	char line[2 * PAYLOAD_MAX + 2];
	size_t n = 0;

	if (!strcmp(hex, "-")) {
		if (!fgets(line, sizeof(line), stdin))
			return -EINVAL;
		hex = line;
	}
	for (; n < PAYLOAD_MAX && sscanf(hex, "%2hhx", &s->payload[n]) == 1; n++)
		hex += 2;
	s->fixed_len = n;
	return n ? 0 : -EINVAL;
}

static int parse_option(struct shape *s, int option, const char *value)
{
	uint8_t key[WG_KEY_LEN];

	switch (option) {
	case 's': return tp_endpoint_parse(value, &s->src);
	case 'd': return tp_endpoint_parse(value, &s->dst);
	case 'x': return parse_hex(value, s);
	case 'w': s->type = strtoul(value, NULL, 10); return s->type <= WG_DATA ? 0 : -EINVAL;
	case 'l':
		s->random_len = strtoul(value, NULL, 10);
		return s->random_len < 1300 ? 0 : -EINVAL;
	case 'n': s->count = strtoul(value, NULL, 10); return 0;
	case 'r': s->rate = strtoul(value, NULL, 10); return 0;
	case 'b': s->burst = strtoul(value, NULL, 10); return s->burst ? 0 : -EINVAL;
	case 'v': s->sources = strtoul(value, NULL, 10); return 0;
	case 'm':
		if (tp_key_parse(value, key))
			return -EINVAL;
		tp_mac_keys_init(&s->keys, key);
		s->keyed = true;
		return 0;
	default: return -EINVAL;
	}
}

static int parse_options(struct shape *s, int argc, char **argv)
{
	int option, err = 0;

	*s = (struct shape){.count = 1, .burst = 1};
	while (!err && (option = getopt(argc, argv, "s:d:x:w:m:l:n:r:b:v:")) != -1)
		err = parse_option(s, option, optarg);
	if (!err && (!s->src.port && !s->sources))
		err = -EINVAL;
	if (!err && tp_addr_is_v4(&s->src.addr) != tp_addr_is_v4(&s->dst.addr))
		err = -EINVAL;
	if (!err && s->keyed && s->type != WG_INITIATION && s->type != WG_RESPONSE)
		err = -EINVAL;
	return err;
}

int main(int argc, char **argv)
{
	unsigned long taken = 0;
	struct shape s;
	uint64_t start;
	int fd;

	if (tp_crypto_init() || parse_options(&s, argc, argv)) {
		fprintf(stderr, "usage: rawudp -s SRC:PORT -d DST:PORT [-x HEX] [-w TYPE] [-m KEY] "
				"[-l LEN] [-n COUNT] [-r RATE] [-b BURST] [-v SOURCES]\n");
		return 2;
	}
	fd = socket(tp_addr_is_v4(&s.dst.addr) ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0) {
		perror("raw socket");
		return 1;
	}
	start = tp_now();
	for (unsigned long i = 0; i < s.count; i++) {
		pace(start, i - i % s.burst, s.rate);
		if (!send_one(fd, &s))
			taken++;
	}
	close(fd);
	printf("%lu\n", taken);
	return taken ? 0 : 1;
}
