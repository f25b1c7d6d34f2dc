/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Types and annotations for headers that both clang's BPF target and the host compiler read. */
#ifndef TP_ABI_TYPES_H
#define TP_ABI_TYPES_H

#include <linux/types.h>

#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#define TP_INLINE	   static __always_inline
#define tp_htons(x)	   bpf_htons(x)
#define tp_htonl(x)	   bpf_htonl(x)
#define tp_htole32(x)	   (x)
#define tp_memcpy(d, s, n) __builtin_memcpy(d, s, n)
#define tp_memset(d, c, n) __builtin_memset(d, c, n)
#else
#include <arpa/inet.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#define TP_INLINE	   static inline
#define tp_htons(x)	   htons(x)
#define tp_htonl(x)	   htonl(x)
#define tp_htole32(x)	   htole32(x)
#define tp_memcpy(d, s, n) memcpy(d, s, n)
#define tp_memset(d, c, n) memset(d, c, n)
#endif

#ifdef __bpf__
#include <stdbool.h>
#endif

#endif
