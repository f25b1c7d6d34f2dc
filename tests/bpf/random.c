/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

long random_begin(long usual)
{
	const char *seed = getenv("TP_SEED"), *packets = getenv("TP_PACKETS");
	long n = packets ? atol(packets) : usual;

	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("# TP_SEED=%#llx TP_PACKETS=%ld\n", (unsigned long long)random_state, n);
	fflush(stdout);
	return n;
}

uint64_t random64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t below(uint32_t n)
{
	return (uint32_t)(random64() % n);
}

bool one_in(uint32_t n)
{
	return !below(n);
}
