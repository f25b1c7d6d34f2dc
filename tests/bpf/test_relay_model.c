/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random packets, valid ones mostly with a few bytes changed, through the XDP program and through
 * the model: verdict, reason, counter and every byte must agree. TP_SEED repeats a run, TP_PACKETS
 * lengthens it.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "random.h"
#include "relay_model.h"

#define PACKETS	   200000
#define UNLIMITED  1000000000 /* a budget of this many a second never runs out here */
#define FIRST_PORT 40000

static const char *const locals[] = {"203.0.113.99", "2001:db8:9::99"};
static const char *const foreign[] = {"203.0.113.1", "2001:db8:9::1"};
static const char *const sources[][2] = {{"198.51.100.7", "198.51.100.8"},
					 {"2001:db8:1::7", "2001:db8:1::8"}};
static const char *const targets[] = {"192.0.2.33", "2001:db8:2:3:4:5:6:33"};

static void add_local(struct harness *h, struct model *m, const char *addr)
{
	harness_local(h, addr);
	addr_make(m->locals[m->n_locals++], addr);
}

/* Flow i: families, next hop, MTU and flaws all from i, so that every kind is there. */
static void add_flow(struct harness *h, struct model *m, int i)
{
	static const uint32_t nexthops[MODEL_FLOWS] = {1, 1, 1, 1, 2, 2, 2, 2,
						       3, 3, 3, 3, 4, 5, 1, 1};
	bool from_v6 = i & 1, to_v6 = i & 2;
	struct flow_spec spec = {
		.src = sources[from_v6][0],
		.local = locals[from_v6],
		.from = locals[to_v6],
		.to = targets[to_v6],
		.sport = FIRST_PORT + i,
		.dport = 50000 + i,
		.index = 0x10000000 + i,
		.nexthop = nexthops[i],
		.counter = i,
		.mtu = i >= 4 && i < 8 ? 1300 : 0,
		.expired = i == 14,
		.other_key = i == 15,
	};
	struct model_flow *f = &m->flows[m->n_flows++];

	f->value = flow_make(&spec);
	f->other_key = spec.other_key;
	harness_flow(h, &spec);
}

static void add_nexthop(struct harness *h, struct model *m, uint32_t id, int ifindex, uint32_t port,
			uint16_t mtu, int vlans)
{
	m->nexthops[id] = harness_nexthop_via(h, id, ifindex, port, mtu, vlans);
}

static struct harness *prepare(struct model *m)
{
	struct harness *h;

	*m = (struct model){.knobs = harness_knobs(), .port = 3};
	m->knobs.stun_rate = UNLIMITED;
	m->knobs.session_rate = UNLIMITED;
	m->knobs.probe_rate = UNLIMITED;
	m->knobs.handshake_rate = UNLIMITED;
	m->knobs.odd_rate = UNLIMITED;
	h = harness_open(&m->knobs);
	add_local(h, m, locals[0]);
	add_local(h, m, locals[1]);
	add_nexthop(h, m, 1, LOOPBACK, 0, 1500, 0);
	add_nexthop(h, m, 2, LOOPBACK, 0, 1500, 1);
	add_nexthop(h, m, 3, LOOPBACK + 1, 3, 1400, 2);
	add_nexthop(h, m, 4, LOOPBACK + 1, 4, 1500, 0); /* no such port */
	harness_port(h, 3, LOOPBACK);
	for (int i = 0; i < MODEL_FLOWS; i++)
		add_flow(h, m, i);
	m->sessions[m->n_sessions++] = 0x20000001;
	harness_session(h, m->sessions[0]);
	m->known[m->n_known++] = 0x30000001;
	harness_index_known(h, m->known[0]);
	return h;
}

/* A payload of any kind that the program tells apart. */
static uint32_t random_payload(uint8_t *p, uint32_t index)
{
	static const uint32_t handshake_len[] = {0, 148, 92, 64};
	static const uint8_t stun[] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	uint32_t len = one_in(4) ? 1380 + below(160) : 28 + below(300);
	uint32_t type = 1 + below(3);

	for (uint32_t i = 0; i < 1600; i++)
		p[i] = i * 5;
	switch (below(10)) {
	case 0: memcpy(p, wg_message(type, 148), 148); return handshake_len[type];
	case 1: memcpy(p, stun, sizeof(stun)); return 20;
	case 2: return below(64);
	default: memcpy(p, wg_data(index, len), len); return len;
	}
}

static const uint32_t other_indices[] = {0x20000001, 0x30000001, 0x40000001};

