/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the packet source and sink agree on with their BPF programs. */
#ifndef BENCH_FLOW_HEADERS_H
#define BENCH_FLOW_HEADERS_H

#include "bpf/abi/types.h"

/* The counter of every data message of the source, by which the sink knows it from others. */
#define BENCH_COUNTER 0x48434e45422d5054ull

/* Ethernet, IPv4 or IPv6, UDP and WireGuard's data header (78 bytes with IPv6), in whole words. */
#define BENCH_HEADER_WORDS 10

struct bench_headers {
	__u64 words[BENCH_HEADER_WORDS];
};

/* Where packets with some receiver index should arrive. */
struct bench_expected {
	__u8 addr[16];
	__be16 port;
	__u16 pad;
};

struct bench_arrivals {
	__u64 packets;
	__u64 bytes; /* of frames */
	__u64 checked;
	__u64 wrong_index; /* of those checked: no flow has it */
	__u64 wrong_destination;
	__u64 wrong_checksum;
};

#endif
