/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf_tick.h"
#include "datapath_private.h"
#include "log.h"

/* What the programs send into an overlay carries this, for the one at its egress to know. */
#define MARK 0x54504757

/* Room for nodes to be added by a reload. */
#define NODES_MIN 4096u

/* See bpf/lib/gateway/shortcut.h. */
#ifdef __x86_64__
#define SHORTCUTS true
#else
#define SHORTCUTS false
#endif

static struct gw_timeouts timeouts(const struct gw_config_timeouts *t)
{
	return (struct gw_timeouts){
		.udp = t->udp,
		.icmp = t->icmp,
		.tcp_transitory = t->tcp_transitory,
		.tcp_established = t->tcp_established,
		.tcp_closing = t->tcp_closing,
		.other = t->other,
		.quarantine = t->quarantine,
	};
}

int gw_knobs_make(struct gw_knobs *knobs, const struct gw_config *config)
{
	const struct gw_config_egress *e = &config->egress;
	struct tp_bpf_tick tick;

	if (tp_bpf_tick(&tick))
		tp_debug("the programs ask the kernel's clock: its ticks cannot be used");
	*knobs = (struct gw_knobs){
		.nat_block = (uint16_t)e->ports_per_block,
		.flows_per_node = e->flows_per_node,
		.filters_per_node = e->flows_per_node,
		.mark = MARK,
		.filtering = e->filtering == GW_CONFIG_ADDRESS_DEPENDENT
				     ? GW_FILTER_ADDRESS_DEPENDENT
				     : GW_FILTER_ENDPOINT_INDEPENDENT,
		.hairpin = e->hairpin,
		.masquerade = e->masquerade,
		.shortcuts = SHORTCUTS,
		.tick_ns = tick.ns,
		.tick_origin = tick.origin,
		.timeout = timeouts(&config->timeouts),
	};
	knobs->nat_blocks_per_node =
		(uint16_t)((e->ports_per_node + e->ports_per_block - 1) / e->ports_per_block);
	return gw_config_ports(e, &knobs->nat_base, &knobs->nat_range);
}

/* The next power of two above twice the nodes, so that few restarts change it. */
static uint32_t room_for_nodes(const struct gw_config *config, uint32_t uplinks)
{
	uint64_t wanted = 0, room = NODES_MIN;

	for (size_t i = 0; i < config->n_overlays; i++)
		for (size_t j = 0; j < config->overlays[i].n_peers; j++)
			wanted += config->overlays[i].peers[j].n_allowed_ips;
	wanted *= 2 * (uplinks + 1);
	while (room < wanted)
		room *= 2;
	return (uint32_t)room;
}

int gw_sizes_set(struct gateway_bpf *skel, const struct gw_config *config,
		 const struct gw_knobs *knobs, uint32_t uplinks)
{
	/* a map has an entry at least */
	uint32_t flows = config->egress.flows, slots = uplinks ? uplinks * TP_GW_ADDRS : 1;
	uint32_t words = slots * GW_NAT_PROTOS * knobs->nat_range;
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{skel->maps.gw_flows, flows},
		{skel->maps.nat_words, words},
		{skel->maps.nat_reverse, words},
		{skel->maps.nat_forward, flows},
		{skel->maps.nat_filters, flows},
		{skel->maps.nat_blocks, slots * (knobs->nat_range / knobs->nat_block)},
		{skel->maps.gw_nodes, room_for_nodes(config, uplinks)},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);

		if (err) {
			tp_err("cannot size BPF map %s: %s", bpf_map__name(sizes[i].map),
			       strerror(-err));
			return err;
		}
	}
	return 0;
}
