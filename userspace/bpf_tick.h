/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How BPF programs get CLOCK_MONOTONIC from the kernel's count of ticks (bpf_jiffies64). */
#ifndef TP_BPF_TICK_H
#define TP_BPF_TICK_H

#include <stdint.h>

/* ticks * ns + origin is CLOCK_MONOTONIC, no more than two ticks off, until the next boot. */
struct tp_bpf_tick {
	uint64_t ns;
	uint64_t origin;
};

/* Loads and runs a small program. 0; -EOPNOTSUPP when the kernel's ticks may get lost (no
 * high-resolution timers); else -errno. *out is zero unless 0 is returned. */
int tp_bpf_tick(struct tp_bpf_tick *out);

#endif
