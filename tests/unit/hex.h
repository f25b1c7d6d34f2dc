/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Known answers, written as hexadecimal text. Include after cmocka.h. */
#ifndef TP_TEST_HEX_H
#define TP_TEST_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Returns the number of bytes written to out, which has room for max. */
static inline size_t unhex(const char *text, uint8_t *out, size_t max)
{
	size_t len = strlen(text) / 2;

	assert_true(len <= max);
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return len;
}

static inline void assert_hex(const void *got, const char *want)
{
	uint8_t bytes[256];
	size_t len = unhex(want, bytes, sizeof(bytes));

	assert_memory_equal(got, bytes, len);
}

/* first, first + 1, … */
static inline void count_up(uint8_t *out, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

#endif
