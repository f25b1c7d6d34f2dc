/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "addr.h"

static struct tp_addr addr(const char *text)
{
	struct tp_addr a;

	assert_int_equal(tp_addr_parse(text, &a), 0);
	return a;
}

static void assert_addr(const struct tp_addr *a, const char *want)
{
	char buf[TP_ADDR_STRLEN];

	assert_string_equal(tp_addr_format(a, buf), want);
}

static void test_v4_is_mapped(void **state)
{
	const uint8_t want[16] = {[10] = 0xff, 0xff, 192, 0, 2, 7};
	struct in_addr v4 = {htonl(0xc0000207)};
	struct tp_addr a = addr("192.0.2.7"), b = tp_addr_from_v4(v4);

	(void)state;
	assert_memory_equal(a.b, want, 16);
	assert_true(tp_addr_equal(&a, &b));
	assert_true(tp_addr_is_v4(&a));
	assert_int_equal(tp_addr_to_v4(&a).s_addr, v4.s_addr);
	b = addr("::ffff:192.0.2.7");
	assert_true(tp_addr_equal(&a, &b));
	b = addr("::fffe:192.0.2.7");
	assert_false(tp_addr_is_v4(&b));
}

static void test_private(void **state)
{
	static const struct {
		const char *text;
		bool private;
	} cases[] = {
		{"10.0.0.1", true},	    {"11.0.0.1", false},    {"172.15.255.255", false},
		{"172.16.0.0", true},	    {"172.31.0.1", true},   {"172.32.0.0", false},
		{"192.168.1.1", true},	    {"192.169.0.0", false}, {"203.0.113.9", false},
		{"fc00::1", true},	    {"fdff::1", true},	    {"fe00::1", false},
		{"2001:db8::a00:1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tp_addr a = addr(cases[i].text);

		assert_int_equal(tp_addr_is_private(&a), cases[i].private);
	}
}

static void test_zero(void **state)
{
	static const struct {
		const char *text;
		bool zero;
	} cases[] = {
		{"::", true},	{"0.0.0.0", true},  {"::1", false},
		{"1::", false}, {"0.0.0.1", false}, {"::fffe:0:0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tp_addr a = addr(cases[i].text);

		assert_int_equal(tp_addr_is_zero(&a), cases[i].zero);
	}
}

static void test_round_trip(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",
		"255.255.255.255",
		"10.1.2.3",
		"::",
		"::1",
		"2001:db8::1:0:0:1",
		"fe80::1234:5678:9abc:def0",
		"2001:db8:1111:2222:3333:4444:5555:6666",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct tp_addr a = addr(texts[i]);

		assert_addr(&a, texts[i]);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"1.2.3",
		"1.2.3.4.5",
		"256.1.1.1",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.4/24",
		"localhost",
		"2001:db8::g",
		"1::2::3",
		"fe80::1%lo",
		"[::1]",
		"1.2.3.4:5",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999",
	};
	struct tp_addr a, zero = {{0}};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(tp_addr_parse(texts[i], &a), -EINVAL);
		assert_true(tp_addr_equal(&a, &zero));
	}
}

static void test_cidr(void **state)
{
	static const struct {
		const char *text, *want;
		unsigned int bits;
	} cases[] = {
		{"10.1.2.3/24", "10.1.2.3", 24},
		{"10.1.2.3", "10.1.2.3", 32},
		{"0.0.0.0/0", "0.0.0.0", 0},
		{"10.1.2.3/32", "10.1.2.3", 32},
		{"fd00::1/64", "fd00::1", 64},
		{"fd00::1", "fd00::1", 128},
		{"::/0", "::", 0},
		{"fd00::1/128", "fd00::1", 128},
	};
	struct tp_addr a;
	unsigned int bits;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(tp_addr_parse_cidr(cases[i].text, &a, &bits), 0);
		assert_addr(&a, cases[i].want);
		assert_int_equal(bits, cases[i].bits);
	}
}

static void test_cidr_refuses(void **state)
{
	static const char *const texts[] = {
		"10.0.0.0/33",
		"fd00::/129",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/ 8",
		"10.0.0.0/8 ",
		"10.0.0.0/8/8",
		"/8",
		"10.0.0.0/0x8",
		"10.0.0.0/4294967304",
		"::ffff:10.0.0.0/104",
		"::ffff:10.0.0.0/24",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000/64",
	};
	struct tp_addr a;
	unsigned int bits;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(tp_addr_parse_cidr(texts[i], &a, &bits), -EINVAL);
}