static void random_packet(struct frame *f)
{
	static uint8_t payload[1600];
	int flow = below(MODEL_FLOWS);
	bool v6 = flow & 1;
	struct packet_spec spec = {
		.src = v6 && one_in(50) ? "::ffff:198.51.100.7" : sources[v6][one_in(20)],
		.dst = one_in(20) ? foreign[v6] : locals[v6],
		.sport = FIRST_PORT + flow + one_in(20),
		.dport = one_in(10) ? STUN_PORT : RELAY_PORT,
		.vlans = below(3),
		.tos = below(256),
		.ttl = one_in(20) ? 1 : 2 + below(254),
		.df = one_in(2),
		.no_checksum = one_in(20),
		.payload = payload,
		.trailer = one_in(5) ? below(20) : 0,
	};

	spec.payload_len =
		random_payload(payload, one_in(8) ? other_indices[below(3)] : 0x10000000u + flow);
	frame_build(f, &spec);
}

/* Changes a few bytes of the headers, or the length. */
static void mutate(struct frame *f)
{
	uint32_t reach = f->len < 80 ? f->len : 80;

	if (one_in(10))
		f->len = 14 + below(f->len - 13);
	reach = reach < f->len ? reach : f->len;
	for (uint32_t n = 1 + below(3); n; n--) {
		if (one_in(2))
			f->data[below(reach)] ^= 1 << below(8);
		else
			f->data[12 + below(reach - 12)] = below(256);
	}
}

static void dump(const char *name, const struct frame *f)
{
	printf("# %s, %u bytes:", name, f->len);
	for (uint32_t i = 0; i < f->len && i < 160; i++)
		printf("%s%02x", i % 16 ? "" : "\n#  ", f->data[i]);
	printf("\n");
}

/* What the model saw, packet by packet. */
struct tally {
	uint32_t reasons[TP_REASON_MAX];
	struct relay_count flows[MODEL_FLOWS];
};

static void take_note(struct tally *t, const struct model_result *r, uint32_t payload_len)
{
	if (r->reason != NO_REASON)
		t->reasons[r->reason]++;
	if (r->flow < 0)
		return;
	t->flows[r->flow].packets++;
	t->flows[r->flow].bytes += payload_len;
}

static void compare(struct harness *h, const struct model *m, const struct frame *in,
		    struct tally *tally)
{
	static struct model_result want;
	static struct frame got;
	enum verdict verdict = harness_run(h, in, &got);
	int reason = harness_reason(h, NULL);

	model_run(m, in, &want);
	take_note(tally, &want, want.payload_len);
	if (reason == TP_ANSWER_stun)
		want.frame.len = got.len = 0;
	if (verdict == want.verdict && reason == want.reason && got.len == want.frame.len &&
	    !memcmp(got.data, want.frame.data, got.len))
		return;
	dump("in", in);
	dump("program", &got);
	dump("model", &want.frame);
	fail_msg("program: verdict %d, %s; model: verdict %d, %s", verdict, reason_name(reason),
		 want.verdict, reason_name(want.reason));
}

/* A run of the usual length meets everything that the model knows. */
static void check_tally(struct harness *h, const struct tally *t, long packets)
{
	static const enum tp_reason met[] = {
		TP_PASS_not_ours,      TP_PASS_odd,	  TP_PASS_handshake,
		TP_PASS_session,       TP_PASS_probe,	  TP_PASS_slow,
		TP_ANSWER_stun,	       TP_ANSWER_too_big, TP_DROP_malformed,
		TP_DROP_not_wireguard, TP_DROP_no_flow,	  TP_DROP_flow_expired,
		TP_DROP_ttl,	       TP_DROP_no_port,	  TP_DROP_stun_malformed,
		TP_DROP_mapped_source,
	};

	for (int i = 0; i < MODEL_FLOWS; i++) {
		struct relay_count count = harness_count(h, i);

		assert_int_equal(count.packets, t->flows[i].packets);
		assert_int_equal(count.bytes, t->flows[i].bytes);
	}
	for (size_t i = 0; packets >= PACKETS && i < sizeof(met) / sizeof(*met); i++) {
		if (!t->reasons[met[i]])
			fail_msg("never met: %s", reason_name(met[i]));
	}
}

static void test_random_packets(void **state)
{
	long n = random_begin(PACKETS);
	static struct frame in;
	struct tally tally = {0};
	struct model m;
	struct harness *h = prepare(&m);

	(void)state;
	for (long i = 0; i < n; i++) {
		random_packet(&in);
		if (one_in(2))
			mutate(&in);
		compare(h, &m, &in, &tally);
	}
	check_tally(h, &tally, n);
	harness_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
