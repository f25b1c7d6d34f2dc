/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading whole maps, many entries a system call. */
#ifndef TP_BPF_WALK_H
#define TP_BPF_WALK_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that one entry's value takes in a system call: of a per-CPU map, those of all possible
 * CPUs, each rounded up to 8. 0 when the number of CPUs cannot be had. */
size_t tp_bpf_value_room(uint32_t type, uint32_t value_size);

/* Calls fn with n keys and n values, packed, until the map (HASH, ARRAY, PERCPU_ARRAY) was seen
 * whole. Entries that come or go meanwhile may be missed. fn returns non-zero to stop, which is
 * then the result; else 0 or -errno. fn may change the map. */
int tp_bpf_walk(int fd, int (*fn)(void *arg, const void *keys, const void *values, uint32_t n),
		void *arg);

#endif
