/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flow is re-pointed as fast as can be, in a table of two slots, or of so few places, that they
 * are filled anew with every other change, while packets run through it: every packet goes whole to
 * one place or another. And the index grows as fast as can be, while packets of flows in it run:
 * each is found.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define CHANGES 200
#define PACKETS 50000
#define MANY	1000
#define TARGETS 3
#define INDEX	0x01020304

/* Three, so that what is freed and filled again gets other contents. */
static const struct flow_spec specs[TARGETS] = {
	{.src = "198.51.100.7",
	 .local = "203.0.113.99",
	 .from = "203.0.113.99",
	 .to = "192.0.2.33",
	 .sport = 40000,
	 .dport = 41000,
	 .index = INDEX,
	 .nexthop = 1},
	{.src = "198.51.100.7",
	 .local = "203.0.113.99",
	 .from = "203.0.113.98",
	 .to = "192.0.2.202",
	 .sport = 40000,
	 .dport = 42000,
	 .index = INDEX,
	 .nexthop = 2},
	{.src = "198.51.100.7",
	 .local = "203.0.113.99",
	 .from = "203.0.113.97",
	 .to = "192.0.2.117",
	 .sport = 40000,
	 .dport = 43000,
	 .index = INDEX,
	 .nexthop = 3},
};

struct writer {
	struct relay_flow_table table;
	struct relay_flow flows[TARGETS];
	int failed;
	int changes;
	bool done;
};

