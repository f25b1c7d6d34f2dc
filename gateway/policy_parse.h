/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Protocols and ports of rules, from text. */
#ifndef GATEWAY_POLICY_PARSE_H
#define GATEWAY_POLICY_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Inclusive, proto << 16 | port. */
struct policy_reach {
	uint32_t low, high;
};

#define POLICY_REACHES 2 /* most that a protocol has */

/* "443" or "8000-8100"; what is wrong, or NULL. */
const char *policy_parse_ports(const char *text, uint16_t *low, uint16_t *high);

/* all, tcp, udp, icmp; NULL means all. Returns how many reaches it has, 0: no such protocol.
 * *ports says whether it has ports. */
size_t policy_parse_protocol(const char *text, struct policy_reach reach[POLICY_REACHES],
			     bool *ports);

#endif
