/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/ports.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sysctl.h"
#include "log.h"

#define SYSCTL_RESERVED "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define SYSCTL_RANGE	"/proc/sys/net/ipv4/ip_local_port_range"
#define LEFT_LEAST	1000 /* ports that must remain for the host's own connections */

/* --- sets of ports -------------------------------------------------------------------------- */

static void set_port(struct gw_ports *s, unsigned int port)
{
	s->bits[port / 8] |= (uint8_t)(1 << port % 8);
}

bool gw_ports_has(const struct gw_ports *s, uint16_t port)
{
	return s->bits[port / 8] & 1 << port % 8;
}

void gw_ports_range(struct gw_ports *s, uint16_t first, uint16_t n)
{
	for (unsigned int i = 0; i < n && first + i <= UINT16_MAX; i++)
		set_port(s, first + i);
}

void gw_ports_add(struct gw_ports *s, const struct gw_ports *other)
{
	for (size_t i = 0; i < sizeof(s->bits); i++)
		s->bits[i] |= other->bits[i];
}

void gw_ports_remove(struct gw_ports *s, const struct gw_ports *other)
{
	for (size_t i = 0; i < sizeof(s->bits); i++)
		s->bits[i] &= (uint8_t)~other->bits[i];
}

static bool take_port(const char **text, unsigned int *port)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)**text))
		return false;
	n = strtoul(*text, &end, 10);
	*text = end;
	*port = (unsigned int)n;
	return n <= UINT16_MAX;
}

bool gw_ports_parse(struct gw_ports *s, const char *text)
{
	unsigned int low, high;

	memset(s, 0, sizeof(*s));
	while (*text && *text != '\n') {
		if (!take_port(&text, &low))
			return false;
		high = low;
		if (*text == '-') {
			text++;
			if (!take_port(&text, &high) || high < low)
				return false;
		}
		for (; low <= high; low++)
			set_port(s, low);
		if (*text == ',')
			text++;
		else if (*text && *text != '\n')
			return false;
	}
	return true;
}

char *gw_ports_format(const struct gw_ports *s)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool some = false;

	if (!out)
		return NULL;
	for (unsigned int low = 0; low <= UINT16_MAX; low++) {
		unsigned int high = low;

		if (!gw_ports_has(s, (uint16_t)low))
			continue;
		while (high < UINT16_MAX && gw_ports_has(s, (uint16_t)(high + 1)))
			high++;
		fprintf(out, high > low ? "%s%u-%u" : "%s%u", some ? "," : "", low, high);
		some = true;
		low = high;
	}
	return fclose(out) ? NULL : text;
}

/* --- the kernel's settings ------------------------------------------------------------------ */

static int read_reserved(struct gw_ports *set)
{
	char *text;
	int err = gw_sysctl_read(SYSCTL_RESERVED, &text);

	if (!err && !gw_ports_parse(set, text))
		err = -EBADMSG;
	if (err)
		tp_err(SYSCTL_RESERVED ": cannot be read: %s", strerror(-err));
	free(text);
	return err;
}

static int write_reserved(const struct gw_ports *set)
{
	char *text = gw_ports_format(set);
	int err = text ? gw_sysctl_write(SYSCTL_RESERVED, text) : -ENOMEM;

	if (err)
		tp_err(SYSCTL_RESERVED ": cannot be written: %s", strerror(-err));
	free(text);
	return err;
}

/* The kernel chooses from its range what is not reserved. */
static int check_left(const struct gw_ports *reserved)
{
	unsigned int low = 0, high = 0, left = 0;
	char *text;
	int err = gw_sysctl_read(SYSCTL_RANGE, &text);

	if (err)
		return 0; /* no such setting: nothing to compare with */
	if (sscanf(text, "%u %u", &low, &high) != 2 || high > UINT16_MAX)
		low = high = 0;
	free(text);
	for (unsigned int port = low; high && port <= high; port++)
		left += !gw_ports_has(reserved, (uint16_t)port);
	if (!high || left >= LEFT_LEAST)
		return 0;
	tp_err("egress.ports: only %u of the ports %u to %u (net.ipv4.ip_local_port_range) would "
	       "be left for the host's own connections; choose other ports",
	       left, low, high);
	return -ERANGE;
}

