/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A relay's life by its echoes, on a clock of the test's own; and the echoes themselves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "gateway/relay_probe.h"
#include "gateway/relay_rtt.h"

static struct gw_relay_rtt r;
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	now = TP_SEC(1000);
	gw_relay_rtt_init(&r, now);
	return 0;
}

/* Goes on to the next echo that is sent. */
static void next_echo(bool busy)
{
	bool sent = false;

	while (!sent) {
		if (now < r.next)
			now = r.next;
		sent = gw_relay_rtt_tick(&r, now, busy);
	}
}

/* The next echo is answered after so long. */
static void answered(uint32_t ms)
{
	next_echo(false);
	now += TP_MS(ms);
	gw_relay_rtt_answer(&r, r.seq, now);
}

static void live(void)
{
	for (int i = 0; i <= TP_ROUND_TRIPS; i++)
		answered(20);
	assert_int_equal(r.state, GW_RELAY_ALIVE);
}

/* Until a death, or for n echoes. Returns how many were sent. */
static int silent(int n)
{
	int sent = 0;

	while (sent < n && r.state != GW_RELAY_DEAD) {
		next_echo(false);
		sent++;
	}
	return sent;
}

static void test_becomes_known(void **state)
{
	(void)state;
	answered(20);
	answered(20);
	assert_int_equal(r.state, GW_RELAY_UNKNOWN);
	answered(20);
	assert_int_equal(r.state, GW_RELAY_ALIVE);
	assert_in_range(r.rtt_us, 20000, 20100);
}

static void test_pace(void **state)
{
	uint64_t before;

	(void)state;
	next_echo(true);
	before = now;
	next_echo(true);
	assert_int_equal(now - before, TP_MS(GW_RTT_SUSPECT_MS));
	live();
	next_echo(true);
	gw_relay_rtt_answer(&r, r.seq, now + TP_MS(5));
	before = now;
	next_echo(true);
	assert_int_equal(now - before, TP_MS(GW_RTT_BUSY_MS));
	gw_relay_rtt_answer(&r, r.seq, now + TP_MS(5));
	before = now;
	next_echo(false);
	assert_int_equal(now - before, TP_MS(GW_RTT_IDLE_MS));
	before = now; /* that one is lost */
	next_echo(false);
	assert_int_equal(now - before, TP_MS(GW_RTT_SUSPECT_MS));
}

static void test_dies(void **state)
{
	uint64_t heard;

	(void)state;
	live();
	heard = now;
	assert_int_equal(silent(10), GW_RTT_MISSES + 1); /* the last is sent with the verdict */
	assert_int_equal(r.state, GW_RELAY_DEAD);
	assert_int_equal(r.rtt_us, 0);
	assert_true(now - heard <=
		    TP_MS(GW_RTT_IDLE_MS + GW_RTT_MISSES * GW_RTT_SUSPECT_MS + GW_RTT_DEAD_MS));
}

static void test_two_lost_are_nothing(void **state)
{
	(void)state;
	live();
	for (int i = 0; i < 50; i++) {
		next_echo(false);
		next_echo(false);
		answered(20);
		assert_int_equal(r.state, GW_RELAY_ALIVE);
	}
}

static void test_late_answer_counts(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		next_echo(false);
		next_echo(false); /* a second later */
		now += TP_MS(500);
		gw_relay_rtt_answer(&r, (uint16_t)(r.seq - 1), now);
		gw_relay_rtt_answer(&r, r.seq, now + TP_MS(999));
	}
	assert_int_equal(r.state, GW_RELAY_ALIVE);
	assert_in_range(r.rtt_us, 1499000, 1501000);
}

static void test_foreign_answers(void **state)
{
	uint16_t seq;

	(void)state;
	next_echo(false);
	seq = r.seq;
	gw_relay_rtt_answer(&r, (uint16_t)(seq + 1), now);
	gw_relay_rtt_answer(&r, (uint16_t)(seq - 1), now);
	gw_relay_rtt_answer(&r, (uint16_t)(seq - GW_RTT_ECHOES), now);
	assert_int_equal(r.trips.n, 0);
	for (int i = 0; i < 4; i++) /* one echo is one sample */
		gw_relay_rtt_answer(&r, seq, now);
	assert_int_equal(r.trips.n, 1);
}

static void test_never_there(void **state)
{
	(void)state;
	silent(10);
	assert_int_equal(r.state, GW_RELAY_DEAD);
	answered(20); /* its first life: nothing to be distrusted */
	answered(20);
	answered(20);
	assert_int_equal(r.state, GW_RELAY_ALIVE);
}

/* Seconds from the first answer to being trusted. */
static uint64_t returning(void)
{
	uint64_t begun;

	answered(20);
	assert_int_equal(r.state, GW_RELAY_RETURNING);
	begun = now;
	while (r.state == GW_RELAY_RETURNING)
		answered(20);
	assert_int_equal(r.state, GW_RELAY_ALIVE);
	return (now - begun) / TP_NS_PER_SEC;
}

