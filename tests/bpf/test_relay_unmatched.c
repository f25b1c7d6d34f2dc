/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets without a flow: transit, odd ones, handshakes, own sessions, probes, junk. */
#include <arpa/inet.h>
#include <string.h>

#include "harness.h"

#define SENDER_V4 "198.51.100.7"
#define LOCAL_V4  "203.0.113.99"
#define SENDER_V6 "2001:db8:1::7"
#define LOCAL_V6  "2001:db8:9::99"
#define INDEX	  0x11223344

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

static struct packet_spec packet_v4(const uint8_t *payload, uint32_t len)
{
	return (struct packet_spec){
		.src = SENDER_V4,
		.dst = LOCAL_V4,
		.sport = 40000,
		.dport = RELAY_PORT,
		.payload = payload,
		.payload_len = len,
	};
}

static struct packet_spec packet_v6(const uint8_t *payload, uint32_t len)
{
	struct packet_spec spec = packet_v4(payload, len);

	spec.src = SENDER_V6;
	spec.dst = LOCAL_V6;
	return spec;
}

/* The outcome, with the frame untouched and its length counted. */
static void left_alone(struct harness *h, const struct frame *in, enum verdict verdict, int reason)
{
	uint64_t bytes = 0;
	struct frame out;

	assert_int_equal(harness_run(h, in, &out), verdict);
	assert_string_equal(reason_name(harness_reason(h, &bytes)), reason_name(reason));
	assert_int_equal(bytes, in->len);
	assert_int_equal(out.len, in->len);
	assert_memory_equal(out.data, in->data, in->len);
}

static void check(struct harness *h, const struct packet_spec *spec, enum verdict verdict,
		  int reason)
{
	struct frame in;

	frame_build(&in, spec);
	left_alone(h, &in, verdict, reason);
}

/* Both families, untagged and tagged. */
static void check_payload(struct harness *h, const uint8_t *payload, uint32_t len,
			  enum verdict verdict, int reason)
{
	struct packet_spec specs[] = {packet_v4(payload, len), packet_v6(payload, len)};

	for (int i = 0; i < 2; i++) {
		for (specs[i].vlans = 0; specs[i].vlans <= 2; specs[i].vlans++)
			check(h, &specs[i], verdict, reason);
	}
}

static void test_not_ip(void **state)
{
	struct packet_spec spec = packet_v4(wg_data(INDEX, 64), 64);
	struct frame in;

	frame_build(&in, &spec);
	in.data[12] = 0x08;
	in.data[13] = 0x06; /* ARP */
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
	spec.vlans = 2;
	frame_build(&in, &spec);
	in.data[20] = 0x81; /* a third tag */
	in.data[21] = 0x00;
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
	frame_build(&in, &spec);
	in.len = 20; /* ends within the tags; the kernel takes no shorter frame than 14 */
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
	in.len = 14;
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
}

static void test_other_traffic(void **state)
{
	struct packet_spec spec = packet_v4(wg_data(INDEX, 64), 64);
	struct frame in;

	spec.dport = 53;
	check(*state, &spec, PASS, TP_PASS_not_ours);
	spec.dport = RELAY_PORT;
	spec.dst = "203.0.113.1"; /* transit */
	check(*state, &spec, PASS, TP_PASS_not_ours);
	spec.dst = LOCAL_V4;
	frame_build(&in, &spec);
	in.data[14 + 9] = 6; /* TCP */
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
	frame_build(&in, &spec);
	in.data[14] = 0x65; /* not version 4 */
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
	spec = packet_v6(wg_data(INDEX, 64), 64);
	frame_build(&in, &spec);
	in.data[14 + 6] = 58; /* ICMPv6 */
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
}

