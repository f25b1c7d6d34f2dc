// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts of rules, summed, and carried from one set to the next by the rules' names. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_walk.h"
#include "datapath_policy_set.h"

/* Two rules whose names come out alike would be given one another's counts, no more than that; the
 * hash must be the same in every process (FNV-1a). */
static uint64_t name_number(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
	return hash ? hash : 1;
}

static size_t cpus(void)
{
	return tp_bpf_value_room(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct policy_hit)) /
	       sizeof(struct policy_hit);
}

/* --- summing --------------------------------------------------------------------------------- */

struct sum {
	struct policy_hit *out;
	size_t n, cpus;
};

static int sum_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	const struct sum *sum = arg;
	const uint32_t *rule = keys;
	const struct policy_hit *hit = values;

	for (uint32_t i = 0; i < n; i++) {
		for (size_t cpu = 0; cpu < sum->cpus; cpu++, hit++) {
			if (rule[i] >= sum->n)
				continue;
			sum->out[rule[i]].flows += hit->flows;
			sum->out[rule[i]].refused += hit->refused;
			if (hit->name)
				sum->out[rule[i]].name = hit->name;
		}
	}
	return 0;
}

int policy_hits_sum(int fd, struct policy_hit *out, size_t n)
{
	struct sum sum = {out, n, cpus()};

	memset(out, 0, n * sizeof(*out));
	return sum.cpus ? tp_bpf_walk(fd, sum_batch, &sum) : -EIO;
}

/* --- carrying -------------------------------------------------------------------------------- */

static int compare_names(const void *pa, const void *pb)
{
	const struct policy_hit *a = pa, *b = pb;

	return (a->name > b->name) - (a->name < b->name);
}

/* The rule of this name among all that an old set may have, sorted by name. */
static const struct policy_hit *find_old(const struct policy_hit *old, const struct policy_hit *hit)
{
	return bsearch(hit, old, TP_POLICY_HITS, sizeof(*old), compare_names);
}

/* The counts go to the first CPU. */
static int write_hit(int fd, uint32_t rule, const struct policy_hit *hit, struct policy_hit *room)
{
	room[0] = *hit;
	return bpf_map_update_elem(fd, &rule, room, BPF_ANY);
}

static int write_hits(int fd, const struct policy_hit *old, const struct gw_policy_tables *t)
{
	struct policy_hit *room = calloc(cpus() + 1, sizeof(*room));
	int err = room ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i <= t->n_rules; i++) {
		struct policy_hit hit = {.name = name_number(t->rules[i].name)};
		const struct policy_hit *known = find_old(old, &hit);

		err = write_hit(fd, i, known ? known : &hit, room);
	}
	free(room);
	return err;
}

int policy_set_carry_hits(const struct policy_set *s, int from, const struct gw_policy_tables *t)
{
	struct policy_hit *old = calloc(TP_POLICY_HITS, sizeof(*old));
	int err = old ? 0 : -ENOMEM;

	if (!err && from >= 0)
		err = policy_hits_sum(from, old, TP_POLICY_HITS);
	if (!err) {
		qsort(old, TP_POLICY_HITS, sizeof(*old), compare_names);
		err = write_hits(s->hits, old, t);
	}
	free(old);
	return err;
}
