// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fragments get new addresses, and packets are cut so that a receiver can put them together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "gateway/fragment.h"

#define MOST 4096

static uint8_t packet[MOST], whole[MOST];
static size_t parts, seen;
static size_t largest;
static int last_more;

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* Sum over the header as RFC 1071 says it, 0 when the checksum fits. */
static uint16_t header_remainder(const uint8_t *p)
{
	uint32_t sum = 0;

	for (int i = 0; i < GW_IPV4_LEN; i += 2)
		sum += get16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void make(size_t len, uint16_t flags)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x45;
	put16(packet + 2, len);
	put16(packet + 4, 0x1234);
	put16(packet + 6, flags);
	packet[8] = 64;
	packet[9] = 17;
	memcpy(packet + 12, "\x0a\x00\x00\x01\xc0\xa8\x0a\x0a", 8);
	for (size_t i = GW_IPV4_LEN; i < len; i++)
		packet[i] = (uint8_t)(i * 7 + i / 256);
	put16(packet + 10, header_remainder(packet));
	memset(whole, 0, sizeof(whole));
	parts = seen = largest = 0;
	last_more = -1;
}

/* What a receiver does: each part's bytes go where its offset says. */
static int receive(void *arg, const uint8_t *part, size_t len)
{
	size_t at = (size_t)(get16(part + 6) & 0x1fff) * 8, n = len - GW_IPV4_LEN;

	(void)arg;
	assert_int_equal(header_remainder(part), 0);
	assert_int_equal(get16(part + 2), len);
	assert_int_equal(get16(part + 4), 0x1234);
	assert_int_equal(part[8], packet[8]);
	assert_true(at + n <= sizeof(whole));
	memcpy(whole + at, part + GW_IPV4_LEN, n);
	parts++;
	seen += n;
	largest = len > largest ? len : largest;
	last_more = get16(part + 6) >> 13 & 1;
	return 0;
}

static void a_packet_is_cut_and_fits_together_again(void **state)
{
	(void)state;
	for (size_t len = 1281; len < 2048; len += 13) {
		make(len, 0);
		assert_int_equal(gw_fragment_cut(packet, len, 1280, receive, NULL), 0);
		assert_int_equal(seen, len - GW_IPV4_LEN);
		assert_true(parts >= 2 && largest <= 1280);
		assert_int_equal(last_more, 0);
		assert_memory_equal(whole, packet + GW_IPV4_LEN, len - GW_IPV4_LEN);
	}
}

static void a_fragment_is_cut_into_fragments(void **state)
{
	(void)state;
	make(1500, 0x2000 | 185); /* more to come, at byte 1480 */
	assert_int_equal(gw_fragment_cut(packet, 1500, 1420, receive, NULL), 0);
	assert_int_equal(last_more, 1);
	assert_memory_equal(whole + 1480, packet + GW_IPV4_LEN, 1480);
}

static void what_fits_is_one_part(void **state)
{
	(void)state;
	make(1280, 0);
	assert_int_equal(gw_fragment_cut(packet, 1280, 1280, receive, NULL), 0);
	assert_int_equal(parts, 1);
}

static void what_may_not_be_cut(void **state)
{
	(void)state;
	make(1500, 0x4000);
	assert_int_equal(gw_fragment_cut(packet, 1500, 1280, receive, NULL), -EMSGSIZE);
	make(1500, 0);
	assert_int_equal(gw_fragment_cut(packet, 1500, 27, receive, NULL), -EMSGSIZE);
	packet[0] = 0x46;
	assert_int_equal(gw_fragment_cut(packet, 1500, 1280, receive, NULL), -EINVAL);
	assert_int_equal(parts, 0);
}

static int refuse(void *arg, const uint8_t *part, size_t len)
{
	(void)part;
	(void)len;
	++*(int *)arg;
	return -ENETDOWN;
}

static void the_first_failure_ends_it(void **state)
{
	int calls = 0;

	(void)state;
	make(2000, 0);
	assert_int_equal(gw_fragment_cut(packet, 2000, 1280, refuse, &calls), -ENETDOWN);
	assert_int_equal(calls, 1);
}

static void a_fragment_gets_new_addresses(void **state)
{
	(void)state;
	make(100, 185);
	assert_int_equal(gw_fragment_readdress(packet, 100, htonl(0xcb007163), 0), 0);
	assert_memory_equal(packet + 12, "\xcb\x00\x71\x63\xc0\xa8\x0a\x0a", 8);
	assert_int_equal(packet[8], 63);
	assert_int_equal(header_remainder(packet), 0);
	packet[8] = 1;
	assert_int_equal(gw_fragment_readdress(packet, 100, 0, 0), -EINVAL);
	assert_int_equal(gw_fragment_readdress(packet, 99, 0, 0), -EINVAL);
	assert_int_equal(gw_fragment_readdress(packet, 10, 0, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_cut_and_fits_together_again),
		cmocka_unit_test(a_fragment_is_cut_into_fragments),
		cmocka_unit_test(what_fits_is_one_part),
		cmocka_unit_test(what_may_not_be_cut),
		cmocka_unit_test(the_first_failure_ends_it),
		cmocka_unit_test(a_fragment_gets_new_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
