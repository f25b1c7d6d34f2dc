/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shortcuts under change: packets of a flow on one CPU, and on another whatever ends what its
 * shortcuts say. Once a change is done no packet goes by what was so before, and none ever goes
 * half by the one and half by the other; and what was counted is what was sent.
 */
#include <arpa/inet.h>

#include "bpf/lib/gateway/shortcut_place.h"
#include "gateway_race.h"
#include "gateway_table.h"
#include "random.h"

#define DITHER 400

static const struct end alice = {ALICE, 5000, 53}, alice2 = {ALICE, 7000, 53},
			bob = {BOB, 5000, 53};

/* --- a port changes hands -------------------------------------------------------------------- */

enum { NOBODY, ALICES, BOBS };

#define HANDOVERS 3000

static const char *judge_owner(struct race *r, const struct race_lane *lane, uint32_t truth,
			       int verdict, const struct lab_frame *out)
{
	bool gone = verdict == SHOT;
	const char *wrong = gone ? NULL : end_whole(out, &alice, &bob);

	(void)r;
	(void)lane;
	if (wrong)
		return wrong;
	switch (truth) {
	case NOBODY: return gone ? NULL : "to a port that has ended";
	case ALICES:
		return !gone && end_is_at(out, &alice) ? NULL : "not to alice, whose port it is";
	case BOBS: return !gone && end_is_at(out, &bob) ? NULL : "not to bob, whose port it is";
	default: return NULL;
	}
}

/* The port is had, and some packets are on their way. */
static bool own_port(struct race *r, const struct end *e, uint32_t truth)
{
	if (end_speak(r->lab, e) != END_PORT) {
		race_complain(r, "the port could not be had");
		return false;
	}
	race_settle(r, truth);
	if (!race_wait(r, below(4)))
		return false;
	race_dither(DITHER);
	return true;
}

/* Ends are met anywhere on the way of one of the first packets: of the one that enters the shortcut
 * above all. */
static bool own_for_a_while(struct race *r, const struct end *e, uint32_t truth)
{
	if (!own_port(r, e, truth))
		return false;
	race_unsettle(r);
	end_flow(r->lab, e, END_PORT);
	race_settle(r, NOBODY);
	end_mapping(r->lab, e, END_PORT);
	return race_wait(r, below(3));
}

static void hand_over(struct race *r)
{
	while (race_round(r, HANDOVERS)) {
		bool bobs = r->rounds % 2;

		race_unsettle(r);
		if (!own_for_a_while(r, bobs ? &bob : &alice, bobs ? BOBS : ALICES))
			return;
	}
}

static void test_port_changes_hands(void **state)
{
	struct race r = {.lab = *state, .n_lanes = 1, .judge = judge_owner, .change = hand_over};

	r.lane[0] = (struct race_lane){.side = FROM_UPLINK, .in = end_in(END_PORT)};
	race_run(&r);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_overlay), r.lane[0].forwarded);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_uplink), r.rounds);
	assert_int_equal(lab_node(*state, ALICE, 0xffff).flows, 0);
	assert_int_equal(lab_node(*state, BOB, 0xffff).flows, 0);
}

/* --- what was a node's port is another's ----------------------------------------------------- */

#define SWAPS 3000

/* The truth: the port that alice2 has. Alice has the other one. */
static const char *judge_swapped(struct race *r, const struct race_lane *lane, uint32_t truth,
				 int verdict, const struct lab_frame *out)
{
	(void)r;
	(void)lane;
	if (truth == RACE_CHANGING && verdict == SHOT)
		return NULL;
	if (!end_forwarded(verdict, out) || !lab_is_from(out, EXTERNAL) || !lab_is_to(out, SERVER))
		return "not to the server";
	if (!lab_checksums_ok(out))
		return "a wrong sum";
	return lab_sport(out) == truth ? "by the port of another" : NULL;
}

