/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same maps in two layouts: the new one reorders, adds, removes, widens and narrows members. */
#ifndef TESTS_BPF_MIGRATE_LAYOUT_H
#define TESTS_BPF_MIGRATE_LAYOUT_H

#include "bpf/abi/types.h"

struct old_key {
	__u32 id;
	__u16 kind;
	__u16 pad;
};

struct old_part {
	__u16 a;
	__u16 b;
};

struct old_value {
	__u64 tag;
	__u8 addr[16];
	__be16 port;
	__u16 mtu;
	__s32 change;
	__u32 removed;
	__u32 narrowed;
	struct old_part parts[3];
	union {
		__u32 whole;
		__u16 half;
	};
	struct {
		__u8 hidden;
		__u8 hidden_pad[3];
	};
	__u32 shape; /* becomes a struct: no way to carry it over */
};

struct new_key {
	__u16 kind;
	__u16 pad;
	__u32 added;
	__u32 id;
};

struct new_part {
	__u32 b;
	__u16 added;
	__u16 a;
};

struct new_value {
	__u32 change_added;
	__s64 change; /* signed: not resized */
	__u64 mtu;
	__u16 narrowed;
	__u8 addr[16];
	__u8 hidden;
	__u8 pad;
	__be32 port; /* on the wire: not resized */
	struct new_part parts[2];
	__u32 whole;
	struct {
		__u32 x;
	} shape;
	const __u64 tag;
};

#endif
