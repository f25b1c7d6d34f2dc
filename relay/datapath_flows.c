/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table's memory: mapped and seeded; and the daemon's calls. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_migrate.h"
#include "clock.h"
#include "datapath_private.h"
#include "log.h"

#define MAP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)

/* --- seed ----------------------------------------------------------------------------------- */

static int pinned_seed(int dir, struct relay_flow_seed *seed)
{
	const uint32_t zero = 0;
	int fd, err = tp_bpf_get(dir, "flow_seed", &fd);

	if (err)
		return err;
	err = bpf_map_lookup_elem(fd, &zero, seed);
	close(fd);
	return err;
}

int relay_flows_prepare(struct relay_datapath *dp, int pinned)
{
	struct relay_knobs *knobs = &dp->skel->rodata->knobs;

	if (pinned >= 0)
		return pinned_seed(pinned, &knobs->flow_seed);
	return getrandom(&knobs->flow_seed, sizeof(knobs->flow_seed), 0) == sizeof(knobs->flow_seed)
		       ? 0
		       : -EIO;
}

/* --- opening -------------------------------------------------------------------------------- */

int relay_flows_open(struct relay_datapath *dp)
{
	const struct relay_flow_seed seed = dp->skel->rodata->knobs.flow_seed;
	struct relay_flow_memory memory = {0};
	const uint32_t zero = 0;
	int err = bpf_map_update_elem(MAP_FD(dp, flow_seed), &zero, &seed, BPF_ANY);

	err = err ?: relay_flow_memory_map(RELAY_FLOW_MAPS(dp->skel), &seed, &memory);
	err = err ?: relay_flow_table_init(&dp->flows, &memory);
	if (!err)
		return 0;
	relay_flow_memory_unmap(&memory);
	dp->flows.mem = memory; /* nothing: relay_flows_close() has none to close */
	tp_err("cannot map the flow table: %s", strerror(-err));
	return err;
}

void relay_flows_close(struct relay_datapath *dp)
{
	if (!dp->flows.mem.slots)
		return;
	relay_flow_table_fini(&dp->flows);
	relay_flow_memory_unmap(&dp->flows.mem);
}

/* --- the daemon's calls --------------------------------------------------------------------- */

int relay_datapath_flow_put(struct relay_datapath *dp, const struct relay_flow *flow, uint64_t now)
{
	return dp->skel ? relay_flow_table_put(&dp->flows, flow, now) : 0;
}

void relay_datapath_flow_del(struct relay_datapath *dp, const struct relay_flow_key *key,
			     struct relay_count *count, uint64_t now)
{
	if (dp->skel)
		relay_flow_table_del(&dp->flows, key, count, now);
	else if (count)
		*count = (struct relay_count){0};
}

void relay_datapath_route_places(struct relay_datapath *dp,
				 uint32_t (*nexthop)(void *arg, const struct relay_place *place),
				 void *arg)
{
	if (dp->skel)
		flow_places_route(&dp->flows.places, nexthop, arg);
}

void relay_datapath_flows_each(struct relay_datapath *dp,
			       int (*fn)(void *arg, const struct relay_flow *flow), void *arg)
{
	if (dp->skel)
		relay_flow_table_each(&dp->flows, fn, arg);
}

struct relay_count relay_datapath_count(const struct relay_datapath *dp,
					const struct relay_flow_key *key)
{
	return dp->skel ? relay_flow_table_count(&dp->flows, key) : (struct relay_count){0};
}

struct relay_count relay_datapath_count_all(const struct relay_datapath *dp)
{
	return dp->skel ? relay_flow_table_count_all(&dp->flows) : (struct relay_count){0};
}

void relay_datapath_flows_late(struct relay_datapath *dp, relay_flow_late_fn *fn, void *arg)
{
	dp->flows.late = fn;
	dp->flows.late_arg = arg;
}

void relay_datapath_flows_recycle(struct relay_datapath *dp, uint64_t now)
{
	if (dp->skel)
		relay_flow_table_recycle(&dp->flows, now);
}
