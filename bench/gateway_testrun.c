/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the gateway's programs cost a packet, by BPF test runs beside an empty program: the first
 * packets of flows, then established flows from the node and to it, with few rules or many. Each
 * packet is of another flow; each flow has a mapping of its own. Needs CAP_BPF and CAP_NET_ADMIN.
 *
 *	gateway_testrun [-r ROUNDS] [-f FLOWS] [-p RULES] [-j]	these flows and rules only; JSON
 *lines
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/abi/gateway.h"

#include "bench/gateway_testrun.h"
#include "bench/gateway_testrun.skel.h"
#include "bpf_tick.h"
#include "gateway/datapath_extent.h"
#include "gateway/datapath_policy.h"
#include "gateway/policy.h"

#define LOOPBACK   1
#define NODES	   200
#define TAGS	   200
#define REPEAT_MIN 100000
#define ROUNDS_MAX 101
#define BASE	   1024
#define RANGE	   64000
#define BLOCK	   64
#define ADDRS	   4
#define FIRST_PORT 2000
#define REMOTE	   0xc0a80a07u /* 192.168.10.7 */
#define EXTERNAL   0xc0a80afau
#define FRAME	   60
#define IP_LEN	   (FRAME - 14)
#define REDIRECTED 7

struct options {
	int rounds;
	uint32_t flows, rules;
	bool json;
};

struct run {
	struct gateway_testrun_bpf *skel;
	struct gw_datapath_policy *policy;
	struct bench_end *packets;
	uint32_t flows, rules;
	double first, ns[2][2][ROUNDS_MAX]; /* [direction][empty, program] */
};

static void die(const char *what)
{
	fprintf(stderr, "gateway_testrun: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void mapped(uint8_t addr[16], uint32_t v4)
{
	uint32_t be = htonl(v4);

	memset(addr, 0, 16);
	addr[10] = addr[11] = 0xff;
	memcpy(addr + 12, &be, 4);
}

static uint32_t node_addr(uint32_t i)
{
	return 0x64400100u + 1 + i % NODES; /* 100.64.1.1 ... */
}

static uint16_t node_port(uint32_t i)
{
	return htons((uint16_t)(FIRST_PORT + i / NODES));
}

/* --- maps ------------------------------------------------------------------------------------ */

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, 0))
		die(bpf_map__name(map));
}

static struct gw_knobs knobs(void)
{
	struct tp_bpf_tick tick;

	if (tp_bpf_tick(&tick))
		die("the kernel's ticks");
	return (struct gw_knobs){
		.nat_base = BASE,
		.nat_range = RANGE,
		.nat_block = BLOCK,
		.nat_blocks_per_node = TP_GW_NODE_BLOCKS,
		.flows_per_node = BENCH_FLOWS,
		.filters_per_node = BENCH_FLOWS,
		.mark = 0x54504757,
		.filtering = GW_FILTER_ADDRESS_DEPENDENT,
		.hairpin = true,
		.masquerade = true,
		.shortcuts = true,
		.tick_ns = tick.ns,
		.tick_origin = tick.origin,
		.timeout = {.udp = 3600,
			    .icmp = 60,
			    .tcp_transitory = 240,
			    .tcp_established = 7440,
			    .tcp_closing = 240,
			    .other = 60,
			    .quarantine = 120},
	};
}

static void size_maps(struct gateway_testrun_bpf *skel)
{
	uint32_t words = TP_GW_ADDRS * GW_NAT_PROTOS * RANGE;

	bpf_map__set_max_entries(skel->maps.nat_words, words);
	bpf_map__set_max_entries(skel->maps.nat_reverse, words);
	bpf_map__set_max_entries(skel->maps.nat_blocks, TP_GW_ADDRS * RANGE / BLOCK);
	bpf_map__set_max_entries(skel->maps.gw_nodes, 4096);
	bpf_map__set_max_entries(skel->maps.gw_flows, 4 * BENCH_FLOWS);
	bpf_map__set_max_entries(skel->maps.nat_forward, 4 * BENCH_FLOWS);
	bpf_map__set_max_entries(skel->maps.nat_filters, 4 * BENCH_FLOWS);
}

