/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's reading and writing of the maps. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf.h"
#include "bpf_walk.h"
#include "datapath_private.h"
#include "log.h"

#define MAP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)

/* Deleting what is not there is no error. */
static int delete_key(int fd, const void *key)
{
	int err = bpf_map_delete_elem(fd, key);

	return err == -ENOENT ? 0 : err;
}

volatile uint64_t *relay_datapath_index_filter(struct relay_datapath *dp)
{
	return dp->index_filter;
}

/* --- own sessions --------------------------------------------------------------------------- */

int relay_datapath_session_put(struct relay_datapath *dp, uint32_t index, uint32_t node)
{
	if (!dp->skel)
		return 0;
	return bpf_map_update_elem(MAP_FD(dp, own_sessions), &index, &node, BPF_ANY);
}

int relay_datapath_session_del(struct relay_datapath *dp, uint32_t index)
{
	return dp->skel ? delete_key(MAP_FD(dp, own_sessions), &index) : 0;
}

struct session_walk {
	void (*fn)(void *arg, uint32_t index, uint32_t node);
	void *arg;
};

static int session_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct session_walk *w = arg;
	const uint32_t *index = keys, *node = values;

	for (uint32_t i = 0; i < n; i++)
		w->fn(w->arg, index[i], node[i]);
	return 0;
}

int relay_datapath_sessions_each(struct relay_datapath *dp,
				 void (*fn)(void *arg, uint32_t index, uint32_t node), void *arg)
{
	struct session_walk w = {fn, arg};

	return dp->skel ? tp_bpf_walk(MAP_FD(dp, own_sessions), session_batch, &w) : 0;
}

/* --- nodes ---------------------------------------------------------------------------------- */

int relay_datapath_node_put(struct relay_datapath *dp, const uint8_t public_key[32],
			    const struct relay_node *value)
{
	if (!dp->skel)
		return 0;
	return bpf_map_update_elem(MAP_FD(dp, relay_nodes), public_key, value, BPF_ANY);
}

int relay_datapath_node_get(struct relay_datapath *dp, const uint8_t public_key[32],
			    struct relay_node *value)
{
	memset(value, 0, sizeof(*value));
	if (!dp->skel)
		return -ENOENT;
	return bpf_map_lookup_elem(MAP_FD(dp, relay_nodes), public_key, value);
}

int relay_datapath_node_del(struct relay_datapath *dp, const uint8_t public_key[32])
{
	return dp->skel ? delete_key(MAP_FD(dp, relay_nodes), public_key) : 0;
}

struct node_walk {
	void (*fn)(void *arg, const uint8_t public_key[32], const struct relay_node *value);
	void *arg;
};

static int node_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct node_walk *w = arg;
	const struct relay_node_key *key = keys;
	const struct relay_node *node = values;

	for (uint32_t i = 0; i < n; i++)
		w->fn(w->arg, key[i].public_key, &node[i]);
	return 0;
}

int relay_datapath_nodes_each(struct relay_datapath *dp,
			      void (*fn)(void *arg, const uint8_t public_key[32],
					 const struct relay_node *value),
			      void *arg)
{
	struct node_walk w = {fn, arg};

	return dp->skel ? tp_bpf_walk(MAP_FD(dp, relay_nodes), node_batch, &w) : 0;
}

/* --- next hops ------------------------------------------------------------------------------ */

/* An array takes every write within its bounds; only a wrong slot fails. */
static void array_put(int fd, uint32_t index, const void *value)
{
	int err = bpf_map_update_elem(fd, &index, value, BPF_ANY);

	if (err)
		tp_log_limited(LOG_ERR, "next hop %u cannot be written: %s", index, strerror(-err));
}

void relay_datapath_nexthop_slot(struct relay_datapath *dp, uint32_t slot,
				 const struct relay_nexthop *value)
{
	if (dp->skel)
		array_put(MAP_FD(dp, nexthops), slot, value);
}

