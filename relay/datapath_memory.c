/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include "bpf.h"
#include "datapath_private.h"

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
