/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets above the path MTU: the ICMP answer, byte by byte, and who gets none. */
#include <arpa/inet.h>
#include <string.h>

#include "harness.h"

#define SENDER_V4 "198.51.100.7"
#define LOCAL_V4  "203.0.113.99"
#define TARGET_V4 "192.0.2.33"
#define SENDER_V6 "2001:db8:1::7"
#define LOCAL_V6  "2001:db8:9::99"
#define TARGET_V6 "2001:db8:2::33"
#define INDEX	  0x01020304
#define QUOTE	  128

struct route {
	const char *src, *local, *from, *to;
};
static const struct route v4 = {SENDER_V4, LOCAL_V4, LOCAL_V4, TARGET_V4};
static const struct route v6 = {SENDER_V6, LOCAL_V6, LOCAL_V6, TARGET_V6};
static const struct route v4_to_v6 = {SENDER_V4, LOCAL_V4, LOCAL_V6, TARGET_V6};
static const struct route v6_to_v4 = {SENDER_V6, LOCAL_V6, LOCAL_V4, TARGET_V4};

static int setup(void **state)
{
	struct relay_knobs knobs = harness_knobs();

	*state = harness_open(&knobs);
	harness_local(*state, LOCAL_V4);
	harness_local(*state, LOCAL_V6);
	return 0;
}

static int teardown(void **state)
{
	harness_close(*state);
	return 0;
}

/* Installs the flow, with an MTU of its own unless 0, and builds a DF packet of `ip_len` bytes. */
static void prepare(struct harness *h, struct frame *in, const struct route *r, uint32_t ip_len,
		    uint16_t flow_mtu, uint16_t nexthop_mtu, int vlans)
{
	uint32_t headers = strchr(r->src, ':') ? 48 : 28;
	struct flow_spec flow = {
		.src = r->src,
		.local = r->local,
		.from = r->from,
		.to = r->to,
		.sport = 40000,
		.dport = 41000,
		.index = INDEX,
		.nexthop = 1,
		.mtu = flow_mtu,
	};
	struct packet_spec spec = {
		.src = r->src,
		.dst = r->local,
		.sport = 40000,
		.dport = RELAY_PORT,
		.df = true,
		.vlans = vlans,
		.payload = wg_data(INDEX, ip_len - headers),
		.payload_len = ip_len - headers,
	};

	harness_flow(h, &flow);
	harness_nexthop(h, 1, LOOPBACK, nexthop_mtu, 0);
	frame_build(in, &spec);
}

static void assert_ipv4_header(const uint8_t *ip)
{
	static const uint8_t fixed[] = {0x45, 0, 0, 20 + 8 + QUOTE, 0, 0, 0x40, 0, 64, 1};
	uint8_t addr[16];

	assert_memory_equal(ip, fixed, sizeof(fixed));
	addr_make(addr, LOCAL_V4);
	assert_memory_equal(ip + 12, addr + 12, 4);
	addr_make(addr, SENDER_V4);
	assert_memory_equal(ip + 16, addr + 12, 4);
}

static void assert_ipv6_header(const uint8_t *ip)
{
	static const uint8_t fixed[] = {0x60, 0, 0, 0, 0, 8 + QUOTE, 58, 64};
	uint8_t addr[16];

	assert_memory_equal(ip, fixed, sizeof(fixed));
	addr_make(addr, LOCAL_V6);
	assert_memory_equal(ip + 8, addr, 16);
	addr_make(addr, SENDER_V6);
	assert_memory_equal(ip + 24, addr, 16);
}

/* `out` tells the sender of `in` that its packets may be `mtu` bytes long. */
static void assert_answer(const struct frame *out, const struct frame *in, uint32_t mtu)
{
	uint32_t l2 = frame_l2_len(in);
	bool is_v6 = in->data[l2] >> 4 == 6;
	const uint8_t *ip = out->data + l2, *icmp = ip + (is_v6 ? 40 : 20);
	const uint8_t head4[] = {3, 4}, head6[] = {2, 0};
	const uint8_t mtu_field[] = {0, 0, mtu >> 8, mtu};

	assert_int_equal(out->len, l2 + (is_v6 ? 40 : 20) + 8 + QUOTE);
	assert_memory_equal(out->data, in->data + 6, 6);
	assert_memory_equal(out->data + 6, in->data, 6);
	assert_memory_equal(out->data + 12, in->data + 12, l2 - 12);
	if (is_v6)
		assert_ipv6_header(ip);
	else
		assert_ipv4_header(ip);
	assert_memory_equal(icmp, is_v6 ? head6 : head4, 2);
	assert_memory_equal(icmp + 4, mtu_field, 4);
	assert_memory_equal(icmp + 8, in->data + l2, QUOTE);
	assert_true(frame_checksums_ok(out));
}

