/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/datapath_memory.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include "bpf.h"

/* --- any ------------------------------------------------------------------------------------ */

int relay_array_map(int fd, int prot, struct relay_array *a)
{
	struct tp_bpf_layout have;
	int err = tp_bpf_layout_of(fd, &have);
	void *p;

	*a = (struct relay_array){0};
	if (err)
		return err;
	if (!(have.flags & BPF_F_MMAPABLE))
		return -EINVAL;
	a->step = (have.value_size + 7u) & ~7u;
	a->n = have.max_entries;
	a->size = a->step * a->n;
	p = mmap(NULL, a->size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	a->memory = p;
	return 0;
}

int relay_array_pinned(int dir, const char *name, struct relay_array *a, int *fd)
{
	int err = tp_bpf_get(dir, name, fd);

	*a = (struct relay_array){0};
	return err ?: relay_array_map(*fd, PROT_READ, a);
}

void relay_array_unmap(struct relay_array *a)
{
	if (a->memory)
		munmap(a->memory, a->size);
	a->memory = NULL;
}

/* --- the flow table's ----------------------------------------------------------------------- */

int relay_flow_maps_size(const struct relay_flow_maps *maps, uint32_t buckets, uint32_t slots)
{
	return bpf_map__set_max_entries(maps->index, buckets)
		       ?: bpf_map__set_max_entries(maps->slots, slots)
		       ?: bpf_map__set_max_entries(maps->sessions, slots)
		       ?: bpf_map__set_max_entries(maps->places, slots);
}

enum { INDEX, SLOTS, SESSIONS, PLACES, MASK, N_REGIONS };

static int map_regions(const struct relay_flow_maps *maps, struct relay_array regions[N_REGIONS])
{
	const struct bpf_map *const of[N_REGIONS] = {
		[INDEX] = maps->index,	 [SLOTS] = maps->slots, [SESSIONS] = maps->sessions,
		[PLACES] = maps->places, [MASK] = maps->mask,
	};
	int err = 0;

	for (int i = 0; !err && i < N_REGIONS; i++)
		err = relay_array_map(bpf_map__fd(of[i]), PROT_READ | PROT_WRITE, &regions[i]);
	return err;
}

int relay_flow_memory_map(const struct relay_flow_maps *maps, const struct relay_flow_seed *seed,
			  struct relay_flow_memory *m)
{
	struct relay_array regions[N_REGIONS] = {0};
	int err = map_regions(maps, regions);

	*m = (struct relay_flow_memory){
		.buckets = regions[INDEX].memory,
		.slots = regions[SLOTS].memory,
		.sessions = regions[SESSIONS].memory,
		.places = regions[PLACES].memory,
		.mask = regions[MASK].memory,
		.n_buckets = regions[INDEX].n,
		.n_slots = regions[SLOTS].n,
		.n_places = regions[PLACES].n,
		.seed = *seed,
	};
	if (err)
		relay_flow_memory_unmap(m);
	return err;
}

static void unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void relay_flow_memory_unmap(struct relay_flow_memory *m)
{
	unmap(m->buckets, m->n_buckets * sizeof(*m->buckets));
	unmap(m->slots, m->n_slots * sizeof(*m->slots));
	unmap(m->sessions, m->n_slots * sizeof(*m->sessions));
	unmap(m->places, m->n_places * sizeof(*m->places));
	unmap(m->mask, sizeof(*m->mask));
	*m = (struct relay_flow_memory){0};
}
