/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets of a flow that are not forwarded: dropped, or left to the kernel unchanged. */
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define SENDER_V4    "198.51.100.7"
#define LOCAL_V4     "203.0.113.99"
#define TARGET_V4    "192.0.2.33"
#define SENDER_V6    "2001:db8:1::7"
#define LOCAL_V6     "2001:db8:9::99"
#define TARGET_V6    "2001:db8:2::33"
#define INDEX	     0x01020304
#define NODE	     5
#define ALL_HEADROOM 216 /* 256 less what the kernel keeps there */

static const struct flow_spec v4 = {
	.src = SENDER_V4,
	.local = LOCAL_V4,
	.from = LOCAL_V4,
	.to = TARGET_V4,
	.sport = 40000,
	.dport = 41000,
	.index = INDEX,
	.nexthop = 1,
	.src_node = NODE,
};

static const struct flow_spec v6 = {
	.src = SENDER_V6,
	.local = LOCAL_V6,
	.from = LOCAL_V6,
	.to = TARGET_V6,
	.sport = 40000,
	.dport = 41000,
	.index = INDEX,
	.nexthop = 1,
	.src_node = NODE,
};

static struct harness *open_with(const struct relay_knobs *knobs)
{
	struct harness *h = harness_open(knobs);

	harness_local(h, LOCAL_V4);
	harness_local(h, LOCAL_V6);
	harness_nexthop(h, 1, LOOPBACK, 1500, 0);
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

static struct packet_spec packet_of(const struct flow_spec *flow)
{
	return (struct packet_spec){
		.src = flow->src,
		.dst = flow->local,
		.sport = flow->sport,
		.dport = RELAY_PORT,
		.payload = wg_data(INDEX, WG_DATA_LEN),
		.payload_len = WG_DATA_LEN,
	};
}

/* The frame must be as it was: whoever gets it must see what arrived. */
static void refused(struct harness *h, const struct flow_spec *flow, const struct packet_spec *spec,
		    enum verdict verdict, int reason)
{
	struct frame in, out;

	harness_flow(h, flow);
	frame_build(&in, spec);
	expect(h, &in, &out, verdict, reason);
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.data, in.data, in.len);
	assert_int_equal(harness_count(h, 0).packets, 0);
}

static void test_expired(void **state)
{
	struct flow_spec flow = v4;
	struct packet_spec spec = packet_of(&flow);

	flow.expired = true;
	refused(*state, &flow, &spec, DROP, TP_DROP_flow_expired);
}

/* A fingerprint that another flow's key has too: no flow, whatever the slot says. */
static void test_other_key(void **state)
{
	const struct flow_spec *flows[] = {&v4, &v6};

	for (int i = 0; i < 2; i++) {
		struct flow_spec flow = *flows[i];
		struct packet_spec spec = packet_of(&flow);

		flow.other_key = true;
		refused(*state, &flow, &spec, DROP, TP_DROP_no_flow);
	}
}

static void test_ttl(void **state)
{
	const struct flow_spec *flows[] = {&v4, &v6};

	for (int i = 0; i < 2; i++) {
		struct packet_spec spec = packet_of(flows[i]);
		struct frame in, out;

		spec.ttl = 1;
		refused(*state, flows[i], &spec, DROP, TP_DROP_ttl);
		spec.ttl = 2;
		frame_build(&in, &spec);
		assert_int_equal(harness_run(*state, &in, &out), TX);
		assert_int_equal(out.data[14 + (i ? 7 : 8)], 1);
		harness_close(*state);
		setup(state);
	}
}

static void test_nexthop_unresolved(void **state)
{
	struct flow_spec flow = v4;
	struct packet_spec spec = packet_of(&flow);

	spec.df = true; /* an unresolved slot's MTU is 0, and means nothing */
	spec.payload = wg_data(INDEX, 200);
	spec.payload_len = 200;
	flow.nexthop = 0;
	refused(*state, &flow, &spec, PASS, TP_PASS_slow);
	flow.nexthop = 77; /* an id that names slot 0 */
	refused(*state, &flow, &spec, PASS, TP_PASS_slow);
	flow.nexthop = TP_NEXTHOPS; /* an id that can't be */
	refused(*state, &flow, &spec, PASS, TP_PASS_slow);
}

static void test_zero_checksum_to_v6(void **state)
{
	struct flow_spec flow = v4;
	struct packet_spec spec = packet_of(&flow);

	flow.from = LOCAL_V6;
	flow.to = TARGET_V6;
	spec.no_checksum = true;
	refused(*state, &flow, &spec, PASS, TP_PASS_slow);
}

