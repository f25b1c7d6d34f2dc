/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The time, to the last tick (1 to 10 ms): CLOCK_MONOTONIC in nanoseconds. The kernel counts its
 * ticks by that clock, and its JIT reads the count with one load; the helper that gives nanoseconds
 * is a call, whose returns cost more than a look-up where they are guarded (Spectre, SRSO).
 */
#ifndef TP_BPF_RELAY_NOW_H
#define TP_BPF_RELAY_NOW_H

#include "maps.h"

TP_INLINE __u64 coarse_now(void)
{
	if (!knobs.tick_ns)
		return bpf_ktime_get_coarse_ns();
	return bpf_jiffies64() * knobs.tick_ns + knobs.tick_origin;
}

#endif
