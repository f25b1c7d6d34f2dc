/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the gateway's programs and its daemon share: map keys and values, and the words that both
 * change by compare-and-exchange.
 *
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; where only IPv4 can be (masquerade), four bytes
 * as on the wire. Ports are as on the wire. The *node* is the end on the overlay, the *remote* the
 * other one, whoever spoke first: so a flow has one key in both directions.
 *
 * Times are ticks of 2^26 ns (67 ms) of CLOCK_MONOTONIC in 32 bits, good for nine years of uptime.
 *
 * Pinned under <pin_path>/<instance>/v<TP_GW_ABI>/. A change of any struct below raises TP_GW_ABI.
 */
#ifndef TP_ABI_GATEWAY_H
#define TP_ABI_GATEWAY_H

#include "types.h"
#include "gateway_reasons.h"

#ifdef TP_GW_ABI_NEXT /* a build with a changed layout, for the migration test */
#define TP_GW_ABI 4
#else
#define TP_GW_ABI 3
#endif
#define TP_GW_OVERLAYS	 32 /* numbers: a reload may have as many come as go */
#define TP_GW_UPLINKS	 8
#define TP_GW_ADDRS	 8 /* masquerade addresses of one uplink */
#define TP_GW_TICK_SHIFT 26

enum gw_role { GW_OVERLAY = 1, GW_UPLINK };

/* Devices of one kind run one instance of the programs, all kinds on common maps; this is in its
 * .rodata. Which of them it runs for, gw_devices says. */
struct gw_self {
	__u32 role;   /* enum gw_role */
	__u32 l2_len; /* 0: packets begin with the IP header; 14: Ethernet */
	__u32 copied; /* boolean: XDP's generic hook runs before the programs */
	__u32 pad;
};

/* Which number a device has, at one of the TP_GW_DEVICE_PROBES places from ifindex %
 * TP_GW_DEVICES on: an array, since the kernel does its look-ups in place, and a hash table costs
 * two calls a packet. ifindex 0: free. */
struct gw_device_number {
	__u32 ifindex;
	__u32 id; /* in gw_overlays or gw_uplinks */
};

#define TP_GW_DEVICES	    1024
#define TP_GW_DEVICE_PROBES 4

/* What may change while packets flow. Written whole by the daemon; ifindex 0: not there. */
struct gw_overlay {
	__u32 ifindex;
	__u32 l2_len;
	__u32 mtu;	 /* IP bytes; 0: no overlay has this number */
	__u32 takes_xdp; /* boolean: frames that XDP redirects to it */
	__u8 addr6[16];	 /* of the device, for ICMP errors that it sends; zero: none */
	__be32 addr4;
	__u8 mac[6]; /* l2_len 14: of the device itself */
	__u16 pad2;
};

struct gw_uplink {
	__u32 ifindex;
	__u32 mtu;
	__u32 n_addrs;	 /* places to look at; 0 in one of them: not in use */
	__u32 takes_xdp; /* as above */
	__u8 addr6[16];	 /* of the device, as above */
	__be32 addr4;
	__u8 mac[6]; /* of the device itself */
	__u16 pad2;
	__be32 addr[TP_GW_ADDRS]; /* masquerade addresses; their slot is id * TP_GW_ADDRS + i */
};

/* In gw_locals, in place of an overlay: an address on any other device of this host. */
#define GW_LOCAL_ELSEWHERE 0xffff

struct gw_subnet {
	__u32 uplink;
	__u32 masquerade; /* boolean; IPv6 never is */
};

/* --- set before load (.rodata) -------------------------------------------------------------- */

/* Seconds a flow or mapping lives after its last packet from the node (or either side, TCP). */
struct gw_timeouts {
	__u32 udp;	       /* RFC 4787 REQ-5: at least 120, default 300 */
	__u32 icmp;	       /* RFC 5508 REQ-2: at least 60 */
	__u32 tcp_transitory;  /* RFC 5382 REQ-5: at least 240 */
	__u32 tcp_established; /* RFC 5382 REQ-5: at least 7440 */
	__u32 tcp_closing;     /* after FINs from both sides, or RST */
	__u32 other;	       /* any other protocol */
	__u32 quarantine;      /* RFC 6888 REQ-8: a freed port rests, 120 */
	__u32 pad;
};

