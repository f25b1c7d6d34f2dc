/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What somebody tries who knows how the gateway works: a node, a host on the LAN. */
#include "gateway_lab.h"

static const struct lab_rule rules[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					{"alice", "172.16.0.0/16", NULL, NULL},
					{"alice", "bob", NULL, NULL},
					{"alice", "gateway", NULL, NULL},
					{"bob", "192.168.10.0/24", NULL, NULL},
					{NULL, NULL, NULL, NULL}};
static const struct lab_rule none[] = {{NULL, NULL, NULL, NULL}};

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

/* --- ICMP errors ----------------------------------------------------------------------------- */

/* A live flow is no licence to send to anybody what quotes it. */
static void test_error_elsewhere(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back, e;
	struct lab_frame out, in;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	lab_expect(*state, FROM_UPLINK, &back, &in, REDIRECT, GW_FORWARD_to_overlay);
	e = lab_error_about(ALICE, "10.9.9.9", &in);
	lab_expect(*state, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);
}

/* Nor to have it routed by the host. */
/* Makes the options read as the ports behind them do. */
static void ports_in_options(struct lab_frame *f)
{
	memcpy(f->data + 14 + 20, f->data + 14 + 24, 4);
}

/* No packet with options is forwarded, so none can be quoted: errors that do are about nobody's,
 * and from the LAN they may be about the host's. Also where the flow's ports stand in them. */
static void test_error_about_options(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back, e;
	struct lab_frame out, in, quoted;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	lab_expect(*state, FROM_UPLINK, &back, &in, REDIRECT, GW_FORWARD_to_overlay);
	e = lab_error_about(SERVER, EXTERNAL, &out);
	lab_expect(*state, FROM_UPLINK, &e, NULL, REDIRECT, GW_FORWARD_to_overlay);
	back = lab_opener(IPPROTO_UDP, EXTERNAL, lab_sport(&out), SERVER, 53);
	back.options = true;
	lab_build(&quoted, &back);
	ports_in_options(&quoted);
	e = lab_error_about(SERVER, EXTERNAL, &quoted);
	lab_expect(*state, FROM_UPLINK, &e, NULL, PASS, GW_PASS_not_ours);
	e = lab_error_about(ALICE, SERVER, &in);
	lab_expect(*state, FROM_NODE, &e, NULL, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, ALICE, 5000);
	back.options = true;
	lab_build(&quoted, &back);
	ports_in_options(&quoted);
	e = lab_error_about(ALICE, SERVER, &quoted);
	lab_expect(*state, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);
}

static void test_error_by_host(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, GATEWAY, 53), back, e;
	struct lab_frame in;

	lab_expect(*state, FROM_NODE, &p, NULL, PASS, GW_PASS_local);
	back = lab_opener(IPPROTO_UDP, GATEWAY, 53, ALICE, 5000);
	lab_build(&in, &back);
	e = lab_error_about(ALICE, "10.9.9.9", &in);
	lab_expect(*state, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);
	e = lab_error_about(ALICE, GATEWAY, &in);
	lab_expect(*state, FROM_NODE, &e, NULL, PASS, GW_PASS_local);
}

/* From the LAN: a node gets errors about what it has sent itself. */
static void test_error_to_another(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, ROUTED, 53), e;
	struct lab_frame sent;

	lab_expect(*state, FROM_NODE, &p, &sent, REDIRECT, GW_FORWARD_to_uplink);
	e = lab_error_about(ROUTED, BOB, &sent);
	lab_expect(*state, FROM_UPLINK, &e, NULL, SHOT, GW_DROP_icmp_stray);
	e = lab_error_about(ROUTED, ALICE, &sent);
	lab_expect(*state, FROM_UPLINK, &e, NULL, REDIRECT, GW_FORWARD_to_overlay);
}

/* What is between nodes, or with the gateway itself, is not the LAN's to report on. */
static void test_error_about_overlay(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, BOB, 53), e;
	struct lab_frame sent;

	lab_expect(*state, FROM_NODE, &p, &sent, REDIRECT, GW_FORWARD_between_nodes);
	e = lab_error_about(ROUTED, ALICE, &sent);
	lab_expect(*state, FROM_UPLINK, &e, NULL, SHOT, GW_DROP_icmp_stray);
}