/* Ports and flows of both; then both have new ones, in the order in which they speak. */
static void end_both(struct race *r)
{
	struct gw_sweep *list = ends_list();

	list->flow[list->n_flows++] = end_key(&alice);
	list->flow[list->n_flows++] = end_key(&alice2);
	for (uint16_t i = 0; i < END_PORTS; i++)
		list->filter[list->n_filters++] = end_filter(END_PORT + i);
	for (uint16_t i = 0; i < END_PORTS; i++)
		end_port(END_PORT + i);
	lab_sweep(r->lab);
}

static void swap(struct race *r)
{
	while (race_round(r, SWAPS)) {
		uint16_t port;

		race_unsettle(r);
		end_both(r);
		port = end_speak(r->lab, &alice2);
		if (!port)
			return race_complain(r, "no port for alice's other end");
		race_settle(r, port);
		if (!race_wait(r, below(5)))
			return;
		race_dither(DITHER);
	}
}

static void test_ports_are_swapped(void **state)
{
	struct race r = {.lab = *state, .n_lanes = 1, .judge = judge_swapped, .change = swap};

	r.lane[0] = (struct race_lane){.side = FROM_NODE, .in = end_out(&alice)};
	race_run(&r);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_uplink), r.lane[0].forwarded + r.rounds);
}

/* --- policy ---------------------------------------------------------------------------------- */

static const struct lab_rule all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
				      {NULL, NULL, NULL, NULL}};
static const struct lab_rule none[] = {{NULL, NULL, NULL, NULL}};

enum { ALLOWED, DENIED };

#define FLIPS 6000

static const char *judge_flow(struct race *r, const struct race_lane *lane, uint32_t truth,
			      int verdict, const struct lab_frame *out)
{
	bool on = end_forwarded(verdict, out), from_node = lane->side == FROM_NODE;

	(void)r;
	if (on && !(from_node ? lab_is_from(out, EXTERNAL) && lab_sport(out) == END_PORT
			      : end_is_at(out, &alice)))
		return "to somewhere else";
	if (on && !lab_checksums_ok(out))
		return "a wrong sum";
	if (on && truth == DENIED)
		return "on its way though the policy denies it";
	/* Only the node opens the flow again. */
	return truth == ALLOWED && from_node && !on ? "dropped though the policy allows it" : NULL;
}

/* Both sets of tables stay as they are, and one word says which is in force. */
static void flip(struct race *r)
{
	uint64_t *policy = r->arg, word = *policy;

	while (race_round(r, FLIPS)) {
		race_unsettle(r);
		__atomic_store_n(policy, ++word, __ATOMIC_SEQ_CST);
		race_settle(r, r->rounds % 2 ? DENIED : ALLOWED);
		if (!race_wait(r, below(6)))
			return;
		race_dither(DITHER);
	}
}

static void test_policy(void **state)
{
	struct race r = {.lab = *state,
			 .n_lanes = 2,
			 .judge = judge_flow,
			 .change = flip,
			 .arg = ends_share(*state, "gw_policy", sizeof(uint64_t))};

	lab_policy(r.lab, none);
	lab_policy(r.lab, all);
	assert_int_equal(end_speak(r.lab, &alice), END_PORT);
	r.lane[0] = (struct race_lane){.side = FROM_NODE, .in = end_out(&alice)};
	r.lane[1] = (struct race_lane){.side = FROM_UPLINK, .in = end_in(END_PORT)};
	race_run(&r);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_uplink), r.lane[0].forwarded + 1);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_overlay), r.lane[1].forwarded);
}

/* --- an address goes, and comes back --------------------------------------------------------- */

enum { AWAY = BOBS + 1 };

#define MOVES 1000

static const char *judge_address(struct race *r, const struct race_lane *lane, uint32_t truth,
				 int verdict, const struct lab_frame *out)
{
	if (truth == AWAY)
		return verdict == PASS ? NULL : "taken though the address is not ours";
	if (verdict == PASS && truth == RACE_CHANGING)
		return NULL;
	return judge_owner(r, lane, truth, verdict, out);
}

