/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "migrate_layout.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct old_key);
	__type(value, struct old_value);
	__uint(max_entries, 5000);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 3000);
} list SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct old_part);
	__uint(max_entries, 4);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct old_key); /* any struct of more than a prefix length */
	__type(value, __u32);
	__uint(max_entries, 4);
} trie SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
