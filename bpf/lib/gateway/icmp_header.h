/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP as RFC 792 and RFC 950 have it. linux/icmp.h brings in the C library's sockets. */
#ifndef TP_BPF_GATEWAY_ICMP_HEADER_H
#define TP_BPF_GATEWAY_ICMP_HEADER_H

#include "../../abi/types.h"

enum {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMPREPLY = 14,
};

#define ICMP_FRAG_NEEDED 4 /* codes of ICMP_DEST_UNREACH and ICMP_TIME_EXCEEDED */
#define ICMP_EXC_TTL	 0

struct icmphdr {
	__u8 type;
	__u8 code;
	__be16 checksum;
	union {
		struct {
			__be16 id;
			__be16 sequence;
		} echo;
		struct {
			__be16 unused;
			__be16 mtu; /* RFC 1191 */
		} frag;
	} un;
};

#endif
