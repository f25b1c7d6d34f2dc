/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A single entry of the table of shortcuts, and two CPUs at it: two flows that have but this place,
 * a connection whose ends close and open it, and a writer that never rests.
 */
#include <netinet/in.h>
#include <string.h>

#include "bpf/lib/gateway/shortcut_place.h"
#include "gateway_ends.h"
#include "gateway_race.h"
#include "gateway_table.h"
#include "random.h"

#define DITHER 400

static const struct end alice = {ALICE, 5000, 53}, bob = {BOB, 5000, 53};

/* --- two flows, one place -------------------------------------------------------------------- */

#define FIGHTS 30000

static struct gw_shortcut_of shortcut_of(const struct end *e)
{
	struct gw_flow_key key = end_key(e);
	struct gw_flow flow = {0};

	return gw_shortcut_out(&key, &flow);
}

#define MASK (TP_GW_SHORTCUTS_MIN - 1)

static uint64_t mix_of(const struct end *e)
{
	struct gw_shortcut_of of = shortcut_of(e);

	return gw_shortcut_mix(of.addrs, of.ends);
}

/* Another end of alice's, of the same places as hers. */
static struct end neighbour(void)
{
	const uint64_t mix = mix_of(&alice);
	struct end e = {ALICE, 1, 0};

	for (uint32_t i = 1; i < 400 * 65536; i++) {
		e.port = (uint16_t)(7001 + i / 65536 * 2);
		e.server_port = (uint16_t)i;
		if (gw_shortcut_lies(mix_of(&e), MASK, gw_shortcut_first(mix, MASK)) &&
		    gw_shortcut_lies(mix_of(&e), MASK, gw_shortcut_second(mix, MASK)))
			return e;
	}
	fail_msg("no other flow has those places");
	return e;
}

struct fight {
	uint16_t port;	/* alice's */
	struct end end; /* the other one */
	struct gw_shortcut *place;
	uint32_t won[2]; /* rounds that ended with the place alice's, the other's */
};

static const char *judge_fighter(struct race *r, const struct race_lane *lane, uint32_t truth,
				 int verdict, const struct lab_frame *out)
{
	const struct fight *f = r->arg;

	(void)lane;
	(void)truth;
	if (!end_forwarded(verdict, out) || lab_sport(out) != f->port)
		return "by the port of another";
	return lab_checksums_ok(out) ? NULL : "a wrong sum";
}

static void see_who_won(struct fight *f)
{
	struct gw_shortcut_of of = shortcut_of(&f->end);

	f->won[f->place->addrs == of.addrs && f->place->ends == of.ends]++;
}

/* Now and then the place is nobody's, and the first to come takes it. What each has counted there
 * at that moment may be the other's then: only the programs' own counters are exact here. */
static void fight(struct race *r)
{
	struct fight *f = r->arg;

	while (race_round(r, FIGHTS)) {
		if (r->rounds % 3 == 0)
			__atomic_store_n(&f->place->until, 0, __ATOMIC_SEQ_CST);
		race_dither(DITHER / 2);
		if (end_speak(r->lab, &f->end) != (f->port ^ 1))
			return race_complain(r, "by the port of alice's");
		see_who_won(f);
	}
}

static void test_one_place(void **state)
{
	struct gw_shortcut *places = lab_shortcuts(*state)->places;
	struct fight f = {.end = neighbour(),
			  .place = &places[gw_shortcut_first(mix_of(&alice), MASK)]};
	struct race r = {
		.lab = *state, .n_lanes = 1, .judge = judge_fighter, .change = fight, .arg = &f};

	for (uint32_t i = 1; i < GW_SHORTCUT_PLACES; i++)
		places[gw_shortcut_place(mix_of(&alice), MASK, i)] =
			(struct gw_shortcut){.addrs = 1, .ends = 1, .until = UINT32_MAX};
	f.port = end_speak(r.lab, &alice);
	assert_int_equal(end_speak(r.lab, &f.end), f.port ^ 1);
	r.lane[0] = (struct race_lane){.side = FROM_NODE, .in = end_out(&alice)};
	race_run(&r);
	assert_int_equal(lab_counted(r.lab, GW_FORWARD_to_uplink),
			 2 + r.lane[0].forwarded + r.rounds);
	assert_true(f.won[0] && f.won[1]);
}

/* --- a connection closes and opens on another CPU -------------------------------------------- */

#define CONNECTIONS 2000

static const char *judge_connection(struct race *r, const struct race_lane *lane, uint32_t truth,
				    int verdict, const struct lab_frame *out)
{
	const uint16_t *port = r->arg;

	(void)lane;
	(void)truth;
	if (!end_forwarded(verdict, out) || lab_sport(out) != *port)
		return "not on its way";
	return lab_checksums_ok(out) ? NULL : "a wrong sum";
}

static const uint8_t life[] = {TCP_A, TCP_A, TCP_A | TCP_F, TCP_R, TCP_S, TCP_A, TCP_A};

static struct lab_frame segment(uint16_t port, uint8_t flags)
{
	return end_frame(lab_tcp(SERVER, 80, EXTERNAL, port, flags));
}

