/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_model_packet.h"

#include <netinet/in.h>
#include <string.h>

#define ETH 14

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* --- checksums ------------------------------------------------------------------------------- */

static uint64_t sum(const uint8_t *p, uint32_t len)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < len; i++)
		total += i % 2 ? p[i] : (uint64_t)p[i] << 8;
	return total;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

/* The checksum that is as right, or as wrong, over the new bytes as `old` was over the old. */
static uint16_t sum_carried(uint16_t old, uint64_t was, uint64_t is)
{
	return (uint16_t)~fold(is + (uint16_t)~old + (uint16_t)~fold(was));
}

/* Writes it; of UDP, which may have none, it is never 0. */
static void carry(uint8_t *at, bool udp, uint64_t was, uint64_t is)
{
	uint16_t old = lab_get16(at), now;

	if (udp && !old)
		return;
	now = sum_carried(old, was, is);
	put16(at, udp && !now ? 0xffff : now);
}

/* --- reading --------------------------------------------------------------------------------- */

bool model_is_v4(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(addr, prefix, 12);
}

bool model_is_link_scope(const uint8_t addr[16])
{
	static const uint8_t everybody[4] = {255, 255, 255, 255};
	const uint8_t *v4 = addr + 12;

	if (model_is_v4(addr))
		return v4[0] >> 4 == 14 || !memcmp(v4, everybody, 4) ||
		       (v4[0] == 169 && v4[1] == 254);
	return addr[0] == 0xff || (addr[0] == 0xfe && addr[1] >> 6 == 2);
}

static void read_v4(uint8_t addr[16], const uint8_t *p)
{
	lab_addr(addr, "0.0.0.0");
	memcpy(addr + 12, p, 4);
}

static enum model_icmp icmp4_kind(uint8_t type)
{
	switch (type) {
	case 8:
	case 13: return MODEL_QUERY;
	case 0:
	case 14: return MODEL_REPLY;
	case 3:
	case 11:
	case 12: return MODEL_ERROR;
	default: return MODEL_OTHER;
	}
}

static enum model_icmp icmp6_kind(uint8_t type)
{
	if (type < 128)
		return MODEL_ERROR;
	return type == 128 ? MODEL_QUERY : type == 129 ? MODEL_REPLY : MODEL_OTHER;
}

static int parse_icmp(struct model_packet *p, const uint8_t *l4)
{
	p->icmp = p->v6 ? icmp6_kind(l4[0]) : icmp4_kind(l4[0]);
	if (p->icmp == MODEL_QUERY || p->icmp == MODEL_REPLY)
		p->src.port = p->dst.port = lab_get16(l4 + 4);
	return p->icmp == MODEL_OTHER ? GW_DROP_icmp_kind : MODEL_ANYWHERE;
}

/* Headers must be there within what IP says is the packet. */
static int parse_l4(struct model_packet *p)
{
	uint32_t room = ETH + p->len - p->l4;
	const uint8_t *l4 = p->f->data + p->l4;

	if (p->part == MODEL_LATER)
		return MODEL_ANYWHERE;
	switch (p->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		if (room < 8)
			return GW_DROP_malformed;
		p->src.port = lab_get16(l4);
		p->dst.port = lab_get16(l4 + 2);
		if (p->proto == IPPROTO_TCP && room < 20)
			return p->part == MODEL_FIRST ? GW_DROP_fragment_bad : GW_DROP_malformed;
		p->flags = p->proto == IPPROTO_TCP ? l4[13] : 0;
		return MODEL_ANYWHERE;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return room < 8 ? GW_DROP_malformed : parse_icmp(p, l4);
	default: return MODEL_ANYWHERE;
	}
}

static int parse_v4(struct model_packet *p)
{
	const uint8_t *ip = p->f->data + ETH;
	uint32_t offset;

	if (p->f->len < ETH + 20 || ip[0] >> 4 != 4)
		return GW_DROP_malformed;
	read_v4(p->src.addr, ip + 12);
	read_v4(p->dst.addr, ip + 16);
	if (ip[0] != 0x45)
		return GW_DROP_ip_options;
	p->df = ip[6] & 0x40;
	offset = lab_get16(ip + 6) & 0x1fff;
	p->part = offset ? MODEL_LATER : ip[6] & 0x20 ? MODEL_FIRST : MODEL_WHOLE;
	p->id = lab_get16(ip + 4);
	p->ttl = ip[8];
	p->proto = ip[9];
	p->len = lab_get16(ip + 2);
	p->l4 = ETH + 20;
	if (p->len < 20 || p->len > p->f->len - ETH)
		return GW_DROP_malformed;
	if (offset == 1 && p->proto == IPPROTO_TCP)
		return GW_DROP_fragment_bad;
	return parse_l4(p);
}

static bool is_extension(uint8_t proto)
{
	static const uint8_t list[] = {0, 43, 44, 51, 60, 135};

	return memchr(list, proto, sizeof(list));
}