static void test_zero_checksum_in_v6(void **state)
{
	struct packet_spec spec = packet_of(&v6);

	spec.no_checksum = true;
	refused(*state, &v6, &spec, DROP, TP_DROP_malformed);
}

/* Another address of ours than the flow is bound to: no flow. Nobody's: not for us. */
static void test_other_destination(void **state)
{
	struct packet_spec spec = packet_of(&v4);

	spec.dst = "203.0.113.1";
	refused(*state, &v4, &spec, PASS, TP_PASS_not_ours);
	harness_local(*state, "203.0.113.1");
	refused(*state, &v4, &spec, DROP, TP_DROP_no_flow);
}

static void test_other_source(void **state)
{
	struct packet_spec spec = packet_of(&v4);

	spec.sport++;
	refused(*state, &v4, &spec, DROP, TP_DROP_no_flow);
	spec.sport--;
	spec.src = "198.51.100.8";
	refused(*state, &v4, &spec, DROP, TP_DROP_no_flow);
}

/* 20 bytes more than there is room for; metadata has taken the headroom. */
static void test_no_room(void **state)
{
	struct flow_spec flow = v4;
	struct packet_spec spec = packet_of(&flow);
	struct frame in, out;
	enum verdict verdict;

	flow.from = LOCAL_V6;
	flow.to = TARGET_V6;
	harness_flow(*state, &flow);
	frame_build(&in, &spec);
	verdict = harness_run_meta(*state, &in, &out, ALL_HEADROOM);
	if (verdict == NOT_RUN) {
		print_message("this kernel takes too little metadata to use the headroom up\n");
		skip();
	}
	assert_int_equal(verdict, DROP);
	assert_int_equal(harness_reason(*state, NULL), TP_DROP_no_room);
	assert_int_equal(harness_count(*state, 0).packets, 0);
}

/* How many of `n` like packets pass, before the first refusal for `reason`. */
static int passed(struct harness *h, const struct frame *in, int n, int reason)
{
	struct frame out;

	for (int i = 0; i < n; i++) {
		enum verdict verdict = harness_run(h, in, &out);
		int why = harness_reason(h, NULL);

		if (verdict == TX)
			continue;
		assert_int_equal(verdict, DROP);
		assert_int_equal(why, reason);
		return i;
	}
	return n;
}

/* One packet a second: the burst of 64 is all there is for the length of a test. */
static void test_node_packets(void **state)
{
	struct relay_knobs knobs = harness_knobs();
	struct packet_spec spec = packet_of(&v4);
	struct flow_spec other = v6;
	struct frame in;

	harness_close(*state);
	knobs.node_pps = 1;
	*state = open_with(&knobs);
	harness_flow(*state, &v4);
	frame_build(&in, &spec);
	assert_in_range(passed(*state, &in, 100, TP_DROP_node_packets), 64, 68);

	other.src_node = NODE + 1; /* another node's bucket is its own */
	harness_flow(*state, &other);
	spec = packet_of(&v6);
	frame_build(&in, &spec);
	assert_int_equal(passed(*state, &in, 60, TP_DROP_node_packets), 60);
}

/* 64 KiB of burst, and packets of 20 + 8 + 996 bytes. */
static void test_node_bits(void **state)
{
	struct relay_knobs knobs = harness_knobs();
	struct packet_spec spec = packet_of(&v4);
	struct frame in;

	harness_close(*state);
	knobs.node_bps = 1000;
	*state = open_with(&knobs);
	harness_flow(*state, &v4);
	spec.payload = wg_data(INDEX, 996);
	spec.payload_len = 996;
	frame_build(&in, &spec);
	assert_int_equal(passed(*state, &in, 100, TP_DROP_node_bits), 64);
}

/* The coarse clock stands still for up to 10 ms; a bucket refills all the same. */
static void test_bucket_refills(void **state)
{
	struct relay_knobs knobs = harness_knobs();
	struct packet_spec spec = packet_of(&v4);
	struct frame in, out;
	int tries = 0;

	harness_close(*state);
	knobs.node_pps = 200;
	*state = open_with(&knobs);
	harness_flow(*state, &v4);
	frame_build(&in, &spec);
	assert_in_range(passed(*state, &in, 10000, TP_DROP_node_packets), 64, 9999);
	while (harness_run(*state, &in, &out) != TX)
		assert_true(usleep(1000) == 0 && ++tries < 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_expired, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ttl, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nexthop_unresolved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_checksum_to_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_checksum_in_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_destination, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_node_packets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_node_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bucket_refills, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
