/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The relay's maps, taken over from an earlier run or filled from its (userspace/bpf_pins.h). */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "datapath_private.h"
#include "log.h"

/* --- sizes ---------------------------------------------------------------------------------- */

/* Flows in use decide whether their table may shrink. */
static int keep_flows(struct relay_datapath *dp, int dir)
{
	uint32_t wanted = bpf_map__max_entries(dp->skel->maps.flow_slots);
	uint32_t have = tp_bpf_pinned_entries(dir, "flow_slots"), live;

	if (have <= wanted || (!relay_flows_pinned(dir, &live) && relay_flow_slots(live) <= wanted))
		return 0;
	tp_warn("limits.flows: more flows are live than would fit, the table keeps its size");
	return relay_flow_maps_size(RELAY_FLOW_MAPS(dp->skel),
				    tp_bpf_pinned_entries(dir, "flow_index"), have);
}

/* A map sized by the number of nodes only ever grows. */
static int keep_larger(struct bpf_map *map, int dir)
{
	uint32_t have = tp_bpf_pinned_entries(dir, bpf_map__name(map));

	return have > bpf_map__max_entries(map) ? bpf_map__set_max_entries(map, have) : 0;
}

static int keep_sizes(struct relay_datapath *dp, int dir)
{
	return keep_flows(dp, dir) ?:
	       keep_larger(dp->skel->maps.own_sessions, dir) ?:
	       keep_larger(dp->skel->maps.node_buckets, dir) ?:
	       keep_larger(dp->skel->maps.relay_nodes, dir);
}

/* --- entries of an earlier layout ----------------------------------------------------------- */

/* A device map does not give back what it was given, so its slots are filled by hand. */
static int copy_ports(int from, int to)
{
	for (uint32_t slot = 0; slot < TP_PORTS; slot++) {
		struct bpf_devmap_val old = {0}, new = {0};
		int err;

		if (bpf_map_lookup_elem(from, &slot, &old) || !old.ifindex)
			continue;
		new.ifindex = old.ifindex;
		err = bpf_map_update_elem(to, &slot, &new, BPF_ANY);
		if (err && err != -EINVAL) /* EINVAL: no such device in this namespace */
			return err;
	}
	return 0;
}

/* What relay_flows_carry looks after. */
static bool is_flow_table(const struct bpf_map *map)
{
	return !strncmp(bpf_map__name(map), "flow_", strlen("flow_"));
}

static int copy_map(const struct bpf_map *map, int from)
{
	if (is_flow_table(map))
		return 0;
	if (bpf_map__type(map) == BPF_MAP_TYPE_DEVMAP_HASH)
		return copy_ports(from, bpf_map__fd(map));
	return tp_bpf_pins_copy(map, from);
}

struct carry {
	struct relay_datapath *dp;
	int source; /* -1: nothing to copy */
};

/* The flows' packet counters run on in the old map until the program is replaced; what they count
 * in that moment is not carried over. */
static int copy_maps(void *arg)
{
	const struct carry *c = arg;
	struct bpf_map *map;

	if (c->source < 0)
		return 0;
	bpf_object__for_each_map (map, c->dp->skel->obj) {
		int fd, err;

		if (bpf_map__is_internal(map) || tp_bpf_get(c->source, bpf_map__name(map), &fd))
			continue;
		err = copy_map(map, fd);
		close(fd);
		if (err) {
			tp_err("cannot carry BPF map %s over: %s", bpf_map__name(map),
			       strerror(-err));
			return err;
		}
	}
	return relay_flows_carry(c->dp, c->source);
}

/* --- loading -------------------------------------------------------------------------------- */

/* pinned: the directory whose flow table is reused, -1: a new one. */
static int load(struct relay_datapath *dp, int pinned)
{
	int err = relay_flows_prepare(dp, pinned);

	if (err) {
		tp_err("cannot seed the flow table: %s", strerror(-err));
		return err;
	}
	err = relay_bpf__load(dp->skel);

	if (err)
		tp_err("the kernel refuses the relay's XDP program: %s%s", strerror(-err),
		       err == -EPERM ? " (CAP_BPF and CAP_NET_ADMIN are needed)" : "");
	return err ?: relay_flows_open(dp);
}

static int load_on_pinned(struct relay_datapath *dp, int source)
{
	int err = tp_bpf_pins_reuse(dp->skel->obj, source);

	if (err) {
		tp_err("cannot take over the pinned BPF maps: %s", strerror(-err));
		return err;
	}
	return load(dp, source);
}

static int load_on_new(struct relay_datapath *dp, int source)
{
	struct carry c = {dp, source};

	return load(dp, -1) ?: tp_bpf_pins_replace(&dp->pins, dp->skel->obj, copy_maps, &c);
}

static int load_from(struct relay_datapath *dp, int source, unsigned int version)
{
	bool same = version == TP_RELAY_ABI;
	int err = keep_sizes(dp, source), fd;

	if (err)
		return err;
	dp->adopted = true;
	if (!tp_bpf_get(source, "flow_slots", &fd)) {
		dp->predecessor = tp_bpf_map_id(fd);
		close(fd);
	}
	if (same && tp_bpf_pins_match(dp->skel->obj, source))
		return load_on_pinned(dp, source);
	if (!same)
		tp_info("carrying BPF maps over from v%u to v%u", version, TP_RELAY_ABI);
	return load_on_new(dp, source);
}

int relay_pins_load(struct relay_datapath *dp, const struct relay_config *config)
{
	int source = -1, err;
	unsigned int version;

	err = tp_bpf_pins_open(&dp->pins, config->pin_path, config->instance, TP_RELAY_ABI);
	if (err)
		return err;
	err = tp_bpf_pins_source(&dp->pins, &version, &source);
	if (!err)
		err = load_from(dp, source, version);
	else if (err == -ENOENT)
		err = load_on_new(dp, -1);
	if (source >= 0)
		close(source);
	return err ?: tp_bpf_pins_settle(&dp->pins);
}