static void test_odd_v4(void **state)
{
	struct packet_spec spec = packet_v4(wg_data(INDEX, 64), 64);
	struct frame in;

	frame_build(&in, &spec);
	in.data[14] = 0x46; /* options */
	left_alone(*state, &in, PASS, TP_PASS_odd);
	frame_build(&in, &spec);
	in.data[14 + 6] = 0x20; /* more fragments */
	left_alone(*state, &in, PASS, TP_PASS_odd);
	in.data[14 + 6] = 0x00;
	in.data[14 + 7] = 0x08; /* a later one */
	left_alone(*state, &in, PASS, TP_PASS_odd);
	spec.dst = "203.0.113.1"; /* transit */
	frame_build(&in, &spec);
	in.data[14 + 6] = 0x20;
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
}

static void test_odd_v6(void **state)
{
	static const uint8_t extensions[] = {0, 43, 44, 51, 60, 135, 139, 140};
	struct packet_spec spec = packet_v6(wg_data(INDEX, 64), 64);
	struct frame in;

	for (size_t i = 0; i < sizeof(extensions); i++) {
		frame_build(&in, &spec);
		in.data[14 + 6] = extensions[i];
		left_alone(*state, &in, PASS, TP_PASS_odd);
	}
	spec.dst = "2001:db8:ffff::1";
	frame_build(&in, &spec);
	in.data[14 + 6] = 44;
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
}

/* One frame cut at every length: nothing reads past its end, nothing is forwarded. */
static void test_cut_short(void **state)
{
	struct packet_spec specs[] = {packet_v4(wg_data(INDEX, 64), 64),
				      packet_v6(wg_data(INDEX, 64), 64)};
	struct frame in;

	for (int i = 0; i < 2; i++) {
		uint32_t udp_end = 14 + (i ? 40 : 20) + 8, whole;

		frame_build(&in, &specs[i]);
		whole = in.len;
		for (in.len = 14; in.len < udp_end; in.len++)
			left_alone(*state, &in, PASS, TP_PASS_not_ours);
		for (; in.len < whole; in.len++)
			left_alone(*state, &in, DROP, TP_DROP_malformed);
		left_alone(*state, &in, DROP, TP_DROP_no_flow);
	}
}

static void test_lengths_disagree(void **state)
{
	struct packet_spec spec = packet_v4(wg_data(INDEX, 64), 64);
	struct frame in;

	frame_build(&in, &spec);
	in.data[14 + 20 + 5]--; /* UDP shorter than IP */
	left_alone(*state, &in, DROP, TP_DROP_malformed);
	in.data[14 + 20 + 5] += 2; /* longer */
	left_alone(*state, &in, DROP, TP_DROP_malformed);
	in.data[14 + 20 + 5] = 7; /* than its own header */
	left_alone(*state, &in, DROP, TP_DROP_malformed);
	spec.dst = "203.0.113.1"; /* not ours to judge */
	frame_build(&in, &spec);
	in.data[14 + 20 + 5]--;
	left_alone(*state, &in, PASS, TP_PASS_not_ours);
}

static void test_mapped_source(void **state)
{
	struct packet_spec spec = packet_v6(wg_data(INDEX, 64), 64);

	spec.src = "::ffff:198.51.100.7";
	check(*state, &spec, DROP, TP_DROP_mapped_source);
	spec.dport = 53;
	check(*state, &spec, PASS, TP_PASS_not_ours);
}

static void test_handshakes(void **state)
{
	static const struct {
		uint32_t type, len;
	} messages[] = {{1, 148}, {2, 92}, {3, 64}};

	for (int i = 0; i < 3; i++) {
		uint32_t type = messages[i].type, len = messages[i].len;

		check_payload(*state, wg_message(type, len), len, PASS, TP_PASS_handshake);
		check_payload(*state, wg_message(type, len - 1), len - 1, DROP, TP_DROP_malformed);
		check_payload(*state, wg_message(type, len + 1), len + 1, DROP, TP_DROP_malformed);
		check_payload(*state, wg_message(type, 4), 4, DROP, TP_DROP_malformed);
		check_payload(*state, wg_message(type | 0x100, len), len, DROP,
			      TP_DROP_not_wireguard);
	}
}