struct gw_knobs {
	__u16 nat_base;	 /* first port, host order */
	__u16 nat_range; /* ports: a multiple of nat_block */
	__u16 nat_block; /* ports a block: 64, 128 or 256 */
	__u16 nat_blocks_per_node;
	__u32 flows_per_node;
	__u32 filters_per_node;
	__u32 mark;	 /* skb mark of what the gateway itself sends into an overlay */
	__u8 filtering;	 /* enum gw_filtering */
	__u8 hairpin;	 /* boolean */
	__u8 masquerade; /* boolean */
	__u8 shortcuts;	 /* boolean: lib/gateway/shortcut.h */
	__u32 pad;
	__u64 tick_ns;	   /* CLOCK_MONOTONIC from the kernel's ticks (userspace/bpf_tick.h); */
	__u64 tick_origin; /* tick_ns 0: ask its clock */
	struct gw_timeouts timeout;
};

enum gw_filtering { GW_FILTER_ENDPOINT_INDEPENDENT, GW_FILTER_ADDRESS_DEPENDENT };

/* --- flows ---------------------------------------------------------------------------------- */

struct gw_flow_key {
	__u8 node[16];
	__u8 remote[16];
	__be16 node_port; /* ICMP query: the identifier, in both; protocols without ports: 0 */
	__be16 remote_port;
	__u16 overlay;
	__u8 proto;
	__u8 pad;
};
_Static_assert(sizeof(struct gw_flow_key) == 40, "no padding in a map key");

struct gw_count {
	__u64 packets; /* on the wire: GSO segments count one each */
	__u64 bytes;   /* IP */
};

enum gw_flow_kind {
	GW_FLOW_ROUTED = 1, /* node <-> remote beyond an uplink, addresses as they are */
	GW_FLOW_NAT,	    /* the same, masqueraded */
	GW_FLOW_LOCAL,	    /* node <-> this host */
	GW_FLOW_OVERLAY,    /* node <-> node of the same overlay; `node` is who spoke first */
	GW_FLOW_HAIRPIN,    /* node -> another node's mapping */
};

enum gw_flow_flags {
	GW_FLOW_FROM_REMOTE = 1, /* the remote end spoke first */
	GW_FLOW_REPLIED = 2,	 /* packets were seen in both directions */
	GW_FLOW_SHADOW = 4,	 /* admitted only because the policy is in shadow mode */
};

/* `tag` repeats the key (gw_flow_tag): an element of a hash may be deleted and reused while a
 * packet looks at it. */
struct gw_flow {
	__u32 tag;
	__u32 until;	  /* ticks; 0: claimed by the sweeper */
	__u32 generation; /* of the policy that admitted it */
	__u32 rule;	  /* that rule; 0: the default, or no rule was asked */
	__u8 kind;	  /* enum gw_flow_kind */
	__u8 flags;
	__u8 tcp_state; /* enum gw_tcp_state */
	__u8 uplink;
	__u32 mapping; /* NAT: index of its word; else 0 */
	__u32 claim;   /* NAT: the word's claim */
	__be16 ext_port;
	__u16 pad;
	__be32 ext_addr;
	__u32 started; /* ticks */
#ifdef TP_GW_ABI_NEXT
	__u64 next_reserved;
#endif
	struct gw_count out; /* from the node */
	struct gw_count in;  /* to the node */
};
#ifndef TP_GW_ABI_NEXT
_Static_assert(sizeof(struct gw_flow) == 72, "flow layout");
#endif

enum gw_tcp_state {
	GW_TCP_NONE,
	GW_TCP_SYN_OUT, /* the node's SYN was seen */
	GW_TCP_SYN_IN,	/* the remote's */
	GW_TCP_ESTABLISHED,
	GW_TCP_FIN_OUT,
	GW_TCP_FIN_IN,
	GW_TCP_CLOSED, /* FIN both ways, or RST */
};

