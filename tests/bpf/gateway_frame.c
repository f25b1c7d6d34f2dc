/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames of the gateway's tests, byte by byte. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gateway_lab.h"

#define ETH 14

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

uint16_t lab_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += (uint64_t)(i % 2 ? p[i] : p[i] << 8);
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void lab_addr(uint8_t addr[16], const char *text)
{
	memset(addr, 0, 16);
	if (strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
		return;
	}
	addr[10] = addr[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, text, addr + 12), 1);
}

/* --- what packets there are ------------------------------------------------------------------ */

struct lab_packet lab_opener(uint8_t proto, const char *src, uint16_t sport, const char *dst,
			     uint16_t dport)
{
	return (struct lab_packet){.src = src,
				   .dst = dst,
				   .proto = proto,
				   .sport = sport,
				   .dport = dport,
				   .flags = TCP_S,
				   .payload = proto == IPPROTO_TCP ? 0 : 33};
}

struct lab_packet lab_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return lab_opener(IPPROTO_UDP, src, sport, dst, dport);
}

struct lab_packet lab_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			  uint8_t flags)
{
	struct lab_packet p = lab_opener(IPPROTO_TCP, src, sport, dst, dport);

	p.flags = flags;
	return p;
}

struct lab_packet lab_error_about(const char *src, const char *dst, const struct lab_frame *f)
{
	return (struct lab_packet){.src = src,
				   .dst = dst,
				   .proto = IPPROTO_ICMP,
				   .sport = 0x0303,
				   .payload = f->len - ETH,
				   .quote = lab_ip(f)};
}

/* --- building ------------------------------------------------------------------------------- */

static uint32_t build_tcp(uint8_t *p, const struct lab_packet *k)
{
	uint32_t options = k->mss ? 4 + k->nops : 0, len = 20 + (options + 3) / 4 * 4;
	uint8_t *mss = p + 20 + k->nops;

	put16(p, k->sport);
	put16(p + 2, k->dport);
	p[7] = 1; /* sequence */
	p[12] = (uint8_t)(len / 4 << 4);
	p[13] = k->flags;
	put16(p + 14, 0xffff);
	if (k->mss) {
		memset(p + 20, 1, k->nops);
		mss[0] = 2;
		mss[1] = 4;
		put16(mss + 2, k->mss);
	}
	return len;
}

static uint32_t build_l4(uint8_t *p, const struct lab_packet *k)
{
	switch (k->proto) {
	case IPPROTO_TCP: return build_tcp(p, k);
	case IPPROTO_UDP:
		put16(p, k->sport);
		put16(p + 2, k->dport);
		put16(p + 4, 8 + k->payload);
		return 8;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put16(p, k->sport);
		put16(p + 4, k->dport);
		p[7] = 1;
		return 8;
	default: return 0;
	}
}

static int check_at(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP: return 16;
	case IPPROTO_UDP: return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return 2;
	default: return -1;
	}
}

/* Over pseudo header, header and payload. */
static uint64_t l4_sum(const uint8_t *ip, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	uint64_t sum = sum_bytes(l4, len);

	if (proto == IPPROTO_ICMP)
		return sum;
	sum += proto + len;
	return sum + (ip[0] >> 4 == 6 ? sum_bytes(ip + 8, 32) : sum_bytes(ip + 12, 8));
}

static uint8_t *build_ip(uint8_t *ip, const struct lab_packet *k, uint32_t *header)
{
	uint8_t addr[16];

	if (strchr(k->src, ':')) {
		ip[0] = 0x60;
		ip[6] = k->proto;
		ip[7] = k->ttl ? k->ttl : 64;
		lab_addr(ip + 8, k->src);
		lab_addr(ip + 24, k->dst);
		*header = 40;
		return ip + 40;
	}
	*header = k->options ? 24 : 20;
	ip[0] = (uint8_t)(0x40 | *header / 4);
	ip[1] = k->tos;
	put16(ip + 4, 0xabcd);
	put16(ip + 6, k->df ? 0x4000 : 0);
	ip[8] = k->ttl ? k->ttl : 64;
	ip[9] = k->proto;
	lab_addr(addr, k->src);
	memcpy(ip + 12, addr + 12, 4);
	lab_addr(addr, k->dst);
	memcpy(ip + 16, addr + 12, 4);
	if (k->options)
		ip[20] = ip[21] = ip[22] = 1;
	return ip + *header;
}

