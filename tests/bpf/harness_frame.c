/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames, byte by byte. */
#include <string.h>

#include "harness.h"

#define UDP    17
#define ICMP   1
#define ICMPV6 58

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : p[i] << 8;
	return sum;
}

static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool is_v6(const char *text)
{
	return strchr(text, ':') != NULL;
}

static uint8_t *build_l2(uint8_t *p, const struct packet_spec *spec)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 9, 1, 2, 0, 0, 0, 9, 2};

	memcpy(p, macs, sizeof(macs));
	p += sizeof(macs);
	for (int i = 0; i < spec->vlans; i++, p += 4) {
		put16(p, i == 0 && spec->vlans > 1 ? 0x88a8 : 0x8100);
		put16(p + 2, 10 + i);
	}
	put16(p, is_v6(spec->src) ? 0x86dd : 0x0800);
	return p + 2;
}

static uint8_t *build_ipv4(uint8_t *p, const struct packet_spec *spec, uint32_t udp_len)
{
	uint8_t addr[16];

	p[0] = 0x45;
	p[1] = spec->tos;
	put16(p + 2, 20 + udp_len);
	put16(p + 4, 0xabcd);
	put16(p + 6, spec->df ? 0x4000 : 0);
	p[8] = spec->ttl ? spec->ttl : 64;
	p[9] = UDP;
	put16(p + 10, 0);
	addr_make(addr, spec->src);
	memcpy(p + 12, addr + 12, 4);
	addr_make(addr, spec->dst);
	memcpy(p + 16, addr + 12, 4);
	put16(p + 10, ~fold(sum_bytes(p, 20)));
	return p + 20;
}

static uint8_t *build_ipv6(uint8_t *p, const struct packet_spec *spec, uint32_t udp_len)
{
	p[0] = 0x60 | spec->tos >> 4;
	p[1] = spec->tos << 4 | 0x0a; /* a flow label */
	put16(p + 2, 0xbcde);
	put16(p + 4, udp_len);
	p[6] = UDP;
	p[7] = spec->ttl ? spec->ttl : 64;
	addr_make(p + 8, spec->src);
	addr_make(p + 24, spec->dst);
	return p + 40;
}

/* The sum over pseudo header and payload of the IP packet at `ip`. */
static uint64_t l4_sum(const uint8_t *ip, uint32_t proto, uint32_t len)
{
	bool v6 = ip[0] >> 4 == 6;
	const uint8_t *l4 = ip + (v6 ? 40 : 20);

	return sum_bytes(l4, len) + proto + len +
	       (v6 ? sum_bytes(ip + 8, 32) : sum_bytes(ip + 12, 8));
}

void frame_build(struct frame *f, const struct packet_spec *spec)
{
	uint32_t udp_len = 8 + spec->payload_len;
	uint8_t *ip, *udp;

	memset(f->data, 0, sizeof(f->data));
	ip = build_l2(f->data, spec);
	udp = is_v6(spec->src) ? build_ipv6(ip, spec, udp_len) : build_ipv4(ip, spec, udp_len);
	put16(udp, spec->sport);
	put16(udp + 2, spec->dport);
	put16(udp + 4, udp_len);
	memcpy(udp + 8, spec->payload, spec->payload_len);
	if (!spec->no_checksum) {
		uint32_t sum = ~fold(l4_sum(ip, UDP, udp_len)) & 0xffff;

		put16(udp + 6, sum ? sum : 0xffff);
	}
	f->len = udp + udp_len - f->data + spec->trailer;
}

uint32_t frame_l2_len(const struct frame *f)
{
	uint32_t len = 14;

	while (get16(f->data + len - 2) == 0x8100 || get16(f->data + len - 2) == 0x88a8)
		len += 4;
	return len;
}

static bool checksum_ok(const uint8_t *ip, uint32_t proto, uint32_t len)
{
	bool v6 = ip[0] >> 4 == 6;
	const uint8_t *l4 = ip + (v6 ? 40 : 20);

	if (proto == ICMP)
		return fold(sum_bytes(l4, len)) == 0xffff;
	if (proto == UDP && !v6 && !get16(l4 + 6))
		return true;
	if (proto == UDP && !get16(l4 + 6))
		return false;
	return fold(l4_sum(ip, proto, len)) == 0xffff;
}

bool frame_checksums_ok(const struct frame *f)
{
	const uint8_t *ip = f->data + frame_l2_len(f);

	if (ip[0] >> 4 == 6)
		return checksum_ok(ip, ip[6], get16(ip + 4));
	return fold(sum_bytes(ip, 20)) == 0xffff && checksum_ok(ip, ip[9], get16(ip + 2) - 20);
}

const uint8_t *wg_message(uint32_t type, uint32_t len)
{
	static uint8_t message[FRAME_MAX];

	for (uint32_t i = 0; i < len && i < sizeof(message); i++)
		message[i] = i * 7 + 3;
	for (int i = 0; i < 4; i++)
		message[i] = type >> 8 * i;
	return message;
}

const uint8_t *wg_data(uint32_t index, uint32_t len)
{
	uint8_t *message = (uint8_t *)wg_message(4, len);

	memcpy(message + 4, &index, sizeof(index));
	return message;
}
