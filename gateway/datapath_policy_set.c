// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "datapath_policy_set.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH 1024

void policy_set_init(struct policy_set *s)
{
	*s = (struct policy_set){-1, -1, -1, -1, -1, -1};
}

void policy_set_close(struct policy_set *s)
{
	const int fds[] = {s->nodes, s->prefixes, s->classes, s->pairs, s->segments, s->hits};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	policy_set_init(s);
}

/* --- filling --------------------------------------------------------------------------------- */

/* Entries on their way into a map, BATCH of them a system call. */
struct writer {
	int fd;
	size_t key_size, value_size;
	char *keys, *values;
	uint32_t n;
	int err;
};

static struct writer writer_open(int fd, size_t key_size, size_t value_size)
{
	struct writer w = {.fd = fd, .key_size = key_size, .value_size = value_size};

	w.keys = malloc(BATCH * key_size);
	w.values = malloc(BATCH * value_size);
	w.err = w.keys && w.values ? 0 : -ENOMEM;
	return w;
}

static void writer_flush(struct writer *w)
{
	uint32_t n = w->n;

	w->n = 0;
	if (!w->err && n)
		w->err = bpf_map_update_batch(w->fd, w->keys, w->values, &n, NULL);
}

static void writer_put(struct writer *w, const void *key, const void *value)
{
	if (w->err)
		return;
	memcpy(w->keys + w->n * w->key_size, key, w->key_size);
	memcpy(w->values + w->n * w->value_size, value, w->value_size);
	if (++w->n == BATCH)
		writer_flush(w);
}

static int writer_close(struct writer *w)
{
	writer_flush(w);
	free(w->keys);
	free(w->values);
	return w->err;
}

static int fill_nodes(int fd, const struct gw_policy_tables *t)
{
	struct writer w = writer_open(fd, sizeof(struct policy_node_key), sizeof(__u32));
	const struct policy_node_entry *n;

	for (n = t->nodes; n; n = n->hh.next)
		writer_put(&w, &n->key, &n->class_id);
	return writer_close(&w);
}

/* The host's own addresses last: one may be a prefix of the rules, too, and its class has both. */
static int fill_prefixes(int fd, const struct gw_policy_tables *t)
{
	int err = 0;

	for (size_t i = 0; !err && i < t->n_ranges; i++)
		err = bpf_map_update_elem(fd, &t->ranges[i].key, &t->ranges[i].class_id, BPF_ANY);
	for (size_t i = 0; !err && i < t->n_locals; i++)
		err = bpf_map_update_elem(fd, &t->locals[i].key, &t->locals[i].class_id, BPF_ANY);
	return err;
}

static int fill_classes(int fd, const struct gw_policy_tables *t)
{
	struct writer w = writer_open(fd, sizeof(__u32), sizeof(struct policy_class));

	for (uint32_t i = 0; i < t->n_classes; i++) {
		struct policy_class image = policy_class_image(t, i);

		writer_put(&w, &i, &image);
	}
	return writer_close(&w);
}

static int fill_pairs(int fd, const struct gw_policy_tables *t)
{
	struct writer w =
		writer_open(fd, sizeof(struct policy_pair_key), sizeof(struct policy_pair));

	for (size_t i = 0; i < t->n_pairs; i++)
		writer_put(&w, &t->pairs[i].key, &t->pairs[i].pair);
	return writer_close(&w);
}

static int fill_segments(int fd, const struct gw_policy_tables *t)
{
	struct writer w = writer_open(fd, sizeof(__u32), sizeof(struct policy_segment));

	for (uint32_t i = 0; i < t->n_segments; i++)
		writer_put(&w, &i, &t->segments[i]);
	return writer_close(&w);
}

/* --- making ---------------------------------------------------------------------------------- */

static int make_map(int *fd, enum bpf_map_type type, uint32_t flags, size_t key, size_t value,
		    size_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);

	*fd = bpf_map_create(type, NULL, (__u32)key, (__u32)value, entries ? (__u32)entries : 1,
			     &opts);
	return *fd < 0 ? *fd : 0;
}

/* As bpf/lib/gateway/maps.h declares them. */
static int make_maps(struct policy_set *s, const struct gw_policy_tables *t)
{
	return make_map(&s->nodes, BPF_MAP_TYPE_HASH, 0, sizeof(struct policy_node_key),
			sizeof(__u32), t->room_nodes)
		       ?: make_map(&s->prefixes, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC,
				   sizeof(struct policy_prefix_key), sizeof(__u32),
				   t->n_ranges + t->n_locals)
		       ?: make_map(&s->classes, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
				   sizeof(struct policy_class), t->room_classes)
		       ?: make_map(&s->pairs, BPF_MAP_TYPE_HASH, 0, sizeof(struct policy_pair_key),
				   sizeof(struct policy_pair), t->n_pairs)
		       ?: make_map(&s->segments, BPF_MAP_TYPE_ARRAY, BPF_F_INNER_MAP, sizeof(__u32),
				   sizeof(struct policy_segment), t->n_segments)
		       ?: make_map(&s->hits, BPF_MAP_TYPE_PERCPU_ARRAY, 0, sizeof(__u32),
				   sizeof(struct policy_hit), TP_POLICY_HITS);
}

int policy_set_make(struct policy_set *s, const struct gw_policy_tables *t)
{
	int err;

	policy_set_init(s);
	err = make_maps(s, t);
	err = err ?: fill_nodes(s->nodes, t);
	err = err ?: fill_prefixes(s->prefixes, t);
	err = err ?: fill_classes(s->classes, t);
	err = err ?: fill_pairs(s->pairs, t);
	return err ?: fill_segments(s->segments, t);
}
