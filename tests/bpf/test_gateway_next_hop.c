/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Next hops of shortcuts: that packets go to the neighbour that the kernel would have sent them to,
 * that its word is asked again each second, and where it is left to say. And the way through XDP,
 * which does the same with a frame as tc, or leaves it alone. Time stands still.
 */
#include "gateway_hood.h"
#include "gateway_talk.h"

#define SECOND 16 /* ticks; bpf/lib/gateway/clock.h */

static const struct lab_rule out_all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					  {NULL, NULL, NULL, NULL}};

static int set_up(void **state)
{
	struct gw_knobs knobs = lab_knobs();

	lab_freeze(&knobs);
	if (hood_open())
		return -1;
	*state = lab_open(&knobs);
	return 0;
}

static int before(void **state)
{
	lab_reset(*state);
	lab_policy(*state, out_all);
	hood_join(*state);
	return 0;
}

static void send_by_tc(struct talk *t, enum lab_side side, struct lab_frame *in,
		       struct lab_frame *out)
{
	bool node = side == FROM_NODE;

	lab_build(in, node ? &t->out : &t->in);
	lab_expect_frame(t->lab, side, in, out, REDIRECT,
			 node ? GW_FORWARD_to_uplink : GW_FORWARD_to_overlay);
	t->n_out += node;
	t->n_in += !node;
}

static void goes_to(struct talk *t, enum lab_side side, const char *neighbour)
{
	struct lab_frame in, out;

	send_by_tc(t, side, &in, &out);
	assert_true(lab_checksums_ok(&out));
	hood_demand_from_to(&out, side, neighbour);
}

/* As the kernel says: it fills the header in when it sends. */
static void is_asked(struct talk *t, enum lab_side side)
{
	struct lab_frame in, out;

	send_by_tc(t, side, &in, &out);
	assert_true(hood_same_header(&in, &out));
}

/* With a shortcut each way; the packets that asked were the kernel's to send. */
static struct talk talk_settled(struct lab *lab)
{
	struct talk t = talk_udp(lab, ALICE, 5000);

	is_asked(&t, FROM_NODE);
	is_asked(&t, FROM_UPLINK);
	talk_settle_down(&t);
	return t;
}

/* --- whose it is ------------------------------------------------------------------------------ */

static void test_to_the_neighbour(void **state)
{
	struct talk t = talk_settled(*state);

	goes_to(&t, FROM_NODE, SERVER);
	goes_to(&t, FROM_UPLINK, ALICE);
	talk_demand_counts(&t);
}

static void test_tcp(void **state)
{
	struct talk t = talk_tcp(*state);

	talk_settle_down(&t);
	goes_to(&t, FROM_NODE, SERVER);
	goes_to(&t, FROM_UPLINK, ALICE);
}

static void test_to_a_router(void **state)
{
	struct talk t;

	hood_ip("route add %s via %s", SERVER, HOOD_ROUTER);
	t = talk_settled(*state);
	goes_to(&t, FROM_NODE, HOOD_ROUTER);
	hood_ip("route del %s", SERVER);
	goes_to(&t, FROM_NODE, HOOD_ROUTER); /* for the rest of the second */
	lab_age(*state, SECOND);
	is_asked(&t, FROM_NODE);
	talk_settle_down(&t);
	goes_to(&t, FROM_NODE, SERVER);
}

static void test_neighbour_unknown(void **state)
{
	struct talk t;

	hood_ip("neigh del %s dev %s", SERVER, HOOD_LAN);
	t = talk_settled(*state);
	is_asked(&t, FROM_NODE);
	goes_to(&t, FROM_UPLINK, ALICE);
	hood_ip("neigh add %s lladdr 02:00:00:a8:0a:07 dev %s nud permanent", SERVER, HOOD_LAN);
	is_asked(&t, FROM_NODE);
	lab_age(*state, SECOND);
	is_asked(&t, FROM_NODE);
	talk_settle_down(&t);
	goes_to(&t, FROM_NODE, SERVER);
}

static void test_route_by_another_device(void **state)
{
	struct talk t;

	hood_device("other0", "02:00:00:00:00:03");
	hood_ip("route add %s dev other0", SERVER);
	hood_ip("neigh add %s lladdr 02:00:00:00:00:09 dev other0 nud permanent", SERVER);
	t = talk_settled(*state);
	is_asked(&t, FROM_NODE);
	hood_ip("link del other0");
}

static void test_loopback_that_does_not_forward(void **state)
{
	struct talk t;

	hood_forwarding(false);
	t = talk_settled(*state);
	is_asked(&t, FROM_NODE);
	is_asked(&t, FROM_UPLINK);
	hood_forwarding(true);
}

