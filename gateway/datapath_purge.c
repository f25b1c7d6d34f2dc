// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/datapath_purge.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf_walk.h"
#include "datapath_private.h"
#include "gateway/datapath_shortcuts.h"

#define PAUSE_NS 20000000 /* where there is no membarrier: longer than any program runs */

void gw_datapath_settle(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&pause, NULL);
}

/* --- whose is it? --------------------------------------------------------------------------- */

struct gone {
	enum gw_role role;
	uint32_t id;
};

static bool flow_is(const struct gone *g, const void *key, const void *value)
{
	const struct gw_flow_key *k = key;

	(void)value;
	return g->role == GW_OVERLAY && k->overlay == g->id;
}

static bool forward_is(const struct gone *g, const void *key, const void *value)
{
	const struct gw_forward_key *k = key;

	(void)value;
	return (g->role == GW_OVERLAY ? k->overlay : k->uplink) == g->id;
}

/* Of an uplink they are dead with their mappings, and swept. */
static bool filter_is(const struct gone *g, const void *key, const void *value)
{
	const struct gw_filter *filter = value;

	(void)key;
	return g->role == GW_OVERLAY && filter->overlay == g->id;
}

static bool node_is(const struct gone *g, const void *key, const void *value)
{
	const struct gw_node_key *k = key;

	(void)value;
	return (g->role == GW_OVERLAY ? k->overlay : k->uplink) == g->id;
}

static bool fragment_is(const struct gone *g, const void *key, const void *value)
{
	const struct gw_fragment_key *k = key;
	const struct gw_fragment *lead = value;

	return (k->role == g->role && k->device == g->id) ||
	       (g->role == GW_OVERLAY && lead->flow.overlay == g->id);
}

/* --- tables --------------------------------------------------------------------------------- */

struct table {
	const char *map;
	size_t key_size, value_size;
	bool (*is)(const struct gone *g, const void *key, const void *value);
};

static const struct table tables[] = {
	{"gw_flows", sizeof(struct gw_flow_key), sizeof(struct gw_flow), flow_is},
	{"nat_forward", sizeof(struct gw_forward_key), sizeof(struct gw_forward), forward_is},
	{"nat_filters", sizeof(struct gw_filter_key), sizeof(struct gw_filter), filter_is},
	{"gw_nodes", sizeof(struct gw_node_key), sizeof(struct gw_node), node_is},
	{"gw_fragments", sizeof(struct gw_fragment_key), sizeof(struct gw_fragment), fragment_is},
};

struct walk {
	const struct table *table;
	const struct gone *gone;
	int fd;
};

static int remove_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct walk *w = arg;
	const struct table *t = w->table;

	for (uint32_t i = 0; i < n; i++) {
		const void *key = (const char *)keys + i * t->key_size;

		if (t->is(w->gone, key, (const char *)values + i * t->value_size))
			bpf_map_delete_elem(w->fd, key); /* or a packet was first */
	}
	return 0;
}

/* The nodes of an uplink's flows stay, and count them: so the flows are left to the sweeper, which
 * counts them down. */
static int expire_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct walk *w = arg;
	const struct gw_flow_key *key = keys;
	const struct gw_flow *flow = values;

	for (uint32_t i = 0; i < n; i++) {
		struct gw_flow dead = flow[i];

		if (dead.uplink != w->gone->id || !dead.until || dead.kind == GW_FLOW_LOCAL ||
		    dead.kind == GW_FLOW_OVERLAY)
			continue;
		dead.until = 1;
		bpf_map_update_elem(w->fd, &key[i], &dead, BPF_EXIST);
	}
	return 0;
}

int gw_datapath_purge(struct gw_datapath *dp, enum gw_role role, uint32_t id)
{
	const struct gone gone = {role, id};
	struct walk flows = {NULL, &gone, gw_datapath_map(dp, "gw_flows")};
	int first = role == GW_UPLINK ? tp_bpf_walk(flows.fd, expire_batch, &flows) : 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct walk w = {&tables[i], &gone, gw_datapath_map(dp, tables[i].map)};
		int err = tp_bpf_walk(w.fd, remove_batch, &w);

		first = first ?: err;
	}
	gw_datapath_end_shortcuts(dp, role, id);
	return first;
}

void gw_datapath_end_shortcuts(struct gw_datapath *dp, enum gw_role role, uint32_t id)
{
	gw_datapath_settle();
	gw_shortcuts_purge(&dp->shortcuts, role, id);
}
