/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments that overlap, as in the attacks of RFC 1858, RFC 3128 and RFC 5722. The gateway puts no
 * datagram together: it sees to it that no fragment writes over what the policy and the mapping
 * were asked about, and that each goes where its first one went. What overlaps elsewhere is the
 * receiver's to refuse.
 */
#include "gateway_lab.h"

#include <netinet/in.h>
#include <string.h>

static const struct lab_rule rules[] = {{"alice", "192.168.10.0/24", "udp", "53"},
					{"alice", "192.168.10.0/24", "tcp", "80"},
					{"bob", "192.168.10.0/24", NULL, NULL},
					{"alice", "2001:db8::/32", NULL, NULL},
					{NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	*state = lab_open(&knobs);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, rules);
	return 0;
}

/* A fragment of *p at so many bytes. */
static struct lab_frame piece(const struct lab_packet *p, uint16_t offset, bool more)
{
	struct lab_frame f;

	lab_build(&f, p);
	lab_fragment(&f, offset, more);
	return f;
}

/* The transport's first bytes only. */
static struct lab_frame cut(struct lab_frame f, uint32_t bytes)
{
	f.len = 14 + 20 + bytes;
	f.data[14 + 2] = 0;
	f.data[14 + 3] = (uint8_t)(20 + bytes);
	return f;
}

static void expect_piece(struct lab *lab, enum lab_side side, struct lab_frame f, const char *to)
{
	struct lab_frame out;
	int reason = side == FROM_NODE ? GW_FORWARD_to_uplink : GW_FORWARD_to_overlay;

	lab_expect_frame(lab, side, &f, &out, REDIRECT, reason);
	assert_true(lab_is_to(&out, to));
	/* Behind the ports, not a byte is changed. */
	assert_memory_equal(lab_l4(&f) + 20, lab_l4(&out) + 20, f.len - 14 - 20 - 20);
}

/* RFC 1858, 3: the flags are left for the second fragment. */
static void test_tiny(void **state)
{
	struct lab_packet p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S), back;
	struct lab_frame out, tiny = cut(piece(&p, 0, true), 8);

	lab_expect_frame(*state, FROM_NODE, &tiny, NULL, SHOT, GW_DROP_fragment_bad);
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_tcp(SERVER, 80, EXTERNAL, lab_sport(&out), TCP_S | TCP_A);
	tiny = cut(piece(&back, 0, true), 8);
	lab_expect_frame(*state, FROM_UPLINK, &tiny, NULL, PASS, GW_PASS_not_ours);
}

/* RFC 1858, 4: the second fragment writes over the flags. Never to the other side: what comes from
 * the LAN is left to the host, which has no first fragment to it. */
static void test_over_flags(void **state)
{
	struct lab_packet p = lab_tcp(ALICE, 5000, SERVER, 80, TCP_S), back;
	struct lab_frame first, over, out;

	p.payload = 64;
	first = piece(&p, 0, true);
	over = piece(&p, 8, false);
	lab_expect_frame(*state, FROM_NODE, &first, &out, REDIRECT, GW_FORWARD_to_uplink);
	lab_expect_frame(*state, FROM_NODE, &over, NULL, SHOT, GW_DROP_fragment_bad);
	back = lab_tcp(SERVER, 80, EXTERNAL, lab_sport(&out), TCP_S | TCP_A);
	back.payload = 64;
	expect_piece(*state, FROM_UPLINK, piece(&back, 0, true), ALICE);
	over = piece(&back, 8, false);
	lab_expect_frame(*state, FROM_UPLINK, &over, NULL, PASS, GW_PASS_not_ours);
}

/* RFC 3128: a second beginning with other ports, which the policy forbids. It is judged for itself,
 * and the rest goes where the allowed one went. */