/* --- masquerade (IPv4) ---------------------------------------------------------------------- */

enum gw_nat_proto { GW_NAT_UDP, GW_NAT_TCP, GW_NAT_ICMP, GW_NAT_PROTOS };

/*
 * One word per (address slot, protocol, port):
 *
 *	index = (slot * GW_NAT_PROTOS + proto) * nat_range + (port - nat_base)
 *
 *	bits  0..31	until	ticks until which the mapping lives
 *	bits 32..55	claim	counts the claims of this word: what names a mapping names it with
 *that bits 56..63	flags	enum gw_word_flags
 *
 * Alive while now < until. Then it rests for the quarantine, unless GW_WORD_NO_REST (RFC 6888
 * REQ-8: TCP whose end was seen). Whoever takes it exchanges the whole word for one with the next
 * claim. A keep-alive exchanges the word it read for one with a later `until`, and so fails when
 * the mapping was taken meanwhile. The daemon ends a mapping by setting until = 0 with the next
 * claim.
 */
enum gw_word_flags { GW_WORD_NO_REST = 1 };

#define TP_GW_CLAIM_BITS 24

/* What a mapping leads to, at the same index. Good when its claim is the word's, read before and
 * after. */
struct gw_reverse {
	__be32 node;
	__be16 node_port;
	__u16 overlay;
	__u32 claim;
	__u32 holders; /* TCP connections that are open; after the last one the port is free soon */
};

struct gw_forward_key {
	__be32 node;
	__be16 node_port;
	__u16 overlay;
	__u8 nat_proto; /* enum gw_nat_proto */
	__u8 uplink;
	__u16 pad;
};
_Static_assert(sizeof(struct gw_forward_key) == 12, "no padding in a map key");

struct gw_forward {
	__u32 mapping; /* index of the word */
	__u32 claim;
};

/* Address-dependent filtering: the node has sent to this remote from this mapping. */
struct gw_filter_key {
	__u32 mapping;
	__u32 claim;
	__be32 remote;
};

struct gw_filter {
	__u32 until;
	__u32 generation; /* of the policy that let the node send there */
	__be32 node;	  /* in whose quota it counts */
	__u16 overlay;
	__u16 pad;
};

/* One word per (address slot, block of ports): 0, or the owner with GW_BLOCK_TAKEN. A node's blocks
 * lie on one address (RFC 4787 REQ-2). Programs take (0 -> owner), only the daemon gives back, and
 * not before the log of blocks has seen it: GW_BLOCK_LOGGED is the daemon's mark for that. */
#define GW_BLOCK_TAKEN	(1ull << 63)
#define GW_BLOCK_LOGGED (1ull << 62)
/* bits 0..31 node (as on the wire), 32..47 overlay */

#define TP_GW_NODE_BLOCKS 64

struct gw_node_key {
	__u8 addr[16];
	__u16 overlay;
	__u16 uplink; /* blocks belong to one; flows are counted with uplink 0xffff */
};

/* blocks[]: 0, or number of the block word + 1; filled by compare-and-exchange, the first free
 * place first; holes come where gw_sweep has taken a block out. */
struct gw_node {
	__u32 flows;
	__u32 filters;
	__u32 refused; /* budget of errors told to the node: ticks of the next one due */
	__u32 slot;    /* address slot + 1 that the node is on; 0: none yet. When that slot has no
			  address any more, the node is given another one */
	__u32 blocks[TP_GW_NODE_BLOCKS];
};

/* --- shortcuts ------------------------------------------------------------------------------ */

/*
 * What was decided for packets of one flow in one direction, in one cache line: bpf/lib/gateway/
 * shortcut.h. A cache: each entry is good for about a second, and lost without harm. What it has
 * counted is not in the flow's counters yet.
 */
