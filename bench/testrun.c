/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the relay's XDP program costs a packet, without a network: BPF test runs over flow tables of
 * 1 to 1M flows, each packet of another flow (bench/testrun.bpf.c). The programs take turns, round
 * by round; the time is this thread's CPU time; the result is the median round.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bpf/abi/relay.h"
#include "bpf/lib/relay/flow.h"
#include "bpf_tick.h"
#include "relay/datapath_memory.h"
#include "relay/flow_table.h"
#include "bench/testrun.skel.h"
#include "bench/testrun_key.h"

#define PORT	     51820
#define RELAY_ADDR   0x0a000001 /* 10.0.0.1, or the last bytes of its IPv6 address */
#define PAYLOAD	     88		/* 130 bytes of frame over IPv4 */
#define FLOWS_MAX    BENCH_KEYS
#define PER_NODE     10
#define PER_NODE_MAX (1 << (32 - BENCH_NODE_BITS - 1))
#define ROUNDS	     15
#define ROUNDS_MAX   101
#define LOOPBACK     1
#define NEXTHOP_MTU  1500

static const __u32 flow_counts[] = {1, 1000, 10000, 100000, FLOWS_MAX};
enum program { EMPTY, SWAP, PARSE, LOOKUP, RELAY, N_PROGRAMS };
static const char *const program_names[N_PROGRAMS] = {"empty", "swap", "parse", "lookup", "relay"};

struct shape {
	const char *name;
	bool from_v6, to_v6;
};
static const struct shape shapes[] = {
	{"v4", false, false}, {"v6", true, true}, {"v4-v6", false, true}};

struct options {
	int rounds;
	__u32 repeat;
	__u32 flows_max;
	__u32 table;	/* flows that the table is made for */
	__u32 per_node; /* flows that a node sends */
	const char *json;
};

struct result {
	const struct shape *shape;
	__u32 flows;
	double ns[N_PROGRAMS];	 /* median round */
	double best[N_PROGRAMS]; /* fastest round */
};

static void address(__u8 *to, bool v6, __u32 n)
{
	static const __u8 v6_prefix[] = {0x20, 0x01, 0x0d, 0xb8};

	if (v6) {
		memset(to, 0, 16);
		memcpy(to, v6_prefix, sizeof(v6_prefix));
		tp_put32(to + 12, htonl(n));
	} else {
		tp_map_v4(to, htonl(n));
	}
}

/* How many nodes have so many flows. */
static __u32 nodes_of(__u32 flows, __u32 per_node)
{
	return flows < 2 * per_node ? 2 : flows / per_node;
}

static __u32 key_of(__u32 n, __u32 nodes)
{
	return n % nodes | n / nodes << BENCH_NODE_BITS;
}

/* To another node each time that its sender has had its turn. */
static struct relay_flow flow_of(const struct shape *shape, __u32 n, __u32 nodes)
{
	__u32 key = key_of(n, nodes), to = (n + 1 + n / nodes) % nodes;
	struct relay_flow flow = {
		.key = {.index = bench_index(key), .port = htons(bench_port(key))},
		.expires_at = UINT64_MAX,
		.dst_port = htons(bench_port(to)),
		.mtu = 0xffff,
		.nexthop = 1,
		.src_node = n % nodes,
		.dst_node = to,
	};

	address(flow.key.addr, shape->from_v6, bench_address(key));
	address(flow.local, shape->from_v6, RELAY_ADDR);
	address(flow.src, shape->to_v6, RELAY_ADDR);
	address(flow.dst, shape->to_v6, bench_address(to));
	return flow;
}

static void shuffle(__u32 *keys, __u32 n)
{
	for (__u32 i = n - 1; i > 0; i--) {
		__u32 j = ((__u64)rand() << 16 ^ rand()) % (i + 1);
		__u32 swap = keys[i];

		keys[i] = keys[j];
		keys[j] = swap;
	}
}

/* Fills the flow table, and the list of keys in random order. */
static int fill_flows(struct testrun_bpf *skel, const struct shape *shape, __u32 n, __u32 nodes)
{
	__u32 *keys = skel->bss->keys;
	struct relay_flow_memory memory;
	struct relay_flow_table table;
	int err = relay_flow_memory_map(RELAY_FLOW_MAPS(skel), &skel->rodata->knobs.flow_seed,
					&memory);

	if (err)
		return err;
	err = relay_flow_table_init(&table, &memory);
	for (__u32 i = 0; !err && i < n; i++) {
		struct relay_flow flow = flow_of(shape, i, nodes);

		keys[i] = key_of(i, nodes);
		err = relay_flow_table_put(&table, &flow, 0);
	}
	shuffle(keys, n);
	relay_flow_table_fini(&table);
	relay_flow_memory_unmap(&memory);
	return err;
}