static void test_second_beginning_by_node(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), other = p;
	struct lab_frame forbidden;

	p.payload = other.payload = 64;
	other.dport = 99;
	forbidden = piece(&other, 0, true);
	expect_piece(*state, FROM_NODE, piece(&p, 0, true), SERVER);
	lab_expect_frame(*state, FROM_NODE, &forbidden, NULL, REDIRECT, GW_ANSWER_refused);
	expect_piece(*state, FROM_NODE, piece(&p, 64, false), SERVER);
}

/* The same from the LAN, to another node's mapping. */
static void test_second_beginning_from_lan(void **state)
{
	struct lab_packet alice = lab_udp(ALICE, 5000, SERVER, 53), bob = lab_udp(BOB, 1, OTHER, 9);
	struct lab_packet to_alice, to_bob;
	struct lab_frame out, filtered;

	lab_expect(*state, FROM_NODE, &alice, &out, REDIRECT, GW_FORWARD_to_uplink);
	to_alice = lab_udp(SERVER, 53, EXTERNAL, lab_sport(&out));
	lab_expect(*state, FROM_NODE, &bob, &out, REDIRECT, GW_FORWARD_to_uplink);
	to_bob = lab_udp(SERVER, 53, EXTERNAL, lab_sport(&out));
	to_alice.payload = to_bob.payload = 64;
	expect_piece(*state, FROM_UPLINK, piece(&to_alice, 0, true), ALICE);
	filtered = piece(&to_bob, 0, true);
	lab_expect_frame(*state, FROM_UPLINK, &filtered, NULL, SHOT, GW_DROP_filtered);
	expect_piece(*state, FROM_UPLINK, piece(&to_alice, 64, false), ALICE);
}

/* Behind the headers: passed on as they are, and to the same end. */
static void test_over_payload(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53), back;
	struct lab_frame out;

	p.payload = 80;
	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_udp(SERVER, 53, EXTERNAL, lab_sport(&out));
	back.payload = 80;
	expect_piece(*state, FROM_NODE, piece(&p, 0, true), SERVER);
	expect_piece(*state, FROM_UPLINK, piece(&back, 0, true), ALICE);
	for (uint16_t offset = 8; offset <= 32; offset += 8) {
		expect_piece(*state, FROM_NODE, piece(&p, offset, true), SERVER);
		expect_piece(*state, FROM_UPLINK, piece(&back, offset, true), ALICE);
	}
}

/* Of the same number, and from somebody else: no part of it. */
static void test_of_another(void **state)
{
	struct lab_packet p = lab_udp(ALICE, 5000, SERVER, 53),
			  other = lab_udp(BOB, 5000, SERVER, 53);
	struct lab_frame stray;

	expect_piece(*state, FROM_NODE, piece(&p, 0, true), SERVER);
	stray = piece(&other, 64, false);
	lab_expect_frame(*state, FROM_NODE, &stray, NULL, SHOT, GW_ANSWER_punted);
}

/* RFC 5722: of IPv6 no fragment is forwarded, so none can overlap. The host gets what the LAN sends
 * and, should it route it, is stopped at the overlay. */
static void test_v6(void **state)
{
	struct lab_packet p = lab_udp(ALICE6, 5000, ROUTED6, 53), back;
	struct lab_frame f;

	p.proto = 44;
	lab_expect(*state, FROM_NODE, &p, NULL, SHOT, GW_DROP_ip_options);
	back = lab_udp(ROUTED6, 53, ALICE6, 5000);
	back.proto = 44;
	lab_build(&f, &back);
	lab_expect_frame(*state, FROM_UPLINK, &f, NULL, PASS, GW_PASS_not_ours);
	lab_expect_frame(*state, FROM_HOST, &f, NULL, SHOT, GW_DROP_ip_options);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, before)
	const struct CMUnitTest tests[] = {
		T(test_tiny),
		T(test_over_flags),
		T(test_second_beginning_by_node),
		T(test_second_beginning_from_lan),
		T(test_over_payload),
		T(test_of_another),
		T(test_v6),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
