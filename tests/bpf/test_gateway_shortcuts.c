/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shortcuts: that packets go by them, for a second and no longer; that whatever ends what they say
 * ends them; and that no packet is lost to the flow's counters. Time stands still here, so that a
 * shortcut is good until a test says otherwise.
 */
#include <bpf/bpf.h>
#include <string.h>

#include "bpf/lib/gateway/shortcut_place.h"
#include "gateway_table.h"
#include "gateway_talk.h"

#define SECOND 16 /* ticks; bpf/lib/gateway/clock.h */

static const struct lab_rule out_all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					  {"bob", "192.168.10.0/24", NULL, NULL},
					  {NULL, NULL, NULL, NULL}};

static const struct gw_shortcut_table *table;

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();
	struct lab *lab;

	lab_freeze(&knobs);
	*state = lab = lab_open(&knobs);
	table = lab_shortcuts(lab);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, out_all);
	return 0;
}

/* --- what is known of a flow -------------------------------------------------------------------
 */

/* Makes the flow say something else than its shortcuts, which tells who was asked. */
static void falsify(const struct talk *t)
{
	struct gw_flow flow = talk_bare_flow(t);

	flow.kind = GW_FLOW_ROUTED;
	lab_flow_put(t->lab, &t->key, &flow);
}

/* --- packets go by them ----------------------------------------------------------------------- */

static void test_good_for_a_second(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	talk_settle_down(&t);
	assert_int_equal(table_good(*state), 2);
	falsify(&t);
	talk_says(&t);
	talk_hears(&t);
	lab_age(*state, SECOND - 1);
	talk_says(&t);
	talk_hears(&t);
	lab_age(*state, 1);
	assert_int_equal(table_good(*state), 0);
}

static void test_not_longer_than_the_flow(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	struct lab_frame out;
	uint32_t life;

	talk_settle_down(&t);
	life = talk_bare_flow(&t).until - LAB_FROZEN;
	lab_age(*state, life - 2);
	talk_hears(&t); /* which does not keep it alive */
	assert_int_equal(table_good(*state), 1);
	lab_age(*state, 2);
	lab_expect(*state, FROM_UPLINK, &t.in, &out, SHOT, GW_DROP_no_mapping);
}

static void test_keeps_a_flow_alive(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	uint32_t life = talk_bare_flow(&t).until - LAB_FROZEN;

	for (uint32_t passed = 0; passed < life + 2 * SECOND; passed += SECOND / 2) {
		talk_says(&t);
		lab_age(*state, SECOND / 2);
	}
	talk_says(&t);
	talk_demand_counts(&t);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 1);
}

/* No shortcut lasts beyond the moment when the flow's life has to be renewed. */
static void test_renews_in_time(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	uint32_t life = talk_bare_flow(&t).until - LAB_FROZEN;

	for (uint32_t i = 0; i < 6 * SECOND; i++) {
		lab_age(*state, i % SECOND);
		talk_says(&t);
		assert_in_range(talk_bare_flow(&t).until - LAB_FROZEN, life - SECOND + 1, life);
	}
	for (uint32_t i = 0; i < 6; i++) {
		lab_age(*state, SECOND - 1);
		talk_says(&t);
		assert_in_range(talk_bare_flow(&t).until - LAB_FROZEN, life - SECOND + 1, life);
	}
	talk_demand_counts(&t);
}

static void test_switched_off(void **state)
{
	struct gw_knobs knobs = lab_knobs();
	struct lab *lab;
	struct talk t;

	(void)state;
	knobs.shortcuts = false;
	lab = lab_open(&knobs);
	lab_policy(lab, out_all);
	t = talk_udp(lab, ALICE, 5000);
	talk_settle_down(&t);
	assert_int_equal(talk_bare_flow(&t).out.packets, t.n_out);
	lab_close(lab);
}

/* --- what ends them --------------------------------------------------------------------------- */