void lab_build(struct lab_frame *f, const struct lab_packet *k)
{
	static const uint8_t macs[12] = {0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 9, 2};
	uint8_t *ip = f->data + ETH, *l4;
	uint32_t header, len;
	int at = check_at(k->proto);

	memset(f, 0, sizeof(*f));
	memcpy(f->data, macs, sizeof(macs));
	put16(f->data + 12, strchr(k->src, ':') ? 0x86dd : 0x0800);
	l4 = build_ip(ip, k, &header);
	len = build_l4(l4, k);
	for (uint32_t i = 0; i < k->payload; i++)
		l4[len + i] = k->quote ? k->quote[i] : (uint8_t)(i * 7 + 3);
	len += k->payload;
	if (ip[0] >> 4 == 6)
		put16(ip + 4, len);
	else
		put16(ip + 2, header + len);
	if (at >= 0 && !k->no_checksum) {
		uint16_t sum = (uint16_t)~fold(l4_sum(ip, k->proto, l4, len));

		put16(l4 + at, !sum && k->proto == IPPROTO_UDP ? 0xffff : sum);
	}
	if (ip[0] >> 4 == 4)
		put16(ip + 10, (uint16_t)~fold(sum_bytes(ip, header)));
	f->len = ETH + header + len;
}

/* --- reading -------------------------------------------------------------------------------- */

void lab_fragment(struct lab_frame *f, uint16_t offset, bool more)
{
	uint8_t *ip = f->data + 14;
	uint16_t field = (uint16_t)(offset / 8 | (more ? 0x2000 : 0));
	uint32_t sum = (uint16_t)~lab_get16(ip + 10) + (uint32_t)field;

	ip[6] = (uint8_t)(field >> 8);
	ip[7] = (uint8_t)field;
	sum = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

const uint8_t *lab_ip(const struct lab_frame *f)
{
	return f->data + ETH;
}

const uint8_t *lab_l4(const struct lab_frame *f)
{
	const uint8_t *ip = lab_ip(f);

	return ip + (ip[0] >> 4 == 6 ? 40 : (ip[0] & 15) * 4);
}

static bool wrong(const char *what)
{
	print_error("%s\n", what);
	return false;
}

/* The packet at `ip`, of which `room` bytes are there. */
static bool packet_ok(const uint8_t *ip, uint32_t room)
{
	bool v6 = ip[0] >> 4 == 6;
	uint32_t header = v6 ? 40 : (uint32_t)(ip[0] & 15) * 4;
	uint32_t len = v6 ? lab_get16(ip + 4) + 40u : lab_get16(ip + 2);
	uint8_t proto = v6 ? ip[6] : ip[9];
	int at = check_at(proto);

	if (len != room)
		return wrong("the IP header's length is not the packet's");
	if (!v6 && fold(sum_bytes(ip, header)) != 0xffff)
		return wrong("the IP header's checksum is wrong");
	if (at < 0 || (proto == IPPROTO_UDP && !v6 && !lab_get16(ip + header + at)))
		return true;
	if (fold(l4_sum(ip, proto, ip + header, len - header)) != 0xffff)
		return wrong("the transport's checksum is wrong");
	return true;
}

bool lab_checksums_ok(const struct lab_frame *f)
{
	return packet_ok(lab_ip(f), f->len - ETH);
}

static bool has_addr(const struct lab_frame *f, const char *text, bool source)
{
	const uint8_t *ip = lab_ip(f);
	uint8_t addr[16];

	lab_addr(addr, text);
	if (ip[0] >> 4 == 6)
		return !memcmp(ip + (source ? 8 : 24), addr, 16);
	return !memcmp(ip + (source ? 12 : 16), addr + 12, 4);
}

bool lab_is_from(const struct lab_frame *f, const char *addr)
{
	return has_addr(f, addr, true);
}

bool lab_is_to(const struct lab_frame *f, const char *addr)
{
	return has_addr(f, addr, false);
}

uint16_t lab_sport(const struct lab_frame *f)
{
	return lab_get16(lab_l4(f));
}

uint16_t lab_dport(const struct lab_frame *f)
{
	return lab_get16(lab_l4(f) + 2);
}

uint8_t lab_ttl(const struct lab_frame *f)
{
	return lab_ip(f)[lab_ip(f)[0] >> 4 == 6 ? 7 : 8];
}

bool lab_quotes(const struct lab_frame *error, const struct lab_packet *p)
{
	struct lab_frame want, quote = {.len = error->len - 20 - 8};

	lab_build(&want, p);
	memcpy(quote.data + ETH, lab_l4(error) + 8, quote.len - ETH);
	return lab_checksums_ok(&quote) && quote.len == want.len &&
	       !memcmp(lab_ip(&quote) + 12, lab_ip(&want) + 12, want.len - ETH - 12);
}