static bool pass_on(struct race *r, uint16_t port, uint8_t flags)
{
	struct lab_frame in = segment(port, flags), out;

	if (lab_run(r->lab, FROM_UPLINK, &in, &out) != REDIRECT) {
		race_complain(r, "not to the node");
		return false;
	}
	if (!race_wait(r, below(3)))
		return false;
	race_dither(DITHER);
	return true;
}

static void close_and_open(struct race *r)
{
	const uint16_t *port = r->arg;

	while (race_round(r, CONNECTIONS))
		for (size_t i = 0; i < sizeof(life); i++)
			if (!pass_on(r, *port, life[i]))
				return;
}

static void test_connection(void **state)
{
	uint16_t port;
	struct race r = {.lab = *state,
			 .n_lanes = 1,
			 .judge = judge_connection,
			 .change = close_and_open,
			 .arg = &port};
	struct gw_flow_key key = lab_key(ALICE, 5000, SERVER, 80, IPPROTO_TCP);
	struct lab_frame syn = end_frame(lab_tcp(ALICE, 5000, SERVER, 80, TCP_S)), ack, out;
	struct gw_flow flow;

	assert_int_equal(lab_run(r.lab, FROM_NODE, &syn, &out), REDIRECT);
	port = lab_sport(&out);
	ack = segment(port, TCP_S | TCP_A);
	assert_int_equal(lab_run(r.lab, FROM_UPLINK, &ack, &out), REDIRECT);
	r.lane[0] = (struct race_lane){.side = FROM_NODE,
				       .in = end_frame(lab_tcp(ALICE, 5000, SERVER, 80, TCP_A))};
	race_run(&r);
	assert_true(lab_flow(r.lab, &key, &flow));
	assert_int_equal(flow.in.packets, 1 + r.rounds * sizeof(life));
	assert_int_equal(flow.out.packets, 1 + r.lane[0].sent);
}

/* --- an entry that is written as fast as can be ---------------------------------------------- */

#define READERS 100000

struct scribe {
	struct gw_shortcut *entry;
	struct gw_turn turns[2]; /* alice's, bob's */
	uint32_t seen[2];	 /* packets that went to the one, to the other */
};

static const char *judge_either(struct race *r, const struct race_lane *lane, uint32_t truth,
				int verdict, const struct lab_frame *out)
{
	struct scribe *s = r->arg;

	(void)lane;
	(void)truth;
	if (verdict != REDIRECT)
		return "dropped";
	s->seen[end_is_at(out, &bob)]++;
	return end_whole(out, &alice, &bob);
}

/* As the programs do it, with an odd number while it is written, but slower. */
static void write_turn(struct gw_shortcut *entry, const struct gw_turn *turn)
{
	volatile uint64_t *to = (volatile uint64_t *)&entry->turn;
	uint64_t words[sizeof(*turn) / sizeof(uint64_t)];
	uint32_t seq = __atomic_load_n(&entry->seq, __ATOMIC_SEQ_CST);

	if (seq & 1 || !__sync_bool_compare_and_swap(&entry->seq, seq, seq + 1))
		return;
	memcpy(words, turn, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		to[i] = words[i];
		race_dither(DITHER / 10);
	}
	__atomic_fetch_add(&entry->seq, 1, __ATOMIC_SEQ_CST);
}

static void write_turns(struct race *r)
{
	const struct scribe *s = r->arg;

	while (race_packets(r) < READERS && !race_is_over(r)) {
		write_turn(s->entry, &s->turns[r->rounds++ % 2]);
		race_dither(DITHER);
	}
}

/* The shortcut of packets to the port, when that is this end's. */
static struct gw_shortcut *learn(struct lab *lab, const struct end *e, struct gw_turn *turn)
{
	struct gw_flow_key key = end_key(e);
	struct lab_frame in = end_in(END_PORT), out;
	struct gw_shortcut *entry;
	struct gw_shortcut_of of;
	struct gw_flow flow;

	assert_int_equal(end_speak(lab, e), END_PORT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lab_run(lab, FROM_UPLINK, &in, &out), REDIRECT);
	assert_true(lab_flow(lab, &key, &flow));
	of = gw_shortcut_in(&key, &flow);
	entry = &lab_shortcuts(lab)
			 ->places[gw_shortcut_first(gw_shortcut_mix(of.addrs, of.ends), MASK)];
	assert_true(gw_shortcut_belongs(entry, &of));
	*turn = entry->turn;
	return entry;
}

static void test_never_half(void **state)
{
	struct scribe s = {0};
	struct race r = {.lab = *state,
			 .n_lanes = 1,
			 .judge = judge_either,
			 .change = write_turns,
			 .arg = &s};

	learn(r.lab, &alice, &s.turns[0]);
	end_flow(r.lab, &alice, END_PORT);
	end_mapping(r.lab, &alice, END_PORT);
	s.entry = learn(r.lab, &bob, &s.turns[1]);
	r.lane[0] = (struct race_lane){.side = FROM_UPLINK, .in = end_in(END_PORT)};
	race_run(&r);
	assert_true(s.seen[0] && s.seen[1]);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, ends_before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_place),
		TEST(connection),
		TEST(never_half),
	};

	if (!race_possible())
		return 0;
	random_begin(0);
	return cmocka_run_group_tests(tests, ends_set_up, lab_tear_down);
}