#define TP_GW_SHORTCUTS_BITS 18
#define TP_GW_SHORTCUTS	     (1u << TP_GW_SHORTCUTS_BITS)
#define TP_GW_SHORTCUTS_MIN  4096 /* that are in use always */
#define TP_GW_SHORTCUT_ROW   8

/*
 * As many of the table's places are in use as the flows want: entries that lie all over a large one
 * are in more pages than a CPU keeps the addresses of. Where an entry lies follows from its name
 * and the part in use; when that changes, the daemon also says what it was `before`, until nothing
 * is left of entries that lie by that. Published by one store.
 */
struct gw_extent {  /* gw_extent[0] */
	__u64 word; /* places - 1 | (places before - 1) << 32; programs take TP_GW_SHORTCUTS_MIN at
		       least */
};

/* What becomes of a packet. */
struct gw_turn {
	__be32 addr; /* from a node: the new source; to a node: the new destination */
	__u8 mac[6]; /* of the neighbour that it goes to; zero: the kernel is asked */
	__be16 port;
	__u16 overlay;
	__u8 uplink;
	__u8 slot;	  /* of the masquerade address, among the uplink's */
	__u16 change;	  /* folded sum of what the new address changes; */
	__u16 change_all; /* and the port */
	__u32 pad;
};

struct gw_shortcut {
	__u64 addrs; /* gw_shortcut_addrs() */
	__u64 ends;  /* gw_shortcut_ends(); 0: nobody's */
	struct gw_turn turn;
	__u32 seq;   /* odd while it is written */
	__u32 until; /* ticks */
	__u32 generation;
	__u32 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct gw_shortcut) == 64, "one cache line");

/* --- policy --------------------------------------------------------------------------------- */

/*
 * Rules only allow; what no rule allows, the default decides. A rule's ends are *selectors*: any,
 * a tag, a node, a prefix. An address has a *class*: the list of selectors that it falls under.
 * A new flow is allowed if for some selector of its source's class and some of its destination's,
 * in this order, the pair has a segment with its protocol and port. So the cost of a first packet
 * depends on how many selectors an address falls under, not on how many rules there are, and the
 * tables grow with the rules, not with their cross product.
 *
 * A segment with rule 0 goes on to the next pair; its rule in shadow mode, the first one met, is
 * noted, and counted when no rule allows the flow.
 *
 * All tables exist twice (outer maps with two slots): those of generation g are in slot g & 1. When
 * a node's class changed, the generation rises by 2: the same tables, but flows are judged again.
 */
#define TP_POLICY_SETS	     2
#define TP_POLICY_SELECTORS  32	   /* that one address may fall under */
#define TP_POLICY_ANY	     0	   /* selector of every address */
#define TP_POLICY_CLASS_NONE 0	   /* class of addresses that no selector but `any` names */
#define TP_POLICY_HITS	     65536 /* rules and the default */
#define TP_POLICY_LOOKUPS    18	   /* binary search: a pair has fewer than 2^18 segments */

struct gw_policy {  /* gw_policy[0], replaced by one store of `word` */
	__u64 word; /* generation | flags << 32 */
};

enum gw_policy_flags {
	GW_POLICY_DEFAULT_ALLOW = 1,
	GW_POLICY_SHADOW = 2, /* judge and count, but let everything pass */
};

/* Inner maps, one of each a set:
 *	policy_nodes	HASH	 struct policy_node_key -> __u32 class
 *	policy_prefixes	LPM_TRIE struct policy_prefix_key -> __u32 class (for other addresses; the
 *			 host's own are in it, when a rule says "gateway")
 *	policy_classes	ARRAY	 class -> struct policy_class
 *	policy_pairs	HASH	 struct policy_pair_key -> struct policy_pair
 *	policy_segments	ARRAY	 struct policy_segment, each pair's sorted and disjoint
 *	policy_hits	PERCPU_ARRAY rule -> struct policy_hit; rule 0 is the default
 */
struct policy_node_key {
	__u8 addr[16];
	__u32 overlay;
};

struct policy_prefix_key {
	__u32 bits; /* of addr; IPv4: 96 and more */
	__u8 addr[16];
};

