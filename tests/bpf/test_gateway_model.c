/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random packets from all sides, through the gateway's programs and through the model: verdict,
 * reason, mark and every byte must agree, and now and then all that is remembered. Time is frozen
 * and moved by hand, policies come and go. TP_SEED repeats a run, TP_PACKETS lengthens it.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "gateway_hood.h"
#include "gateway_model.h"
#include "gateway_traffic.h"
#include "random.h"

#define PACKETS	      4000 /* for each way to configure */
#define EPOCH	      3000 /* packets until all is forgotten */
#define POLICY_EVERY  250
#define XDP_EVERY     40
#define COMPARE_EVERY 100
#define STILL	      250 /* packets of each thousand in which budgets run out */

static const struct lab_rule usual[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					{"alice", "172.16.0.0/16", NULL, NULL},
					{"alice", "2001:db8::/32", NULL, NULL},
					{"alice", "bob", NULL, NULL},
					{"any", "gateway", "icmp", NULL},
					{"172.16.0.0/16", "alice", "udp", "514"},
					{"bob", "192.168.10.0/24", "udp", NULL},
					{"bob", "192.168.10.0/24", "tcp", "80"},
					{"192.168.10.7", "any", NULL, NULL},
					{"192.168.10.0/24", "alice", "udp", "5003"},
					{NULL, NULL, NULL, NULL}};
static const struct lab_rule wide[] = {{"any", "any", NULL, NULL}, {NULL, NULL, NULL, NULL}};
static const struct lab_rule narrow[] = {{"alice", "192.168.10.7", "udp", NULL},
					 {"bob", "any", "tcp", NULL},
					 {"100.64.1.0/24", "alice", NULL, NULL},
					 {NULL, NULL, NULL, NULL}};
static const struct lab_rule none[] = {{NULL, NULL, NULL, NULL}};

static long packets; /* for each test */
static uint32_t reasons[GW_REASON_MAX];
static uint32_t shortcuts; /* flows that were seen to have used one */
static uint32_t xdp_forwarded;

/* --- what the programs remember -------------------------------------------------------------- */

static uint16_t drawn(void *ctx, const struct model_end *node, uint8_t proto)
{
	struct gw_forward_key key = {.node_port = htons(node->port)};
	struct gw_forward forward;

	memcpy(&key.node, node->addr + 12, 4);
	key.nat_proto = proto == IPPROTO_UDP   ? GW_NAT_UDP
			: proto == IPPROTO_TCP ? GW_NAT_TCP
					       : GW_NAT_ICMP;
	if (bpf_map_lookup_elem(lab_map(ctx, "nat_forward"), &key, &forward))
		return 0;
	return (uint16_t)(LAB_BASE + forward.mapping % LAB_RANGE);
}

static struct gw_flow_key key_of(const struct model_key *k)
{
	struct gw_flow_key key = {.node_port = htons(k->node.port),
				  .remote_port = htons(k->remote.port),
				  .proto = k->proto};

	memcpy(key.node, k->node.addr, 16);
	memcpy(key.remote, k->remote.addr, 16);
	return key;
}

static void compare_flow(struct lab *lab, const struct model *m, const struct model_flow *want)
{
	struct gw_flow_key key = key_of(&want->key);
	struct gw_flow got, bare;

	if (!lab_flow(lab, &key, &got) ||
	    bpf_map_lookup_elem(lab_map(lab, "gw_flows"), &key, &bare))
		fail_msg("the programs have no flow of kind %d, protocol %d", want->kind,
			 key.proto);
	if (got.tcp_state != want->tcp || !(got.flags & GW_FLOW_FROM_REMOTE) != !want->from_remote)
		fail_msg("flow of kind %d, protocol %d, state %d instead of %d, flags %x",
			 want->kind, key.proto, got.tcp_state, want->tcp, got.flags);
	assert_int_equal(got.kind, want->kind);
	assert_int_equal(got.flags & GW_FLOW_FROM_REMOTE, want->from_remote);
	assert_int_equal(!!(got.flags & GW_FLOW_REPLIED), want->replied);
	assert_int_equal(got.tcp_state, want->tcp);
	assert_memory_equal(&got.out, &want->out, sizeof(got.out));
	assert_memory_equal(&got.in, &want->in, sizeof(got.in));
	shortcuts += bare.out.packets < got.out.packets || bare.in.packets < got.in.packets;
	if (want->mapping)
		assert_int_equal(ntohs(got.ext_port), want->mapping->port);
	/* Ages are all that is known of the programs' time. */
	assert_int_equal((int32_t)(got.until - LAB_FROZEN), (int32_t)(want->until - m->now));
}

static size_t entries(struct lab *lab, const char *map)
{
	char key[64];
	size_t n = 0;

	for (void *at = NULL; !bpf_map_get_next_key(lab_map(lab, map), at, key); at = key)
		n++;
	return n;
}