void relay_datapath_nexthop_id(struct relay_datapath *dp, uint32_t id, uint32_t slot)
{
	if (dp->skel)
		array_put(MAP_FD(dp, nexthop_ids), id, &slot);
}

static int copy_ids(void *arg, const void *keys, const void *values, uint32_t n)
{
	uint32_t *slots = arg;
	const uint32_t *id = keys, *slot = values;

	for (uint32_t i = 0; i < n; i++)
		if (id[i] < TP_NEXTHOPS)
			slots[id[i]] = slot[i];
	return 0;
}

int relay_datapath_nexthop_ids(struct relay_datapath *dp, uint32_t *slots)
{
	memset(slots, 0, TP_NEXTHOPS * sizeof(*slots));
	return dp->skel ? tp_bpf_walk(MAP_FD(dp, nexthop_ids), copy_ids, slots) : 0;
}

/* --- this host's addresses, and nodes' prefixes ---------------------------------------------- */

static int set_put(int fd, const struct relay_addr *addr)
{
	const uint8_t one = 1;

	return bpf_map_update_elem(fd, addr, &one, BPF_ANY);
}

struct set_walk {
	void (*fn)(void *arg, const struct relay_addr *addr);
	void *arg;
};

static int set_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct set_walk *w = arg;
	const struct relay_addr *addr = keys;

	(void)values;
	for (uint32_t i = 0; i < n; i++)
		w->fn(w->arg, &addr[i]);
	return 0;
}

int relay_datapath_local_put(struct relay_datapath *dp, const struct relay_addr *addr)
{
	return dp->skel ? set_put(MAP_FD(dp, locals), addr) : 0;
}

int relay_datapath_local_del(struct relay_datapath *dp, const struct relay_addr *addr)
{
	return dp->skel ? delete_key(MAP_FD(dp, locals), addr) : 0;
}

int relay_datapath_locals_each(struct relay_datapath *dp,
			       void (*fn)(void *arg, const struct relay_addr *addr), void *arg)
{
	struct set_walk w = {fn, arg};

	return dp->skel ? tp_bpf_walk(MAP_FD(dp, locals), set_batch, &w) : 0;
}

int relay_datapath_site_put(struct relay_datapath *dp, const struct relay_addr *prefix)
{
	return dp->skel ? set_put(MAP_FD(dp, sites), prefix) : 0;
}

int relay_datapath_site_del(struct relay_datapath *dp, const struct relay_addr *prefix)
{
	return dp->skel ? delete_key(MAP_FD(dp, sites), prefix) : 0;
}

int relay_datapath_sites_each(struct relay_datapath *dp,
			      void (*fn)(void *arg, const struct relay_addr *prefix), void *arg)
{
	struct set_walk w = {fn, arg};

	return dp->skel ? tp_bpf_walk(MAP_FD(dp, sites), set_batch, &w) : 0;
}

/* --- counters ------------------------------------------------------------------------------- */

static int sum_reasons(void *arg, const void *keys, const void *values, uint32_t n)
{
	struct relay_count *out = arg;
	const uint32_t *reason = keys;
	const struct relay_count *count = values;
	size_t cpus = tp_bpf_value_room(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(*count)) / sizeof(*count);

	for (uint32_t i = 0; i < n; i++) {
		for (size_t cpu = 0; cpu < cpus; cpu++, count++) {
			if (reason[i] >= TP_REASON_MAX)
				continue;
			out[reason[i]].packets += count->packets;
			out[reason[i]].bytes += count->bytes;
		}
	}
	return 0;
}

int relay_datapath_reasons(struct relay_datapath *dp, struct relay_count *out)
{
	memset(out, 0, TP_REASON_MAX * sizeof(*out));
	return dp->skel ? tp_bpf_walk(MAP_FD(dp, reasons), sum_reasons, out) : 0;
}
