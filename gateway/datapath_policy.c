// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway/datapath_policy.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datapath_policy_set.h"
#include "log.h"

struct gw_datapath_policy {
	struct gw_policy_maps maps;
	uint64_t *word;	       /* gw_policy[0], shared with the programs */
	struct policy_set set; /* in force; of an earlier run only the hits */
	uint32_t n_classes;    /* that the set's map has */
};

static size_t word_room(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

uint32_t gw_datapath_policy_generation(const struct gw_datapath_policy *p)
{
	return (uint32_t)__atomic_load_n(p->word, __ATOMIC_ACQUIRE);
}

static void store_word(struct gw_datapath_policy *p, uint32_t generation, uint32_t flags)
{
	__atomic_store_n(p->word, generation | (uint64_t)flags << 32, __ATOMIC_RELEASE);
}

/* --- opening --------------------------------------------------------------------------------- */

/* Hits of the set that an earlier run left in force. */
static void adopt_hits(struct gw_datapath_policy *p)
{
	uint32_t slot = gw_datapath_policy_generation(p) % TP_POLICY_SETS, id;
	int fd;

	if (!gw_datapath_policy_generation(p) || bpf_map_lookup_elem(p->maps.hits, &slot, &id))
		return;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		tp_warn("hits of rules begin anew: %s", strerror(-fd));
	else
		p->set.hits = fd;
}

int gw_datapath_policy_open(struct gw_datapath_policy **out, const struct gw_policy_maps *maps)
{
	struct gw_datapath_policy *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->maps = *maps;
	policy_set_init(&p->set);
	p->word = mmap(NULL, word_room(), PROT_READ | PROT_WRITE, MAP_SHARED, maps->policy, 0);
	if (p->word == MAP_FAILED) {
		err = -errno;
		tp_err("cannot map the word of the policy: %s", strerror(-err));
		free(p);
		return err;
	}
	adopt_hits(p);
	*out = p;
	return 0;
}

void gw_datapath_policy_close(struct gw_datapath_policy *p)
{
	if (!p)
		return;
	policy_set_close(&p->set);
	munmap(p->word, word_room());
	free(p);
}

/* --- publishing ------------------------------------------------------------------------------ */

/*
 * The slot was in force before the current one, so a program may still be reading it, which began
 * under the old word. An update of a map of maps waits for all running programs. So the first of
 * them is that of hits, about which nothing is wrong if such a program counts in the new one.
 */
static int fill_slot(const struct gw_datapath_policy *p, uint32_t slot,
		     const struct policy_set *set)
{
	const struct {
		int outer, inner;
	} puts[] = {
		{p->maps.hits, set->hits},	   {p->maps.nodes, set->nodes},
		{p->maps.prefixes, set->prefixes}, {p->maps.classes, set->classes},
		{p->maps.pairs, set->pairs},	   {p->maps.segments, set->segments},
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(puts) / sizeof(*puts); i++)
		err = bpf_map_update_elem(puts[i].outer, &slot, &puts[i].inner, BPF_ANY);
	return err;
}

static uint32_t flags_of(const struct gw_policy_tables *t)
{
	return (t->allow ? GW_POLICY_DEFAULT_ALLOW : 0) | (t->shadow ? GW_POLICY_SHADOW : 0);
}

int gw_datapath_policy_publish(struct gw_datapath_policy *p, const struct gw_policy_tables *t)
{
	uint32_t generation = gw_datapath_policy_generation(p) + 1;
	struct policy_set set;
	int err = policy_set_make(&set, t);

	/* 0 means that there is no policy; the slot of 2 is the same. */
	if (!generation)
		generation = 2;
	err = err ?: fill_slot(p, generation % TP_POLICY_SETS, &set);
	err = err ?: policy_set_carry_hits(&set, p->set.hits, t);
	if (err) {
		tp_err("cannot put policy %u in force: %s", generation, strerror(-err));
		policy_set_close(&set);
		return err;
	}
	store_word(p, generation, flags_of(t));
	policy_set_close(&p->set);
	p->set = set;
	p->n_classes = (uint32_t)t->n_classes;
	return 0;
}

/* --- single nodes ---------------------------------------------------------------------------- */

/* The same set under a new number: every flow is judged again. */
static void judge_again(struct gw_datapath_policy *p)
{
	uint64_t word = __atomic_load_n(p->word, __ATOMIC_ACQUIRE);
	uint32_t generation = (uint32_t)word + TP_POLICY_SETS;

	store_word(p, generation ? generation : TP_POLICY_SETS, (uint32_t)(word >> 32));
}

static int put_new_classes(struct gw_datapath_policy *p, const struct gw_policy_tables *t)
{
	int err = 0;

	while (!err && p->n_classes < t->n_classes) {
		struct policy_class image = policy_class_image(t, p->n_classes);

		err = bpf_map_update_elem(p->set.classes, &p->n_classes, &image, BPF_ANY);
		p->n_classes += !err;
	}
	return err;
}

static struct policy_node_entry *entry_of(const struct gw_policy_tables *t,
					  const struct gw_policy_node *node, size_t i)
{
	struct policy_node_key key = policy_node_key(node->overlay, &node->addrs[i].addr);

	return tp_prefix_is_host(&node->addrs[i]) ? policy_node_find(t, &key) : NULL;
}

/* Writes what the tables say. *changed: an address had another class before. */
static int write_nodes(const struct gw_datapath_policy *p, const struct gw_policy_tables *t,
		       const struct gw_policy_node *node, bool *changed)
{
	int err = 0;

	for (size_t i = 0; !err && i < node->n_addrs; i++) {
		const struct policy_node_entry *n = entry_of(t, node, i);
		uint32_t before;

		if (!n)
			continue;
		if (!bpf_map_lookup_elem(p->set.nodes, &n->key, &before))
			*changed |= before != n->class_id;
		err = bpf_map_update_elem(p->set.nodes, &n->key, &n->class_id, BPF_ANY);
	}
	return err;
}

int gw_datapath_policy_node_put(struct gw_datapath_policy *p, struct gw_policy_tables *t,
				const struct gw_policy_node *node)
{
	bool changed = false;
	int err = p->set.nodes < 0 ? -ENOSPC : gw_policy_node_put(t, node);

	err = err ?: put_new_classes(p, t);
	err = err ?: write_nodes(p, t, node, &changed);
	if (changed)
		judge_again(p);
	return err;
}

int gw_datapath_policy_node_del(struct gw_datapath_policy *p, struct gw_policy_tables *t,
				const struct gw_policy_node *node)
{
	int err = p->set.nodes < 0 ? -ENOSPC : 0;

	for (size_t i = 0; !err && i < node->n_addrs; i++) {
		const struct policy_node_entry *n = entry_of(t, node, i);

		if (!n)
			continue;
		err = bpf_map_delete_elem(p->set.nodes, &n->key);
		err = err == -ENOENT ? 0 : err;
	}
	if (err)
		return err;
	gw_policy_node_del(t, node);
	judge_again(p);
	return 0;
}

int gw_datapath_policy_hits(const struct gw_datapath_policy *p, struct policy_hit *out, size_t n)
{
	memset(out, 0, n * sizeof(*out));
	return p->set.hits < 0 ? 0 : policy_hits_sum(p->set.hits, out, n);
}
