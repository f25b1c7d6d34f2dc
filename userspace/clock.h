/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clocks and units of time. All times are u64 nanoseconds. */
#ifndef TP_CLOCK_H
#define TP_CLOCK_H

#include <stdint.h>
#include <time.h>

#define TP_NS_PER_SEC 1000000000ull
#define TP_NS_PER_MS  1000000ull
#define TP_SEC(n)     ((uint64_t)(n)*TP_NS_PER_SEC)
#define TP_MS(n)      ((uint64_t)(n)*TP_NS_PER_MS)

static inline uint64_t tp_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * TP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* The clock of flows, sessions and budgets (the one that XDP reads). */
static inline uint64_t tp_now(void)
{
	return tp_clock(CLOCK_MONOTONIC);
}

#endif
