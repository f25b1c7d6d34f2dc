/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What bench/gateway_testrun.c and its BPF programs say to each other. */
#ifndef BENCH_GATEWAY_TESTRUN_H
#define BENCH_GATEWAY_TESTRUN_H

#include "bpf/abi/types.h"

#define BENCH_FLOWS 100000
#define BENCH_TTL   64

/* What all packets of a direction have in common: ends, of which one changes. */
struct bench_common {
	__be32 src, dst;
	__be16 src_port, dst_port;
	__u32 to_node; /* boolean: the destination changes */
	__u32 sum;     /* of the words of the IPv4 header */
};

/* What tells one packet from the next, small so that it leaves the caches to what is measured. */
struct bench_end {
	__u16 host; /* added to the common address */
	__be16 port;
};

#endif
