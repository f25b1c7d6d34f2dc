/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words that need not be aligned. For BPF, clang reads such words a byte at a time unless told that
 * the access is fine, which it is on every machine with a BPF JIT; the host compiler gets memcpy.
 */
#ifndef TP_BPF_WORD_H
#define TP_BPF_WORD_H

#include "../abi/types.h"

#ifdef __bpf__
#define TP_WORD(bits)                                               \
	typedef __u##bits __attribute__((may_alias)) tp_word##bits; \
	TP_INLINE __u##bits tp_get##bits(const void *p)             \
	{                                                           \
		return *(const tp_word##bits *)p;                   \
	}                                                           \
	TP_INLINE void tp_put##bits(void *p, __u##bits value)       \
	{                                                           \
		*(tp_word##bits *)p = value;                        \
	}
#else
#define TP_WORD(bits)                                         \
	TP_INLINE __u##bits tp_get##bits(const void *p)       \
	{                                                     \
		__u##bits value;                              \
                                                              \
		memcpy(&value, p, sizeof(value));             \
		return value;                                 \
	}                                                     \
	TP_INLINE void tp_put##bits(void *p, __u##bits value) \
	{                                                     \
		memcpy(p, &value, sizeof(value));             \
	}
#endif

TP_WORD(16)
TP_WORD(32)
TP_WORD(64)
#undef TP_WORD

/* The word that lies in memory as `first`, then `second`. What is read as one word should be
 * written as one: a load that needs two stores still under way waits for both. */
TP_INLINE __u64 tp_pair(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | (__u64)second << 32;
#else
	return (__u64)first << 32 | second;
#endif
}

TP_INLINE void tp_copy16(void *to, const void *from)
{
	tp_put64(to, tp_get64(from));
	tp_put64((__u8 *)to + 8, tp_get64((const __u8 *)from + 8));
}

TP_INLINE bool tp_equal16(const void *a, const void *b)
{
	return tp_get64(a) == tp_get64(b) &&
	       tp_get64((const __u8 *)a + 8) == tp_get64((const __u8 *)b + 8);
}

#endif
