/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet of the test run has of its own, in one word: the node that sends it, and which of
 * that node's flows it is of. All else follows from this, by the same arithmetic in program and
 * harness: what the harness would keep for each flow would push what is measured out of the caches.
 */
#ifndef BENCH_TESTRUN_KEY_H
#define BENCH_TESTRUN_KEY_H

#include "../bpf/lib/word.h"

#define BENCH_NODE_BITS 20
#define BENCH_KEYS	1000000

/* The last four bytes of the node's address, in host order. */
TP_INLINE __u32 bench_address(__u32 key)
{
	return 0x0a000010 + (key & ((1u << BENCH_NODE_BITS) - 1));
}

TP_INLINE __u16 bench_port(__u32 key)
{
	return 0x8000 | (key & 0x7fff);
}

/* Every flow has another. */
TP_INLINE __u32 bench_index(__u32 key)
{
	return key * 0x9e3779b1;
}

#endif
