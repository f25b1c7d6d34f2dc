/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "migrate_layout.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct new_key);
	__type(value, struct new_value);
	__uint(max_entries, 4000);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 2000);
} list SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct new_part);
	__uint(max_entries, 8);
} sums SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
