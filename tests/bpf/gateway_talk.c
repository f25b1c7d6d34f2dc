/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_talk.h"

#include <bpf/bpf.h>

void talk_says(struct talk *t)
{
	struct lab_frame out;

	lab_expect(t->lab, FROM_NODE, &t->out, &out, REDIRECT, GW_FORWARD_to_uplink);
	assert_true(lab_is_from(&out, EXTERNAL));
	assert_int_equal(lab_sport(&out), t->in.dport);
	t->n_out++;
}

void talk_hears(struct talk *t)
{
	struct lab_frame out;

	lab_expect(t->lab, FROM_UPLINK, &t->in, &out, REDIRECT, GW_FORWARD_to_overlay);
	assert_true(lab_is_to(&out, t->out.src));
	assert_int_equal(lab_dport(&out), t->out.sport);
	t->n_in++;
}

struct talk talk_open(struct lab *lab, struct lab_packet first)
{
	struct talk t = {.lab = lab, .out = first, .n_out = 1};
	struct lab_frame out;

	lab_expect(lab, FROM_NODE, &first, &out, REDIRECT, GW_FORWARD_to_uplink);
	t.key = lab_key(first.src, first.sport, first.dst, first.dport, first.proto);
	t.in = first;
	t.in.src = first.dst;
	t.in.sport = first.dport;
	t.in.dst = EXTERNAL;
	t.in.dport = lab_sport(&out);
	return t;
}

struct talk talk_udp(struct lab *lab, const char *node, uint16_t port)
{
	return talk_open(lab, lab_udp(node, port, SERVER, 53));
}

struct talk talk_tcp(struct lab *lab)
{
	struct talk t = talk_open(lab, lab_tcp(ALICE, 5000, SERVER, 80, TCP_S));

	t.in.flags = TCP_S | TCP_A;
	talk_hears(&t);
	t.in.flags = t.out.flags = TCP_A;
	talk_says(&t);
	talk_hears(&t);
	return t;
}

void talk_settle_down(struct talk *t)
{
	for (int i = 0; i < 3; i++) {
		talk_says(t);
		talk_hears(t);
	}
}

struct gw_flow talk_bare_flow(const struct talk *t)
{
	struct gw_flow flow;

	assert_int_equal(bpf_map_lookup_elem(lab_map(t->lab, "gw_flows"), &t->key, &flow), 0);
	return flow;
}

void talk_demand_counts(const struct talk *t)
{
	struct gw_flow flow;

	assert_true(lab_flow(t->lab, &t->key, &flow));
	assert_int_equal(flow.out.packets, t->n_out);
	assert_int_equal(flow.in.packets, t->n_in);
}
