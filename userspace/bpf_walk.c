/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf_walk.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bpf.h"

#define BATCH	512 /* entries a system call, at first */
#define KEY_MAX 256

struct walk {
	int fd;
	struct tp_bpf_layout layout;
	uint32_t batch;
	void *keys, *values;
};

size_t tp_bpf_value_room(uint32_t type, uint32_t value_size)
{
	int cpus;

	if (type != BPF_MAP_TYPE_PERCPU_ARRAY)
		return value_size;
	cpus = libbpf_num_possible_cpus();
	return cpus < 0 ? 0 : (size_t)cpus * ((value_size + 7u) & ~7u);
}

static int set_batch(struct walk *w, uint32_t batch)
{
	size_t room = tp_bpf_value_room(w->layout.type, w->layout.value_size);

	free(w->keys);
	free(w->values);
	w->batch = batch;
	w->keys = calloc(batch, w->layout.key_size);
	w->values = room ? calloc(batch, room) : NULL;
	return w->keys && w->values ? 0 : -ENOMEM;
}

static int walk_on(struct walk *w,
		   int (*fn)(void *arg, const void *keys, const void *values, uint32_t n),
		   void *arg)
{
	uint8_t position[KEY_MAX]; /* the kernel's: a bucket number, or a key */
	bool started = false;
	int end = 0;

	while (end != -ENOENT) {
		uint32_t n = w->batch;
		int err;

		end = bpf_map_lookup_batch(w->fd, started ? position : NULL, position, w->keys,
					   w->values, &n, NULL);
		if (end == -ENOSPC) { /* a hash bucket longer than the batch */
			err = set_batch(w, w->batch * 2);
			if (err)
				return err;
			continue;
		}
		if (end && end != -ENOENT)
			return end;
		started = true;
		err = n ? fn(arg, w->keys, w->values, n) : 0;
		if (err)
			return err;
	}
	return 0;
}

int tp_bpf_walk(int fd, int (*fn)(void *arg, const void *keys, const void *values, uint32_t n),
		void *arg)
{
	struct walk w = {.fd = fd};
	int err = tp_bpf_layout_of(fd, &w.layout);

	if (!err && w.layout.key_size > KEY_MAX)
		err = -EOPNOTSUPP;
	err = err ?: set_batch(&w, BATCH) ?: walk_on(&w, fn, arg);
	free(w.keys);
	free(w.values);
	return err;
}
