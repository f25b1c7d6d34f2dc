/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gateway's maps and knobs. Sizes that follow the configuration are set by the loader. */
#ifndef TP_BPF_GATEWAY_MAPS_H
#define TP_BPF_GATEWAY_MAPS_H

#include "../../abi/gateway.h"

#define GW_DEFAULT_ENTRIES 65536

/* Set before the programs are loaded; the verifier takes out what is switched off. */
const volatile struct gw_knobs knobs;
const volatile struct gw_self self;

/* Of each device that programs are on. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct gw_device_number);
	__uint(max_entries, TP_GW_DEVICES);
} gw_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct gw_overlay);
	__uint(max_entries, TP_GW_OVERLAYS);
} gw_overlays SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct gw_uplink);
	__uint(max_entries, TP_GW_UPLINKS);
} gw_uplinks SEC(".maps");

/* Addresses of this host, and, by `overlay`, on which overlay; GW_LOCAL_ELSEWHERE for all others.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct policy_node_key);
	__type(value, __u32);
	__uint(max_entries, 1024);
} gw_locals SEC(".maps");

/* Subnets that the gateway serves -> uplink. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_prefix_key);
	__type(value, struct gw_subnet);
	__uint(max_entries, 4096);
} gw_subnets SEC(".maps");

/* Flows, mappings, filters: nothing live is evicted, so no LRU anywhere. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct gw_flow_key);
	__type(value, struct gw_flow);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} gw_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} nat_words SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gw_reverse);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} nat_reverse SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct gw_forward_key);
	__type(value, struct gw_forward);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} nat_forward SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct gw_filter_key);
	__type(value, struct gw_filter);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} nat_filters SEC(".maps");

/* Beside the flows: bpf/lib/gateway/shortcut.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gw_shortcut);
	__uint(max_entries, TP_GW_SHORTCUTS);
} gw_shortcuts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gw_extent);
	__uint(max_entries, 1);
} gw_extent SEC(".maps");

/* Block number: slot * (nat_range / nat_block) + block of the range. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} nat_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct gw_node_key);
	__type(value, struct gw_node);
	__uint(max_entries, GW_DEFAULT_ENTRIES);
} gw_nodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct gw_count);
	__uint(max_entries, GW_REASON_MAX);
} gw_reasons SEC(".maps");

/* --- policy: two sets (bpf/abi/gateway.h) ---------------------------------------------------- */

/* Inner maps by their sizes: clang keeps no whole type of what only they refer to. */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gw_policy);
	__uint(max_entries, 1);
} gw_policy SEC(".maps");

struct policy_nodes_set {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, sizeof(struct policy_node_key));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1);
};

struct policy_prefixes_set {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, sizeof(struct policy_prefix_key));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1);
};

/* Arrays of different sizes fit one outer map only with BPF_F_INNER_MAP (5.10). */
struct policy_classes_set {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct policy_class));
	__uint(max_entries, 1);
};

struct policy_pairs_set {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, sizeof(struct policy_pair_key));
	__uint(value_size, sizeof(struct policy_pair));
	__uint(max_entries, 1);
};

struct policy_segments_set {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct policy_segment));
	__uint(max_entries, 1);
};

struct policy_hits_set {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct policy_hit));
	__uint(max_entries, TP_POLICY_HITS);
};

#define POLICY_SETS(name)                                 \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__type(key, __u32);                       \
		__uint(max_entries, TP_POLICY_SETS);      \
		__array(values, struct name##_set);       \
	} name SEC(".maps")

POLICY_SETS(policy_nodes);
POLICY_SETS(policy_prefixes);
POLICY_SETS(policy_classes);
POLICY_SETS(policy_pairs);
POLICY_SETS(policy_segments);
POLICY_SETS(policy_hits);
#undef POLICY_SETS

/* --- the sweeper, and fragments ------------------------------------------------------------- */

/* Keys of flows, mappings and filters that look dead; gw_sweep claims and removes them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gw_sweep);
	__uint(max_entries, 1);
} gw_sweep_list SEC(".maps");

struct {
	__uint(type,
	       BPF_MAP_TYPE_LRU_HASH); /* lives for seconds, and is a hint: no state of a flow */
	__type(key, struct gw_fragment_key);
	__type(value, struct gw_fragment);
	__uint(max_entries, 4096);
} gw_fragments SEC(".maps");

/* Early fragments, on their way to the daemon, which brings them back in order. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} gw_punted SEC(".maps");

#endif