static int parse_v6(struct model_packet *p)
{
	const uint8_t *ip = p->f->data + ETH;

	if (p->f->len < ETH + 40 || ip[0] >> 4 != 6)
		return GW_DROP_malformed;
	p->v6 = p->df = true;
	memcpy(p->src.addr, ip + 8, 16);
	memcpy(p->dst.addr, ip + 24, 16);
	p->proto = ip[6];
	p->ttl = ip[7];
	p->len = lab_get16(ip + 4) + 40u;
	p->l4 = ETH + 40;
	if (p->len > p->f->len - ETH)
		return GW_DROP_malformed;
	if (model_is_v4(p->src.addr) || model_is_v4(p->dst.addr))
		return GW_DROP_spoofed_source;
	return is_extension(p->proto) ? GW_DROP_ip_options : parse_l4(p);
}

int model_parse(const struct lab_frame *f, struct model_packet *p)
{
	memset(p, 0, sizeof(*p));
	p->f = f;
	switch (lab_get16(f->data + 12)) {
	case 0x0800: return parse_v4(p);
	case 0x86dd: return parse_v6(p);
	default: return GW_PASS_not_ip;
	}
}

static void quote_ports(struct model_quote *q, const uint8_t *l4)
{
	bool icmp = q->proto == IPPROTO_ICMP || q->proto == IPPROTO_ICMPV6;

	q->src.port = lab_get16(icmp ? l4 + 4 : l4);
	q->dst.port = lab_get16(icmp ? l4 + 4 : l4 + 2);
}

bool model_quote(const struct model_packet *p, struct model_quote *q)
{
	const uint8_t *ip = p->f->data + p->l4 + 8;
	uint32_t header = p->v6 ? 40 : 20;

	memset(q, 0, sizeof(*q));
	q->at = p->l4 + 8;
	if (q->at + header + 8 > ETH + p->len)
		return false;
	if (p->v6) {
		memcpy(q->src.addr, ip + 8, 16);
		memcpy(q->dst.addr, ip + 24, 16);
		q->proto = ip[6];
	} else {
		if (ip[0] != 0x45 || lab_get16(ip + 6) & 0x1fff)
			return false;
		read_v4(q->src.addr, ip + 12);
		read_v4(q->dst.addr, ip + 16);
		q->proto = ip[9];
	}
	quote_ports(q, ip + header);
	return true;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Where TCP's segment size stands, NULL: nowhere. What is behind IP's end is not the packet's. */
static uint8_t *find_mss(struct lab_frame *f, uint32_t l4, uint32_t ip_end)
{
	uint32_t at = l4 + 20, end = l4 + (f->data[l4 + 12] >> 4) * 4u;

	if (end > ip_end)
		return NULL;
	while (at + 4 <= end && at + 4 <= f->len && f->data[at] != 0) {
		if (f->data[at] == 1) {
			at++;
			continue;
		}
		if (f->data[at] == 2 && f->data[at + 1] == 4)
			return f->data + at + 2;
		if (f->data[at + 1] < 2)
			return NULL;
		at += f->data[at + 1];
	}
	return NULL;
}

static void clamp(const struct model_packet *p, uint32_t mtu, struct lab_frame *out)
{
	uint32_t most = mtu - (p->v6 ? 60 : 40);
	uint8_t *mss;

	if (p->proto != IPPROTO_TCP || p->part == MODEL_LATER || !(p->flags & TCP_S))
		return;
	mss = find_mss(out, p->l4, ETH + p->len);
	if (mss && lab_get16(mss) > most)
		put16(mss, most);
}

static int sum_offset(const struct model_packet *p)
{
	switch (p->proto) {
	case IPPROTO_TCP: return 16;
	case IPPROTO_UDP: return 6;
	case IPPROTO_ICMP: return 2;
	default: return -1;
	}
}

/* Over what the transport's checksum is about and may change: addresses, header, payload. */
static uint64_t transport_sum(const struct model_packet *p, const struct lab_frame *f, int at)
{
	uint32_t len = ETH + p->len - p->l4;
	uint64_t total = sum(f->data + p->l4, len) - lab_get16(f->data + p->l4 + at);

	return p->proto == IPPROTO_ICMP || p->v6 ? total : total + sum(f->data + ETH + 12, 8);
}

static void carry_sums(const struct model_packet *p, struct lab_frame *out)
{
	uint8_t *ip = out->data + ETH;
	const uint8_t *was = p->f->data + ETH;
	int at = sum_offset(p);

	if (at >= 0 && p->part != MODEL_LATER)
		carry(out->data + p->l4 + at, p->proto == IPPROTO_UDP, transport_sum(p, p->f, at),
		      transport_sum(p, out, at));
	if (!p->v6)
		carry(ip + 10, false, sum(was, 20) - lab_get16(was + 10),
		      sum(ip, 20) - lab_get16(was + 10));
}

static void write_ports(const struct model_packet *p, const struct model_end *src,
			const struct model_end *dst, uint8_t *l4)
{
	if (p->part == MODEL_LATER)
		return;
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) {
		put16(l4, src->port);
		put16(l4 + 2, dst->port);
	} else if (p->proto == IPPROTO_ICMP && p->icmp != MODEL_ERROR) {
		put16(l4 + 4, src->port != p->src.port ? src->port : dst->port);
	}
}

