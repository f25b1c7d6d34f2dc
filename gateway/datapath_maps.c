/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's reading and writing of the maps. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_walk.h"
#include "datapath_private.h"
#include "gateway/datapath_shortcuts.h"

#define MAP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)
#define KEY_MAX		 32 /* bytes of a key in the sets below */

int gw_datapath_map(const struct gw_datapath *dp, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(dp->skel->obj, name);

	return map ? bpf_map__fd(map) : -1;
}

/* --- devices -------------------------------------------------------------------------------- */

int gw_datapath_overlay_put(struct gw_datapath *dp, uint32_t id, const struct gw_overlay *o)
{
	return bpf_map_update_elem(MAP_FD(dp, gw_overlays), &id, o, BPF_ANY);
}

int gw_datapath_overlay_get(struct gw_datapath *dp, uint32_t id, struct gw_overlay *o)
{
	return bpf_map_lookup_elem(MAP_FD(dp, gw_overlays), &id, o);
}

int gw_datapath_uplink_put(struct gw_datapath *dp, uint32_t id, const struct gw_uplink *u)
{
	return bpf_map_update_elem(MAP_FD(dp, gw_uplinks), &id, u, BPF_ANY);
}

int gw_datapath_uplink_get(struct gw_datapath *dp, uint32_t id, struct gw_uplink *u)
{
	return bpf_map_lookup_elem(MAP_FD(dp, gw_uplinks), &id, u);
}

/* --- sets that are replaced whole ----------------------------------------------------------- */

struct wanted {
	int fd;
	const char *entries; /* n of `size` bytes, each beginning with its key */
	size_t n, size, key_size, value_at;
};

static bool is_wanted(const struct wanted *w, const void *key)
{
	for (size_t i = 0; i < w->n; i++)
		if (!memcmp(w->entries + i * w->size, key, w->key_size))
			return true;
	return false;
}

/* Keys are fetched one after the other: a trie knows no batches. */
static int remove_others(const struct wanted *w)
{
	char key[KEY_MAX], next[KEY_MAX];
	bool first = true;
	int err;

	while (!(err = bpf_map_get_next_key(w->fd, first ? NULL : key, next))) {
		if (is_wanted(w, next)) {
			memcpy(key, next, w->key_size);
			first = false;
			continue;
		}
		err = bpf_map_delete_elem(w->fd, next);
		if (err && err != -ENOENT)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

/* First what is new, so that nothing that stays is ever missing. */
static int set_whole(const struct wanted *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const char *entry = w->entries + i * w->size;
		int err = bpf_map_update_elem(w->fd, entry, entry + w->value_at, BPF_ANY);

		if (err)
			return err;
	}
	return remove_others(w);
}

int gw_datapath_locals_set(struct gw_datapath *dp, const struct gw_local *locals, size_t n)
{
	return set_whole(&(struct wanted){
		.fd = MAP_FD(dp, gw_locals),
		.entries = (const char *)locals,
		.n = n,
		.size = sizeof(*locals),
		.key_size = sizeof(locals->key),
		.value_at = offsetof(struct gw_local, overlay),
	});
}

int gw_datapath_subnets_set(struct gw_datapath *dp, const struct gw_subnet_entry *subnets, size_t n)
{
	return set_whole(&(struct wanted){
		.fd = MAP_FD(dp, gw_subnets),
		.entries = (const char *)subnets,
		.n = n,
		.size = sizeof(*subnets),
		.key_size = sizeof(subnets->key),
		.value_at = offsetof(struct gw_subnet_entry, value),
	});
}

/* --- flows and nodes ------------------------------------------------------------------------ */

int gw_datapath_flow_get(struct gw_datapath *dp, const struct gw_flow_key *key,
			 struct gw_flow *flow)
{
	int err = bpf_map_lookup_elem(MAP_FD(dp, gw_flows), key, flow);

	if (!err)
		gw_shortcuts_add(&dp->shortcuts, key, flow);
	return err;
}

struct flow_walk {
	const struct gw_shortcut_table *shortcuts;
	int (*fn)(void *arg, const struct gw_flow_key *key, const struct gw_flow *flow);
	void *arg;
};

static int flow_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct flow_walk *w = arg;
	const struct gw_flow_key *key = keys;
	const struct gw_flow *flow = values;
	int stop = 0;

	for (uint32_t i = 0; !stop && i < n; i++) {
		struct gw_flow all = flow[i];

		gw_shortcuts_add(w->shortcuts, &key[i], &all);
		stop = w->fn(w->arg, &key[i], &all);
	}
	return stop;
}

int gw_datapath_flows_each(struct gw_datapath *dp,
			   int (*fn)(void *arg, const struct gw_flow_key *key,
				     const struct gw_flow *flow),
			   void *arg)
{
	struct flow_walk w = {&dp->shortcuts, fn, arg};

	return tp_bpf_walk(MAP_FD(dp, gw_flows), flow_batch, &w);
}

struct node_walk {
	int (*fn)(void *arg, const struct gw_node_key *key, const struct gw_node *node);
	void *arg;
};

static int node_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct node_walk *w = arg;
	const struct gw_node_key *key = keys;
	const struct gw_node *node = values;
	int stop = 0;

	for (uint32_t i = 0; !stop && i < n; i++)
		stop = w->fn(w->arg, &key[i], &node[i]);
	return stop;
}

int gw_datapath_nodes_each(struct gw_datapath *dp,
			   int (*fn)(void *arg, const struct gw_node_key *key,
				     const struct gw_node *node),
			   void *arg)
{
	struct node_walk w = {fn, arg};

	return tp_bpf_walk(MAP_FD(dp, gw_nodes), node_batch, &w);
}

int gw_datapath_batch(struct gw_datapath *dp, const char *map, struct gw_cursor *cursor, void *keys,
		      void *values, uint32_t *n, bool *last)
{
	uint32_t room = *n, next;
	int err;

	*last = false;
	err = bpf_map_lookup_batch(gw_datapath_map(dp, map), cursor->begun ? &cursor->at : NULL,
				   &next, keys, values, n, NULL);
	if (err == -ENOENT) {
		*last = true;
		return 0;
	}
	if (err || *n > room) {
		*n = 0;
		return err;
	}
	cursor->at = next;
	cursor->begun = true;
	return 0;
}

/* --- counters ------------------------------------------------------------------------------- */

static int sum_reasons(void *arg, const void *keys, const void *values, uint32_t n)
{
	struct gw_count *out = arg;
	const uint32_t *reason = keys;
	const struct gw_count *count = values;
	size_t cpus = tp_bpf_value_room(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(*count)) / sizeof(*count);

	for (uint32_t i = 0; i < n; i++) {
		for (size_t cpu = 0; cpu < cpus; cpu++, count++) {
			if (reason[i] >= GW_REASON_MAX)
				continue;
			out[reason[i]].packets += count->packets;
			out[reason[i]].bytes += count->bytes;
		}
	}
	return 0;
}

int gw_datapath_reasons(struct gw_datapath *dp, struct gw_count *out)
{
	memset(out, 0, GW_REASON_MAX * sizeof(*out));
	return tp_bpf_walk(MAP_FD(dp, gw_reasons), sum_reasons, out);
}
