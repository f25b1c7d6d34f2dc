/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* STUN through the program: which messages are answered, and the answer's every byte. */
#include <arpa/inet.h>
#include <string.h>

#include "harness.h"

#define SENDER_V4 "198.51.100.7"
#define LOCAL_V4  "203.0.113.99"
#define SENDER_V6 "2001:db8:1::7"
#define LOCAL_V6  "2001:db8:9::99"
#define SPORT	  40000

static struct harness *open_with(const struct relay_knobs *knobs)
{
	struct harness *h = harness_open(knobs);

	harness_local(h, LOCAL_V4);
	harness_local(h, LOCAL_V6);
	return h;
}

static int setup(void **state)
{
	struct relay_knobs knobs = harness_knobs();

	*state = open_with(&knobs);
	return 0;
}

static int teardown(void **state)
{
	harness_close(*state);
	return 0;
}

/* A STUN message of `type` with `attrs` bytes of attributes, all of them SOFTWARE. */
static const uint8_t *message(uint16_t type, uint32_t attrs)
{
	static uint8_t m[1024];
	const uint8_t head[] = {type >> 8, type, attrs >> 8, attrs, 0x21, 0x12, 0xa4, 0x42};

	memset(m, 0x5a, sizeof(m));
	memcpy(m, head, sizeof(head));
	for (int i = 0; i < 12; i++)
		m[8 + i] = 0xc0 + i;
	if (attrs)
		memcpy(m + 20, (uint8_t[]){0x80, 0x22, (attrs - 4) >> 8, attrs - 4}, 4);
	return m;
}

static struct packet_spec packet(bool v6, const uint8_t *payload, uint32_t len)
{
	return (struct packet_spec){
		.src = v6 ? SENDER_V6 : SENDER_V4,
		.dst = v6 ? LOCAL_V6 : LOCAL_V4,
		.sport = SPORT,
		.dport = RELAY_PORT,
		.tos = 0x28,
		.ttl = 3,
		.payload = payload,
		.payload_len = len,
	};
}

/* XOR-MAPPED-ADDRESS and header, as RFC 8489 (6.3.1.1 and 14.2) has them. */
static uint32_t success(uint8_t *m, bool v6, const char *src)
{
	uint32_t size = v6 ? 16 : 4;
	uint8_t addr[16], *from = v6 ? addr : addr + 12;

	addr_make(addr, src);
	memcpy(m, message(0x0101, 0), 20);
	m[3] = 8 + size;
	memcpy(m + 20, (uint8_t[]){0, 0x20, 0, 4 + size, 0, v6 ? 2 : 1}, 6);
	m[26] = SPORT >> 8 ^ 0x21;
	m[27] = (SPORT & 0xff) ^ 0x12;
	for (uint32_t i = 0; i < size; i++)
		m[28 + i] = from[i] ^ m[4 + i];
	return 28 + size;
}

/* The frame that answers `in`: built as a packet from the relay, with the MACs swapped. */
static void expected_answer(struct frame *want, const struct frame *in,
			    const struct packet_spec *request, bool v6)
{
	uint8_t answer[64];
	struct packet_spec spec = {
		.src = request->dst,
		.dst = request->src,
		.sport = request->dport,
		.dport = request->sport,
		.ttl = 64,
		.vlans = request->vlans,
		.df = true,
		.payload = answer,
	};
	uint8_t *ip;
	uint32_t sum = 0;

	spec.payload_len = success(answer, v6, request->src);
	frame_build(want, &spec);
	memcpy(want->data, in->data + 6, 6);
	memcpy(want->data + 6, in->data, 6);
	ip = want->data + frame_l2_len(want);
	if (v6) {
		memset(ip + 1, 0, 3); /* no flow label */
		return;
	}
	memset(ip + 4, 0, 2); /* no id */
	memset(ip + 10, 0, 2);
	for (int i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = ~sum >> 8;
	ip[11] = ~sum;
}

static void check_answer(struct harness *h, bool v6, uint16_t port, int vlans, uint32_t attrs)
{
	struct packet_spec spec = packet(v6, message(1, attrs), 20 + attrs);
	struct frame in, out, want;

	spec.dport = port;
	spec.vlans = vlans;
	frame_build(&in, &spec);
	expect(h, &in, &out, TX, TP_ANSWER_stun);
	expected_answer(&want, &in, &spec, v6);
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.data, want.data, want.len);
	assert_true(frame_checksums_ok(&out));
}