void model_forward(const struct model_packet *p, const struct model_end *src,
		   const struct model_end *dst, uint32_t mtu, struct lab_frame *out)
{
	uint8_t *ip = out->data + ETH;

	*out = *p->f;
	ip[p->v6 ? 7 : 8]--;
	clamp(p, mtu, out);
	if (!p->v6) {
		memcpy(ip + 12, src->addr + 12, 4);
		memcpy(ip + 16, dst->addr + 12, 4);
		write_ports(p, src, dst, out->data + p->l4);
	}
	carry_sums(p, out);
}

/* The quote's own checksums change by its address and port alone: it may be cut short. */
static void requote(uint8_t *ip, const struct model_quote *q, bool source,
		    const struct model_end *is)
{
	uint8_t *addr = ip + (source ? 12 : 16), *l4 = ip + 20;
	uint8_t *port = q->proto == IPPROTO_ICMP ? l4 + 4 : source ? l4 : l4 + 2;
	uint64_t addr_was = sum(addr, 4), port_was = lab_get16(port);

	memcpy(addr, is->addr + 12, 4);
	put16(port, is->port);
	carry(ip + 10, false, addr_was, sum(addr, 4));
	if (q->proto == IPPROTO_UDP)
		carry(l4 + 6, true, addr_was + port_was, sum(addr, 4) + is->port);
}

void model_forward_error(const struct model_packet *p, const struct model_quote *q,
			 const struct model_end *src, const struct model_end *dst,
			 struct lab_frame *out)
{
	uint8_t *ip = out->data + ETH;

	*out = *p->f;
	ip[8]--;
	if (src) {
		memcpy(ip + 16, src->addr + 12, 4);
		requote(out->data + q->at, q, true, src);
	}
	if (dst) {
		memcpy(ip + 12, dst->addr + 12, 4);
		requote(out->data + q->at, q, false, dst);
	}
	carry_sums(p, out);
}

/* --- errors of our own ----------------------------------------------------------------------- */

static void answer_v4(const struct model_packet *p, const uint8_t own[16],
		      const struct model_error *e, uint32_t len, uint8_t *ip)
{
	uint8_t *icmp = ip + 20;

	ip[0] = 0x45;
	put16(ip + 2, len);
	ip[8] = 64;
	ip[9] = IPPROTO_ICMP;
	memcpy(ip + 12, own + 12, 4);
	memcpy(ip + 16, p->src.addr + 12, 4);
	put16(ip + 10, (uint16_t)~fold(sum(ip, 20)));
	icmp[0] = e->type;
	icmp[1] = e->code;
	put16(icmp + 6, e->mtu);
	put16(icmp + 2, (uint16_t)~fold(sum(icmp, len - 20)));
}

static void answer_v6(const struct model_packet *p, const uint8_t own[16],
		      const struct model_error *e, uint32_t len, uint8_t *ip)
{
	uint8_t *icmp = ip + 40;

	ip[0] = 0x60;
	put16(ip + 4, len - 40);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 64;
	memcpy(ip + 8, own, 16);
	memcpy(ip + 24, p->src.addr, 16);
	icmp[0] = e->type;
	icmp[1] = e->code;
	put16(icmp + 6, e->mtu);
	put16(icmp + 2,
	      (uint16_t)~fold(sum(ip + 8, 32) + len - 40 + IPPROTO_ICMPV6 + sum(icmp, len - 40)));
}

/* Quotes the IP header and eight bytes behind it, of TCP all up to its checksum. */
void model_answer(const struct model_packet *p, const uint8_t own[16], const struct model_error *e,
		  struct lab_frame *out)
{
	uint32_t header = p->l4 - ETH, quoted = header + (p->proto == IPPROTO_TCP ? 20 : 8);
	uint32_t len = header + 8 + quoted;
	uint8_t *ip = out->data + ETH;

	memset(out, 0, sizeof(*out));
	memcpy(out->data, p->f->data + 6, 6);
	memcpy(out->data + 6, p->f->data, 6);
	memcpy(out->data + 12, p->f->data + 12, 2);
	memcpy(ip + header + 8, p->f->data + ETH,
	       quoted < p->f->len - ETH ? quoted : p->f->len - ETH);
	out->len = ETH + len;
	if (p->v6)
		answer_v6(p, own, e, len, ip);
	else
		answer_v4(p, own, e, len, ip);
}