static void test_prefix(void **state)
{
	static const struct {
		const char *text, *want;
		unsigned int bits;
	} cases[] = {
		{"10.255.255.255", "10.0.0.0", 8},
		{"10.255.255.255", "10.254.0.0", 15},
		{"10.255.255.255", "0.0.0.0", 0},
		{"10.255.255.255", "10.255.255.255", 32},
		{"10.255.255.255", "10.255.255.255", 200},
		{"2001:db8:ffff:ffff::1", "2001:db8:ffff:ffff::", 64},
		{"2001:db8:ffff:ffff::1", "2001:db8:ffff:fffe::", 63},
		{"2001:db8:ffff:ffff::1", "2001:db8:ffff:ffff::1", 128},
		{"2001:db8:ffff:ffff::1", "::", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tp_addr a = addr(cases[i].text);

		a = tp_addr_prefix(&a, cases[i].bits);
		assert_addr(&a, cases[i].want);
	}
}

static void test_host_prefix(void **state)
{
	struct tp_addr a = addr("198.51.100.77");

	(void)state;
	a = tp_addr_host_prefix(&a);
	assert_addr(&a, "198.51.100.77");
	a = addr("2001:db8:1:2:3:4:5:6");
	a = tp_addr_host_prefix(&a);
	assert_addr(&a, "2001:db8:1:2::");
}

static void test_endpoint(void **state)
{
	static const char *const texts[] = {
		"1.2.3.4:443",
		"255.255.255.255:65535",
		"[2001:db8::1]:443",
		"[::]:0",
		"[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
	};
	struct tp_endpoint e, f;
	char buf[TP_ADDR_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(tp_endpoint_parse(texts[i], &e), 0);
		assert_string_equal(tp_endpoint_format(&e, buf), texts[i]);
	}
	assert_int_equal(tp_endpoint_parse("1.2.3.4:443", &e), 0);
	assert_int_equal(e.port, htons(443));
	f = e;
	assert_true(tp_endpoint_equal(&e, &f));
	f.port = htons(444);
	assert_false(tp_endpoint_equal(&e, &f));
	assert_int_equal(tp_endpoint_parse("1.2.3.5:443", &f), 0);
	assert_false(tp_endpoint_equal(&e, &f));
}

static void test_endpoint_refuses(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"1.2.3.4",
		"1.2.3.4:",
		":443",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:000443",
		"2001:db8::1:443",
		"[2001:db8::1]",
		"[2001:db8::1]443",
		"[2001:db8::1:443",
		"[1.2.3.4]:443",
		"[]:443",
		"[:443",
		"]:443",
		"[]]:1",
		"[:",
		"example.org:443",
		"[fe80::1%lo]:443",
		"1.2.3.4:443x",
		"[[::1]]:443",
	};
	struct tp_endpoint e;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(tp_endpoint_parse(texts[i], &e), -EINVAL);
		assert_int_equal(e.port, 0);
	}
}

static void test_sockaddr(void **state)
{
	static const struct {
		const char *text;
		sa_family_t family;
		socklen_t len;
	} cases[] = {
		{"192.0.2.1:443", AF_INET, sizeof(struct sockaddr_in)},
		{"[2001:db8::1]:443", AF_INET6, sizeof(struct sockaddr_in6)},
	};
	struct sockaddr_storage sa;
	struct tp_endpoint e, back;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(tp_endpoint_parse(cases[i].text, &e), 0);
		assert_int_equal(tp_endpoint_to_sockaddr(&e, &sa), cases[i].len);
		assert_int_equal(sa.ss_family, cases[i].family);
		assert_int_equal(tp_endpoint_from_sockaddr((void *)&sa, &back), 0);
		assert_true(tp_endpoint_equal(&e, &back));
	}
}

/* What a dual-stack socket says of an IPv4 peer. */
static void test_sockaddr_mapped(void **state)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct tp_endpoint e;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &sin6.sin6_addr), 1);
	assert_int_equal(tp_endpoint_from_sockaddr((void *)&sin6, &e), 0);
	assert_true(tp_addr_is_v4(&e.addr));
	assert_addr(&e.addr, "192.0.2.1");
	assert_int_equal(e.port, htons(9));
}

static void test_sockaddr_other_family(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct tp_endpoint e;

	(void)state;
	assert_int_equal(tp_endpoint_from_sockaddr((void *)&sun, &e), -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4_is_mapped),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_cidr_refuses),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_host_prefix),
		cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_endpoint_refuses),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_sockaddr_mapped),
		cmocka_unit_test(test_sockaddr_other_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
