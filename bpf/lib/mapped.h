/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses of both families in 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
#ifndef TP_BPF_MAPPED_H
#define TP_BPF_MAPPED_H

#include "word.h"

#define TP_MAPPED_PREFIX tp_htonl(0xffff) /* the third of such an address's four words */

TP_INLINE bool tp_is_mapped(const __u8 *addr)
{
	return tp_get64(addr) == 0 && tp_get32(addr + 8) == TP_MAPPED_PREFIX;
}

/* The four bytes of the IPv4 address, as on the wire. */
TP_INLINE __u32 tp_mapped_v4(const __u8 *addr)
{
	return tp_get32(addr + 12);
}

TP_INLINE void tp_map_v4(__u8 *addr, __u32 v4)
{
	tp_put64(addr, 0);
	tp_put64(addr + 8, tp_pair(TP_MAPPED_PREFIX, v4));
}

#endif