static void test_policy(void **state)
{
	static const struct lab_rule none[] = {{"bob", "192.168.10.0/24", NULL, NULL},
					       {NULL, NULL, NULL, NULL}};
	struct talk t = talk_udp(*state, ALICE, 5000);
	struct lab_frame out;

	talk_settle_down(&t);
	lab_policy(*state, none);
	lab_expect(*state, FROM_UPLINK, &t.in, &out, SHOT, GW_DROP_policy_changed);
	lab_policy(*state, out_all);
	t = talk_udp(*state, ALICE, 5000);
	talk_settle_down(&t);
	lab_policy(*state, none);
	lab_expect(*state, FROM_NODE, &t.out, &out, SHOT, GW_DROP_policy_changed);
}

static void test_same_policy_again(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	talk_settle_down(&t);
	lab_policy(*state, out_all);
	talk_settle_down(&t);
	talk_demand_counts(&t);
}

static void test_end_of_a_connection(void **state)
{
	struct talk t = talk_tcp(*state);

	talk_settle_down(&t);
	assert_int_equal(table_good(*state), 2);
	t.in.flags = TCP_A | TCP_F;
	talk_hears(&t);
	assert_int_equal(table_good(*state), 0);
	t.in.flags = TCP_A;
	talk_says(&t);
	t.out.flags = TCP_A | TCP_R;
	talk_says(&t);
	assert_int_equal(table_good(*state), 0);
	talk_demand_counts(&t);
}

/* The daemon ends its mappings, too. */
/* As the daemon ends those of an address that is gone: with another claim. */
static void end_port(struct lab *lab, uint32_t mapping)
{
	lab_word_put(lab, mapping, ((lab_word(lab, mapping) >> 32) + 1) << 32);
}

static void test_address_that_is_lost(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	struct lab_frame out;

	talk_settle_down(&t);
	lab_external(*state, 0, "192.168.10.99");
	end_port(*state, talk_bare_flow(&t).mapping);
	lab_expect(*state, FROM_UPLINK, &t.in, &out, PASS, GW_PASS_not_ours);
	lab_expect(*state, FROM_NODE, &t.out, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, "192.168.10.99"));
}

static void test_flow_that_ends(void **state)
{
	static struct gw_sweep list = {.n_flows = 1};
	struct talk t = talk_udp(*state, ALICE, 5000);
	struct gw_flow flow;
	uint32_t zero = 0;

	talk_settle_down(&t);
	flow = talk_bare_flow(&t);
	flow.until = 1;
	lab_flow_put(*state, &t.key, &flow);
	list.flow[0] = t.key;
	assert_int_equal(bpf_map_update_elem(lab_map(*state, "gw_sweep_list"), &zero, &list, 0), 0);
	lab_sweep(*state);
	assert_false(lab_flow(*state, &t.key, &flow));
	assert_int_equal(table_good(*state), 0);
	t = talk_udp(*state, ALICE, 5000);
	talk_settle_down(&t);
	talk_demand_counts(&t);
}

static void test_device_that_goes(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	talk_settle_down(&t);
	gw_shortcuts_purge(table, GW_UPLINK, 1);
	gw_shortcuts_purge(table, GW_OVERLAY, 1);
	assert_int_equal(table_good(*state), 2);
	gw_shortcuts_purge(table, GW_UPLINK, 0);
	assert_int_equal(table_good(*state), 0);
	talk_settle_down(&t);
	talk_demand_counts(&t);
	gw_shortcuts_purge(table, GW_OVERLAY, 0);
	assert_int_equal(table_good(*state), 0);
}

/* The uplink has its address still, but no device. */
static void unplug(struct lab *lab)
{
	struct gw_uplink u;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(lab_map(lab, "gw_uplinks"), &zero, &u), 0);
	u.ifindex = 0;
	assert_int_equal(bpf_map_update_elem(lab_map(lab, "gw_uplinks"), &zero, &u, 0), 0);
}

