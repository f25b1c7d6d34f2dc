/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Array maps as memory: any one, and those that the flow table lies in. */
#ifndef RELAY_DATAPATH_MEMORY_H
#define RELAY_DATAPATH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "relay/flow_index.h"

struct bpf_map;

struct relay_array {
	void *memory;
	size_t step, size; /* bytes: from entry to entry, and of all */
	uint32_t n;
};

/* 0 or -errno, with nothing mapped. */
int relay_array_map(int fd, int prot, struct relay_array *a);
/* The map pinned as `name`, to read. Its descriptor goes to *fd for the caller to close, -1: none.
 */
int relay_array_pinned(int dir, const char *name, struct relay_array *a, int *fd);
void relay_array_unmap(struct relay_array *a);

/* The flow table's maps, of any program that has them. */
struct relay_flow_maps {
	struct bpf_map *index, *slots, *sessions, *places, *mask;
};

#define RELAY_FLOW_MAPS(skel)                           \
	(&(struct relay_flow_maps){                     \
		.index = (skel)->maps.flow_index,       \
		.slots = (skel)->maps.flow_slots,       \
		.sessions = (skel)->maps.flow_sessions, \
		.places = (skel)->maps.flow_places,     \
		.mask = (skel)->maps.flow_mask,         \
	})

/* Before load: room for so many buckets and slots, and what goes with the slots. 0 or -errno. */
int relay_flow_maps_size(const struct relay_flow_maps *maps, uint32_t buckets, uint32_t slots);
/* After load: maps the table's memory. 0 or -errno, with nothing mapped. */
int relay_flow_memory_map(const struct relay_flow_maps *maps, const struct relay_flow_seed *seed,
			  struct relay_flow_memory *m);
/* Also what was never mapped, but zeroed. */
void relay_flow_memory_unmap(struct relay_flow_memory *m);

#endif
