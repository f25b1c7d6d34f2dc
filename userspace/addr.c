/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool tp_addr_is_v4(const struct tp_addr *a)
{
	return !memcmp(a->b, v4_prefix, sizeof(v4_prefix));
}

bool tp_addr_is_zero(const struct tp_addr *a)
{
	static const uint8_t zero[16];

	if (tp_addr_is_v4(a))
		return !memcmp(a->b + 12, zero, 4);
	return !memcmp(a->b, zero, 16);
}

bool tp_addr_is_unicast(const struct tp_addr *a)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	uint8_t first = a->b[12];

	if (tp_addr_is_v4(a))
		return first != 0 && first != 127 && first < 224;
	return !tp_addr_is_zero(a) && a->b[0] != 0xff &&
	       memcmp(a->b, &loopback, sizeof(loopback)) != 0;
}

bool tp_addr_is_private(const struct tp_addr *a)
{
	const uint8_t *v4 = a->b + 12;

	if (!tp_addr_is_v4(a))
		return (a->b[0] & 0xfe) == 0xfc;
	return v4[0] == 10 || (v4[0] == 172 && (v4[1] & 0xf0) == 16) ||
	       (v4[0] == 192 && v4[1] == 168);
}

bool tp_addr_equal(const struct tp_addr *a, const struct tp_addr *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

bool tp_endpoint_equal(const struct tp_endpoint *a, const struct tp_endpoint *b)
{
	return a->port == b->port && tp_addr_equal(&a->addr, &b->addr);
}

struct tp_addr tp_addr_from_v4(struct in_addr v4)
{
	struct tp_addr a;

	memcpy(a.b, v4_prefix, sizeof(v4_prefix));
	memcpy(a.b + 12, &v4, 4);
	return a;
}

struct tp_addr tp_addr_from_v6(const struct in6_addr *v6)
{
	struct tp_addr a;

	memcpy(a.b, v6, 16);
	return a;
}

struct in_addr tp_addr_to_v4(const struct tp_addr *a)
{
	struct in_addr v4;

	memcpy(&v4, a->b + 12, 4);
	return v4;
}

struct tp_addr tp_addr_prefix(const struct tp_addr *a, unsigned int bits)
{
	struct tp_addr out = *a;

	if (tp_addr_is_v4(a))
		bits += 96;
	for (unsigned int i = 0; i < sizeof(out.b); i++) {
		if (bits <= 8 * i)
			out.b[i] = 0;
		else if (bits < 8 * (i + 1))
			out.b[i] &= 0xff << (8 * (i + 1) - bits);
	}
	return out;
}

bool tp_prefix_equal(const struct tp_prefix *a, const struct tp_prefix *b)
{
	return a->bits == b->bits && tp_addr_equal(&a->addr, &b->addr);
}

bool tp_prefix_holds(const struct tp_prefix *p, const struct tp_addr *a)
{
	struct tp_addr of_a = tp_addr_prefix(a, p->bits), of_p = tp_addr_prefix(&p->addr, p->bits);

	return tp_addr_is_v4(a) == tp_addr_is_v4(&p->addr) && tp_addr_equal(&of_a, &of_p);
}

bool tp_prefix_is_host(const struct tp_prefix *p)
{
	return p->bits == (tp_addr_is_v4(&p->addr) ? 32 : 128);
}

struct tp_addr tp_addr_host_prefix(const struct tp_addr *a)
{
	return tp_addr_prefix(a, tp_addr_is_v4(a) ? 32 : 64);
}

int tp_addr_parse(const char *s, struct tp_addr *out)
{
	struct in6_addr v6;
	struct in_addr v4;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, s, &v4) == 1)
		*out = tp_addr_from_v4(v4);
	else if (inet_pton(AF_INET6, s, &v6) == 1)
		*out = tp_addr_from_v6(&v6);
	else
		return -EINVAL;
	return 0;
}

