/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ports of masqueraded flows and the host's own: the kernel is told not to give any of ours to
 * a socket by itself (net.ipv4.ip_local_reserved_ports), and a socket that already has one is
 * found.
 */
#ifndef GATEWAY_PORTS_H
#define GATEWAY_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* A set of ports, as the kernel writes it: "8080,10000-32767". */
struct gw_ports {
	uint8_t bits[65536 / 8];
};

/* False when the text is no such list; an empty one is. */
bool gw_ports_parse(struct gw_ports *set, const char *text);
void gw_ports_add(struct gw_ports *set, const struct gw_ports *other);
void gw_ports_remove(struct gw_ports *set, const struct gw_ports *other);
void gw_ports_range(struct gw_ports *set, uint16_t first, uint16_t n);
bool gw_ports_has(const struct gw_ports *set, uint16_t port);
/* An allocated string, NULL without memory. */
char *gw_ports_format(const struct gw_ports *set);

/* Reserves n ports from `first`, for which `before` (or NULL) was reserved by an earlier run: what
 * of that is no longer needed is given back. *ours is what is to be given back in the end, to be
 * freed. 0; -ERANGE when the host's sockets would be left without ports; or -errno. Logged. */
int gw_ports_reserve(uint16_t first, uint16_t n, const char *before, char **ours);
/* Gives back. */
void gw_ports_release(const char *ours);

struct gw_socket {
	const char *proto; /* "TCP", "UDP" */
	struct tp_addr addr;
	uint16_t port;
};

/* Looks in the text of a /proc/net file (tcp, tcp6, udp, udp6) for a socket on one of the ports, at
 * one of the addresses or at all of the host's. */
bool gw_ports_used_in(const char *text, const char *proto, uint16_t first, uint16_t n,
		      const struct tp_addr *addrs, size_t n_addrs, struct gw_socket *found);
/* The same on this host. 0: nobody has one; -EADDRINUSE with *found filled; or -errno. */
int gw_ports_used(uint16_t first, uint16_t n, const struct tp_addr *addrs, size_t n_addrs,
		  struct gw_socket *found);

#endif
