/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the sweep of the gateway's flows costs: a pass over all of them, as the daemon reads them in
 * batches, and gw_sweep, which removes those listed that are dead. Needs CAP_BPF.
 *
 *	gateway_sweep [FLOWS]
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/abi/gateway.h"

#include "bpf/gateway.skel.h"

#define FLOWS 1000000
#define BATCH 4096 /* as gateway/sweep.c reads them */

static void die(const char *what)
{
	fprintf(stderr, "gateway_sweep: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double thread_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct gateway_bpf *load(uint32_t flows)
{
	struct gateway_bpf *skel = gateway_bpf__open();
	struct bpf_program *prog;

	if (!skel)
		die("open");
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, prog == skel->progs.gw_sweep);
	bpf_map__set_max_entries(skel->maps.gw_flows, flows);
	if (gateway_bpf__load(skel))
		die("load");
	return skel;
}

/* A multiplication that visits all numbers, so that a list's entries lie anywhere in the table. */
static struct gw_flow_key key_of(uint32_t i)
{
	const uint32_t n = i * 0x9e3779b1u;
	struct gw_flow_key key = {.proto = IPPROTO_UDP, .remote_port = 53};

	memcpy(key.node + 12, &n, sizeof(n));
	return key;
}

/* As bpf/lib/gateway/flow.h makes it. */
static uint32_t tag_of(const struct gw_flow_key *key)
{
	uint64_t word[sizeof(*key) / sizeof(uint64_t)], mix = 0;

	memcpy(word, key, sizeof(word));
	for (size_t i = 0; i < sizeof(word) / sizeof(*word); i++)
		mix ^= word[i] << i;
	return (uint32_t)(mix ^ mix >> 32);
}

/* Flows that ended long ago. */
static void fill(int map, uint32_t flows)
{

	for (uint32_t i = 0; i < flows; i++) {
		const struct gw_flow_key key = key_of(i);
		const struct gw_flow flow = {.tag = tag_of(&key), .until = 1};

		if (bpf_map_update_elem(map, &key, &flow, BPF_NOEXIST))
			die("gw_flows");
	}
}

static double read_all(int map, uint32_t flows)
{
	static struct gw_flow_key keys[BATCH];
	static struct gw_flow values[BATCH];
	uint32_t cursor = 0, seen = 0, n = BATCH;
	double before = thread_us();
	int err = 0;

	for (bool first = true; !err; first = false, n = BATCH) {
		err = bpf_map_lookup_batch(map, first ? NULL : &cursor, &cursor, keys, values, &n,
					   NULL);
		if (err && errno != ENOENT)
			die("batch");
		seen += n;
	}
	if (seen != flows)
		die("a pass has not seen all flows");
	return thread_us() - before;
}

/* All flows, a full list at a time. */
static double sweep_all(struct gateway_bpf *skel, struct gw_sweep *list, uint32_t flows)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	const int map = bpf_map__fd(skel->maps.gw_sweep_list);
	uint32_t zero = 0, done = 0;
	double took = 0;

	for (uint32_t at = 0; at < flows; at += list->n_flows, done += list->done) {
		double before;

		list->n_flows = flows - at < TP_GW_SWEEP ? flows - at : TP_GW_SWEEP;
		for (uint32_t i = 0; i < list->n_flows; i++)
			list->flow[i] = key_of(at + i);
		if (bpf_map_update_elem(map, &zero, list, 0))
			die("list");
		before = thread_us();
		if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.gw_sweep), &opts))
			die("gw_sweep");
		took += thread_us() - before;
		if (bpf_map_lookup_elem(map, &zero, list))
			die("list");
	}
	if (done != flows)
		die("gw_sweep has not removed all flows");
	return took;
}

/* Of the table, as the kernel accounts it. */
static long memory_of(int map)
{
	char path[64], line[128];
	long bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "memlock: %ld", &bytes);
	if (f)
		fclose(f);
	return bytes;
}

int main(int argc, char **argv)
{
	const uint32_t flows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : FLOWS;
	struct gw_sweep *list = calloc(1, sizeof(*list));
	struct gateway_bpf *skel = load(flows);
	const int map = bpf_map__fd(skel->maps.gw_flows);
	double pass, sweep;

	if (!list || !flows)
		return 2;
	fill(map, flows);
	pass = read_all(map, flows);
	sweep = sweep_all(skel, list, flows);
	printf("{\"flows\":%u,\"bytes\":%ld,\"pass_ms\":%.1f,\"read_ns\":%.0f,\"removed_ns\":%.0f,"
	       "\"call_us\":%.1f}\n",
	       flows, memory_of(map), pass / 1e3, pass * 1e3 / flows, sweep * 1e3 / flows,
	       sweep * TP_GW_SWEEP / flows);
	gateway_bpf__destroy(skel);
	free(list);
	return 0;
}