/* A frame that is another host's, which a promiscuous device sees. */
static void test_other_host(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in;

	lab_build(&in, &t.out);
	in.data[5] = 1;
	lab_expect_frame(*state, FROM_NODE, &in, NULL, PASS, GW_PASS_other_host);
	lab_build(&in, &t.in);
	in.data[0] = 2;
	lab_expect_frame(*state, FROM_UPLINK, &in, NULL, PASS, GW_PASS_other_host);
}

static void test_marked(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);
	struct lab_frame in, out;

	lab_build(&in, &t.out);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lab_run_marked(*state, FROM_NODE, 7, &in, &out), REDIRECT);
	assert_true(hood_same_header(&in, &out));
	lab_counted(*state, GW_FORWARD_to_uplink);
}

/* One among others that are not. */
static void test_marked_later(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in, out;

	lab_build(&in, &t.out);
	assert_int_equal(lab_run_marked(*state, FROM_NODE, 7, &in, &out), REDIRECT);
	assert_true(hood_same_header(&in, &out));
	lab_counted(*state, GW_FORWARD_to_uplink);
	goes_to(&t, FROM_NODE, SERVER);
}

static void test_route_by_type_of_service(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	hood_ip("route add %s via %s table 100", SERVER, HOOD_ROUTER);
	hood_ip("rule add tos 0x10 lookup 100");
	t.out.tos = 0x10;
	talk_settle_down(&t);
	goes_to(&t, FROM_NODE, HOOD_ROUTER);
	hood_ip("rule del tos 0x10 lookup 100");
	hood_ip("route flush table 100");
}

/* What came to all on its link goes no further (RFC 1812, 5.3.4), known neighbour or not. */
static void test_broadcast_on_the_link(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in;

	lab_build(&in, &t.out);
	memset(in.data, 0xff, 6);
	lab_expect_frame(*state, FROM_NODE, &in, NULL, SHOT, GW_DROP_link_group);
	lab_build(&in, &t.in);
	memset(in.data, 0xff, 6);
	lab_expect_frame(*state, FROM_UPLINK, &in, NULL, SHOT, GW_DROP_link_group);
}

/* --- through XDP ------------------------------------------------------------------------------ */

/* To the device itself; test runs of tc are on another. */
static int xdp(struct talk *t, enum lab_side side, struct lab_frame *in, struct lab_frame *out)
{
	int verdict;

	hood_address(in, side);
	verdict = lab_run_xdp(t->lab, side, in, out);

	if (verdict == XDP_FORWARDS) {
		assert_int_equal(lab_reason(t->lab, NULL),
				 side == FROM_NODE ? GW_FORWARD_to_uplink : GW_FORWARD_to_overlay);
		return verdict;
	}
	assert_int_equal(lab_reason(t->lab, NULL), GW_PASS_first_line);
	assert_int_equal(out->len, in->len);
	assert_memory_equal(in->data, out->data, in->len);
	return verdict;
}

/* The frame that tc makes of it, but for the mark. */
static void goes_as_by_tc(struct talk *t, enum lab_side side)
{
	struct lab_frame in, by_tc, by_xdp;

	send_by_tc(t, side, &in, &by_tc);
	assert_int_equal(xdp(t, side, &in, &by_xdp), XDP_FORWARDS);
	t->n_out += side == FROM_NODE;
	t->n_in += side != FROM_NODE;
	assert_int_equal(by_xdp.len, by_tc.len);
	assert_memory_equal(by_xdp.data, by_tc.data, by_tc.len);
}

static void passes(struct talk *t, enum lab_side side, struct lab_frame *in)
{
	struct lab_frame out;

	assert_int_equal(xdp(t, side, in, &out), XDP_PASSES);
}

static void both_pass(struct talk *t)
{
	struct lab_frame in;

	lab_build(&in, &t->out);
	passes(t, FROM_NODE, &in);
	lab_build(&in, &t->in);
	passes(t, FROM_UPLINK, &in);
}

static void test_xdp_forwards(void **state)
{
	struct talk t = talk_udp(*state, ALICE, 5000);

	both_pass(&t); /* nothing has been entered yet */
	talk_settle_down(&t);
	goes_as_by_tc(&t, FROM_NODE);
	goes_as_by_tc(&t, FROM_UPLINK);
	t.out.payload = t.in.payload = 1301;
	goes_as_by_tc(&t, FROM_NODE);
	goes_as_by_tc(&t, FROM_UPLINK);
	talk_demand_counts(&t);
	lab_age(*state, SECOND);
	both_pass(&t);
}

static void test_xdp_tcp(void **state)
{
	struct talk t = talk_tcp(*state);
	uint8_t ends[] = {TCP_S, TCP_F | TCP_A, TCP_R};

	talk_settle_down(&t);
	goes_as_by_tc(&t, FROM_NODE);
	goes_as_by_tc(&t, FROM_UPLINK);
	for (unsigned int i = 0; i < sizeof(ends); i++) {
		t.out.flags = t.in.flags = ends[i];
		both_pass(&t);
	}
}

