/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The relay's maps and knobs. Sizes that follow the configuration are set by the loader. */
#ifndef TP_BPF_RELAY_MAPS_H
#define TP_BPF_RELAY_MAPS_H

#include "../../abi/relay.h"

#define TP_DEFAULT_ENTRIES 65536

/* What each CPU has a budget for, from all sources where no node is. */
enum strangers { STRANGERS_HANDSHAKE, STRANGERS_ODD, STRANGERS_MAX };

/* Set before the program is loaded; the verifier takes out what is switched off. */
const volatile struct relay_knobs knobs;

/* The flow table. The daemon alone writes it, through mapped memory (relay/flow_table.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct relay_flow_bucket);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} flow_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct relay_slot);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} flow_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct relay_place);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} flow_places SEC(".maps");

/* By slot, the session that its flow belongs to: for the next daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} flow_sessions SEC(".maps");

/* Buckets of flow_index in use, less one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} flow_mask SEC(".maps");

/* For the next daemon; the program has it in its knobs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct relay_flow_seed);
	__uint(max_entries, 1);
} flow_seed SEC(".maps");

/* The relay's own receiver indices, and the node at the other end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} own_sessions SEC(".maps");

/* The daemon's alone: here so that it is loaded, pinned and carried over with the others. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct relay_node_key);
	__type(value, struct relay_node);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} relay_nodes SEC(".maps");

/* Next-hop id -> slot in force. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, TP_NEXTHOPS);
} nexthop_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct relay_nexthop);
	__uint(max_entries, TP_NEXTHOPS);
} nexthops SEC(".maps");

/* Slot -> device. A plain DEVMAP would belong to the kind of program that used it first, with
 * fragments or without, and refuse the other: libxdp makes ours one without (coexist). */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
	__uint(max_entries, TP_PORTS);
} tx_ports SEC(".maps");

/* Addresses of this host. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct relay_addr);
	__type(value, __u8);
	__uint(max_entries, 1024);
} locals SEC(".maps");

/* Host prefixes (IPv4 address, IPv6 /64) where nodes are registered. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct relay_addr);
	__type(value, __u8);
	__uint(max_entries, 1024);
} sites SEC(".maps");

/* One bit per receiver index in use, modulo 2^TP_INDEX_BITS (tp_index_word, tp_index_bit). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, TP_INDEX_WORDS);
} index_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct relay_bucket);
	__uint(max_entries, TP_DEFAULT_ENTRIES);
} node_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, TP_SRC_BUCKETS);
} src_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, STRANGERS_MAX);
} cpu_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct relay_count);
	__uint(max_entries, TP_REASON_MAX);
} reasons SEC(".maps");

#endif