static void devices(const struct gateway_testrun_bpf *skel)
{
	struct gw_overlay overlay = {.ifindex = LOOPBACK, .l2_len = 14, .mtu = 1420};
	struct gw_uplink uplink = {.ifindex = LOOPBACK, .mtu = 1500, .n_addrs = ADDRS};
	struct policy_prefix_key lan = {.bits = 96 + 24};
	struct gw_subnet subnet = {.masquerade = true};
	struct gw_device_number number = {.ifindex = LOOPBACK};
	uint32_t zero = 0, loopback = LOOPBACK;

	for (uint32_t i = 0; i < ADDRS; i++)
		uplink.addr[i] = htonl(EXTERNAL + i);
	uplink.addr4 = uplink.addr[0];
	mapped(lan.addr, REMOTE & ~0xffu);
	put(skel->maps.gw_overlays, &zero, &overlay);
	put(skel->maps.gw_devices, &loopback, &number);
	put(skel->maps.gw_uplinks, &zero, &uplink);
	put(skel->maps.gw_subnets, &lan, &subnet);
}

/* As much of their table in use as the daemon has for so many flows. */
static void shortcuts(const struct gateway_testrun_bpf *skel, uint32_t flows)
{
	uint64_t mask = gw_extent_wanted(flows) - 1;
	struct gw_extent extent = {.word = mask | mask << 32};
	uint32_t zero = 0;

	put(skel->maps.gw_extent, &zero, &extent);
}

static struct gateway_testrun_bpf *load(uint32_t flows)
{
	struct gateway_testrun_bpf *skel = gateway_testrun_bpf__open();

	if (!skel)
		die("open");
	skel->rodata->knobs = knobs();
	skel->rodata->self = (struct gw_self){.role = GW_OVERLAY, .l2_len = 14};
	skel->rodata->n_packets = flows;
	skel->rodata->ip_len = IP_LEN;
	size_maps(skel);
	if (gateway_testrun_bpf__load(skel))
		die("load");
	devices(skel);
	shortcuts(skel, flows);
	return skel;
}

/* --- policy ---------------------------------------------------------------------------------- */

struct text {
	char name[16], from[16], to[24], port[16];
	char *from_list[1], *to_list[1], *ports[1];
};

/* Rules from all tags to subnets and hosts of the LAN's neighbourhood, ten ports each; the last one
 * is what lets the flows pass. */
static void make_rule(struct gw_policy_rule *r, struct text *t, uint32_t i, uint32_t last)
{
	uint32_t low = 1000 + i / TAGS % 50 * 20, net = i / TAGS % 256;

	snprintf(t->name, sizeof(t->name), "r%u", i);
	snprintf(t->from, sizeof(t->from), "tag:t%u", i % TAGS);
	snprintf(t->to, sizeof(t->to), "192.168.%u.0/%d", i % 2 ? net : 10, i % 2 ? 24 : 28);
	snprintf(t->port, sizeof(t->port), "%u-%u", low, low + 9);
	if (i == last) {
		strcpy(t->from, "tag:staff");
		strcpy(t->to, "192.168.10.0/24");
		strcpy(t->port, "5000");
	}
	t->from_list[0] = t->from, t->to_list[0] = t->to, t->ports[0] = t->port;
	*r = (struct gw_policy_rule){.name = t->name,
				     .from = t->from_list,
				     .n_from = 1,
				     .to = t->to_list,
				     .n_to = 1,
				     .protocol = "udp",
				     .ports = t->ports,
				     .n_ports = 1};
}