static void test_xdp_device_takes_none(void **state)
{
	struct talk t = talk_settled(*state);

	hood_takes_xdp(*state, false);
	both_pass(&t);
}

static void test_xdp_neighbour_unknown(void **state)
{
	struct talk t;

	hood_forwarding(false);
	t = talk_settled(*state);
	both_pass(&t);
	hood_forwarding(true);
}

static void test_xdp_policy(void **state)
{
	struct talk t = talk_settled(*state);

	lab_policy(*state, out_all);
	both_pass(&t);
}

static void test_xdp_address_that_is_lost(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in;

	lab_external(*state, 0, OTHER);
	lab_build(&in, &t.out);
	passes(&t, FROM_NODE, &in);
}

static void test_xdp_device_that_is_down(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in;

	lab_down(*state, GW_OVERLAY);
	lab_build(&in, &t.in);
	passes(&t, FROM_UPLINK, &in);
	lab_down(*state, GW_UPLINK);
	lab_build(&in, &t.out);
	passes(&t, FROM_NODE, &in);
}

/* Packets of a flow that has shortcuts, which are not of the common kind. */
static void test_xdp_leaves_the_rest(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_packet odd[] = {t.out, t.out, t.out, t.out, t.out};
	struct lab_frame in;

	odd[0].ttl = 1;
	odd[1].options = true;
	odd[2].no_checksum = true;
	odd[3].payload = 1500;
	odd[4].proto = IPPROTO_ICMP;
	for (unsigned int i = 0; i < 5; i++) {
		lab_build(&in, &odd[i]);
		passes(&t, FROM_NODE, &in);
	}
	lab_build(&in, &t.out);
	lab_fragment(&in, 0, true);
	passes(&t, FROM_NODE, &in);
	lab_build(&in, &t.out);
	in.data[12] = 0x81; /* a VLAN's */
	passes(&t, FROM_NODE, &in);
	for (uint32_t len = 14; len < 42; len++) {
		lab_build(&in, &t.out);
		in.len = len;
		passes(&t, FROM_NODE, &in);
	}
}

static void test_xdp_other_host(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in, out;

	for (int i = 0; i < 6; i++) {
		lab_build(&in, &t.out);
		hood_address(&in, FROM_NODE);
		in.data[i] ^= 4;
		assert_int_equal(lab_run_xdp(*state, FROM_NODE, &in, &out), XDP_PASSES);
		assert_memory_equal(in.data, out.data, in.len);
	}
	assert_int_equal(lab_counted(*state, GW_PASS_first_line), 6);
}

/* A sum of the pseudo-header only, which the sender left its device to complete. */
static void test_xdp_open_sum(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in;
	uint32_t sum = 0;
	uint8_t *ip;

	lab_build(&in, &t.out);
	ip = in.data + 14;
	for (int i = 12; i < 20; i += 2)
		sum += lab_get16(ip + i);
	sum += IPPROTO_UDP + in.len - 14 - 20;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip[26] = (uint8_t)(sum >> 8);
	ip[27] = (uint8_t)sum;
	passes(&t, FROM_NODE, &in);
}

/* Frames that a device has padded go on with their padding. */
static void test_xdp_padding(void **state)
{
	struct talk t = talk_settled(*state);
	struct lab_frame in, out;
	uint32_t len;

	t.out.payload = 1;
	lab_build(&in, &t.out);
	len = in.len;
	in.len = 60;
	assert_int_equal(xdp(&t, FROM_NODE, &in, &out), XDP_FORWARDS);
	assert_int_equal(out.len, 60);
	out.len = len;
	assert_true(lab_checksums_ok(&out));
}

#define TEST(name) cmocka_unit_test_setup(test_##name, before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(to_the_neighbour),
		TEST(tcp),
		TEST(to_a_router),
		TEST(neighbour_unknown),
		TEST(route_by_another_device),
		TEST(loopback_that_does_not_forward),
		TEST(other_host),
		TEST(marked),
		TEST(marked_later),
		TEST(route_by_type_of_service),
		TEST(broadcast_on_the_link),
		TEST(xdp_forwards),
		TEST(xdp_tcp),
		TEST(xdp_device_takes_none),
		TEST(xdp_neighbour_unknown),
		TEST(xdp_policy),
		TEST(xdp_address_that_is_lost),
		TEST(xdp_device_that_is_down),
		TEST(xdp_leaves_the_rest),
		TEST(xdp_other_host),
		TEST(xdp_open_sum),
		TEST(xdp_padding),
	};

	return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
