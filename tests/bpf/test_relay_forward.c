/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the relay forwards: the verdict, every byte of the result, and the flow's counter. */
#include <arpa/inet.h>
#include <string.h>

#include "harness.h"

#define SENDER_V4 "198.51.100.7"
#define LOCAL_V4  "203.0.113.99"
#define OTHER_V4  "203.0.113.98"
#define TARGET_V4 "192.0.2.33"
#define SENDER_V6 "2001:db8:1::7"
#define LOCAL_V6  "2001:db8:9::99"
#define TARGET_V6 "2001:db8:2:3:4:5:6:33"
#define INDEX	  0x80c0ffee
#define COUNTER	  17

struct route {
	const char *src, *local, *from, *to;
};
static const struct route v4 = {SENDER_V4, LOCAL_V4, OTHER_V4, TARGET_V4};
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

static struct flow_spec flow_of(const struct route *r)
{
	return (struct flow_spec){
		.src = r->src,
		.local = r->local,
		.from = r->from,
		.to = r->to,
		.sport = 40000,
		.dport = 41000,
		.index = INDEX,
		.nexthop = 1,
		.counter = COUNTER,
	};
}

static struct packet_spec packet_of(const struct route *r)
{
	return (struct packet_spec){
		.src = r->src,
		.dst = r->local,
		.sport = 40000,
		.dport = RELAY_PORT,
		.tos = 0xb9, /* EF, and ECN's CE half */
		.payload = wg_data(INDEX, WG_DATA_LEN),
		.payload_len = WG_DATA_LEN,
	};
}

/* What must come out, built from scratch as a sender at the far side of the relay would. */
static void expected_frame(struct frame *f, const struct route *r, const struct packet_spec *in,
			   int vlans)
{
	struct packet_spec spec = *in;
	uint32_t l2 = 14 + 4 * vlans;
	bool in_v6 = strchr(r->src, ':'), out_v6 = strchr(r->to, ':');

	spec.src = r->from;
	spec.dst = r->to;
	spec.sport = RELAY_PORT;
	spec.dport = 41000;
	spec.ttl = 63;
	spec.vlans = vlans;
	spec.trailer = 0;
	spec.df = in_v6 ? !out_v6 : in->df;
	frame_build(f, &spec);
	memcpy(f->data, (uint8_t[]){2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 2, 1}, 12);
	if (vlans > 0)
		memcpy(f->data + 14, (uint8_t[]){0, 100}, 2);
	if (vlans > 1)
		memcpy(f->data + 18, (uint8_t[]){0, 200}, 2);
	if (in_v6 != out_v6) /* a new header: no flow label, no id */
		memset(f->data + l2 + (out_v6 ? 2 : 4), 0, 2);
	if (!in_v6 && out_v6)
		f->data[l2 + 1] &= 0xf0;
}

/* IPv4 header checksums of expected frames whose id was cleared. */
static void fix_ipv4_checksum(struct frame *f, uint32_t l2)
{
	uint32_t sum = 0;
	uint8_t *ip = f->data + l2;

	if (ip[0] >> 4 != 4)
		return;
	ip[10] = ip[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = ~sum >> 8;
	ip[11] = ~sum;
}

static void assert_frames_equal(const struct frame *got, const struct frame *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->data, want->data, want->len);
}

static void check_spec(struct harness *h, const struct route *r, const struct packet_spec *spec,
		       int vlans_out)
{
	struct flow_spec flow = flow_of(r);
	struct frame in, out, want;
	struct relay_count before, after;

	harness_flow(h, &flow);
	harness_nexthop(h, 1, LOOPBACK, 1500, vlans_out);
	frame_build(&in, spec);
	expected_frame(&want, r, spec, vlans_out);
	fix_ipv4_checksum(&want, 14 + 4 * vlans_out);
	before = harness_count(h, COUNTER);
	expect(h, &in, &out, TX, NO_REASON);
	assert_true(frame_checksums_ok(&out));
	assert_frames_equal(&out, &want);
	after = harness_count(h, COUNTER);
	assert_int_equal(after.packets - before.packets, 1);
	assert_int_equal(after.bytes - before.bytes, spec->payload_len);
}