static void test_device_that_is_down(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	talk_settle_down(&t);
	lab_down(*state, GW_OVERLAY);
	lab_expect(*state, FROM_UPLINK, &t.in, NULL, SHOT, GW_DROP_overlay_down);
	lab_reset(*state);
	t = talk_udp(*state, ALICE, 5000);
	talk_settle_down(&t);
	unplug(*state);
	lab_expect(*state, FROM_NODE, &t.out, NULL, SHOT, GW_DROP_uplink_down);
	lab_down(*state, GW_UPLINK);
	lab_expect(*state, FROM_NODE, &t.out, NULL, SHOT, GW_DROP_uplink_down);
}

/* The ports have had their end when the address is back, as the daemon does it (gateway/links.c).
 */
static void test_address_that_comes_back(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	uint32_t mapping;

	talk_settle_down(&t);
	mapping = talk_bare_flow(&t).mapping;
	lab_external(*state, 0, "192.168.10.99");
	end_port(*state, mapping);
	gw_shortcuts_purge(table, GW_UPLINK, 0);
	lab_external(*state, 0, EXTERNAL);
	lab_expect(*state, FROM_UPLINK, &t.in, NULL, SHOT, GW_DROP_no_mapping);
	lab_expect(*state, FROM_NODE, &t.out, NULL, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(talk_bare_flow(&t).out.packets == 1); /* a new one */
}

/* What is read of a flow may be another's by then: the port is not taken on its word. */
static void test_port_of_another_node(void **state)
{
	struct talk a = talk_udp(*state, ALICE, 5000), b = talk_udp(*state, BOB, 5000);
	struct gw_flow torn = talk_bare_flow(&a), other = talk_bare_flow(&b);
	struct lab_frame in, out;

	torn.mapping = other.mapping;
	torn.claim = other.claim;
	torn.ext_port = other.ext_port;
	lab_flow_put(*state, &a.key, &torn);
	lab_build(&in, &a.out);
	for (int i = 0; i < 2; i++) {
		lab_run(*state, FROM_NODE, &in, &out);
		assert_int_equal(table_good(*state), 0);
	}
	lab_counted(*state, GW_FORWARD_to_uplink);
}

static void test_one_that_is_being_written(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	talk_settle_down(&t);
	for (uint32_t i = 0; i < TP_GW_SHORTCUTS; i++) {
		table->places[i].seq |= 1;
		table->places[i].turn.port ^= table->places[i].ends ? 1 : 0;
	}
	talk_says(&t);
	talk_hears(&t);
	assert_int_equal(talk_bare_flow(&t).out.packets, 3);
	assert_int_equal(talk_bare_flow(&t).in.packets, 3);
	table_clear(table);
}

/* --- counters --------------------------------------------------------------------------------- */

static void test_counters(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	struct gw_flow flow;

	for (int i = 0; i < 5; i++) {
		talk_settle_down(&t);
		talk_demand_counts(&t);
		assert_true(talk_bare_flow(&t).out.packets < t.n_out);
		lab_age(*state, SECOND);
		talk_demand_counts(&t);
	}
	assert_true(lab_flow(*state, &t.key, &flow));
	assert_int_equal(flow.out.bytes, t.n_out * (20 + 8 + 33));
	assert_int_equal(flow.in.bytes, t.n_in * (20 + 8 + 33));
}

/* At a start on new maps. */
static void test_settled_by_the_daemon(void **state)
{
	struct talk a = talk_udp(*state, ALICE, 5000), b = talk_tcp(*state);

	talk_settle_down(&a);
	talk_settle_down(&b);
	assert_int_equal(
		gw_shortcuts_settle(lab_map(*state, "gw_shortcuts"), lab_map(*state, "gw_flows")),
		0);
	assert_int_equal(talk_bare_flow(&a).out.packets, a.n_out);
	assert_int_equal(talk_bare_flow(&a).in.packets, a.n_in);
	assert_int_equal(talk_bare_flow(&b).in.packets, b.n_in);
	assert_int_equal(table_good(*state), 0);
	talk_demand_counts(&a);
	talk_demand_counts(&b);
}

/* --- places ----------------------------------------------------------------------------------- */

static uint64_t mix_of(const struct lab_packet *p)
{
	struct gw_flow_key key = lab_key(p->src, p->sport, p->dst, p->dport, p->proto);
	struct gw_flow flow = {0};
	struct gw_shortcut_of of = gw_shortcut_out(&key, &flow);

	return gw_shortcut_mix(of.addrs, of.ends);
}

/* Taken by somebody else for as long as the test runs. */
static void occupy(uint32_t place)
{
	table->places[place] = (struct gw_shortcut){.addrs = 1, .ends = 1, .until = UINT32_MAX};
}

/* How many of these a packet of goes on without asking the flow. */
static int n_by_shortcut(struct talk *t, int n)
{
	int found = 0;

	for (int i = 0; i < n; i++) {
		uint64_t asked = talk_bare_flow(&t[i]).out.packets;

		talk_says(&t[i]);
		found += talk_bare_flow(&t[i]).out.packets == asked;
	}
	return found;
}

/* Flows of the same two rows of places, of which two are free, one in each row: two have shortcuts,
 * the third goes the longer way until one is free. All count right. */
static void test_three_of_two_places(void **state)
{
	const uint32_t mask = TP_GW_SHORTCUTS_MIN - 1, taken = GW_SHORTCUT_PLACES - 2;
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 1);
	uint64_t mix = mix_of(&p);
	const struct gw_shortcut *at[] = {&table->places[gw_shortcut_place(mix, mask, 3)],
					  &table->places[gw_shortcut_place(mix, mask, 12)]};
	struct talk t[3];
	int n = 0;

	for (uint32_t i = 1; i < 400 * 65536 && n < 3; i++) {
		p.sport = (uint16_t)(5000 + i / 65536);
		p.dport = (uint16_t)i;
		if (gw_shortcut_lies(mix_of(&p), mask, gw_shortcut_first(mix, mask)) &&
		    gw_shortcut_lies(mix_of(&p), mask, gw_shortcut_second(mix, mask)))
			t[n++] = talk_open(*state, p);
	}
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < GW_SHORTCUT_PLACES; i++)
		if (i != 3 && i != 12)
			occupy(gw_shortcut_place(mix, mask, i));
	for (int round = 0; round < 4; round++) {
		uint64_t ends[2];

		for (int i = 0; i < 9; i++) {
			talk_says(&t[(i + round) % 3]);
			if (i == 5)
				memcpy(ends, (uint64_t[]){at[0]->ends, at[1]->ends}, sizeof(ends));
		}
		assert_int_equal(table_good(*state), taken + 2);
		assert_true(at[0]->ends == ends[0] && at[1]->ends == ends[1]);
		assert_int_equal(n_by_shortcut(t, 3), 2);
		for (int i = 0; i < 3; i++)
			talk_demand_counts(&t[i]);
		lab_age(*state, SECOND);
	}
}