static void publish(struct run *r)
{
	const struct gateway_testrun_bpf *s = r->skel;
	struct gw_policy_maps maps = {
		bpf_map__fd(s->maps.gw_policy),	      bpf_map__fd(s->maps.policy_nodes),
		bpf_map__fd(s->maps.policy_prefixes), bpf_map__fd(s->maps.policy_classes),
		bpf_map__fd(s->maps.policy_pairs),    bpf_map__fd(s->maps.policy_segments),
		bpf_map__fd(s->maps.policy_hits)};
	struct gw_policy_rule *rules = calloc(r->rules, sizeof(*rules));
	struct text *texts = calloc(r->rules, sizeof(*texts));
	struct gw_policy_node nodes[NODES] = {0};
	struct tp_prefix addrs[NODES];
	char tags[NODES][16], *lists[NODES][2];
	struct gw_policy_input in = {.source = "bench",
				     .nodes = nodes,
				     .n_nodes = NODES,
				     .rules = rules,
				     .n_rules = r->rules,
				     .memory = 512u << 20};
	struct gw_policy_tables *t;

	for (uint32_t i = 0; i < NODES; i++) {
		snprintf(tags[i], sizeof(tags[i]), "t%u", i % TAGS);
		lists[i][0] = "staff", lists[i][1] = tags[i];
		addrs[i] = (struct tp_prefix){.bits = 32};
		mapped(addrs[i].addr.b, node_addr(i));
		nodes[i] = (struct gw_policy_node){
			.addrs = &addrs[i], .n_addrs = 1, .tags = lists[i], .n_tags = 2};
	}
	for (uint32_t i = 0; i < r->rules; i++)
		make_rule(&rules[i], &texts[i], i, r->rules - 1);
	if (gw_policy_compile(&in, &t, stderr) || gw_datapath_policy_open(&r->policy, &maps) ||
	    gw_datapath_policy_publish(r->policy, t))
		die("policy");
	gw_policy_free(t);
	free(rules);
	free(texts);
}

/* --- packets --------------------------------------------------------------------------------- */

/* Sums are the same in either byte order. */
static void common(struct run *r, struct bench_common c)
{
	c.sum = htons(0x4500) + htons(IP_LEN) + htons(BENCH_TTL << 8 | IPPROTO_UDP);
	c.sum += (c.src >> 16) + (c.src & 0xffff) + (c.dst >> 16) + (c.dst & 0xffff);
	r->skel->bss->common = c;
}

static void from_nodes(struct run *r)
{
	common(r, (struct bench_common){.src = htonl(node_addr(0)),
					.dst = htonl(REMOTE),
					.dst_port = htons(5000)});
	for (uint32_t i = 0; i < r->flows; i++)
		r->packets[i] =
			(struct bench_end){(uint16_t)(node_addr(i) - node_addr(0)), node_port(i)};
}

/* Answers to where each flow is mapped. */
static void from_remote(struct run *r)
{
	struct gw_flow_key key = {.proto = IPPROTO_UDP, .remote_port = htons(5000)};
	struct gw_flow flow;

	common(r, (struct bench_common){.src = htonl(REMOTE),
					.src_port = htons(5000),
					.dst = htonl(EXTERNAL),
					.to_node = true});
	mapped(key.remote, REMOTE);
	for (uint32_t i = 0; i < r->flows; i++) {
		mapped(key.node, node_addr(i));
		key.node_port = node_port(i);
		if (bpf_map_lookup_elem(bpf_map__fd(r->skel->maps.gw_flows), &key, &flow))
			die("a flow is missing");
		r->packets[i] = (struct bench_end){(uint16_t)(ntohl(flow.ext_addr) - EXTERNAL),
						   flow.ext_port};
	}
}

static void shuffle_packets(struct run *r)
{
	srandom(1);
	for (uint32_t i = r->flows - 1; i > 0; i--) {
		uint32_t j = (uint32_t)random() % (i + 1);
		struct bench_end was = r->packets[i];

		r->packets[i] = r->packets[j];
		r->packets[j] = was;
	}
}