static void test_not_wireguard(void **state)
{
	check_payload(*state, wg_message(0, 64), 64, DROP, TP_DROP_not_wireguard);
	check_payload(*state, wg_message(5, 64), 64, DROP, TP_DROP_not_wireguard);
	check_payload(*state, wg_message(4 | 1 << 24, 64), 64, DROP, TP_DROP_not_wireguard);
	check_payload(*state, wg_message(4, 3), 3, DROP, TP_DROP_not_wireguard);
	check_payload(*state, wg_message(4, 0), 0, DROP, TP_DROP_not_wireguard);
	check_payload(*state, wg_message(4, 4), 4, DROP, TP_DROP_malformed);
	check_payload(*state, wg_message(4, 31), 31, DROP, TP_DROP_malformed);
}

/* The extra STUN port speaks no WireGuard. */
static void test_stun_port(void **state)
{
	struct packet_spec spec = packet_v4(wg_message(1, 148), 148);

	spec.dport = STUN_PORT;
	check(*state, &spec, DROP, TP_DROP_not_wireguard);
	harness_session(*state, INDEX);
	spec.payload = wg_data(INDEX, 32);
	spec.payload_len = 32;
	check(*state, &spec, DROP, TP_DROP_not_wireguard);
}

static void test_no_stun_port(void **state)
{
	struct relay_knobs knobs = harness_knobs();
	struct packet_spec spec = packet_v4(wg_message(1, 148), 148);

	harness_close(*state);
	knobs.stun_port = 0;
	*state = open_with(&knobs);
	spec.dport = STUN_PORT;
	check(*state, &spec, PASS, TP_PASS_not_ours);
	spec.dport = 0;
	check(*state, &spec, PASS, TP_PASS_not_ours);
}

static void test_own_session(void **state)
{
	check_payload(*state, wg_data(INDEX, 32), 32, DROP, TP_DROP_no_flow);
	harness_session(*state, INDEX);
	check_payload(*state, wg_data(INDEX, 32), 32, PASS, TP_PASS_session);
	check_payload(*state, wg_data(INDEX + 1, 32), 32, DROP, TP_DROP_no_flow);
}

static void test_probe(void **state)
{
	harness_index_known(*state, INDEX);
	check_payload(*state, wg_data(INDEX, 32), 32, PASS, TP_PASS_probe);
	check_payload(*state, wg_data(INDEX ^ 1, 32), 32, DROP, TP_DROP_no_flow);
	check_payload(*state, wg_data(INDEX ^ 0x40, 32), 32, DROP, TP_DROP_no_flow);
	/* The filter knows an index only modulo 2^22. */
	check_payload(*state, wg_data(INDEX ^ 1u << 31, 32), 32, PASS, TP_PASS_probe);
}

/* How many of 200 like frames pass before the first `refusal`. */
static int passed_frames(struct harness *h, const struct frame *in, int refusal)
{
	for (int i = 0; i < 200; i++) {
		enum verdict verdict = harness_run(h, in, NULL);
		int why = harness_reason(h, NULL);

		if (verdict == PASS)
			continue;
		assert_int_equal(verdict, DROP);
		assert_string_equal(reason_name(why), reason_name(refusal));
		return i;
	}
	return 200;
}

static int passed(struct harness *h, const struct packet_spec *spec, int refusal)
{
	struct frame in;

	frame_build(&in, spec);
	return passed_frames(h, &in, refusal);
}

/* Budgets of 20 a second: a burst of 20, and what trickles in meanwhile. */
static struct harness *open_tight(void **state)
{
	struct relay_knobs knobs = harness_knobs();

	harness_close(*state);
	knobs.session_rate = 20;
	knobs.probe_rate = 20;
	knobs.handshake_rate = 20;
	knobs.odd_site_rate = 20;
	knobs.odd_rate = 20;
	*state = open_with(&knobs);
	return *state;
}

static void test_session_flood(void **state)
{
	struct harness *h = open_tight(state);
	struct packet_spec spec = packet_v4(wg_data(INDEX, 32), 32);

	harness_session(h, INDEX);
	assert_in_range(passed(h, &spec, TP_DROP_session_flood), 20, 60);
	spec.src = "198.51.100.8"; /* another source has its own */
	assert_in_range(passed(h, &spec, TP_DROP_session_flood), 20, 60);
}