/* Until it is told that it is done. */
static void *change_flow(void *arg)
{
	struct writer *w = arg;

	while (!__atomic_load_n(&w->done, __ATOMIC_ACQUIRE)) {
		w->failed +=
			relay_flow_table_put(&w->table, &w->flows[w->changes % TARGETS], 0) != 0;
		__atomic_fetch_add(&w->changes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool enough(struct writer *w, unsigned long packets)
{
	return packets >= PACKETS && __atomic_load_n(&w->changes, __ATOMIC_RELAXED) >= CHANGES;
}

static void expected_frames(struct frame *want, const struct packet_spec *in)
{
	for (int i = 0; i < TARGETS; i++) {
		struct packet_spec spec = *in;

		spec.src = specs[i].from;
		spec.dst = specs[i].to;
		spec.sport = RELAY_PORT;
		spec.dport = specs[i].dport;
		spec.ttl = 63;
		frame_build(&want[i], &spec);
		want[i].data[5] = want[i].data[11] = (uint8_t)(1 + i); /* harness_nexthop */
		memcpy(want[i].data, (uint8_t[]){2, 0, 0, 0, 1}, 5);
		memcpy(want[i].data + 6, (uint8_t[]){2, 0, 0, 0, 2}, 5);
	}
}

static int which(const struct frame *want, const struct frame *got)
{
	for (int i = 0; i < TARGETS; i++)
		if (got->len == want[i].len && !memcmp(got->data, want[i].data, got->len))
			return i;
	return -1;
}

static void never_half(uint32_t slots, uint32_t places)
{
	struct relay_knobs knobs = harness_knobs();
	struct harness *h = harness_open(&knobs);
	struct relay_flow_memory small = harness_flows(h)->mem;
	struct packet_spec spec = {.src = specs[0].src, .dst = specs[0].local, .sport = 40000};
	struct writer w = {
		.flows = {flow_make(&specs[0]), flow_make(&specs[1]), flow_make(&specs[2])}};
	unsigned long seen[TARGETS] = {0};
	struct frame in, out, want[TARGETS];
	pthread_t thread;

	small.n_slots = slots;
	small.n_places = places;
	assert_int_equal(relay_flow_table_init(&w.table, &small), 0);
	assert_int_equal(relay_flow_table_put(&w.table, &w.flows[0], 0), 0);
	harness_local(h, specs[0].local);
	harness_nexthop(h, 1, LOOPBACK, 1500, 0);
	harness_nexthop(h, 2, LOOPBACK, 1500, 0);
	harness_nexthop(h, 3, LOOPBACK, 1500, 0);
	spec.dport = RELAY_PORT;
	spec.payload = wg_data(INDEX, WG_DATA_LEN);
	spec.payload_len = WG_DATA_LEN;
	frame_build(&in, &spec);
	expected_frames(want, &spec);
	assert_int_equal(pthread_create(&thread, NULL, change_flow, &w), 0);
	while (!enough(&w, seen[0] + seen[1] + seen[2])) {
		enum verdict verdict = harness_run(h, &in, &out);
		int i = which(want, &out);

		if (verdict != TX || i < 0)
			fail_msg("verdict %d, no flow's packet", verdict);
		seen[i]++;
	}
	__atomic_store_n(&w.done, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(w.failed, 0);
	assert_true(seen[0] && seen[1] && seen[2]);
	relay_flow_table_fini(&w.table);
	harness_close(h);
}

static void test_never_half_a_slot(void **state)
{
	(void)state;
	never_half(2, MANY);
}

static void test_never_half_a_place(void **state)
{
	(void)state;
	never_half(MANY, 4);
}

/* --- growth --------------------------------------------------------------------------------- */

#define PROBES 8
#define ROUNDS 10
#define CROWD  3000

static struct relay_flow numbered(uint32_t index)
{
	struct flow_spec spec = specs[0];

	spec.index = index;
	return flow_make(&spec);
}

static void *add_flows(void *arg)
{
	struct writer *w = arg;

	for (uint32_t i = 0; i < CROWD; i++) {
		struct relay_flow flow = numbered(INDEX + PROBES + i);

		w->failed += relay_flow_table_put(&w->table, &flow, 0) != 0;
	}
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Two buckets again, and in them the flows that packets will come for. */
static void start_small(struct writer *w, const struct relay_flow_memory *m)
{
	*w = (struct writer){0};
	memset(m->buckets, 0, m->n_buckets * sizeof(*m->buckets));
	*m->mask = 1;
	assert_int_equal(relay_flow_table_init(&w->table, m), 0);
	for (uint32_t i = 0; i < PROBES; i++) {
		struct relay_flow flow = numbered(INDEX + i);

		assert_int_equal(relay_flow_table_put(&w->table, &flow, 0), 0);
	}
}

static void probe_frames(struct frame *frames)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		struct packet_spec spec = {.src = specs[0].src,
					   .dst = specs[0].local,
					   .sport = 40000,
					   .dport = RELAY_PORT,
					   .payload = wg_data(INDEX + i, WG_DATA_LEN),
					   .payload_len = WG_DATA_LEN};

		frame_build(&frames[i], &spec);
	}
}

static void grow_once(struct harness *h, const struct frame *frames)
{
	const struct relay_flow_memory *m = &harness_flows(h)->mem;
	struct frame out;
	struct writer w;
	pthread_t thread;

	start_small(&w, m);
	assert_int_equal(pthread_create(&thread, NULL, add_flows, &w), 0);
	for (uint32_t i = 0; !__atomic_load_n(&w.done, __ATOMIC_ACQUIRE); i++)
		if (harness_run(h, &frames[i % PROBES], &out) != TX)
			fail_msg("packet %u found no flow, mask now %u", i, *m->mask);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(w.failed, 0);
	assert_true(*m->mask >= CROWD / TP_FLOW_WAYS);
	relay_flow_table_fini(&w.table);
}

static void test_always_found(void **state)
{
	struct relay_knobs knobs = harness_knobs();
	struct harness *h = harness_open(&knobs);
	struct frame frames[PROBES];

	(void)state;
	harness_local(h, specs[0].local);
	harness_nexthop(h, 1, LOOPBACK, 1500, 0);
	probe_frames(frames);
	for (int i = 0; i < ROUNDS; i++)
		grow_once(h, frames);
	harness_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_half_a_slot),
		cmocka_unit_test(test_never_half_a_place),
		cmocka_unit_test(test_always_found),
	};

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		puts("ok 1 - flow race # SKIP needs two CPUs");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
