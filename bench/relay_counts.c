/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What it costs the relay's daemon to count traffic: packets are counted in each flow's slot, and
 * summed when somebody asks. Sessions are installed without handshakes; the sums are taken by the
 * daemon's own functions, in CPU time of the thread. Needs root, and a network and a BPF file
 * system of its own:
 *
 *	unshare -mn sh -c 'mount -t bpf bpf /sys/fs/bpf; ip link set lo up; relay_counts [FLOWS...]'
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "relay/daemon.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/nexthop.h"
#include "relay/relay.h"
#include "relay/report.h"

#define NODES	  10000
#define ROUNDS	  5
#define FLOWS_MAX 1000000

struct bench {
	struct daemon d;
	struct relay_config config;
	struct relay_config_network network;
	struct relay_config_node nodes[NODES];
	struct node *node[NODES];
};

static void die(const char *what, int err)
{
	fprintf(stderr, "relay_counts: %s: %s\n", what, strerror(-err));
	exit(1);
}

static double thread_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- a relay that speaks to nobody ----------------------------------------------------------- */

static int no_route(void *ctx, const struct tp_addr *dst, const struct tp_addr *src,
		    struct relay_route *out)
{
	(void)ctx;
	(void)dst;
	(void)src;
	(void)out;
	return -ENETUNREACH;
}

static void configure(struct bench *b)
{
	static char *interfaces[] = {"lo"};

	for (uint32_t i = 0; i < NODES; i++) {
		b->nodes[i].name = "node";
		memcpy(b->nodes[i].public_key, &i, sizeof(i));
		b->nodes[i].public_key[8] = 9; /* a point of the curve, or none: nobody looks */
	}
	b->network =
		(struct relay_config_network){.name = "all", .nodes = b->nodes, .n_nodes = NODES};
	b->config = (struct relay_config){
		.interfaces = interfaces,
		.n_interfaces = 1,
		.attach = RELAY_ATTACH_GENERIC,
		.listen_port = 443,
		.limits = {.flows = FLOWS_MAX, .flows_per_node = 1000, .stun_per_prefix = 20},
		.pin_path = "/sys/fs/bpf/relay_counts",
		.instance = "relay",
		.networks = &b->network,
		.n_networks = 1,
	};
}

static void begin(struct bench *b)
{
	static const struct relay_nexthop_ops nexthop_ops = {.route = no_route};
	static const struct relay_ops ops;
	static const uint8_t secret[WG_KEY_LEN] = {1};
	int err;

	configure(b);
	b->d.config = &b->config;
	err = tp_crypto_init() ?: relay_datapath_open(&b->d.dp, &b->config);
	err = err ?: relay_nexthops_new(&b->d.nexthops, &nexthop_ops, NULL);
	err = err
		      ?: relay_new(&b->d.relay, &b->config, secret, b->d.dp, b->d.nexthops, &ops,
				   NULL, tp_now());
	if (err)
		die("the relay does not start", err);
	for (uint32_t i = 0; i < NODES; i++)
		b->node[i] = node_by_key(b->d.relay, b->nodes[i].public_key);
}

static void end(struct bench *b)
{
	relay_free(b->d.relay);
	relay_nexthops_free(b->d.nexthops);
	relay_datapath_detach(b->d.dp);
	relay_datapath_close(b->d.dp);
}

/* --- sessions -------------------------------------------------------------------------------- */

static struct flow_end end_of(const struct bench *b, uint32_t i, uint32_t index)
{
	struct flow_end e = {.node = b->node[i], .index = htonl(index)};
	const uint32_t addr = htonl(0x0a400001 + i);
	uint8_t *v4 = (uint8_t *)&e.at.addr;

	v4[10] = v4[11] = 0xff;
	memcpy(v4 + 12, &addr, sizeof(addr));
	e.at.port = htons(51820);
	e.local = e.at.addr;
	return e;
}

/* Each node with those that follow it. Up to so many flows in all. */
static void add_sessions(struct bench *b, uint32_t flows)
{
	const uint64_t now = tp_now();

	for (uint32_t n = flows_total(b->d.relay) / 2; n < flows / 2; n++) {
		uint32_t i = n % NODES, with = (i + 1 + n / NODES) % NODES;
		struct flow_end from = end_of(b, i, 2 * n + 1), to = end_of(b, with, 2 * n + 2);
		int refused = flows_install(b->d.relay, &from, &to, n + 1, true, now);

		if (refused)
			die("a session is refused", refused);
	}
}

/* --- counting -------------------------------------------------------------------------------- */

static void totals(const struct bench *b)
{
	struct relay_totals t;

	report_totals(&b->d, &t);
}

static void of_each_node(const struct bench *b)
{
	struct relay_count rx, tx;

	for (uint32_t i = 0; i < NODES; i++)
		node_counts(b->d.relay, b->node[i], &rx, &tx);
}

static double fastest(const struct bench *b, void (*count)(const struct bench *b))
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double before = thread_ms(), took;

		count(b);
		took = thread_ms() - before;
		if (!i || took < best)
			best = took;
	}
	return best;
}

static void measure(struct bench *b, uint32_t flows)
{
	double all, nodes;

	add_sessions(b, flows);
	all = fastest(b, totals);
	nodes = fastest(b, of_each_node);
	printf("| %u | %.1f | %.0f | %.1f | %.0f |\n", flows, all, all * 1e6 / flows, nodes,
	       nodes * 1e6 / flows);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t usual[] = {10000, 100000, FLOWS_MAX};
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		die("memory", -ENOMEM);
	tp_log_level(LOG_ERR);
	begin(b);
	printf("| flows | all, ms | ns a flow | each node's, ms | ns a flow |\n"
	       "|---|---|---|---|---|\n");
	for (int i = 1; i < argc; i++)
		measure(b, (uint32_t)strtoul(argv[i], NULL, 10));
	for (size_t i = 0; argc == 1 && i < sizeof(usual) / sizeof(*usual); i++)
		measure(b, usual[i]);
	end(b);
	free(b);
	return 0;
}
