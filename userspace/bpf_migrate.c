/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf_migrate.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_walk.h"

struct side {
	int fd;
	struct bpf_map_info info;
	struct btf *btf;
	size_t value_room; /* of one entry, all CPUs */
	size_t value_step; /* of one CPU */
};

struct migration {
	struct side from, to;
	struct tp_bpf_remap *key, *value; /* NULL: as it is */
	uint8_t *keys, *values;		  /* as they are written */
	uint32_t room;			  /* entries that these hold */
	struct tp_bpf_migrated done;
};

static bool is_percpu(const struct side *s)
{
	return s->info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_array(const struct side *s)
{
	return s->info.type == BPF_MAP_TYPE_ARRAY || is_percpu(s);
}

static int side_init(struct side *s, int fd)
{
	uint32_t size = sizeof(s->info);
	int err = bpf_obj_get_info_by_fd(fd, &s->info, &size);

	s->fd = fd;
	if (err)
		return err;
	s->value_room = tp_bpf_value_room(s->info.type, s->info.value_size);
	s->value_step = is_percpu(s) ? (s->info.value_size + 7u) & ~7u : s->value_room;
	if (!s->value_room)
		return -EINVAL;
	if (s->info.btf_id) {
		s->btf = btf__load_from_kernel_by_id(s->info.btf_id);
		if (!s->btf)
			return -errno;
	}
	return 0;
}

static int make_remap(const struct migration *m, uint32_t from, uint32_t to, bool same_size,
		      struct tp_bpf_remap **out)
{
	if (m->from.btf && m->to.btf && from && to)
		return tp_bpf_remap_new(m->from.btf, from, m->to.btf, to, out);
	*out = NULL;
	return same_size ? 0 : -EOPNOTSUPP;
}

static int make_remaps(struct migration *m)
{
	const struct bpf_map_info *f = &m->from.info, *t = &m->to.info;
	int err;

	err = make_remap(m, f->btf_key_type_id, t->btf_key_type_id, f->key_size == t->key_size,
			 &m->key);
	if (err)
		return err;
	return make_remap(m, f->btf_value_type_id, t->btf_value_type_id,
			  f->value_size == t->value_size, &m->value);
}

static int make_room(struct migration *m, uint32_t n)
{
	if (n <= m->room)
		return 0;
	free(m->keys);
	free(m->values);
	m->keys = calloc(n, m->to.info.key_size);
	m->values = calloc(n, m->to.value_room);
	m->room = n;
	return m->keys && m->values ? 0 : -ENOMEM;
}

static int remap_or_copy(const struct tp_bpf_remap *r, const uint8_t *src, uint8_t *dst,
			 size_t size)
{
	memset(dst, 0, size);
	if (r)
		return tp_bpf_remap_apply(r, src, dst);
	memcpy(dst, src, size);
	return 0;
}

/* Makes entry `at` of what will be written. */
static int convert(struct migration *m, const uint8_t *key, const uint8_t *value, uint32_t at)
{
	const struct side *f = &m->from, *t = &m->to;
	size_t cpus = t->value_room / t->value_step;
	uint8_t *dst = m->values + at * t->value_room;
	int err = remap_or_copy(m->key, key, m->keys + (size_t)at * t->info.key_size,
				t->info.key_size);

	for (size_t cpu = 0; !err && cpu < cpus; cpu++)
		err = remap_or_copy(m->value, value + cpu * f->value_step,
				    dst + cpu * t->value_step, t->info.value_size);
	return err;
}

static bool beyond_end(const struct migration *m, const uint8_t *key)
{
	uint32_t index;

	if (!is_array(&m->to))
		return false;
	memcpy(&index, key, sizeof(index));
	return index >= m->to.info.max_entries;
}

static int copy_batch(void *arg, const void *keys, const void *values, uint32_t n)
{
	struct migration *m = arg;
	const uint8_t *key = keys, *value = values;
	uint32_t ready = 0, written;
	int err = make_room(m, n);

	if (err)
		return err;
	for (uint32_t i = 0; i < n; i++) {
		if (!beyond_end(m, key)) {
			if (convert(m, key, value, ready))
				m->done.left_out++;
			else
				ready++;
		}
		key += m->from.info.key_size;
		value += m->from.value_room;
	}
	if (!ready)
		return 0;
	written = ready;
	err = bpf_map_update_batch(m->to.fd, m->keys, m->values, &written, NULL);
	m->done.copied += written;
	return err;
}

static int check_types(const struct migration *m)
{
	uint32_t type = m->from.info.type;

	if (type != m->to.info.type)
		return -EOPNOTSUPP;
	return type == BPF_MAP_TYPE_HASH || is_array(&m->from) ? 0 : -EOPNOTSUPP;
}

int tp_bpf_migrate(int from, int to, struct tp_bpf_migrated *done)
{
	struct migration m = {0};
	int err;

	err = side_init(&m.from, from) ?: side_init(&m.to, to) ?: check_types(&m);
	err = err ?: make_remaps(&m) ?: tp_bpf_walk(from, copy_batch, &m);
	tp_bpf_remap_free(m.key);
	tp_bpf_remap_free(m.value);
	btf__free(m.from.btf);
	btf__free(m.to.btf);
	free(m.keys);
	free(m.values);
	if (done)
		*done = m.done;
	return err;
}

int tp_bpf_remap_values(int from, int to, struct tp_bpf_remap **out)
{
	struct migration m = {0};
	int err = side_init(&m.from, from) ?: side_init(&m.to, to);

	*out = NULL;
	err = err
		      ?: make_remap(&m, m.from.info.btf_value_type_id, m.to.info.btf_value_type_id,
				    false, out);
	btf__free(m.from.btf);
	btf__free(m.to.btf);
	return err;
}
