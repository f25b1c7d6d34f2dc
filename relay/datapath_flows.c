/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table's memory: mapped, seeded, and filled from the table of an earlier run. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf.h"
#include "bpf_migrate.h"
#include "clock.h"
#include "datapath_private.h"
#include "log.h"

#define MAP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)

/* --- memory --------------------------------------------------------------------------------- */

/* An array map's memory; its entries lie this far apart. */
struct array {
	void *memory;
	size_t step, size;
	uint32_t n;
};

static int array_map(int fd, int prot, struct array *a)
{
	struct tp_bpf_layout have;
	int err = tp_bpf_layout_of(fd, &have);
	void *p;

	*a = (struct array){0};
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

static void array_unmap(struct array *a)
{
	if (a->memory)
		munmap(a->memory, a->size);
}

static int array_get(int dir, const char *name, struct array *a, int *fd)
{
	int err = tp_bpf_get(dir, name, fd);

	*a = (struct array){0};
	return err ?: array_map(*fd, PROT_READ, a);
}

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
	const uint32_t zero = 0;
	struct array index, slots = {0}, mask = {0};
	int err = bpf_map_update_elem(MAP_FD(dp, flow_seed), &zero, &seed, BPF_ANY);

	err = err ?: array_map(MAP_FD(dp, flow_index), PROT_READ | PROT_WRITE, &index);
	if (err)
		goto out;
	err = array_map(MAP_FD(dp, flow_slots), PROT_READ | PROT_WRITE, &slots);
	if (err)
		goto out_index;
	err = array_map(MAP_FD(dp, flow_mask), PROT_READ | PROT_WRITE, &mask);
	if (err)
		goto out_slots;
	err = relay_flow_table_init(&dp->flows, &(struct relay_flow_memory){
							.buckets = index.memory,
							.slots = slots.memory,
							.mask = mask.memory,
							.n_buckets = index.n,
							.n_slots = slots.n,
							.seed = seed,
						});
	if (!err)
		return 0;
	array_unmap(&mask);
out_slots:
	array_unmap(&slots);
out_index:
	array_unmap(&index);
out:
	tp_err("cannot map the flow table: %s", strerror(-err));
	return err;
}

void relay_flows_close(struct relay_datapath *dp)
{
	struct relay_flow_memory *m = &dp->flows.mem;

	if (!m->slots)
		return;
	relay_flow_table_fini(&dp->flows);
	munmap(m->buckets, m->n_buckets * sizeof(*m->buckets));
	munmap(m->slots, m->n_slots * sizeof(*m->slots));
	munmap(m->mask, sizeof(*m->mask));
	m->slots = NULL;
}

/* --- from an earlier table ------------------------------------------------------------------ */

/* Calls fn for the slot number of each entry. */
static void each_entry(const struct array *index, void (*fn)(void *arg, uint32_t slot), void *arg)
{
	const uint64_t *entries = index->memory;

	for (size_t i = 0; i < index->size / sizeof(*entries); i++)
		if (entries[i])
			fn(arg, (uint32_t)entries[i]);
}

static void count_one(void *arg, uint32_t slot)
{
	(void)slot;
	++*(uint32_t *)arg;
}

int relay_flows_pinned(int dir, uint32_t *n)
{
	struct array index;
	int fd, err = array_get(dir, "flow_index", &index, &fd);

	*n = 0;
	if (!err)
		each_entry(&index, count_one, n);
	array_unmap(&index);
	if (fd >= 0)
		close(fd);
	return err;
}

struct carriage {
	struct relay_flow_table *to;
	struct array slots;
	struct tp_bpf_remap *remap;
	uint32_t carried, left;
};

static void carry_one(void *arg, uint32_t slot)
{
	struct carriage *c = arg;
	struct relay_flow flow = {0};
	const void *old;

	if (slot >= c->slots.n)
		return;
	old = (const uint8_t *)c->slots.memory + slot * c->slots.step;
	if (tp_bpf_remap_apply(c->remap, old, &flow) ||
	    relay_flow_table_put(c->to, &flow, tp_now()))
		c->left++;
	else
		c->carried++;
}

int relay_flows_carry(struct relay_datapath *dp, int dir)
{
	struct carriage c = {.to = &dp->flows};
	struct array index;
	int index_fd, slots_fd = -1;
	int err = array_get(dir, "flow_index", &index, &index_fd);

	err = err ?: array_get(dir, "flow_slots", &c.slots, &slots_fd);
	err = err ?: tp_bpf_remap_values(slots_fd, MAP_FD(dp, flow_slots), &c.remap);
	if (!err)
		each_entry(&index, carry_one, &c);
	if (c.left)
		tp_warn("%u flows could not be carried over", c.left);
	tp_debug("%u flows carried over", c.carried);
	tp_bpf_remap_free(c.remap);
	array_unmap(&index);
	array_unmap(&c.slots);
	if (index_fd >= 0)
		close(index_fd);
	if (slots_fd >= 0)
		close(slots_fd);
	return err == -ENOENT ? 0 : err;
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

void relay_datapath_flows_each(struct relay_datapath *dp,
			       int (*fn)(void *arg, const struct relay_flow *flow), void *arg)
{
	if (dp->skel)
		relay_flow_table_each(&dp->flows, fn, arg);
}

volatile struct relay_count *relay_datapath_count(struct relay_datapath *dp,
						  const struct relay_flow_key *key)
{
	struct relay_flow *flow = dp->skel ? relay_flow_table_find(&dp->flows, key) : NULL;

	return flow ? &flow->count : NULL;
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