static void test_return_is_held(void **state)
{
	(void)state;
	live();
	silent(10);
	assert_in_range(returning(), GW_RTT_HOLD_MIN_S, GW_RTT_HOLD_MIN_S + 1);
	silent(10);
	assert_in_range(returning(), 2 * GW_RTT_HOLD_MIN_S, 2 * GW_RTT_HOLD_MIN_S + 1);
	for (int i = 0; i < 10; i++) {
		silent(10);
		returning();
	}
	silent(10);
	assert_in_range(returning(), GW_RTT_HOLD_MAX_S, GW_RTT_HOLD_MAX_S + 1);
	for (uint64_t end = now + TP_SEC(GW_RTT_GOOD_S); now < end;)
		answered(20);
	silent(10);
	assert_in_range(returning(), GW_RTT_HOLD_MIN_S, GW_RTT_HOLD_MIN_S + 1);
}

static void test_miss_while_returning(void **state)
{
	uint64_t begun;

	(void)state;
	live();
	silent(10);
	for (int i = 0; i < 8; i++)
		answered(20);
	assert_int_equal(r.state, GW_RELAY_RETURNING);
	next_echo(false);
	next_echo(false); /* the former was missed: from here on anew */
	begun = now;
	gw_relay_rtt_answer(&r, r.seq, now + TP_MS(20));
	while (r.state == GW_RELAY_RETURNING)
		answered(20);
	assert_true(now - begun >= TP_SEC(GW_RTT_HOLD_MIN_S));
}

static void test_outliers(void **state)
{
	uint32_t before;

	(void)state;
	live();
	before = r.rtt_us;
	for (int i = 0; i < 20; i++) {
		answered(800);
		answered(800);
		for (int k = 0; k < 3; k++)
			answered(20);
		assert_int_equal(r.rtt_us, before);
	}
}

static void test_notable(void **state)
{
	uint32_t before;

	(void)state;
	live();
	before = r.rtt_us;
	for (int i = 0; i < 10; i++)
		answered(23); /* 3 ms, and less than a fifth */
	assert_int_equal(r.rtt_us, before);
	for (int i = 0; i < 10; i++)
		answered(25);
	assert_in_range(r.rtt_us, 25000, 25100);
}

static void test_numbers_wrap(void **state)
{
	(void)state;
	r.seq = UINT16_MAX - 3;
	live();
	assert_in_range(r.seq, 0, 10);
}

static void test_echo(void **state)
{
	uint8_t packet[20 + GW_ECHO_LEN] = {0x45};
	uint16_t seq = 0;
	uint32_t sum = 0;

	(void)state;
	gw_relay_echo_make(packet + 20, 0x1234, 0xabcd);
	for (int i = 0; i < GW_ECHO_LEN; i += 2)
		sum += (uint32_t)packet[20 + i] << 8 | packet[21 + i];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff); /* RFC 1071 */
	assert_int_equal(gw_relay_echo_read(packet, sizeof(packet), 0x1234, &seq), -EINVAL);
	packet[20] = 0; /* now it is an answer */
	assert_int_equal(gw_relay_echo_read(packet, sizeof(packet), 0x1234, &seq), 0);
	assert_int_equal(seq, 0xabcd);
	assert_int_equal(gw_relay_echo_read(packet, sizeof(packet), 0x1235, &seq), -EINVAL);
	assert_int_equal(gw_relay_echo_read(packet, 27, 0x1234, &seq), -EINVAL);
	assert_int_equal(gw_relay_echo_read(packet, 0, 0x1234, &seq), -EINVAL);
	packet[0] = 0x4f; /* options beyond the end */
	assert_int_equal(gw_relay_echo_read(packet, sizeof(packet), 0x1234, &seq), -EINVAL);
	packet[0] = 0x40;
	assert_int_equal(gw_relay_echo_read(packet, sizeof(packet), 0x1234, &seq), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_becomes_known, setup),
		cmocka_unit_test_setup(test_pace, setup),
		cmocka_unit_test_setup(test_dies, setup),
		cmocka_unit_test_setup(test_two_lost_are_nothing, setup),
		cmocka_unit_test_setup(test_late_answer_counts, setup),
		cmocka_unit_test_setup(test_foreign_answers, setup),
		cmocka_unit_test_setup(test_never_there, setup),
		cmocka_unit_test_setup(test_return_is_held, setup),
		cmocka_unit_test_setup(test_miss_while_returning, setup),
		cmocka_unit_test_setup(test_outliers, setup),
		cmocka_unit_test_setup(test_notable, setup),
		cmocka_unit_test_setup(test_numbers_wrap, setup),
		cmocka_unit_test_setup(test_echo, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