static void compare_memory(struct lab *lab, const struct model *m)
{
	size_t flows = 0;

	for (int i = 0; i < MODEL_FLOWS; i++) {
		if (!m->flows[i].used)
			continue;
		compare_flow(lab, m, &m->flows[i]);
		flows++;
	}
	assert_int_equal(entries(lab, "gw_flows"), flows);
	assert_int_equal(entries(lab, "nat_filters"), m->n_filters);
}

/* --- packets --------------------------------------------------------------------------------- */

static void dump(const char *name, const struct lab_frame *f)
{
	printf("# %s, %u bytes:", name, f->len);
	for (uint32_t i = 0; i < f->len && i < 160; i++)
		printf("%s%02x", i % 16 ? "" : "\n#  ", f->data[i]);
	printf("\n");
}

static bool same_frame(const struct lab_frame *a, const struct lab_frame *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* Who says where it goes, the program or the kernel, is not the model's business. */
static bool same_packet(const struct lab_frame *a, const struct lab_frame *b)
{
	return a->len == b->len && !memcmp(a->data + 12, b->data + 12, a->len - 12);
}

static bool is_forward(int reason)
{
	return reason == GW_FORWARD_to_uplink || reason == GW_FORWARD_to_overlay;
}

/* What was handed to the daemon is what went on, or came. */
static bool same_punt(struct lab *lab, const struct lab_frame *want)
{
	static struct gw_punt punt;

	return lab_punted(lab, &punt) == 1 && punt.len <= want->len - 14 &&
	       !memcmp(punt.packet, lab_ip(want), punt.len);
}

static bool agree(struct lab *lab, int verdict, const struct lab_frame *got, int reason,
		  uint32_t mark, const struct model_result *want)
{
	static struct gw_punt early;

	if (verdict != (int)want->verdict || reason != want->reason)
		return false;
	if (reason == GW_ANSWER_punted)
		return same_frame(got, &want->frame) && same_punt(lab, &want->frame);
	lab_punted(lab, &early); /* fragments that the host has got, too */
	if (is_forward(reason))
		return same_packet(got, &want->frame) && mark == want->mark;
	return verdict == SHOT || (same_frame(got, &want->frame) && mark == want->mark);
}

/* The way of a frame that XDP sends on. False: it is left to tc, as it came, or can only be
 * dropped. */
static bool by_xdp(struct lab *lab, enum lab_side side, const struct lab_frame *in,
		   struct lab_frame *got)
{
	static struct lab_frame to_us;
	int verdict;

	if (side == FROM_HOST)
		return false;
	to_us = *in;
	if (!to_us.data[0])
		hood_address(&to_us, side);
	verdict = lab_run_xdp(lab, side, &to_us, got);
	if (verdict == XDP_FORWARDS) {
		xdp_forwarded++;
		return true;
	}
	lab_reason(lab, NULL);
	if (verdict == XDP_PASSES)
		assert_true(same_frame(&to_us, got));
	return false;
}

/* By tc what XDP does not send on; marked, what goes to the overlay, as if by tc. */
static int forward(struct lab *lab, enum lab_side side, uint32_t mark, const struct lab_frame *in,
		   struct lab_frame *got, uint32_t *left_with)
{
	int verdict;

	if (by_xdp(lab, side, in, got)) {
		*left_with = side == FROM_UPLINK ? LAB_MARK : 0;
		return REDIRECT;
	}
	verdict = lab_run_marked(lab, side, mark, in, got);
	*left_with = lab_mark(lab);
	return verdict;
}

static void one_packet(struct lab *lab, struct model *m)
{
	static struct model_result want;
	static struct lab_frame in, got;
	uint32_t mark, left_with;
	enum lab_side side = traffic_next(m, &mark, &in);
	int verdict = forward(lab, side, mark, &in, &got, &left_with), reason;

	model_see(m, side, mark, &in, &want);
	reasons[want.reason]++;
	if (want.also >= 0) {
		reasons[want.also]++;
		assert_int_equal(lab_counted(lab, want.also), 1);
	}
	reason = lab_reason(lab, NULL);
	if (agree(lab, verdict, &got, reason, left_with, &want))
		return;
	dump("in", &in);
	dump("program", &got);
	dump("model", &want.frame);
	fail_msg("side %d. program: %d, %s, mark %x; model: %d, %s, mark %x", side, verdict,
		 lab_reason_name(reason), left_with, want.verdict, lab_reason_name(want.reason),
		 want.mark);
}

static void first_line(struct lab *lab, struct model *m)
{
	static struct lab_frame in, out;
	uint32_t mark;
	int want, verdict;

	if (traffic_next(m, &mark, &in) != FROM_UPLINK)
		return;
	verdict = lab_run_xdp(lab, FROM_UPLINK, &in, &out) == 2 ? PASS : SHOT;
	assert_int_equal(verdict, model_first_line(m, &in, &want));
	assert_string_equal(lab_reason_name(lab_reason(lab, NULL)), lab_reason_name(want));
}

/* --- what else happens ----------------------------------------------------------------------- */

static void another_policy(struct lab *lab, struct model *m)
{
	static const struct lab_rule *const policies[] = {usual, usual, usual, wide, narrow, none};
	const struct lab_rule *rules = policies[below(6)];
	bool shadow = one_in(6);

	if (shadow)
		lab_policy_shadow(lab, rules);
	else
		lab_policy(lab, rules);
	model_policy(m, rules, shadow);
}

/* Also by less than what a life must grow by to be written again. */
static void time_passes(struct lab *lab, struct model *m)
{
	static const uint32_t steps[] = {0, 0, 0, 0, 20, 20, 450, 1000, 1700, 3700};
	uint32_t ticks = (one_in(60) ? 40000 : steps[below(10)]) + below(30);

	lab_age(lab, ticks);
	model_age(m, ticks);
}

static void forget(struct lab *lab, struct model *m)
{
	lab_reset(lab);
	hood_join(lab);
	model_reset(m);
}

static void run(const struct gw_knobs *knobs)
{
	static struct model m;
	struct lab *lab = lab_open(knobs);

	m = (struct model){.knobs = *knobs, .drawn = drawn, .ctx = lab, .now = 1 << 20};
	for (long i = 0; i < packets; i++) {
		if (i % EPOCH == 0)
			forget(lab, &m);
		if (i % POLICY_EVERY == 0)
			another_policy(lab, &m);
		if (i % 1000 > STILL && one_in(20))
			time_passes(lab, &m);
		one_packet(lab, &m);
		if (i % XDP_EVERY == 0)
			first_line(lab, &m);
		if (i % COMPARE_EVERY == 0)
			compare_memory(lab, &m);
	}
	lab_close(lab);
}

static struct gw_knobs frozen_knobs(void)
{
	struct gw_knobs knobs = lab_knobs();

	lab_freeze(&knobs);
	knobs.nat_block = LAB_RANGE / MODEL_BLOCKS; /* small, so that they are soon full */
	knobs.nat_blocks_per_node = 2;
	knobs.flows_per_node = 90;
	knobs.filters_per_node = 60;
	return knobs;
}

static void address_dependent(void **state)
{
	struct gw_knobs knobs = frozen_knobs();

	(void)state;
	run(&knobs);
}

static void endpoint_independent(void **state)
{
	struct gw_knobs knobs = frozen_knobs();

	(void)state;
	knobs.filtering = GW_FILTER_ENDPOINT_INDEPENDENT;
	run(&knobs);
}

static void no_hairpin(void **state)
{
	struct gw_knobs knobs = frozen_knobs();

	(void)state;
	knobs.hairpin = false;
	run(&knobs);
}

static void routed(void **state)
{
	struct gw_knobs knobs = frozen_knobs();

	(void)state;
	knobs.masquerade = false;
	run(&knobs);
}

/* Runs of the usual length meet all that the model knows. */
static void all_was_met(void **state)
{
	static const int met[] = {
		GW_FORWARD_to_uplink,	 GW_FORWARD_to_overlay,	  GW_FORWARD_between_nodes,
		GW_FORWARD_hairpin,	 GW_PASS_not_ours,	  GW_PASS_other_host,
		GW_PASS_not_ip,		 GW_PASS_local,		  GW_PASS_own_send,
		GW_PASS_link_scope,	 GW_ANSWER_refused,	  GW_ANSWER_too_big,
		GW_ANSWER_ttl_exceeded,	 GW_ANSWER_table_full,	  GW_ANSWER_punted,
		GW_DROP_malformed,	 GW_DROP_spoofed_source,  GW_DROP_policy_denied,
		GW_DROP_policy_changed,	 GW_DROP_not_advertised,  GW_DROP_overlay_unknown,
		GW_DROP_no_mapping,	 GW_DROP_filtered,	  GW_DROP_unsolicited_syn,
		GW_DROP_no_flow,	 GW_DROP_icmp_stray,	  GW_DROP_icmp_kind,
		GW_DROP_proto_unmapped,	 GW_DROP_ports_full,	  GW_DROP_node_quota,
		GW_DROP_filter_quota,	 GW_DROP_refused_quietly, GW_DROP_ttl,
		GW_DROP_too_big_quietly, GW_DROP_fragment_early,  GW_DROP_fragment_bad,
		GW_DROP_ip_options,	 GW_DROP_hairpin_off,
	};

	(void)state;
	printf("# %6u shortcuts, %u packets by XDP\n", shortcuts, xdp_forwarded);
	assert_true(packets < PACKETS || (shortcuts > 10 && xdp_forwarded > 10));
	for (size_t i = 0; i < sizeof(met) / sizeof(*met); i++) {
		printf("# %6u %s\n", reasons[met[i]], lab_reason_name(met[i]));
		if (packets >= PACKETS && !reasons[met[i]])
			fail_msg("never met: %s", lab_reason_name(met[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_dependent), cmocka_unit_test(endpoint_independent),
		cmocka_unit_test(no_hairpin),	     cmocka_unit_test(routed),
		cmocka_unit_test(all_was_met),
	};

	packets = random_begin(PACKETS);
	if (hood_open())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