int gw_ports_reserve(uint16_t first, uint16_t n, const char *before, char **ours)
{
	struct gw_ports all, wanted = {0}, old;
	int err = read_reserved(&all);

	*ours = NULL;
	if (err)
		return err;
	if (before && gw_ports_parse(&old, before))
		gw_ports_remove(&all, &old);
	gw_ports_range(&wanted, first, n);
	gw_ports_remove(&wanted, &all); /* what someone else has reserved stays theirs */
	gw_ports_add(&all, &wanted);
	err = check_left(&all) ?: write_reserved(&all);
	if (err)
		return err;
	*ours = gw_ports_format(&wanted);
	return *ours ? 0 : -ENOMEM;
}

void gw_ports_release(const char *ours)
{
	struct gw_ports all, set;

	if (!ours || !gw_ports_parse(&set, ours) || read_reserved(&all))
		return;
	gw_ports_remove(&all, &set);
	write_reserved(&all);
}

/* --- sockets -------------------------------------------------------------------------------- */

struct line {
	struct tp_addr addr;
	unsigned int port, state;
};

/* "0: 0100007F:1F90 00000000:0000 0A ...": the address in words of the host's byte order, the port
 * in its own; then the other end, and the state. */
static bool parse_line(const char *text, struct line *l)
{
	unsigned int w[4];
	struct in6_addr v6;

	if (sscanf(text, " %*u: %8x%8x%8x%8x:%4x %*32[^:]:%*4x %2x", &w[0], &w[1], &w[2], &w[3],
		   &l->port, &l->state) == 6) {
		memcpy(&v6, w, sizeof(v6));
		l->addr = tp_addr_from_v6(&v6);
		return true;
	}
	if (sscanf(text, " %*u: %8x:%4x %*8x:%*4x %2x", &w[0], &l->port, &l->state) == 3) {
		l->addr = tp_addr_from_v4((struct in_addr){.s_addr = w[0]});
		return true;
	}
	return false;
}

static bool at_one_of(const struct tp_addr *a, const struct tp_addr *addrs, size_t n)
{
	if (tp_addr_is_zero(a))
		return true;
	for (size_t i = 0; i < n; i++)
		if (tp_addr_equal(a, &addrs[i]))
			return true;
	return false;
}

bool gw_ports_used_in(const char *text, const char *proto, uint16_t first, uint16_t n,
		      const struct tp_addr *addrs, size_t n_addrs, struct gw_socket *found)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		struct line l;

		line += *line == '\n';
		if (!parse_line(line, &l) || l.port < first || l.port >= first + n ||
		    l.state == TCP_TIME_WAIT || !at_one_of(&l.addr, addrs, n_addrs))
			continue;
		*found = (struct gw_socket){proto, l.addr, (uint16_t)l.port};
		return true;
	}
	return false;
}

int gw_ports_used(uint16_t first, uint16_t n, const struct tp_addr *addrs, size_t n_addrs,
		  struct gw_socket *found)
{
	static const struct {
		const char *path, *proto;
	} files[] = {
		{"/proc/self/net/tcp", "TCP"},
		{"/proc/self/net/tcp6", "TCP"},
		{"/proc/self/net/udp", "UDP"},
		{"/proc/self/net/udp6", "UDP"},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char *text;
		bool used;
		int err = gw_sysctl_read(files[i].path, &text);

		if (err == -ENOENT) /* no IPv6 here */
			continue;
		if (err)
			return err;
		used = gw_ports_used_in(text, files[i].proto, first, n, addrs, n_addrs, found);
		free(text);
		if (used)
			return -EADDRINUSE;
	}
	return 0;
}
