/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program's clock, counted in the kernel's ticks or asked for: both are CLOCK_MONOTONIC. */
#include <unistd.h>

#include "bpf_tick.h"
#include "clock.h"
#include "harness.h"

#define INDEX 0x01020304
#define LIFE  TP_MS(700)

/* A tick of another length than the kernel's would be 10 of them apart after 10. */
static void test_ticks_keep_time(void **state)
{
	struct tp_bpf_tick first, later;

	(void)state;
	assert_int_equal(tp_bpf_tick(&first), 0);
	usleep((useconds_t)(10 * first.ns / 1000));
	assert_int_equal(tp_bpf_tick(&later), 0);
	assert_int_equal(first.ns, later.ns);
	assert_in_range(later.origin - first.origin + 2 * first.ns, 0, 4 * first.ns);
}

static struct harness *flow_until(const struct relay_knobs *knobs, uint64_t expires_at,
				  struct frame *in)
{
	static const struct flow_spec spec = {.src = "198.51.100.7",
					      .local = "203.0.113.99",
					      .from = "203.0.113.99",
					      .to = "192.0.2.33",
					      .sport = 40000,
					      .dport = 41000,
					      .index = INDEX,
					      .nexthop = 1};
	struct packet_spec packet = {.src = spec.src,
				     .dst = spec.local,
				     .sport = 40000,
				     .dport = RELAY_PORT,
				     .payload = wg_data(INDEX, WG_DATA_LEN),
				     .payload_len = WG_DATA_LEN};
	struct harness *h = harness_open(knobs);
	struct relay_flow flow = flow_make(&spec);

	flow.expires_at = expires_at;
	harness_local(h, spec.local);
	harness_nexthop(h, 1, LOOPBACK, 1500, 0);
	assert_int_equal(relay_flow_table_put(harness_flows(h), &flow, 0), 0);
	frame_build(in, &packet);
	return h;
}

static uint64_t tick_slack(void)
{
	struct tp_bpf_tick tick;

	assert_int_equal(tp_bpf_tick(&tick), 0);
	return 2 * tick.ns;
}

/* Lives for LIFE, to two ticks. */
static void lives_as_long(const struct relay_knobs *knobs)
{
	uint64_t expires_at = relay_flow_expiry(tp_now() + LIFE), slack = tick_slack(), before,
		 after;
	struct frame in, out;
	struct harness *h = flow_until(knobs, expires_at, &in);
	enum verdict verdict;

	do {
		before = tp_now();
		verdict = harness_run(h, &in, &out);
		after = tp_now();
		assert_true(verdict == TX || after + slack >= expires_at);
		assert_true(verdict != TX || before <= expires_at + slack);
	} while (verdict == TX);
	assert_int_equal(verdict, DROP);
	harness_close(h);
}

static void test_expiry_by_ticks(void **state)
{
	struct relay_knobs knobs = harness_knobs();

	(void)state;
	assert_int_not_equal(knobs.tick_ns, 0);
	lives_as_long(&knobs);
}

static void test_expiry_by_clock(void **state)
{
	struct relay_knobs knobs = harness_knobs();

	(void)state;
	knobs.tick_ns = 0;
	lives_as_long(&knobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticks_keep_time),
		cmocka_unit_test(test_expiry_by_ticks),
		cmocka_unit_test(test_expiry_by_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
