/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the relay's XDP program and its daemon share: map keys and values.
 *
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. Indices and ports are kept as they stand on the
 * wire. Times are nanoseconds of CLOCK_MONOTONIC: the coarse clock costs XDP a load where BOOTTIME
 * costs a TSC read, and a relay box does not suspend.
 *
 * Pinned under <pin_path>/<instance>/v<TP_RELAY_ABI>/. A change of any struct below raises
 * TP_RELAY_ABI; entries of an older layout are carried over by member name
 * (userspace/bpf_migrate.h).
 */
#ifndef TP_ABI_RELAY_H
#define TP_ABI_RELAY_H

#include "types.h"
#include "reasons.h"

#ifdef TP_RELAY_ABI_NEXT /* a build with a changed layout, for the migration test */
#define TP_RELAY_ABI 4
#else
#define TP_RELAY_ABI 3
#endif

#define TP_VLAN_MAX    2
#define TP_NEXTHOPS    4096  /* next-hop ids and slots; 0 is "unresolved" in both */
#define TP_PORTS       64    /* devices the relay sends from */
#define TP_SRC_BUCKETS 65536 /* hashed per-source budgets; power of two */
#define TP_INDEX_BITS  22    /* index filter: one bit per index modulo 2^22 */
#define TP_INDEX_WORDS (1u << (TP_INDEX_BITS - 6))

/* A data packet's way in: who sent it, and the receiver index the peer chose. */
struct relay_flow_key {
	__u8 addr[16];
	__u32 index; /* as on the wire */
	__be16 port;
	__u16 pad;
};
_Static_assert(sizeof(struct relay_flow_key) == 24, "no padding in a map key");

/* Written by one CPU at a time: a 4-tuple stays on one RX queue. */
struct relay_count {
	__u64 packets;
	__u64 bytes; /* UDP payload */
};

/* Where one end of flows is: a node's address, and the relay's that it speaks to. Shared by all its
 * flows there, so that a flow takes little memory and a place stays in the caches. Filled while no
 * slot names it; then only its next hop changes. */
struct relay_place {
	__u8 addr[16];
	__u8 local[16];
	__be16 port;
	__u16 l3_sum; /* of addr and local (tp_place_sums) */
	__u16 l4_sum; /* of these and port */
	__u16 pad;
	__u32 nexthop; /* next-hop id */
	__u32 node;
#ifdef TP_RELAY_ABI_NEXT
	__u64 next_reserved;
	__u8 pad2[8];
#else
	__u8 pad2[16];
#endif
};
_Static_assert(sizeof(struct relay_place) == 64, "one cache line");

/* A slot of flow_slots: one flow, with what it counted. Filled while no entry of flow_index names
 * it, then only its counters are written. */
struct relay_slot {
	__u32 index;	  /* receiver index, as on the wire */
	__u32 expires_at; /* in steps of 2^TP_EXPIRY_SHIFT ns */
	__u32 src;	  /* place of the sender; with the index, the key */
	__u32 dst;
	__u64 bytes;
	__u32 packets; /* a flow lives 190 s, on one CPU: not 2^32 of them */
	__u16 mtu;     /* path MTU towards dst as learned from ICMP; 0xffff: only the next hop's */
	__u16 pad;
#ifdef TP_RELAY_ABI_NEXT
	__u64 next_reserved;
#endif
};
#ifndef TP_RELAY_ABI_NEXT
_Static_assert(sizeof(struct relay_slot) == 32, "half a cache line");
#endif
#define TP_EXPIRY_SHIFT 28 /* 0.27 s; in 32 bits, 36 years of uptime */

/* Where flows are found (bpf/lib/relay/flow.h): entries of {fingerprint, slot}, 0 for none. A flow
 * is in one of two buckets, and no bucket has a fingerprint twice. One aligned store makes, changes
 * or removes an entry. In use are as many buckets as flow_mask says, plus one: a power of two that
 * follows the number of flows, so that what is read for each packet stays in the caches. */
#define TP_FLOW_WAYS 8
struct relay_flow_bucket {
	__u64 entry[TP_FLOW_WAYS];
};

/* Of the hash that leads to a flow's buckets: senders choose their keys, and must not be able to
 * choose buckets. As old as the table: the program of an earlier daemon goes on with it. */
struct relay_flow_seed {
	__u64 word[6];
};

/* A slot is filled once and then only read; nexthop_ids[id] names the slot in force. */
struct relay_nexthop {
	__u32 ifindex;
	__u32 port; /* slot in tx_ports */
	__u8 dst_mac[6];
	__u8 src_mac[6];
	__u16 mtu; /* of the device, IP bytes */
	__u16 vlans;
	struct {
		__be16 tpid; /* 0x8100 or 0x88a8 */
		__be16 tci;
	} vlan[TP_VLAN_MAX]; /* outermost first */
};
_Static_assert(sizeof(struct relay_nexthop) == 32, "next hop layout");

/* What outlives the daemon about a node, by public key. */
struct relay_node {
	__u8 addr[16]; /* current address; all zero: none */
	__u8 local[16];
	__u64 last_seen; /* last authenticated packet */
	__be16 port;
	__u8 tai64n[12]; /* newest initiation timestamp accepted */
	__u16 pad;
	__u32 id; /* names the node in flows */
	__u32 pad2;
};
_Static_assert(sizeof(struct relay_node) == 64, "node layout");

struct relay_node_key {
	__u8 public_key[32];
};

struct relay_addr {
	__u8 addr[16];
};

/* One word of the generic cell rate algorithm per limit (bpf/lib/bucket.h). */
struct relay_bucket {
	__u64 packets;
	__u64 bits;
};

/* Set before load (.rodata); what is zero is compiled out. */
struct relay_knobs {
	__be16 listen_port;
	__be16 stun_port;     /* 0: none besides listen_port */
	__u32 node_pps;	      /* packets a second per sending node; 0: no limit */
	__u64 node_bps;	      /* bits a second per sending node; 0: no limit */
	__u32 stun_rate;      /* STUN answers a second per source prefix */
	__u32 session_rate;   /* own-session packets a second per source prefix */
	__u32 probe_rate;     /* probes a second per source prefix */
	__u32 site_rate;      /* handshake messages a second from one prefix that nodes are at */
	__u32 handshake_rate; /* the same from all other sources, per CPU */
	__u32 odd_site_rate;  /* fragments and the like a second from a prefix that nodes are at */
	__u32 odd_rate;	      /* the same from all other sources, per CPU */
	__u32 seed;	      /* of the source hash */
	__u64 tick_ns;	      /* CLOCK_MONOTONIC from the kernel's ticks (userspace/bpf_tick.h); */
	__u64 tick_origin;    /* tick_ns 0: ask its clock */
	struct relay_flow_seed flow_seed;
};

#endif
