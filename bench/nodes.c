/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Load on a relay by thousands of simulated WireGuard nodes with true handshakes
 * (bench/lib/fleet.h). In phases: all nodes register; pairs of them make sessions through the relay
 * and prove them with a packet; the flows are written to a file for bench/source.c; one node with
 * many flows roams. Each phase prints one line of JSON.
 *
 *	nodes -C [-N …] [-B …] [-S …] [-e …]     the `networks` setting of relay.conf for all that
 *	nodes -r RELAY -k KEY [options]
 *	  -N NODES     (1000)
 *	  -B BIG       nodes of the first network (20)
 *	  -S SMALL     nodes of each further network (20)
 *	  -P PAIRS     sessions that each node initiates (5)
 *	  -U           the first node has a session with every other node of its network
 *	  -a ADDRESS   of the first node (10.64.0.1); -A N nodes share an address (1)
 *	  -p PORT      of the first node at an address (51820)
 *	  -e SEED      of the nodes' keys (1)
 *	  -R RATE      registrations begun a second, -H RATE handshakes begun a second (no limit)
 *	  -W WINDOW    handshakes and registrations under way at most (256)
 *	  -T SECONDS   a phase is given up after (120)
 *	  -x           pairs collude: noise with valid MACs, no cryptography but the relay's
 *	  -o FLOWS     write the flows there
 *	  -M           the first node roams
 *	  -K SECONDS   keep everything alive and rekeyed for so long (-1: until a signal)
 *	  -q PID       the relay's, to see what it uses
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/lib/fleet.h"
#include "bench/lib/usage.h"
#include "clock.h"

#define REKEY_SEC   110 /* flows live 190 s, so those written last are good for 80 s at least */
#define ROAM_ROUNDS 3	/* in which all flows must have worked before the node moves */
#define ROAM_BURST  64	/* packets sent before what has arrived is looked at */

struct options {
	struct fleet_options fleet;
	uint32_t pairs_each, window;
	double register_rate, handshake_rate, phase_seconds, keep_seconds;
	bool config_only, hub, roam;
	const char *flow_file;
	pid_t relay_pid;
};

/* One thing to be done by or for many. */
struct phase {
	const char *name;
	uint32_t first, n;
	double rate;
	void (*begin)(struct fleet *f, uint32_t i);
};