/* One byte above the limit is answered; the limit itself passes. */
static void check_limit(struct harness *h, const struct route *r, uint16_t flow_mtu,
			uint16_t nexthop_mtu, uint32_t limit)
{
	struct frame in, out;

	for (int vlans = 0; vlans <= 2; vlans++) {
		prepare(h, &in, r, limit + 1, flow_mtu, nexthop_mtu, vlans);
		expect(h, &in, &out, TX, TP_ANSWER_too_big);
		assert_answer(&out, &in, limit);
		prepare(h, &in, r, limit, flow_mtu, nexthop_mtu, vlans);
		expect(h, &in, &out, TX, NO_REASON);
	}
}

static void test_nexthop_mtu(void **state)
{
	check_limit(*state, &v4, 0, 1500, 1500);
	check_limit(*state, &v6, 0, 1500, 1500);
}

static void test_path_mtu(void **state)
{
	check_limit(*state, &v4, 1400, 1500, 1400);
	check_limit(*state, &v6, 1400, 1500, 1400);
	check_limit(*state, &v4, 1500, 1400, 1400);
}

/* The sender counts bytes of its own family's header. */
static void test_mtu_across_families(void **state)
{
	check_limit(*state, &v4_to_v6, 0, 1500, 1480);
	check_limit(*state, &v6_to_v4, 0, 1480, 1500);
}

static void test_jumbo(void **state)
{
	check_limit(*state, &v4, 8000, 9000, 8000);
}

static void left_to_kernel(struct harness *h, const struct frame *in)
{
	struct frame out;

	expect(h, in, &out, PASS, TP_PASS_slow);
	assert_int_equal(out.len, in->len);
	assert_memory_equal(out.data, in->data, in->len);
}

static void test_df_clear(void **state)
{
	struct frame in;

	prepare(*state, &in, &v4, 1501, 0, 1500, 0);
	in.data[14 + 6] = 0;
	left_to_kernel(*state, &in);
	prepare(*state, &in, &v4_to_v6, 1481, 0, 1500, 1);
	in.data[18 + 6] = 0;
	left_to_kernel(*state, &in);
}

/* IPv6 does not go below 1280. */
static void test_v6_minimum(void **state)
{
	struct frame in;

	check_limit(*state, &v6, 1280, 1500, 1280);
	check_limit(*state, &v6_to_v4, 1260, 1500, 1280);
	prepare(*state, &in, &v6, 1281, 1279, 1500, 0);
	left_to_kernel(*state, &in);
	prepare(*state, &in, &v6_to_v4, 1281, 1259, 1500, 0);
	left_to_kernel(*state, &in);
}

/* Too short to be quoted in full: such an MTU is nothing that paths have. */
static void test_shorter_than_quote(void **state)
{
	struct frame in, out;

	prepare(*state, &in, &v4, QUOTE - 1, 68, 1500, 0);
	left_to_kernel(*state, &in);
	prepare(*state, &in, &v4, QUOTE, 68, 1500, 0);
	expect(*state, &in, &out, TX, TP_ANSWER_too_big);
	assert_answer(&out, &in, 68);
}

static void test_bytes_and_counter(void **state)
{
	struct frame in, out;
	uint64_t bytes;

	prepare(*state, &in, &v4, 1501, 0, 1500, 0);
	assert_int_equal(harness_run(*state, &in, &out), TX);
	assert_int_equal(harness_reason(*state, &bytes), TP_ANSWER_too_big);
	assert_int_equal(bytes, out.len);
	assert_int_equal(harness_count(*state, 0).packets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nexthop_mtu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_path_mtu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mtu_across_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jumbo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_df_clear, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v6_minimum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shorter_than_quote, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_and_counter, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
