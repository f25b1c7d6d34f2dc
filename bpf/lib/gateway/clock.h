/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gateway's time: ticks of 67 ms in 32 bits (bpf/abi/gateway.h). */
#ifndef TP_BPF_GATEWAY_CLOCK_H
#define TP_BPF_GATEWAY_CLOCK_H

#include "maps.h"

/* A lifetime is only written again when it grows by this much: about a second. */
#define GW_TICKS_STEP 16

/* From the kernel's own count of ticks where it can be used: one load, where its clock is a call.
 * Not the coarse clock, which the sweep's kind of program may not ask.
 */
TP_INLINE __u32 gw_ticks(void)
{
	if (!knobs.tick_ns)
		return bpf_ktime_get_ns() >> TP_GW_TICK_SHIFT;
	return (bpf_jiffies64() * knobs.tick_ns + knobs.tick_origin) >> TP_GW_TICK_SHIFT;
}

TP_INLINE __u32 gw_ticks_of(__u32 seconds)
{
	return ((__u64)seconds * 1000000000 >> TP_GW_TICK_SHIFT) + 1;
}

#endif
