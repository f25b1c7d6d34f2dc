/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a load costs that has to wait for the one before it: the floor of every table that is read
 * in random order. One word in each cache line of a region leads to the next line, in a random
 * cycle through all of them. With pages of 4 KiB, as BPF maps have, and of 2 MiB, as nothing of
 * ours has: the difference is the translation of addresses. Prints the fastest round.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "clock.h"

#define LINE   64
#define HUGE   (2ul << 20)
#define ROUNDS 9
#define LOADS  500000

static const size_t kilobytes[] = {16, 256, 640, 1280, 2560, 4096, 8192, 16384, 131072};

/* From the start of a huge page; never given back. */
static uint8_t *region(size_t size, int advice)
{
	size_t room = (size + 2 * HUGE - 1) & ~(HUGE - 1);
	uint8_t *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	p = (uint8_t *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	return madvise(p, size, advice) ? NULL : p;
}

/* One cycle through all lines (S. Sattolo). */
static void link_lines(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(uint64_t *)(p + i * LINE) = i * LINE;
	for (size_t i = n - 1; i > 0; i--) {
		uint64_t *a = (uint64_t *)(p + i * LINE);
		uint64_t *b = (uint64_t *)(p + (uint64_t)random() % i * LINE);
		uint64_t swap = *a;

		*a = *b;
		*b = swap;
	}
}

static double chase(const uint8_t *p)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t at = 0, start = tp_clock(CLOCK_THREAD_CPUTIME_ID), took;

		for (int i = 0; i < LOADS; i++)
			at = *(const volatile uint64_t *)(p + at);
		took = tp_clock(CLOCK_THREAD_CPUTIME_ID) - start;
		best = took < best ? took : best;
	}
	return (double)best / LOADS;
}

static double measure(size_t size, int advice)
{
	uint8_t *p = region(size, advice);

	if (!p) {
		perror("chase");
		exit(1);
	}
	link_lines(p, size / LINE);
	return chase(p);
}

int main(void)
{
	puts("     KiB  4K pages  2M pages  ns a dependent load");
	for (size_t i = 0; i < sizeof(kilobytes) / sizeof(*kilobytes); i++) {
		size_t size = kilobytes[i] << 10;

		printf("%8zu %9.1f", kilobytes[i], measure(size, MADV_NOHUGEPAGE));
		printf(" %9.1f\n", measure(size, MADV_HUGEPAGE));
	}
	return 0;
}
