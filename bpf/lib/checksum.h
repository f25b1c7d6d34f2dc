/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are over 16-bit
 * words as they lie in memory; ones' complement addition gives the same bytes on either endianness.
 */
#ifndef TP_BPF_CHECKSUM_H
#define TP_BPF_CHECKSUM_H

#include "word.h"

TP_INLINE __u16 tp_sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

TP_INLINE __u64 tp_sum32(const void *p)
{
	return tp_get32(p);
}

TP_INLINE __u64 tp_sum128(const void *p)
{
	const __u8 *word = p;

	return tp_sum32(word) + tp_sum32(word + 4) + tp_sum32(word + 8) + tp_sum32(word + 12);
}

/* The checksum after `change`, a sum of new words and complements of old ones, is applied to what
 * it covers (RFC 1624, equation 3). */
TP_INLINE __u16 tp_csum_update(__u16 csum, __u32 change)
{
	__u32 sum = (__u16)~csum + change;

	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* In UDP a checksum of 0 says "none", so a sum that comes out as 0 is sent as its other form. */
TP_INLINE __u16 tp_csum_udp(__u16 csum)
{
	return csum ? csum : 0xffff;
}

#endif
