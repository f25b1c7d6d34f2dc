/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random numbers that a seed repeats: Vigna's splitmix64. */
#ifndef TP_TESTS_BPF_RANDOM_H
#define TP_TESTS_BPF_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Begins with TP_SEED, or the clock. The number of packets to try: TP_PACKETS, or `usual`. Prints
 * both. */
long random_begin(long usual);
uint64_t random64(void);
uint32_t below(uint32_t n);
bool one_in(uint32_t n);

#endif