/* As gateway/links.c does it. */
static void take_away(struct race *r)
{
	struct gw_filter_key filter = end_filter(END_PORT);
	struct gw_sweep *list = ends_list();

	lab_external(r->lab, 0, "192.168.10.99");
	race_settle(r, AWAY);
	end_port(END_PORT);
	race_quiesce(r);
	gw_shortcuts_purge(lab_shortcuts(r->lab), GW_UPLINK, 0);
	list->filter[list->n_filters++] = filter;
	lab_sweep(r->lab);
}

static void move(struct race *r)
{
	while (race_round(r, MOVES)) {
		race_unsettle(r);
		if (end_speak(r->lab, &alice) != END_PORT)
			return race_complain(r, "the port could not be had");
		race_settle(r, ALICES);
		if (!race_wait(r, below(5)))
			return;
		race_dither(DITHER);
		race_unsettle(r);
		take_away(r);
		race_unsettle(r);
		lab_external(r->lab, 0, EXTERNAL);
		race_settle(r, NOBODY);
		if (!race_wait(r, below(3)))
			return;
	}
}

static void test_address(void **state)
{
	struct race r = {.lab = *state, .n_lanes = 1, .judge = judge_address, .change = move};

	r.lane[0] = (struct race_lane){.side = FROM_UPLINK, .in = end_in(END_PORT)};
	race_run(&r);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_overlay), r.lane[0].forwarded);
}

/* --- the part in use of the table changes ---------------------------------------------------- */

#define CHANGES 300
#define SMALL	TP_GW_SHORTCUTS_MIN
#define LARGE	(16 * TP_GW_SHORTCUTS_MIN)

/* A flow ends while half of a change is done; when its port is another's, the table is done with
 * that, and soon it is what it was when the flow had entries. */
static bool own_while_it_changes(struct race *r, const struct end *e, uint32_t truth,
				 uint32_t places)
{
	if (!own_port(r, e, truth))
		return false;
	table_announce(r->lab, places);
	if (!race_wait(r, below(4)))
		return false;
	race_dither(DITHER);
	race_unsettle(r);
	end_flow(r->lab, e, END_PORT);
	race_settle(r, NOBODY);
	end_mapping(r->lab, e, END_PORT);
	table_use(r->lab, places);
	return race_wait(r, below(3));
}

static void change_table(struct race *r)
{
	while (race_round(r, CHANGES)) {
		bool bobs = r->rounds / 2 % 2;

		race_unsettle(r);
		if (!own_while_it_changes(r, bobs ? &bob : &alice, bobs ? BOBS : ALICES,
					  r->rounds % 2 ? LARGE : SMALL))
			return;
	}
}

/* What comes in to the port has places of its own in each. */
static void demand_two_places(void)
{
	struct gw_flow_key key = end_key(&alice);
	struct gw_flow flow = {.kind = GW_FLOW_NAT, .ext_port = htons(END_PORT)};
	struct gw_shortcut_of of;
	uint64_t mix;

	inet_pton(AF_INET, EXTERNAL, &flow.ext_addr);
	of = gw_shortcut_in(&key, &flow);
	mix = gw_shortcut_mix(of.addrs, of.ends);
	assert_false(gw_shortcut_lies(mix, LARGE - 1, gw_shortcut_first(mix, SMALL - 1)));
}

static void test_table_changes(void **state)
{
	struct race r = {.lab = *state, .n_lanes = 1, .judge = judge_owner, .change = change_table};

	demand_two_places();
	r.lane[0] = (struct race_lane){.side = FROM_UPLINK, .in = end_in(END_PORT)};
	race_run(&r);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_overlay), r.lane[0].forwarded);
	assert_int_equal(table_lost(r.lab), 0);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, ends_before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(port_changes_hands), TEST(ports_are_swapped), TEST(policy), TEST(address),
		TEST(table_changes),
	};

	if (!race_possible())
		return 0;
	random_begin(0);
	return cmocka_run_group_tests(tests, ends_set_up, lab_tear_down);
}