/* Latencies of what was completed, in ns. */
struct record {
	uint64_t *latency;
	size_t n, room;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* --- phases --------------------------------------------------------------------------------- */

static void note_completed(void *arg, uint64_t started)
{
	struct record *r = arg;

	if (r->n < r->room)
		r->latency[r->n++] = tp_now() - started;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double latency_ms(const struct record *r, double share)
{
	return r->n ? (double)r->latency[(size_t)(share * (double)(r->n - 1))] / 1e6 : 0;
}

static void print_phase(const struct phase *p, struct record *r, double seconds,
			const struct fleet_stats *was, const struct fleet_stats *is,
			const struct bench_usage *before, const struct bench_usage *after)
{
	double cpu = after->cpu_seconds - before->cpu_seconds;

	qsort(r->latency, r->n, sizeof(*r->latency), by_size);
	printf("{\"phase\":\"%s\",\"wanted\":%u,\"done\":%zu,\"seconds\":%.3f,\"per_second\":%.0f,",
	       p->name, p->n, r->n, seconds, (double)r->n / seconds);
	printf("\"initiations\":%lu,\"retries\":%lu,\"cookies\":%lu,",
	       is->initiations - was->initiations, is->retries - was->retries,
	       is->cookies - was->cookies);
	printf("\"latency_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f},", latency_ms(r, 0.5),
	       latency_ms(r, 0.99), latency_ms(r, 1));
	printf("\"relay\":{\"cpu_s\":%.2f,\"cpu_us_each\":%.1f,\"memory_kib\":%lu}}\n", cpu,
	       r->n ? cpu * 1e6 / (double)r->n : 0, after->memory_kib);
	fflush(stdout);
}

/* How many may have been begun by now. */
static uint32_t due(const struct phase *p, uint64_t start, uint64_t now)
{
	double n = p->rate > 0 ? (double)(now - start) / 1e9 * p->rate + 1 : p->n;

	return n < p->n ? (uint32_t)n : p->n;
}

static void work(struct fleet *f, const struct options *o, const struct phase *p,
		 const struct record *r)
{
	uint64_t start = tp_now(), end = start + (uint64_t)(o->phase_seconds * 1e9), now = start;
	uint32_t begun = 0;

	while (r->n < p->n && now < end && !stopped) {
		uint32_t may = due(p, start, now);

		/* A few at a time, so that answers are taken in between. */
		for (int i = 0; i < 16 && begun < may && f->n_under_way < o->window; i++)
			p->begin(f, p->first + begun++);
		fleet_turn(f, begun < may && f->n_under_way < o->window ? 0 : 1);
		fleet_keepalives(f, now);
		now = tp_now();
	}
}

static int run_phase(struct fleet *f, const struct options *o, const struct phase *p)
{
	struct record r = {.latency = calloc(p->n + 1, sizeof(*r.latency)), .room = p->n};
	struct bench_usage before = bench_usage_of(o->relay_pid), after;
	struct fleet_stats was = f->stats;
	uint64_t start = tp_now();

	if (!r.latency)
		return -ENOMEM;
	f->completed = note_completed;
	f->completed_arg = &r;
	work(f, o, p, &r);
	f->completed = NULL;
	after = bench_usage_of(o->relay_pid);
	print_phase(p, &r, (double)(tp_now() - start) / 1e9, &was, &f->stats, &before, &after);
	free(r.latency);
	return 0;
}

static void begin_registration(struct fleet *f, uint32_t i)
{
	fleet_register(f, &f->nodes[i]);
}

static void begin_handshake(struct fleet *f, uint32_t i)
{
	fleet_handshake(f, &f->pairs[i]);
}

/* --- who talks to whom ---------------------------------------------------------------------- */

/* Each node with those that follow it in its network, which is a ring. */
static void add_ring(struct fleet *f, uint32_t each)
{
	for (uint32_t i = 0; i < f->o.nodes; i++) {
		const struct fleet_node *n = &f->nodes[i];
		uint32_t at = i - n->network_first;

		for (uint32_t k = 1; k <= each && k < n->network_size; k++)
			fleet_pair_add(f, i, n->network_first + (at + k) % n->network_size);
	}
}

static void add_hub(struct fleet *f)
{
	for (uint32_t i = 1; i < f->nodes[0].network_size; i++)
		fleet_pair_add(f, i, 0);
}

/* --- a node that roams ---------------------------------------------------------------------- */

struct roam {
	struct fleet *f;
	uint64_t since;
	uint32_t flows, working, sent;
	double first_ms, all_ms;
};

static bool of_hub(const struct fleet_pair *p)
{
	return (!p->end[SIDE_A] || !p->end[SIDE_B]) && p->index[SIDE_A] && p->index[SIDE_B];
}

static void count_working(struct roam *r)
{
	r->flows = r->working = 0;
	for (uint32_t i = 0; i < r->f->n_pairs; i++) {
		const struct fleet_pair *p = &r->f->pairs[i];

		if (!of_hub(p))
			continue;
		r->flows += SIDES;
		for (int side = 0; side < SIDES; side++)
			r->working += p->heard[side] >= r->since;
	}
}

/* A packet along every flow of the hub that has not worked since. */
static void try_flows(struct roam *r)
{
	uint32_t burst = 0;

	for (uint32_t i = 0; i < r->f->n_pairs; i++) {
		const struct fleet_pair *p = &r->f->pairs[i];

		for (int side = 0; side < SIDES && of_hub(p); side++) {
			if (p->heard[!side] >= r->since)
				continue;
			fleet_send_noise(r->f, p, side);
			r->sent++;
			if (++burst % ROAM_BURST == 0)
				fleet_turn(r->f, 0);
		}
	}
	fleet_turn(r->f, 1);
}

/* Until all flows have worked once since now. */
static int until_all_work(struct roam *r, double seconds)
{
	uint64_t end = tp_now() + (uint64_t)(seconds * 1e9);

	r->since = tp_now();
	r->sent = 0;
	r->first_ms = 0;
	do {
		try_flows(r);
		count_working(r);
		r->all_ms = (double)(tp_now() - r->since) / 1e6;
		if (r->working && !r->first_ms)
			r->first_ms = r->all_ms;
	} while (r->working < r->flows && tp_now() < end && !stopped);
	return r->working == r->flows ? 0 : -ETIMEDOUT;
}

static int roam(struct fleet *f, const struct options *o)
{
	struct roam r = {.f = f};
	struct bench_usage before, after;
	double round_ms;
	int err = 0;

	for (int i = 0; !err && i < ROAM_ROUNDS; i++)
		err = until_all_work(&r, o->phase_seconds);
	round_ms = r.all_ms;
	if (err)
		fprintf(stderr, "nodes: %u of %u flows of the first node work\n", r.working,
			r.flows);
	if (err)
		return err;
	before = bench_usage_of(o->relay_pid);
	fleet_roam(f, 0);
	err = until_all_work(&r, o->phase_seconds);
	after = bench_usage_of(o->relay_pid);
	printf("{\"phase\":\"roam\",\"flows\":%u,\"working\":%u,\"first_ms\":%.2f,\"all_ms\":%.2f,"
	       "\"unmoved_round_ms\":%.2f,\"packets_tried\":%u,\"relay\":{\"cpu_s\":%.2f}}\n",
	       r.flows, r.working, r.first_ms, r.all_ms, round_ms, r.sent,
	       after.cpu_seconds - before.cpu_seconds);
	fflush(stdout);
	return err;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int make_sessions(struct fleet *f, const struct options *o)
{
	struct phase sessions = {"handshake", 0, f->n_pairs, o->handshake_rate, begin_handshake};
	int err = f->n_pairs ? run_phase(f, o, &sessions) : 0;

	if (!err && o->flow_file)
		err = fleet_write_flows(f, o->flow_file);
	return err;
}

static int keep(struct fleet *f, const struct options *o)
{
	struct phase again = {"reregister", 0, f->o.nodes, o->register_rate, begin_registration};
	uint64_t now = tp_now(), end = now + (uint64_t)(o->keep_seconds * 1e9);
	uint64_t rekey = now + TP_SEC(REKEY_SEC);
	int err = 0;

	while (!err && !stopped && (o->keep_seconds < 0 || now < end)) {
		fleet_turn(f, 10);
		fleet_keepalives(f, now);
		if (now >= rekey) {
			rekey = now + TP_SEC(REKEY_SEC);
			err = run_phase(f, o, &again) ?: make_sessions(f, o);
		}
		now = tp_now();
	}
	return err;
}

static int run(struct fleet *f, const struct options *o)
{
	struct phase start = {"register", 0, f->o.nodes, o->register_rate, begin_registration};
	uint32_t room = f->o.nodes * o->pairs_each + f->o.nodes;
	int err = fleet_open(f);

	if (!err)
		err = fleet_reserve_pairs(f, room);
	if (err)
		return err;
	if (o->hub)
		add_hub(f);
	add_ring(f, o->pairs_each);
	err = run_phase(f, o, &start) ?: make_sessions(f, o);
	if (!err && o->roam)
		err = roam(f, o);
	if (!err && o->keep_seconds)
		err = keep(f, o);
	return err;
}

static uint32_t number(const char *s)
{
	return (uint32_t)strtoul(s, NULL, 10);
}

static int parse_fleet_option(struct fleet_options *o, int option, const char *value)
{
	switch (option) {
	case 'r': return tp_endpoint_parse(value, &o->relay);
	case 'k': return tp_key_parse(value, o->relay_key);
	case 'N': o->nodes = number(value); return 0;
	case 'B': o->big = number(value); return 0;
	case 'S': o->small = number(value); return 0;
	case 'a': return tp_addr_parse(value, &o->first);
	case 'A': o->per_address = number(value); return 0;
	case 'p': o->port = (uint16_t)number(value); return 0;
	case 'e': o->seed = number(value); return 0;
	case 'x': o->fake = true; return 0;
	default: return -EINVAL;
	}
}

static int parse_option(struct options *o, int option, const char *value)
{
	switch (option) {
	case 'C': o->config_only = true; return 0;
	case 'P': o->pairs_each = number(value); return 0;
	case 'U': o->hub = true; return 0;
	case 'R': o->register_rate = strtod(value, NULL); return 0;
	case 'H': o->handshake_rate = strtod(value, NULL); return 0;
	case 'W': o->window = number(value); return 0;
	case 'T': o->phase_seconds = strtod(value, NULL); return 0;
	case 'o': o->flow_file = value; return 0;
	case 'M': o->roam = true; return 0;
	case 'K': o->keep_seconds = strtod(value, NULL); return 0;
	case 'q': o->relay_pid = (pid_t)number(value); return 0;
	default: return parse_fleet_option(&o->fleet, option, value);
	}
}

static int parse_options(struct options *o, int argc, char **argv)
{
	int option, err = 0;

	*o = (struct options){
		.fleet = {.nodes = 1000,
			  .big = 20,
			  .small = 20,
			  .per_address = 1,
			  .port = 51820,
			  .seed = 1},
		.pairs_each = 5,
		.window = 256,
		.phase_seconds = 120,
	};
	tp_addr_parse("10.64.0.1", &o->fleet.first);
	while (!err &&
	       (option = getopt(argc, argv, "Cr:k:N:B:S:P:Ua:A:p:e:R:H:W:T:xo:MK:q:")) != -1)
		err = parse_option(o, option, optarg);
	if (!o->fleet.nodes || !o->fleet.big || !o->fleet.small || !o->fleet.per_address ||
	    !o->window || optind < argc || !tp_addr_is_v4(&o->fleet.first))
		err = -EINVAL;
	if (!o->config_only && !o->fleet.relay.port)
		err = -EINVAL;
	return err;
}

int main(int argc, char **argv)
{
	struct fleet *f = NULL;
	struct options o;
	int err = tp_crypto_init();

	if (err || parse_options(&o, argc, argv)) {
		fprintf(stderr,
			"usage: nodes {-C | -r RELAY -k KEY} [options]; see bench/nodes.c\n");
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	err = fleet_new(&f, &o.fleet);
	if (!err && o.config_only)
		fleet_print_config(f, stdout);
	else if (!err)
		err = run(f, &o);
	if (err)
		fprintf(stderr, "nodes: %s\n", strerror(-err));
	if (f)
		fleet_free(f);
	return !!err;
}
