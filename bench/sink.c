/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet sink: counts and drops, in XDP, the packets of bench/source.c that arrive at an interface,
 * and checks them. Everything else passes.
 *
 *	sink -i DEVICE [options]
 *	  -f FLOWS   packets are checked against this file of flows
 *	  -e EVERY   check one in so many packets of a CPU (1; without -f none)
 *	  -w SECONDS stop after that (at a signal)
 *	  -g         attach in the kernel's generic hook, where the driver has none
 *	  -v         show the rate once a second, on stderr
 *	Prints one line of JSON for each line of its standard input, about what arrived since the
 *line before, and one about everything at the end.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/flow_headers.h"
#include "bench/lib/flowfile.h"
#include "bench/sink.skel.h"
#include "clock.h"

struct options {
	const char *device, *flow_file;
	uint32_t check_every;
	double seconds;
	bool generic, verbose;
};

struct sink {
	struct sink_bpf *skel;
	int device; /* it is attached to, 0: none */
	uint32_t mode;
	int cpus;
	struct bench_arrivals *per_cpu;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* --- counts --------------------------------------------------------------------------------- */

static struct bench_arrivals total(const struct sink *s)
{
	struct bench_arrivals sum = {0};
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.arrivals), &zero, s->per_cpu))
		return sum;
	for (int i = 0; i < s->cpus; i++) {
		sum.packets += s->per_cpu[i].packets;
		sum.bytes += s->per_cpu[i].bytes;
		sum.checked += s->per_cpu[i].checked;
		sum.wrong_index += s->per_cpu[i].wrong_index;
		sum.wrong_destination += s->per_cpu[i].wrong_destination;
		sum.wrong_checksum += s->per_cpu[i].wrong_checksum;
	}
	return sum;
}

static void print_difference(const struct bench_arrivals *a, const struct bench_arrivals *b)
{
	printf("{\"packets\":%llu,\"bytes\":%llu,\"checked\":%llu,\"wrong_index\":%llu,"
	       "\"wrong_destination\":%llu,\"wrong_checksum\":%llu}\n",
	       b->packets - a->packets, b->bytes - a->bytes, b->checked - a->checked,
	       b->wrong_index - a->wrong_index, b->wrong_destination - a->wrong_destination,
	       b->wrong_checksum - a->wrong_checksum);
	fflush(stdout);
}

/* --- loading -------------------------------------------------------------------------------- */

static int expect_flows(const struct sink *s, const struct bench_flow *flows, size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		struct bench_expected to = {.port = flows[i].out.port};

		memcpy(to.addr, flows[i].out.addr.b, sizeof(to.addr));
		err = bpf_map_update_elem(bpf_map__fd(s->skel->maps.expected), &flows[i].index, &to,
					  BPF_ANY);
	}
	return err;
}

static int attach(struct sink *s, const struct options *o)
{
	int device = (int)if_nametoindex(o->device), err;

	s->mode = XDP_FLAGS_UPDATE_IF_NOEXIST |
		  (o->generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	if (!device)
		return -ENODEV;
	err = bpf_xdp_attach(device, bpf_program__fd(s->skel->progs.sink_xdp), s->mode, NULL);
	if (!err)
		s->device = device;
	return err;
}

static int open_sink(struct sink *s, const struct options *o)
{
	struct bench_flow *flows = NULL;
	size_t n = 0;
	int err = o->flow_file ? bench_flows_read(o->flow_file, &flows, &n) : 0;

	if (err)
		return err;
	s->cpus = libbpf_num_possible_cpus();
	s->per_cpu = calloc((size_t)s->cpus, sizeof(*s->per_cpu));
	s->skel = sink_bpf__open();
	err = s->skel && s->per_cpu ? 0 : -ENOMEM;
	if (err)
		goto out;
	s->skel->rodata->check_every = o->flow_file ? o->check_every : 0;
	bpf_map__set_max_entries(s->skel->maps.expected, n ? (uint32_t)n : 1);
	err = sink_bpf__load(s->skel);
	if (!err)
		err = expect_flows(s, flows, n);
	if (!err)
		err = attach(s, o);
out:
	free(flows);
	return err;
}

static void close_sink(struct sink *s)
{
	if (s->device)
		bpf_xdp_detach(s->device, s->mode & ~XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	sink_bpf__destroy(s->skel);
	free(s->per_cpu);
}

/* --- watching ------------------------------------------------------------------------------- */

/* How many lines came; -1: the input ended. */
static int read_lines(void)
{
	char input[256];
	ssize_t got = read(STDIN_FILENO, input, sizeof(input));
	int lines = 0;

	for (ssize_t i = 0; i < got; i++)
		lines += input[i] == '\n';
	return got > 0 ? lines : -1;
}

static void watch(const struct sink *s, const struct options *o)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	struct bench_arrivals none = {0}, last = {0}, shown = {0}, now;
	uint64_t end = tp_now() + (uint64_t)(o->seconds * 1e9), next = tp_now() + TP_SEC(1);

	while (!stopped && (!o->seconds || tp_now() < end)) {
		int ready = poll(&in, 1, 100), lines = ready > 0 ? read_lines() : 0;

		now = total(s);
		if (lines < 0)
			in.fd = -1;
		for (; lines > 0; lines--) {
			print_difference(&last, &now);
			last = now;
		}
		if (o->verbose && tp_now() >= next) {
			fprintf(stderr, "%llu packets a second\n", now.packets - shown.packets);
			shown = now;
			next += TP_SEC(1);
		}
	}
	now = total(s);
	print_difference(&none, &now);
}

static int parse_options(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){.check_every = 1};
	while ((option = getopt(argc, argv, "i:f:e:w:gv")) != -1) {
		switch (option) {
		case 'i': o->device = optarg; break;
		case 'f': o->flow_file = optarg; break;
		case 'e': o->check_every = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'w': o->seconds = strtod(optarg, NULL); break;
		case 'g': o->generic = true; break;
		case 'v': o->verbose = true; break;
		default: return -EINVAL;
		}
	}
	return o->device && optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct sink s = {0};
	struct options o;
	int err;

	if (parse_options(&o, argc, argv)) {
		fprintf(stderr,
			"usage: sink -i DEVICE [-f FLOWS] [-e EVERY] [-w SECONDS] [-g] [-v]\n");
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	err = open_sink(&s, &o);
	if (!err) {
		fprintf(stderr, "sink: ready\n");
		watch(&s, &o);
	} else {
		fprintf(stderr, "sink: %s\n", strerror(-err));
	}
	close_sink(&s);
	return !!err;
}