/* --- measuring ------------------------------------------------------------------------------- */

static double thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double packets_ns(const struct run *r, const struct bpf_program *prog, uint32_t repeat)
{
	/* The kernel reads the type before the program is there to write it. */
	uint8_t frame[FRAME] = {[12] = ETH_P_IP >> 8};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME,
		    .repeat = (int)repeat);
	double before;

	r->skel->bss->position = 0;
	before = thread_ns();
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		die("test run");
	if (opts.retval != REDIRECTED) {
		fprintf(stderr, "%s ends as %u\n", bpf_program__name(prog), opts.retval);
		exit(1);
	}
	return (thread_ns() - before) / repeat;
}

static void rounds(struct run *r, int direction, const struct bpf_program *prog, int n)
{
	uint32_t repeat = r->flows > REPEAT_MIN ? r->flows : REPEAT_MIN;

	packets_ns(r, prog, repeat); /* to warm up */
	for (int i = 0; i < n; i++) {
		r->ns[direction][0][i] = packets_ns(r, r->skel->progs.bench_empty, repeat);
		r->ns[direction][1][i] = packets_ns(r, prog, repeat);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct run *r, const struct options *o)
{
	const int m = o->rounds / 2;

	for (int d = 0; d < 2; d++)
		for (int p = 0; p < 2; p++)
			qsort(r->ns[d][p], (size_t)o->rounds, sizeof(double), compare);
	for (int d = 0; d < 2; d++) {
		const double *empty = r->ns[d][0], *full = r->ns[d][1];

		printf(o->json ? "{\"direction\":\"%s\",\"flows\":%u,\"rules\":%u,\"first\":%.1f,"
				 "\"empty\":%.1f,\"median\":%.1f,\"ratio\":%.2f,\"empty_best\":%."
				 "1f,"
				 "\"best\":%.1f,\"ratio_best\":%.2f}\n"
			       : "| %s | %u | %u | %.1f | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f "
				 "|\n",
		       d ? "to node" : "from node", r->flows, r->rules, r->first, empty[m], full[m],
		       full[m] / empty[m], empty[0], full[0], full[0] / empty[0]);
	}
	fflush(stdout);
}

static void measure(const struct options *o, uint32_t flows, uint32_t rules)
{
	struct run *r = calloc(1, sizeof(*r));

	r->flows = flows;
	r->rules = rules;
	r->skel = load(flows);
	r->packets = r->skel->bss->packets;
	publish(r);
	from_nodes(r);
	shuffle_packets(r);
	r->first = packets_ns(r, r->skel->progs.bench_overlay, flows);
	rounds(r, 0, r->skel->progs.bench_overlay, o->rounds);
	from_remote(r);
	shuffle_packets(r);
	rounds(r, 1, r->skel->progs.bench_uplink, o->rounds);
	print(r, o);
	gw_datapath_policy_close(r->policy);
	gateway_testrun_bpf__destroy(r->skel);
	free(r);
}

int main(int argc, char **argv)
{
	static const uint32_t flows[] = {1, 1000, 10000, 100000},
			      rules[] = {10, 100, 1000, 10000, 50000};
	struct options o = {.rounds = 7};
	int c;

	while ((c = getopt(argc, argv, "r:f:p:j")) != -1) {
		switch (c) {
		case 'r': o.rounds = atoi(optarg); break;
		case 'f': o.flows = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'p': o.rules = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'j': o.json = true; break;
		default: return 2;
		}
	}
	if (o.rounds < 1 || o.rounds > ROUNDS_MAX || o.flows > BENCH_FLOWS)
		return 2;
	for (size_t f = 0; f < sizeof(flows) / sizeof(*flows); f++)
		for (size_t p = 0; p < sizeof(rules) / sizeof(*rules); p++)
			if ((!o.flows || o.flows == flows[f]) && (!o.rules || o.rules == rules[p]))
				measure(&o, flows[f], rules[p]);
	return 0;
}