/* strtoul() would take signs, spaces and "0x". Up to five digits, nothing else. */
static int parse_number(const char *s, unsigned int max, unsigned int *out)
{
	size_t len = strspn(s, "0123456789");
	unsigned int n = 0;

	if (!len || len > 5 || s[len])
		return -EINVAL;
	for (; *s; s++)
		n = n * 10 + (unsigned int)(*s - '0');
	if (n > max)
		return -EINVAL;
	*out = n;
	return 0;
}

/* Parses the n characters at s. */
static int parse_part(const char *s, size_t n, struct tp_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	memset(out, 0, sizeof(*out));
	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	return tp_addr_parse(text, out);
}

int tp_addr_parse_cidr(const char *s, struct tp_addr *out, unsigned int *bits)
{
	const char *slash = strchr(s, '/');
	unsigned int max;
	int err;

	*bits = 0;
	err = parse_part(s, slash ? (size_t)(slash - s) : strlen(s), out);
	if (err)
		return err;
	max = tp_addr_is_v4(out) ? 32 : 128;
	if (!slash) {
		*bits = max;
		return 0;
	}
	/* In "::ffff:1.2.3.4/104" the length counts all 128 bits: refuse rather than guess. */
	if (tp_addr_is_v4(out) && strchr(s, ':'))
		return -EINVAL;
	return parse_number(slash + 1, max, bits);
}

int tp_endpoint_parse(const char *s, struct tp_endpoint *out)
{
	const char *colon = strrchr(s, ':'), *from = s, *to = colon;
	unsigned int port;
	bool brackets;

	memset(out, 0, sizeof(*out));
	if (!colon)
		return -EINVAL;
	brackets = *s == '[';
	if (brackets) {
		from = s + 1;
		to = colon - 1;
		if (*to != ']')
			return -EINVAL;
	}
	/* An IPv6 address needs its brackets, an IPv4 address may have none. */
	if (brackets != !!memchr(from, ':', (size_t)(to - from)))
		return -EINVAL;
	if (parse_part(from, (size_t)(to - from), &out->addr) ||
	    parse_number(colon + 1, UINT16_MAX, &port)) {
		memset(out, 0, sizeof(*out));
		return -EINVAL;
	}
	out->port = htons((uint16_t)port);
	return 0;
}

const char *tp_addr_format(const struct tp_addr *a, char *buf)
{
	if (tp_addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, TP_ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->b, buf, TP_ADDR_STRLEN);
	return buf;
}

const char *tp_prefix_format(const struct tp_prefix *p, char *buf)
{
	size_t len = strlen(tp_addr_format(&p->addr, buf));

	snprintf(buf + len, TP_ADDR_STRLEN - len, "/%u", p->bits);
	return buf;
}

const char *tp_endpoint_format(const struct tp_endpoint *e, char *buf)
{
	char addr[TP_ADDR_STRLEN];
	bool v4 = tp_addr_is_v4(&e->addr);

	tp_addr_format(&e->addr, addr);
	snprintf(buf, TP_ADDR_STRLEN, v4 ? "%.45s:%u" : "[%.45s]:%u", addr, ntohs(e->port));
	return buf;
}

int tp_endpoint_from_sockaddr(const struct sockaddr *sa, struct tp_endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, sa, sizeof(sin));
		out->addr = tp_addr_from_v4(sin.sin_addr);
		out->port = sin.sin_port;
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, sa, sizeof(sin6));
		out->addr = tp_addr_from_v6(&sin6.sin6_addr);
		out->port = sin6.sin6_port;
	} else {
		return -EAFNOSUPPORT;
	}
	return 0;
}

socklen_t tp_endpoint_to_sockaddr(const struct tp_endpoint *e, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (tp_addr_is_v4(&e->addr)) {
		struct sockaddr_in *sin = (struct sockaddr_in *)out;

		sin->sin_family = AF_INET;
		sin->sin_addr = tp_addr_to_v4(&e->addr);
		sin->sin_port = e->port;
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)out;

	sin6->sin6_family = AF_INET6;
	memcpy(&sin6->sin6_addr, e->addr.b, 16);
	sin6->sin6_port = e->port;
	return sizeof(*sin6);
}