struct policy_selector {
	__u32 id;
	__u32 pad;
	__u64 reaches; /* as a source: bit policy_bit(d) for each destination selector d it has
			  rules with */
};

TP_INLINE __u64 policy_bit(__u32 selector)
{
	return 1ull << (selector * 0x9e3779b1u >> 26);
}

/* Selectors in ascending order, TP_POLICY_ANY first. */
struct policy_class {
	__u32 n;
	__u32 pad;
	struct policy_selector selector[TP_POLICY_SELECTORS];
};

struct policy_pair_key {
	__u32 from;
	__u32 to;
};

struct policy_pair {
	__u32 first; /* in policy_segments */
	__u32 n;
};

/* Protocol and destination port as one number: proto << 16 | port in host order; ICMP and protocols
 * without ports have port 0. */
struct policy_segment {
	__u32 low;
	__u32 high;   /* inclusive */
	__u32 rule;   /* 1...; 0: only the shadow rule is here */
	__u32 shadow; /* rule in shadow mode that would allow it; 0: none */
};

/* `name` is the daemon's, which writes it for one of the CPUs: a number made of the rule's name, by
 * which its counts go over to the next generation even when another process compiles that. */
struct policy_hit {
	__u64 flows;   /* first packets that it decided; a rule in shadow mode: would have, and none
			  else did */
	__u64 refused; /* rule 0 only: those that the default refused */
	__u64 name;
};

/* --- the sweeper ---------------------------------------------------------------------------- */

/*
 * One batch of what looks dead, for the program gw_sweep (BPF_PROG_RUN): it takes an entry by
 * exchanging its `until` for 0 while that is still in the past, and then deletes it.
 *
 * A block is given back in two steps. gw_sweep takes it out of its node's list (its place, block +
 * 1, is exchanged for 0), and with the last one the node is off its address (slot = 0): the node
 * claims no more ports there. The daemon then sets the block's word to 0, when no program that had
 * read the list can still be running and the ports are still all dead.
 */
#define TP_GW_SWEEP 256

struct gw_sweep_block {
	struct gw_node_key node;
	__u32 block; /* number of its word */
};

struct gw_sweep {
	__u32 n_flows;
	__u32 n_forwards;
	__u32 n_filters;
	__u32 n_blocks;
	__u32 done;   /* entries that were removed */
	__u32 places; /* of the table of shortcuts: those entered by an earlier extent are settled
		       */
	__u32 busy;   /* of these: somebody else was writing them */
	__u32 pad;
	struct gw_flow_key flow[TP_GW_SWEEP];
	struct gw_forward_key forward[TP_GW_SWEEP];
	struct gw_filter_key filter[TP_GW_SWEEP];
	struct gw_sweep_block block[TP_GW_SWEEP];
};

/* --- fragments ------------------------------------------------------------------------------ */

/* Where the rest of a fragmented datagram goes; IPv4 and IPv6, by identification. */
struct gw_fragment_key {
	__u8 src[16];
	__u8 dst[16];
	__u32 id; /* as on the wire */
	__u8 proto;
	__u8 role; /* side that it arrives on */
	__u16 device;
};

struct gw_fragment {
	struct gw_flow_key flow;
	__u32 until;
	__u32 pad;
};

/* What programs can't do to a packet, they hand to the daemon (gateway/punt.h), in the ring
 * gw_punted. */
#define TP_GW_PUNT 2048 /* IP bytes; what is larger is dropped */

enum gw_punt_kind {
	GW_PUNT_EARLY = 1, /* a later fragment, as it came, whose first one has not come yet */
	GW_PUNT_LARGE, /* IPv4 that may be fragmented, rewritten already, too big for `ifindex` */
};

struct gw_punt {
	__u32 kind;
	__u32 len; /* bytes in packet */
	__u32 ifindex;
	__u32 mtu;		    /* LARGE: of that device */
	struct gw_fragment_key key; /* EARLY */
	__u8 packet[TP_GW_PUNT];
};

#endif
