/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the kernel's ticks cannot be used, programs ask its clock: all of them, the sweep too. */
#include "gateway_table.h"
#include "gateway_talk.h"

static const struct lab_rule out_all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					  {NULL, NULL, NULL, NULL}};

static void test_without_ticks(void **state)
{
	struct gw_knobs knobs = lab_knobs();
	struct lab *lab;
	struct talk t;

	(void)state;
	assert_int_not_equal(knobs.tick_ns, 0);
	knobs.tick_ns = 0;
	lab = lab_open(&knobs);
	lab_policy(lab, out_all);
	t = talk_udp(lab, ALICE, 5000);
	talk_settle_down(&t);
	talk_says(&t);
	talk_hears(&t);
	lab_sweep(lab);
	assert_true(lab_flow(lab, &t.key, &(struct gw_flow){0}));
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