static void test_probe_budget(void **state)
{
	struct harness *h = open_tight(state);
	struct packet_spec spec = packet_v6(wg_data(INDEX, 32), 32);

	harness_index_known(h, INDEX);
	assert_in_range(passed(h, &spec, TP_DROP_probe_budget), 20, 60);
	spec.src = "2001:db8:1:1::7"; /* another /64 */
	assert_in_range(passed(h, &spec, TP_DROP_probe_budget), 20, 60);
}

/* One /64, one budget, however many addresses. */
static void test_probe_budget_is_shared(void **state)
{
	struct harness *h = open_tight(state);
	struct packet_spec spec = packet_v6(wg_data(INDEX, 32), 32);

	harness_index_known(h, INDEX);
	assert_in_range(passed(h, &spec, TP_DROP_probe_budget), 20, 60);
	spec.src = "2001:db8:1::8";
	assert_in_range(passed(h, &spec, TP_DROP_probe_budget), 0, 19);
}

/* Per CPU, all sources together, with the minimal burst of 64. */
static void test_handshake_flood(void **state)
{
	struct packet_spec spec = packet_v4(wg_message(1, 148), 148);

	assert_in_range(passed(open_tight(state), &spec, TP_DROP_handshake_flood), 64, 199);
}

/* Fragments of strangers have a budget for each CPU; prefixes where nodes are have their own. */
static void test_odd_flood(void **state)
{
	struct harness *h = open_tight(state);
	struct packet_spec spec = packet_v4(wg_data(INDEX, 64), 64), other = spec;
	struct frame in, site, transit;

	frame_build(&in, &spec);
	in.data[14 + 6] = 0x20;
	other.src = "198.51.100.8";
	frame_build(&site, &other);
	site.data[14 + 6] = 0x20;
	other.dst = "203.0.113.1";
	frame_build(&transit, &other);
	transit.data[14 + 6] = 0x20;
	harness_site(h, "198.51.100.8");
	assert_in_range(passed_frames(h, &in, TP_DROP_odd_flood), 64, 199);
	assert_in_range(passed_frames(h, &site, TP_DROP_odd_flood), 20, 60);
	assert_int_equal(passed_frames(h, &transit, TP_DROP_odd_flood), 200);
	spec.dst = LOCAL_V4;
	assert_in_range(passed(h, &spec, TP_DROP_no_flow), 0, 0);
}

static void test_odd_flood_v6(void **state)
{
	struct harness *h = open_tight(state);
	struct packet_spec spec = packet_v6(wg_data(INDEX, 64), 64);
	struct frame in;

	harness_site(h, "2001:db8:1::");
	frame_build(&in, &spec);
	in.data[14 + 6] = 44;
	assert_in_range(passed_frames(h, &in, TP_DROP_odd_flood), 20, 60);
	spec.src = "2001:db8:1::8"; /* the same /64 */
	frame_build(&in, &spec);
	in.data[14 + 6] = 60;
	assert_in_range(passed_frames(h, &in, TP_DROP_odd_flood), 0, 19);
}

static void test_no_limits(void **state)
{
	struct relay_knobs knobs = {.listen_port = htons(RELAY_PORT)};
	struct packet_spec spec = packet_v4(wg_data(INDEX, 32), 32);
	struct frame in;

	harness_close(*state);
	*state = open_with(&knobs);
	harness_session(*state, INDEX);
	assert_int_equal(passed(*state, &spec, TP_DROP_session_flood), 200);
	spec.payload = wg_message(1, 148);
	spec.payload_len = 148;
	assert_int_equal(passed(*state, &spec, TP_DROP_handshake_flood), 200);
	frame_build(&in, &spec);
	in.data[14 + 6] = 0x20;
	assert_int_equal(passed_frames(*state, &in, TP_DROP_odd_flood), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_ip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_traffic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_v4, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths_disagree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mapped_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handshakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_wireguard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stun_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_stun_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_session_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probe_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probe_budget_is_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handshake_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_flood_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