static int fill_nexthop(struct testrun_bpf *skel)
{
	struct relay_nexthop nh = {.ifindex = LOOPBACK, .mtu = NEXTHOP_MTU};
	__u32 id = 1, slot = 1;
	int err = bpf_map_update_elem(bpf_map__fd(skel->maps.nexthops), &slot, &nh, 0);

	return err ?: bpf_map_update_elem(bpf_map__fd(skel->maps.nexthop_ids), &id, &slot, 0);
}

/* The headers behind Ethernet's; returns the frame's length. */
static __u32 build_headers(__u8 *ip, const struct shape *shape)
{
	__u16 udp_len = 8 + PAYLOAD;
	__u32 l3 = shape->from_v6 ? 40 : 20;
	__u8 local[16], from[16];
	__u8 *udp = ip + l3;

	address(local, shape->from_v6, RELAY_ADDR);
	address(from, shape->from_v6, 0);
	if (shape->from_v6) {
		tp_put32(ip, htonl(6u << 28));
		tp_put16(ip + 4, htons(udp_len));
		tp_put16(ip + 6, htons(17 << 8 | 64));
		tp_copy16(ip + 8, from);
		tp_copy16(ip + 24, local);
	} else {
		tp_put16(ip, htons(0x4500));
		tp_put16(ip + 2, htons(l3 + udp_len));
		tp_put16(ip + 8, htons(64 << 8 | 17));
		tp_put32(ip + 16, tp_mapped_v4(local));
	}
	tp_put16(udp + 2, htons(PORT));
	tp_put16(udp + 4, htons(udp_len));
	tp_put16(udp + 6, 0x1234); /* updated, never checked */
	tp_put32(udp + 8, htole32(4));
	return 14 + l3 + udp_len;
}

static struct testrun_bpf *load(const struct shape *shape, __u32 flows, const struct options *o)
{
	struct testrun_bpf *skel = testrun_bpf__open();
	__u8 headers[sizeof(skel->rodata->frame.ip)] = {0};
	__u32 table = o->table > flows ? o->table : flows;
	struct tp_bpf_tick tick;
	int err;

	if (!skel || tp_bpf_tick(&tick))
		return NULL;
	skel->rodata->knobs.tick_ns = tick.ns;
	skel->rodata->knobs.tick_origin = tick.origin;
	skel->rodata->knobs.listen_port = htons(PORT);
	skel->rodata->knobs.stun_rate = 20; /* the limits that are on by default */
	skel->rodata->knobs.session_rate = 1000;
	skel->rodata->knobs.probe_rate = 10;
	skel->rodata->knobs.handshake_rate = 10000;
	skel->rodata->frame.len = build_headers(headers, shape);
	memcpy((void *)skel->rodata->frame.ip, headers, sizeof(headers));
	skel->rodata->frame.keys = flows;
	skel->rodata->frame.proto = htons(shape->from_v6 ? 0x86dd : 0x0800);
	skel->rodata->frame.v6 = shape->from_v6;
	for (int i = 0; i < 6; i++)
		skel->rodata->knobs.flow_seed.word[i] = 0x9e3779b97f4a7c15 * (2 * i + 3);
	err = relay_flow_maps_size(RELAY_FLOW_MAPS(skel), relay_flow_buckets(table),
				   relay_flow_slots(table));
	err = err ?: testrun_bpf__load(skel);
	err = err ?: fill_nexthop(skel);
	err = err ?: fill_flows(skel, shape, flows, nodes_of(flows, o->per_node));
	if (!err)
		return skel;
	testrun_bpf__destroy(skel);
	errno = -err;
	return NULL;
}

static double thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* One test run; ns a packet, or a negative errno. */
static double run(int prog_fd, __u32 len, __u32 repeat)
{
	__u8 frame[256] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
		    .repeat = repeat);
	double before = thread_ns();
	int err = bpf_prog_test_run_opts(prog_fd, &opts);
	double after = thread_ns();

	if (err)
		return err;
	return opts.retval == 3 /* XDP_TX */ ? (after - before) / repeat : -EPROTO;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(const struct options *o, struct result *r)
{
	struct testrun_bpf *skel = load(r->shape, r->flows, o);
	double ns[N_PROGRAMS][ROUNDS_MAX];
	int fds[N_PROGRAMS], err = 0;

	if (!skel)
		return -errno;
	fds[EMPTY] = bpf_program__fd(skel->progs.bench_empty);
	fds[SWAP] = bpf_program__fd(skel->progs.bench_swap);
	fds[PARSE] = bpf_program__fd(skel->progs.bench_parse);
	fds[LOOKUP] = bpf_program__fd(skel->progs.bench_lookup);
	fds[RELAY] = bpf_program__fd(skel->progs.bench_relay);
	for (int round = -1; !err && round < o->rounds; round++) { /* -1: to warm up */
		for (int p = 0; !err && p < N_PROGRAMS; p++) {
			double t = run(fds[p], skel->rodata->frame.len, o->repeat);

			if (t < 0)
				err = t;
			else if (round >= 0)
				ns[p][round] = t;
		}
	}
	for (int p = 0; !err && p < N_PROGRAMS; p++) {
		qsort(ns[p], o->rounds, sizeof(double), compare);
		r->ns[p] = ns[p][o->rounds / 2];
		r->best[p] = ns[p][0];
	}
	testrun_bpf__destroy(skel);
	return err;
}

