/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port range filled from two CPUs at once, to the last port: none is given out twice, none is
 * left over, and who comes then is refused.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway_lab.h"

#define FILLERS	 2
#define ATTEMPTS LAB_RANGE /* of each: one alone could fill the range */
#define REFUSALS 1000
#define ROUNDS	 5

static const struct lab_rule out_all[] = {{"alice", "192.168.10.0/24", NULL, NULL},
					  {"bob", "192.168.10.0/24", NULL, NULL},
					  {NULL, NULL, NULL, NULL}};

struct filler {
	struct lab *lab;
	pthread_barrier_t *start;
	const char *node;
	uint16_t first; /* of the node's ports */
	int cpu;
	uint32_t n;
	uint16_t got[ATTEMPTS]; /* external ports */
};

static struct lab_packet flow_packet(const struct filler *f, uint32_t i)
{
	return (struct lab_packet){.src = f->node,
				   .dst = SERVER,
				   .proto = IPPROTO_UDP,
				   .sport = (uint16_t)(f->first + i),
				   .dport = 53,
				   .payload = 33};
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* with one CPU, threads still take turns */
}

/* What is refused goes back to the node, or nowhere. */
static bool opens(const struct filler *f, uint32_t i, uint16_t *port)
{
	struct lab_packet p = flow_packet(f, i);
	struct lab_frame in, out;

	lab_build(&in, &p);
	if (lab_run(f->lab, FROM_NODE, &in, &out) != REDIRECT || !lab_is_to(&out, SERVER))
		return false;
	*port = lab_sport(&out);
	return true;
}

static void *fill(void *arg)
{
	struct filler *f = arg;

	pin(f->cpu);
	pthread_barrier_wait(f->start);
	for (uint32_t i = 0; i < ATTEMPTS; i++)
		f->n += opens(f, i, &f->got[f->n]);
	return NULL;
}

static void fill_from_all(struct filler *f)
{
	pthread_t threads[FILLERS];
	pthread_barrier_t start;

	assert_int_equal(pthread_barrier_init(&start, NULL, FILLERS), 0);
	for (int i = 0; i < FILLERS; i++) {
		f[i].start = &start;
		f[i].cpu = i;
		assert_int_equal(pthread_create(&threads[i], NULL, fill, &f[i]), 0);
	}
	for (int i = 0; i < FILLERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&start);
}

/* Every port of the range once. */
static void check_ports(const struct filler *f)
{
	uint8_t used[LAB_RANGE] = {0};

	for (int i = 0; i < FILLERS; i++) {
		for (uint32_t k = 0; k < f[i].n; k++) {
			assert_in_range(f[i].got[k], LAB_BASE, LAB_BASE + LAB_RANGE - 1);
			if (used[f[i].got[k] - LAB_BASE]++)
				fail_msg("port %u was given out twice", f[i].got[k]);
		}
	}
	assert_int_equal(f[0].n + f[1].n, LAB_RANGE);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The longest search: all of the node's ports, again and again, and all blocks. */
static void check_refusals(const struct filler *f)
{
	double before = now_us();
	uint16_t port;

	for (uint32_t i = 0; i < REFUSALS; i++)
		assert_false(opens(f, ATTEMPTS + i, &port));
	print_message("a refusal with %d ports full: %.1f us\n", LAB_RANGE,
		      (now_us() - before) / REFUSALS);
}

static void fill_once(struct lab *lab, const char *first, const char *second)
{
	static struct filler f[FILLERS];

	lab_reset(lab);
	memset(f, 0, sizeof(f));
	f[0] = (struct filler){.lab = lab, .node = first, .first = 2000};
	f[1] = (struct filler){.lab = lab, .node = second, .first = 40000};
	fill_from_all(f);
	check_ports(f);
	check_refusals(f);
}

static void fill_range(const char *first, const char *second)
{
	struct gw_knobs knobs = lab_knobs();
	struct lab *lab;

	knobs.nat_blocks_per_node = LAB_RANGE / LAB_BLOCK;
	lab = lab_open(&knobs);
	lab_policy(lab, out_all);
	for (int i = 0; i < ROUNDS; i++)
		fill_once(lab, first, second);
	lab_close(lab);
}

static void test_one_node(void **state)
{
	(void)state;
	fill_range(ALICE, ALICE);
}

static void test_two_nodes(void **state)
{
	(void)state;
	fill_range(ALICE, BOB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_node),
		cmocka_unit_test(test_two_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