static void test_error_forbidden(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back, e;
	struct lab_frame out, in;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	lab_expect(*state, FROM_UPLINK, &back, &in, REDIRECT, GW_FORWARD_to_overlay);
	lab_policy(*state, none);
	e = lab_error_about(SERVER, EXTERNAL, &out);
	lab_expect(*state, FROM_UPLINK, &e, NULL, SHOT, GW_DROP_policy_changed);
	e = lab_error_about(ALICE, SERVER, &in);
	lab_expect(*state, FROM_NODE, &e, NULL, SHOT, GW_DROP_icmp_stray);
}

/* --- sources that cannot be out there -------------------------------------------------------- */

static void test_spoofed_gateway(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, GATEWAY, 53), back;

	lab_expect(*state, FROM_NODE, &p, NULL, PASS, GW_PASS_local);
	back = lab_opener(IPPROTO_UDP, GATEWAY, 53, ALICE, 5000);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_spoofed_source);
}

static void test_spoofed_node(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, BOB, 53), back;

	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_between_nodes);
	back = lab_opener(IPPROTO_UDP, BOB, 53, ALICE, 5000);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_spoofed_source);
}

/* A packet to a mapping that claims to be from the gateway ends nothing between node and gateway.
 */
static void test_spoofed_end(void **state)
{
	struct gw_flow_key key = lab_key(ALICE, 5000, GATEWAY, 53, IPPROTO_UDP);
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, GATEWAY, 53), out, back;
	struct lab_frame sent;
	struct gw_flow flow;

	lab_expect(*state, FROM_NODE, &p, NULL, PASS, GW_PASS_local);
	out = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53);
	lab_expect(*state, FROM_NODE, &out, &sent, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, GATEWAY, 53, EXTERNAL, lab_sport(&sent));
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_spoofed_source);
	assert_true(lab_flow(*state, &key, &flow));
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&sent));
	lab_expect(*state, FROM_UPLINK, &back, NULL, REDIRECT, GW_FORWARD_to_overlay);
}

/* A masqueraded node is reached by its mapping, not by its address. */
static void test_around_mapping(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back;

	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, ALICE, 5000);
	lab_expect(*state, FROM_UPLINK, &back, NULL, SHOT, GW_DROP_no_mapping);
}

/* --- destinations that are no host's business ------------------------------------------------ */

static void test_link_local(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, "169.254.169.254", 80);

	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_ANSWER_refused);
}

/* --- fragments ------------------------------------------------------------------------------- */

static void pair_of(const struct lab_packet *p, struct lab_frame *first, struct lab_frame *later)
{
	lab_build(first, p);
	lab_fragment(first, 0, true);
	lab_build(later, p);
	lab_fragment(later, 40, false);
}

static void test_fragments_answering_node(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, BOB, 53), back;
	struct lab_frame first, later;

	lab_expect(*state, FROM_NODE, &p, NULL, REDIRECT, GW_FORWARD_between_nodes);
	back = lab_opener(IPPROTO_UDP, BOB, 53, ALICE, 5000);
	pair_of(&back, &first, &later);
	lab_expect_frame(*state, FROM_NODE, &first, NULL, REDIRECT, GW_FORWARD_between_nodes);
	lab_expect_frame(*state, FROM_NODE, &later, NULL, REDIRECT, GW_FORWARD_between_nodes);
}

static void test_fragments_forbidden(void **state)
{
	struct lab_packet p = lab_opener(IPPROTO_UDP, ALICE, 5000, SERVER, 53), back;
	struct lab_frame out, first, later;

	lab_expect(*state, FROM_NODE, &p, &out, REDIRECT, GW_FORWARD_to_uplink);
	back = lab_opener(IPPROTO_UDP, SERVER, 53, EXTERNAL, lab_sport(&out));
	pair_of(&back, &first, &later);
	lab_expect_frame(*state, FROM_UPLINK, &first, NULL, REDIRECT, GW_FORWARD_to_overlay);
	lab_expect_frame(*state, FROM_UPLINK, &later, NULL, REDIRECT, GW_FORWARD_to_overlay);
	lab_policy(*state, none);
	lab_expect_frame(*state, FROM_UPLINK, &later, NULL, SHOT, GW_DROP_policy_changed);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, before)
	const struct CMUnitTest tests[] = {
		T(test_error_elsewhere),     T(test_error_about_options),
		T(test_error_by_host),	     T(test_error_to_another),
		T(test_error_about_overlay), T(test_error_forbidden),
		T(test_spoofed_gateway),     T(test_spoofed_node),
		T(test_spoofed_end),	     T(test_around_mapping),
		T(test_link_local),	     T(test_fragments_answering_node),
		T(test_fragments_forbidden),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