static void print_row(const struct result *r)
{
	printf("%-6s %8u", r->shape->name, r->flows);
	for (int p = 0; p < N_PROGRAMS; p++)
		printf(" %8.1f", r->ns[p]);
	printf(" %9.2f   %6.1f %6.1f %9.2f\n", r->ns[RELAY] / r->ns[EMPTY], r->best[EMPTY],
	       r->best[RELAY], r->best[RELAY] / r->best[EMPTY]);
}

static void write_json(FILE *f, const struct result *results, int n, const struct options *o)
{
	struct utsname host;

	uname(&host);
	fprintf(f, "{\"benchmark\":\"testrun\",\"kernel\":\"%s\",\"rounds\":%d,\"repeat\":%u,",
		host.release, o->rounds, o->repeat);
	fprintf(f,
		"\"payload\":%d,\"table\":%u,\"per_node\":%u,\"unit\":\"ns per "
		"packet\",\"results\":[",
		PAYLOAD, o->table, o->per_node);
	for (int i = 0; i < n; i++) {
		fprintf(f, "%s\n{\"family\":\"%s\",\"flows\":%u", i ? "," : "",
			results[i].shape->name, results[i].flows);
		for (int p = 0; p < N_PROGRAMS; p++)
			fprintf(f, ",\"%s\":{\"median\":%.2f,\"best\":%.2f}", program_names[p],
				results[i].ns[p], results[i].best[p]);
		fprintf(f, "}");
	}
	fprintf(f, "\n]}\n");
}

static int save_json(const struct result *results, int n, const struct options *o)
{
	FILE *f = fopen(o->json, "w");

	if (!f)
		return -errno;
	write_json(f, results, n, o);
	return fclose(f) ? -errno : 0;
}

static int measure_all(const struct options *o)
{
	struct result results[sizeof(shapes) / sizeof(*shapes) *
			      (sizeof(flow_counts) / sizeof(*flow_counts))];
	int n = 0, err;

	printf("ns per packet, median of %d rounds\n%-6s %8s", o->rounds, "family", "flows");
	for (int p = 0; p < N_PROGRAMS; p++)
		printf(" %8s", program_names[p]);
	printf(" %9s   best: empty, relay, ratio\n", "ratio");
	for (size_t f = 0; f < sizeof(flow_counts) / sizeof(*flow_counts); f++) {
		for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++) {
			if (flow_counts[f] > o->flows_max)
				continue;
			results[n] = (struct result){.shape = &shapes[s], .flows = flow_counts[f]};
			err = measure(o, &results[n]);
			if (err)
				return err;
			print_row(&results[n++]);
			fflush(stdout);
		}
	}
	return o->json ? save_json(results, n, o) : 0;
}

int main(int argc, char **argv)
{
	struct options o = {.rounds = ROUNDS,
			    .repeat = FLOWS_MAX,
			    .flows_max = FLOWS_MAX,
			    .table = FLOWS_MAX,
			    .per_node = PER_NODE};
	int c, err;

	while ((c = getopt(argc, argv, "r:n:f:t:p:j:")) != -1) {
		switch (c) {
		case 'r': o.rounds = atoi(optarg); break;
		case 'n': o.repeat = strtoul(optarg, NULL, 10); break;
		case 'f': o.flows_max = strtoul(optarg, NULL, 10); break;
		case 't': o.table = strtoul(optarg, NULL, 10); break;
		case 'p': o.per_node = strtoul(optarg, NULL, 10); break;
		case 'j': o.json = optarg; break;
		default: o.rounds = 0; break;
		}
	}
	if (o.rounds < 1 || o.rounds > ROUNDS_MAX || !o.repeat || !o.per_node ||
	    o.per_node > PER_NODE_MAX) {
		fprintf(stderr,
			"usage: %s [-r rounds] [-n packets a round] [-f most flows] "
			"[-t table size] [-p flows a node] [-j results.json]\n",
			argv[0]);
		return 2;
	}
	err = measure_all(&o);
	if (err)
		fprintf(stderr, "testrun: %s\n", strerror(-err));
	return !!err;
}
