/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv4 fragments as bytes (RFC 791, 3.2): new addresses for one, and cutting one into several. No
 * I/O here. Packets are whole, without options, and have been checked by the programs. */
#ifndef GATEWAY_FRAGMENT_H
#define GATEWAY_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

#define GW_IPV4_LEN 20

/* New addresses, in network order (0: stays), and one hop less. 0, or -EINVAL: no such packet, or
 * no hop left. */
int gw_fragment_readdress(uint8_t *packet, size_t len, uint32_t src, uint32_t dst);

/* Calls emit() with each part, in order, none larger than mtu. 0; -EMSGSIZE when it must not be cut
 * or the mtu holds no eight bytes; or emit's first result that is not 0, which ends it. */
int gw_fragment_cut(const uint8_t *packet, size_t len, size_t mtu,
		    int (*emit)(void *arg, const uint8_t *part, size_t len), void *arg);

#endif
