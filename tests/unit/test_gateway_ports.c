// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sets of ports as the kernel writes them, and who among the host's sockets is in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/ports.h"

static struct gw_ports a, b;

static void format_is(const struct gw_ports *set, const char *text)
{
	char *got = gw_ports_format(set);

	assert_string_equal(got, text);
	free(got);
}

static void lists_are_read_and_written(void **state)
{
	(void)state;
	assert_true(gw_ports_parse(&a, "\n"));
	format_is(&a, "");
	assert_true(gw_ports_parse(&a, "8080,8082-8084,0,65535,8083\n"));
	format_is(&a, "0,8080,8082-8084,65535");
	assert_true(gw_ports_has(&a, 8083) && !gw_ports_has(&a, 8081));
}

static void what_is_no_list(void **state)
{
	static const char *const wrong[] = {"x", "80-", "80-70", "70000", "80,,90", "-5", "80 90"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (gw_ports_parse(&a, wrong[i]))
			fail_msg("\"%s\" was taken", wrong[i]);
}

static void added_and_removed(void **state)
{
	(void)state;
	assert_true(gw_ports_parse(&a, "8080,20000-20010"));
	memset(&b, 0, sizeof(b));
	gw_ports_range(&b, 20005, 100);
	gw_ports_add(&a, &b);
	format_is(&a, "8080,20000-20104");
	gw_ports_remove(&a, &b);
	format_is(&a, "8080,20000-20004");
	memset(&b, 0, sizeof(b));
	gw_ports_range(&b, 65530, 100);
	format_is(&b, "65530-65535");
}

#define TCP_HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
#define REST	 " 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"

static bool used(const char *text, struct gw_socket *found)
{
	struct tp_addr mine[2];

	tp_addr_parse("192.168.10.1", &mine[0]);
	tp_addr_parse("10.0.0.1", &mine[1]);
	return gw_ports_used_in(text, "TCP", 10000, 1000, mine, 2, found);
}

/* Words in the byte order of the host, as /proc/net has them; this test runs on little endian. */
static void sockets_of_ipv4(void **state)
{
	struct gw_socket found;

	(void)state;
	assert_false(used("", &found));
	assert_false(used(TCP_HEAD "   0: 00000000:270F" REST, &found)); /* 9999 */
	assert_false(used(TCP_HEAD "   0: 00000000:2AF8" REST, &found)); /* 11000 */
	assert_false(used(TCP_HEAD "   0: 0100007F:2710" REST, &found)); /* loopback */
	assert_true(used(TCP_HEAD "   0: 0100007F:2710" REST "   1: 00000000:2710" REST, &found));
	assert_int_equal(found.port, 10000);
	assert_true(used(TCP_HEAD "   1: 010AA8C0:2AF7" REST, &found)); /* 192.168.10.1 */
	assert_int_equal(found.port, 10999);
	assert_true(used(TCP_HEAD "   1: 0100000A:2710" REST, &found)); /* 10.0.0.1 */
	assert_false(
		used(TCP_HEAD "   1: 0100000A:2710 0200000A:01BB 06\n", &found)); /* TIME_WAIT */
	assert_true(used(TCP_HEAD "   1: 0100000A:2710 0200000A:01BB 01\n", &found));
}

static void sockets_of_ipv6(void **state)
{
	struct gw_socket found;

	(void)state;
	assert_true(used(TCP_HEAD "   0: 00000000000000000000000000000000:2710 "
				  "00000000000000000000000000000000:0000 0A\n",
			 &found)); /* of both families */
	assert_true(used(TCP_HEAD "   0: 0000000000000000FFFF0000010AA8C0:2710 "
				  "00000000000000000000000000000000:0000 0A\n",
			 &found)); /* ::ffff:192.168.10.1 */
	assert_false(used(TCP_HEAD "   0: 000000FD000000000000000001000000:2710 "
				   "00000000000000000000000000000000:0000 0A\n",
			  &found)); /* fd00::1 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_and_written),
		cmocka_unit_test(what_is_no_list),
		cmocka_unit_test(added_and_removed),
		cmocka_unit_test(sockets_of_ipv4),
		cmocka_unit_test(sockets_of_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
