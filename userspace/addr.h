/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IP addresses and UDP endpoints of both families in one form: 16 bytes, IPv4 as ::ffff:a.b.c.d
 * (RFC 4291, 2.5.5.2), as the BPF maps hold them.
 */
#ifndef TP_ADDR_H
#define TP_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct tp_addr {
	uint8_t b[16];
};

struct tp_endpoint {
	struct tp_addr addr;
	uint16_t port; /* network order */
};

struct tp_prefix {
	struct tp_addr addr;
	unsigned int bits; /* IPv4 counts its own 32 */
};

/* Room for "[v6]:port" and for "v6/128". */
#define TP_ADDR_STRLEN (INET6_ADDRSTRLEN + 8)

bool tp_addr_is_v4(const struct tp_addr *a);
bool tp_addr_is_zero(const struct tp_addr *a); /* "::" or 0.0.0.0 */
/* Neither "any" nor loopback nor multicast, and no IPv4 address above those. */
bool tp_addr_is_unicast(const struct tp_addr *a);
/* For private networks, where the internet does not lead: RFC 1918, RFC 4193. */
bool tp_addr_is_private(const struct tp_addr *a);
bool tp_addr_equal(const struct tp_addr *a, const struct tp_addr *b);
bool tp_endpoint_equal(const struct tp_endpoint *a, const struct tp_endpoint *b);

struct tp_addr tp_addr_from_v4(struct in_addr v4);
struct tp_addr tp_addr_from_v6(const struct in6_addr *v6);
struct in_addr tp_addr_to_v4(const struct tp_addr *a);

/* The address with all but its first `bits` cleared; IPv4 counts its own 32. */
struct tp_addr tp_addr_prefix(const struct tp_addr *a, unsigned int bits);

bool tp_prefix_equal(const struct tp_prefix *a, const struct tp_prefix *b);
/* Is the address in the prefix? IPv4 and IPv6 are different worlds. */
bool tp_prefix_holds(const struct tp_prefix *p, const struct tp_addr *a);
/* A single address? */
bool tp_prefix_is_host(const struct tp_prefix *p);

/* The prefix that one host is taken to hold: the IPv4 address itself, or the IPv6 /64. */
struct tp_addr tp_addr_host_prefix(const struct tp_addr *a);

/* Numeric forms only, no name resolution. 0 or -EINVAL. */
int tp_addr_parse(const char *s, struct tp_addr *out);
/* "1.2.3.4/24", "fd00::1/64"; without a length: the whole address. */
int tp_addr_parse_cidr(const char *s, struct tp_addr *out, unsigned int *bits);
/* "1.2.3.4:443", "[2001:db8::1]:443". */
int tp_endpoint_parse(const char *s, struct tp_endpoint *out);

/* These write into buf (TP_ADDR_STRLEN) and return it. */
const char *tp_addr_format(const struct tp_addr *a, char *buf);
const char *tp_prefix_format(const struct tp_prefix *p, char *buf);
const char *tp_endpoint_format(const struct tp_endpoint *e, char *buf);

/* 0 or -EAFNOSUPPORT. A v4-mapped IPv6 socket address comes out as IPv4. */
int tp_endpoint_from_sockaddr(const struct sockaddr *sa, struct tp_endpoint *out);
/* Returns the length of the socket address written: sockaddr_in for IPv4, else sockaddr_in6. */
socklen_t tp_endpoint_to_sockaddr(const struct tp_endpoint *e, struct sockaddr_storage *out);

#endif
