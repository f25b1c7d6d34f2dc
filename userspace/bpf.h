/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * BPF objects that outlive the process: directories on a BPF file system, and what is pinned there.
 * Whoever can write to such a directory can hand the daemon a map of its own, so every directory of
 * ours is 0700 and its owner is checked. All work goes through directory descriptors: they keep
 * working after privileges were dropped, when the path above them may be closed to the daemon.
 *
 * Names must not contain a dot: bpffs reserves those.
 */
#ifndef TP_BPF_H
#define TP_BPF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_map;

/* Sends libbpf's messages to tp_log, one level lower than libbpf rates them. */
void tp_bpf_log_init(void);

/* Opens the directory `path` on a BPF file system. With `create` its missing components are made,
 * and a file system is mounted on /sys/fs/bpf when path lies there and nothing is mounted. The
 * directory and those above it on the same file system must belong to root or `owner` and not be
 * writable by others, unless sticky. 0 with *dir for the caller to close; -ENOENT (not logged) when
 * there is none and create is false; else -errno with the reason logged. */
int tp_bpf_dir_open(const char *path, uid_t owner, bool create, int *dir);
/* The same for `name` inside the open directory `parent`; here a sticky bit excuses nothing. */
int tp_bpf_subdir_open(int parent, const char *name, uid_t owner, bool create, int *dir);
/* Calls fn for each name in the directory, "." and ".." left out; fn may remove the entry.
 * fn returns non-zero to stop, which is then the result. */
int tp_bpf_dir_each(int dir, int (*fn)(void *arg, int dir, const char *name), void *arg);
/* Removes the directory `name` with everything pinned in it; 0 also when it does not exist. */
int tp_bpf_dir_remove(int parent, const char *name);

/* Pins the object `fd` as `name`. 0 or -errno. */
int tp_bpf_pin(int dir, const char *name, int fd);
/* 0 also when there was no such pin. */
int tp_bpf_unpin(int dir, const char *name);
/* Opens what is pinned as `name`: 0 with *fd for the caller to close, -ENOENT, or -errno. */
int tp_bpf_get(int dir, const char *name, int *fd);

struct tp_bpf_layout {
	uint32_t type; /* BPF_MAP_TYPE_* */
	uint32_t key_size;
	uint32_t value_size;
	uint32_t max_entries;
	uint32_t flags;
};

/* What the object file (and bpf_map__set_max_entries) wants. */
struct tp_bpf_layout tp_bpf_layout_wanted(const struct bpf_map *map);
/* What the map behind fd has. 0 or -errno. */
int tp_bpf_layout_of(int fd, struct tp_bpf_layout *out);
/* Flags that the kernel sets by itself are left out of the comparison. */
bool tp_bpf_layout_equal(const struct tp_bpf_layout *a, const struct tp_bpf_layout *b);
/* As tp_bpf_get, for a map that must look like `want`; -ESTALE when it does not. */
int tp_bpf_map_get(int dir, const char *name, const struct tp_bpf_layout *want, int *fd);

#endif
