/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What another process has used, from /proc. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct bench_usage {
	double cpu_seconds;  /* user and system, in clock ticks of 10 ms */
	uint64_t memory_kib; /* of its own: without mapped files and BPF maps */
};

/* All zero for pid 0 and for a process that is gone. */
struct bench_usage bench_usage_of(pid_t pid);

#endif