static void check_route(void **state, const struct route *r)
{
	for (int vlans_in = 0; vlans_in <= 2; vlans_in++) {
		for (int vlans_out = 0; vlans_out <= 2; vlans_out++) {
			struct packet_spec spec = packet_of(r);

			spec.vlans = vlans_in;
			check_spec(*state, r, &spec, vlans_out);
		}
	}
}

static void test_v4(void **state)
{
	check_route(state, &v4);
}

static void test_v6(void **state)
{
	check_route(state, &v6);
}

static void test_v4_to_v6(void **state)
{
	check_route(state, &v4_to_v6);
}

static void test_v6_to_v4(void **state)
{
	check_route(state, &v6_to_v4);
}

/* DF is the sender's, except where IPv6 has none. */
static void test_df_kept(void **state)
{
	struct packet_spec spec = packet_of(&v4);

	spec.df = true;
	check_spec(*state, &v4, &spec, 0);
}

static void test_zero_checksum_kept(void **state)
{
	struct packet_spec spec = packet_of(&v4);

	spec.no_checksum = true;
	check_spec(*state, &v4, &spec, 0);
}

/* What Ethernet padded, the relay does not send on. */
static void test_trailer_cut(void **state)
{
	const struct route *routes[] = {&v4, &v6, &v4_to_v6, &v6_to_v4};

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		struct packet_spec spec = packet_of(routes[i]);

		spec.trailer = 9;
		check_spec(*state, routes[i], &spec, 0);
	}
}

static void test_keepalive(void **state)
{
	const struct route *routes[] = {&v4, &v6, &v4_to_v6, &v6_to_v4};

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		struct packet_spec spec = packet_of(routes[i]);

		spec.payload_len = 32;
		check_spec(*state, routes[i], &spec, 2);
	}
}

/* Payloads chosen so that the new UDP sum passes through every value, 0 among them. */
static void test_checksum_wraps(void **state)
{
	static uint8_t payload[WG_DATA_LEN];
	struct packet_spec spec = packet_of(&v4);
	struct flow_spec flow = flow_of(&v4);
	struct frame in, out;
	int zeroes = 0;

	harness_flow(*state, &flow);
	harness_nexthop(*state, 1, LOOPBACK, 1500, 0);
	memcpy(payload, spec.payload, sizeof(payload));
	spec.payload = payload;
	for (int value = 0; value < 0x10000; value++) {
		payload[40] = value >> 8;
		payload[41] = value;
		frame_build(&in, &spec);
		assert_int_equal(harness_run(*state, &in, &out), TX);
		assert_true(frame_checksums_ok(&out));
		assert_false(out.data[40] == 0 && out.data[41] == 0);
		zeroes += out.data[40] == 0xff && out.data[41] == 0xff;
	}
	assert_true(zeroes > 0);
}

/* 9000 bytes lie partly outside the linear part of the buffer. */
static void test_jumbo(void **state)
{
	struct packet_spec spec = packet_of(&v4);
	struct flow_spec flow = flow_of(&v4);
	struct frame in, out, want;

	spec.payload_len = 8900;
	spec.payload = wg_data(INDEX, 8900);
	harness_flow(*state, &flow);
	harness_nexthop(*state, 1, LOOPBACK, 9000, 0);
	frame_build(&in, &spec);
	expected_frame(&want, &v4, &spec, 0);
	fix_ipv4_checksum(&want, 14);
	expect(*state, &in, &out, TX, NO_REASON);
	assert_frames_equal(&out, &want);
}

static void test_other_device(void **state)
{
	struct packet_spec spec = packet_of(&v4);
	struct flow_spec flow = flow_of(&v4);
	struct frame in, out;

	harness_flow(*state, &flow);
	harness_nexthop(*state, 1, LOOPBACK + 1, 1500, 0);
	frame_build(&in, &spec);
	expect(*state, &in, &out, DROP, TP_DROP_no_port);
	assert_int_equal(harness_count(*state, COUNTER).packets, 0);
	harness_port(*state, 3, LOOPBACK);
	expect(*state, &in, &out, REDIRECT, NO_REASON);
	assert_true(frame_checksums_ok(&out));
	assert_int_equal(harness_count(*state, COUNTER).packets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_v4, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v4_to_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v6_to_v4, setup, teardown),
		cmocka_unit_test_setup_teardown(test_df_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_checksum_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trailer_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keepalive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_checksum_wraps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jumbo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_device, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
