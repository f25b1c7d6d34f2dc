/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the table of shortcuts that is in use grows and shrinks while flows have entries:
 * what these have counted is not lost and not counted twice, and none of a flow that ends meanwhile
 * is met again, not even when the table is what it was before. Time stands still here.
 */
#include <bpf/bpf.h>

#include "gateway_table.h"
#include "gateway_talk.h"

#define TALKS 24
#define SMALL TP_GW_SHORTCUTS_MIN
#define LARGE (16 * TP_GW_SHORTCUTS_MIN)

static const struct lab_rule out_all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					  {"bob", "192.168.10.0/24", NULL, NULL},
					  {NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	lab_freeze(&knobs);
	*state = lab_open(&knobs);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, out_all);
	return 0;
}

/* --- flows, each with a shortcut each way ---------------------------------------------------- */

static void talk_all(struct talk *t)
{
	for (int i = 0; i < TALKS; i++)
		talk_settle_down(&t[i]);
}

static void open_all(struct lab *lab, struct talk *t)
{
	for (int i = 0; i < TALKS; i++)
		t[i] = talk_udp(lab, i % 2 ? ALICE : BOB, (uint16_t)(5000 + i));
	talk_all(t);
	assert_int_equal(table_good(lab), 2 * TALKS);
	assert_int_equal(table_lost(lab), 0);
}

static void demand_counts(const struct talk *t)
{
	for (int i = 0; i < TALKS; i++)
		talk_demand_counts(&t[i]);
}

static void end_flow(struct lab *lab, const struct talk *t)
{
	static struct gw_sweep list;
	struct gw_flow flow = talk_bare_flow(t);
	uint32_t zero = 0;

	flow.until = 1;
	lab_flow_put(lab, &t->key, &flow);
	list = (struct gw_sweep){.n_flows = 1};
	list.flow[0] = t->key;
	assert_int_equal(bpf_map_update_elem(lab_map(lab, "gw_sweep_list"), &zero, &list, 0), 0);
	lab_sweep(lab);
	assert_false(lab_flow(lab, &t->key, &flow));
}

/* --- it grows and shrinks -------------------------------------------------------------------- */

static void demand_moved(struct lab *lab, struct talk *t, uint32_t places)
{
	unsigned int had = table_good(lab);

	table_use(lab, places);
	assert_int_equal(table_lost(lab), 0);
	assert_true(table_good(lab) < had); /* those that lay right are left */
	demand_counts(t);
	talk_all(t);
	assert_int_equal(table_good(lab), 2 * TALKS);
	assert_int_equal(table_lost(lab), 0);
	demand_counts(t);
}

static void test_there_and_back(void **state)
{
	struct talk t[TALKS];

	open_all(*state, t);
	for (int i = 0; i < 3; i++) {
		demand_moved(*state, t, LARGE);
		demand_moved(*state, t, TP_GW_SHORTCUTS);
		demand_moved(*state, t, 2 * SMALL);
		demand_moved(*state, t, SMALL);
	}
}

/* What is settled is the flow's own, not what only a reader adds up. */
static void test_settled(void **state)
{
	struct talk t[TALKS];
	unsigned int settled = 0;

	open_all(*state, t);
	table_use(*state, LARGE);
	for (int i = 0; i < TALKS; i++) {
		struct gw_flow bare = talk_bare_flow(&t[i]);

		settled += bare.out.packets == t[i].n_out;
		settled += bare.in.packets == t[i].n_in;
	}
	assert_int_equal(settled + table_good(*state), 2 * TALKS);
	assert_true(settled > TALKS);
}

/* --- between the two halves of a change ------------------------------------------------------ */

static void test_in_between(void **state)
{
	struct talk t[TALKS];

	open_all(*state, t);
	table_announce(*state, LARGE);
	assert_true(table_lost(*state) > TALKS);
	demand_counts(t);
	talk_all(t);
	demand_counts(t);
	table_use(*state, LARGE);
	demand_counts(t);
	assert_int_equal(table_good(*state), 2 * TALKS);
}

/* By a daemon that was killed there. */
static void test_cut_short(void **state)
{
	struct talk t[TALKS];

	open_all(*state, t);
	table_announce(*state, LARGE);
	talk_all(t);
	table_use(*state, TP_GW_SHORTCUTS);
	assert_int_equal(table_lost(*state), 0);
	demand_counts(t);
	talk_all(t);
	demand_counts(t);
}

/* --- flows that end -------------------------------------------------------------------------- */

/* Each begins anew, and has counted its own packets only. */
static void begin_anew(struct lab *lab, struct talk *t)
{
	for (int i = 0; i < TALKS; i++)
		t[i] = talk_open(lab, t[i].out);
	talk_all(t);
	demand_counts(t);
}

static void test_end_in_between(void **state)
{
	struct talk t[TALKS];

	open_all(*state, t);
	table_announce(*state, LARGE);
	talk_all(t);
	for (int i = 0; i < TALKS; i++)
		end_flow(*state, &t[i]);
	assert_int_equal(table_good(*state), 0);
	begin_anew(*state, t);
	table_use(*state, LARGE);
	demand_counts(t);
}

/* What lay in the smaller table is not there any more when that is in use again. */
static void test_end_and_back(void **state)
{
	struct talk t[TALKS];

	open_all(*state, t);
	table_use(*state, LARGE);
	for (int i = 0; i < TALKS; i++)
		end_flow(*state, &t[i]);
	table_use(*state, SMALL);
	assert_int_equal(table_good(*state), 0);
	begin_anew(*state, t);
}

/* --- how many places ------------------------------------------------------------------------- */

static void test_wanted(void **state)
{
	(void)state;
	assert_int_equal(gw_extent_wanted(0), TP_GW_SHORTCUTS_MIN);
	assert_int_equal(gw_extent_wanted(1280), 4096);
	assert_int_equal(gw_extent_wanted(1281), 8192);
	assert_int_equal(gw_extent_wanted(10000), 32768);
	assert_int_equal(gw_extent_wanted(40961), TP_GW_SHORTCUTS);
	assert_int_equal(gw_extent_wanted(UINT32_MAX), TP_GW_SHORTCUTS);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_back), TEST(settled),	  TEST(in_between), TEST(cut_short),
		TEST(end_in_between), TEST(end_and_back), TEST(wanted),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