static void test_answer(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (int vlans = 0; vlans <= 2; vlans++) {
			check_answer(*state, v6, RELAY_PORT, vlans, 0); /* frame grows */
			check_answer(*state, v6, STUN_PORT, vlans, 0);
			check_answer(*state, v6, RELAY_PORT, vlans, 12);
			check_answer(*state, v6, RELAY_PORT, vlans, 200); /* shrinks */
			check_answer(*state, v6, RELAY_PORT, vlans, 236); /* longest */
		}
	}
}

/* Small frames come padded. */
static void test_padded(void **state)
{
	struct packet_spec spec = packet(false, message(1, 0), 20);
	struct frame in, out, want;

	spec.trailer = 6;
	frame_build(&in, &spec);
	expect(*state, &in, &out, TX, TP_ANSWER_stun);
	expected_answer(&want, &in, &spec, false);
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.data, want.data, want.len);
}

static void check(struct harness *h, const uint8_t *payload, uint32_t len, enum verdict verdict,
		  int reason)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = packet(v6, payload, len);
		struct frame in, out;

		frame_build(&in, &spec);
		expect(h, &in, &out, verdict, reason);
		assert_int_equal(out.len, in.len);
		assert_memory_equal(out.data, in.data, in.len);
	}
}

static void test_error_answer_needed(void **state)
{
	uint8_t m[64];

	memcpy(m, message(1, 8), 28);
	memcpy(m + 20, (uint8_t[]){0, 0x24, 0, 4}, 4); /* PRIORITY, which must be understood */
	check(*state, m, 28, PASS, TP_PASS_stun_error);
	check(*state, message(1, 240), 260, PASS, TP_PASS_stun_error); /* too long */
	check(*state, message(1, 1000), 1020, PASS, TP_PASS_stun_error);
}

static void test_malformed(void **state)
{
	uint8_t m[64];

	check(*state, message(0x0011, 0), 20, DROP, TP_DROP_stun_malformed); /* indication */
	check(*state, message(0x0101, 0), 20, DROP, TP_DROP_stun_malformed); /* response */
	check(*state, message(0x0003, 0), 20, DROP, TP_DROP_stun_malformed); /* Allocate */
	check(*state, message(1, 5), 25, DROP, TP_DROP_stun_malformed);
	memcpy(m, message(1, 8), 28);
	m[23] = 5; /* attribute past the end */
	check(*state, m, 28, DROP, TP_DROP_stun_malformed);
}

static void test_not_stun(void **state)
{
	uint8_t m[64];

	memcpy(m, message(1, 8), 28);
	check(*state, m, 27, DROP, TP_DROP_not_wireguard);
	check(*state, m, 19, DROP, TP_DROP_not_wireguard);
	m[4]++; /* another cookie */
	check(*state, m, 28, DROP, TP_DROP_not_wireguard);
	m[4]--;
	m[0] = 0x40; /* RTP, say */
	check(*state, m, 28, DROP, TP_DROP_not_wireguard);
}

static void test_switched_off(void **state)
{
	struct relay_knobs knobs = harness_knobs();

	harness_close(*state);
	knobs.stun_rate = 0;
	*state = open_with(&knobs);
	check(*state, message(1, 0), 20, DROP, TP_DROP_not_wireguard);
}

static int answered(struct harness *h, const struct packet_spec *spec)
{
	struct frame in;

	frame_build(&in, spec);
	for (int i = 0; i < 200; i++) {
		enum verdict verdict = harness_run(h, &in, NULL);
		int why = harness_reason(h, NULL);

		if (verdict == TX)
			continue;
		assert_int_equal(why, TP_DROP_stun_rate);
		return i;
	}
	return 200;
}

/* One budget for a /24 and a /56, whatever the host. */
static void check_rate(void **state, bool v6, const char *neighbour, const char *stranger)
{
	struct relay_knobs knobs = harness_knobs();
	struct packet_spec spec = packet(v6, message(1, 0), 20);

	harness_close(*state);
	knobs.stun_rate = 20;
	*state = open_with(&knobs);
	assert_in_range(answered(*state, &spec), 20, 60);
	spec.src = neighbour;
	assert_in_range(answered(*state, &spec), 0, 19);
	spec.src = stranger;
	assert_in_range(answered(*state, &spec), 20, 60);
}

static void test_rate(void **state)
{
	check_rate(state, false, "198.51.100.200", "198.51.101.7");
	check_rate(state, true, "2001:db8:1:ff::1", "2001:db8:1:100::7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_padded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_answer_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_stun, setup, teardown),
		cmocka_unit_test_setup_teardown(test_switched_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
