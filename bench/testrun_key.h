/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef BENCH_TESTRUN_KEY_H
#define BENCH_TESTRUN_KEY_H

#include "../bpf/abi/types.h"

/* What a packet has of its own. As little as can be: what the harness reads is not in the caches
 * for the program measured. */
struct bench_key {
	__be32 addr; /* the source's last four bytes */
	__u32 index;
	__be16 port;
	__u16 pad[3];
};

#endif
