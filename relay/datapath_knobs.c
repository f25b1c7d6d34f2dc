/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "bpf_tick.h"
#include "datapath_private.h"
#include "log.h"

/* What the daemon takes at most, beyond the budgets that it keeps itself. Rates a second. */
#define SESSION_RATE   2000 /* own-session packets per source prefix: a large site behind one NAT */
#define PROBE_RATE     20   /* probes per source prefix */
#define SITE_RATE      5000 /* handshake messages of one prefix where nodes are registered */
#define HANDSHAKE_RATE 20000 /* those of all other sources together */
#define ODD_SITE_RATE \
	10000 /* fragments and other packets that XDP leaves to the kernel, likewise */
#define ODD_RATE 20000

/* Room for nodes to be added by a reload. */
#define NODES_MIN 16384u

static uint32_t count_nodes(const struct relay_config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_networks; i++)
		n += config->networks[i].n_nodes;
	return n > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)n;
}

/* The next power of two above twice the nodes, so that few restarts change it. */
static uint32_t room_for_nodes(const struct relay_config *config)
{
	uint32_t wanted = 2 * count_nodes(config), room = NODES_MIN;

	while (room < wanted)
		room *= 2;
	return room;
}

static int set_sizes(struct relay_bpf *skel, const struct relay_config *config)
{
	uint32_t flows = config->limits.flows + config->limits.flows_per_node;
	uint32_t nodes = room_for_nodes(config);

	return relay_flow_maps_size(RELAY_FLOW_MAPS(skel), relay_flow_buckets(flows),
				    relay_flow_slots(flows)) ?:
	       bpf_map__set_max_entries(skel->maps.own_sessions, 2 * nodes) ?:
	       bpf_map__set_max_entries(skel->maps.node_buckets, nodes) ?:
	       bpf_map__set_max_entries(skel->maps.sites, nodes) ?:
	       bpf_map__set_max_entries(skel->maps.relay_nodes, 2 * nodes);
}

/* The daemon is one thread, however many queues the NICs have. */
static uint32_t per_cpu(uint32_t rate)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus > 0 ? rate / (uint32_t)cpus + 1 : rate;
}

int relay_knobs_set(struct relay_bpf *skel, const struct relay_config *config)
{
	struct tp_bpf_tick tick;
	uint32_t seed;
	int err = set_sizes(skel, config);

	if (err) {
		tp_err("cannot size the BPF maps: %s", strerror(-err));
		return err;
	}
	if (tp_bpf_tick(&tick))
		tp_debug("XDP asks the kernel's clock: its ticks cannot be used");
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	skel->rodata->knobs = (struct relay_knobs){
		.listen_port = htons(config->listen_port),
		.stun_port = htons(config->stun_port),
		.node_pps = config->limits.packets_per_node,
		.node_bps = config->limits.bits_per_node,
		.stun_rate = config->limits.stun_per_prefix,
		.session_rate = SESSION_RATE,
		.probe_rate = PROBE_RATE,
		.site_rate = SITE_RATE,
		.handshake_rate = per_cpu(HANDSHAKE_RATE),
		.odd_site_rate = ODD_SITE_RATE,
		.odd_rate = per_cpu(ODD_RATE),
		.seed = seed,
		.tick_ns = tick.ns,
		.tick_origin = tick.origin,
	};
	return 0;
}