/* --- the first line --------------------------------------------------------------------------- */

static void test_first_line(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	uint32_t index;
	struct lab_frame f, after;

	talk_settle_down(&t);
	index = talk_bare_flow(&t).mapping;
	lab_build(&f, &t.in);
	lab_word_put(*state, index, 0); /* so that only the shortcut knows */
	assert_int_equal(lab_run_xdp(*state, FROM_UPLINK, &f, &after), 2);
	lab_age(*state, SECOND);
	assert_int_equal(lab_run_xdp(*state, FROM_UPLINK, &f, &after), 1);
	lab_counted(*state, GW_PASS_first_line);
	lab_counted(*state, GW_DROP_no_mapping);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_for_a_second),
		TEST(not_longer_than_the_flow),
		TEST(keeps_a_flow_alive),
		TEST(renews_in_time),
		TEST(switched_off),
		TEST(policy),
		TEST(same_policy_again),
		TEST(end_of_a_connection),
		TEST(address_that_is_lost),
		TEST(flow_that_ends),
		TEST(device_that_goes),
		TEST(device_that_is_down),
		TEST(address_that_comes_back),
		TEST(port_of_another_node),
		TEST(one_that_is_being_written),
		TEST(counters),
		TEST(settled_by_the_daemon),
		TEST(three_of_two_places),
		TEST(first_line),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
