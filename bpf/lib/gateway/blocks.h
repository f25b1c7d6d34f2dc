/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ports for a node: from its blocks, all on one address (RFC 4787 REQ-2), at random (RFC 6056), of
 * the same parity as the node's own where there is one (RFC 4787 REQ-4). A further block when those
 * are full, up to the node's maximum. Each search has a bound that follows from the configuration.
 */
#ifndef TP_BPF_GATEWAY_BLOCKS_H
#define TP_BPF_GATEWAY_BLOCKS_H

#include "flow.h"
#include "nat_word.h"

#define GW_BLOCKS_MAX 1024 /* of one address: 65536 ports by 64 */
#define GW_PORTS_MAX  (TP_GW_NODE_BLOCKS * 256)

/* A search for a port; what it found. */
struct gw_port_search {
	struct gw_node *node;
	__u16 nat_proto;
	__u16 parity; /* 0 or 1; 2: any */
	__u32 now;
	__u32 until;
	__u32 start; /* where in the node's ports the search begins */
	__u32 n;     /* ports to look at */
	__u32 per_slot;
	__u32 skipped; /* ports of places that hold no block */
	__u32 index;   /* of the word taken */
	__u32 claim;   /* 0: none */
};

TP_INLINE __u32 gw_blocks_per_slot(void)
{
	return knobs.nat_range / knobs.nat_block;
}

static long gw_try_port(__u32 i, void *arg)
{
	struct gw_port_search *s = arg;
	__u32 at = (s->start + i + s->skipped) % s->n, block, port;
	__u64 place = at / knobs.nat_block;
	__u64 *word;

	if (place >= TP_GW_NODE_BLOCKS || i + s->skipped >= s->n)
		return 1;
	/* The compiler compares half of the register, and the verifier wants all of it. */
	asm volatile("%0 &= %1" : "+r"(place) : "i"(TP_GW_NODE_BLOCKS - 1));
	block = s->node->blocks[place];
	if (!block) { /* on to the next place at once */
		s->skipped += knobs.nat_block - 1 - at % knobs.nat_block;
		return 0;
	}
	block--;
	if (block / s->per_slot + 1 != s->node->slot)
		return 0; /* on an address that is gone */
	port = knobs.nat_base + block % s->per_slot * knobs.nat_block + at % knobs.nat_block;
	if (s->parity < 2 && (port & 1) != s->parity)
		return 0;
	s->index = gw_word_index(block / s->per_slot, s->nat_proto, port);
	word = bpf_map_lookup_elem(&nat_words, &s->index);
	if (!word)
		return 0;
	s->claim = gw_word_take(word, s->now, s->until);
	return s->claim != 0;
}

/* Any free port among the node's blocks? */
TP_INLINE bool gw_port_find(struct gw_port_search *s, __u32 parity)
{
	s->n = (__u32)knobs.nat_blocks_per_node * knobs.nat_block;
	s->parity = parity;
	s->skipped = 0;
	s->claim = 0;
	s->per_slot = gw_blocks_per_slot();
	if (!s->n || !s->per_slot)
		return false;
	s->start = bpf_get_prandom_u32() % s->n;
	bpf_loop(s->n < GW_PORTS_MAX ? s->n : GW_PORTS_MAX, gw_try_port, s, 0);
	return s->claim;
}

struct gw_block_search {
	__u64 owner;
	__u32 slot;
	__u32 start;
	__u32 per_slot;
	__u32 block; /* taken, plus one; 0: none */
};

static long gw_try_block(__u32 i, void *arg)
{
	struct gw_block_search *s = arg;
	__u32 block = s->slot * s->per_slot + (s->start + i) % s->per_slot;
	__u64 *word = bpf_map_lookup_elem(&nat_blocks, &block);

	if (!word || *(volatile __u64 *)word)
		return 0;
	if (__sync_val_compare_and_swap(word, 0, s->owner) != 0)
		return 0;
	s->block = block + 1;
	return 1;
}

struct gw_block_place {
	struct gw_node *node;
	__u32 block;
	__u32 done; /* boolean */
};

static long gw_try_place(__u32 i, void *arg)
{
	struct gw_block_place *s = arg;
	__u64 place = i;

	barrier_var(place);
	if (place >= TP_GW_NODE_BLOCKS)
		return 1;
	if (s->node->blocks[place] ||
	    __sync_val_compare_and_swap(&s->node->blocks[place], 0, s->block))
		return 0;
	s->done = 1;
	return 1;
}

/* The block goes into the first free place of the node's list. False: the list is full. */
TP_INLINE bool gw_block_list(struct gw_node *node, __u32 block)
{
	struct gw_block_place s = {.node = node, .block = block};

	bpf_loop(knobs.nat_blocks_per_node, gw_try_place, &s, 0);
	return s.done;
}

TP_INLINE void gw_block_unlist(__u32 block, __u64 owner)
{
	__u32 at = block - 1;
	__u64 *word = bpf_map_lookup_elem(&nat_blocks, &at);

	if (word)
		__sync_val_compare_and_swap(word, owner, 0);
}

/* Takes a block of this address slot for the node. */
TP_INLINE bool gw_block_take(struct gw_node *node, __u64 owner, __u32 slot)
{
	struct gw_block_search s = {.owner = owner, .slot = slot};

	s.per_slot = gw_blocks_per_slot();
	if (!node || !s.per_slot)
		return false;
	s.start = bpf_get_prandom_u32() % s.per_slot;
	bpf_loop(s.per_slot < GW_BLOCKS_MAX ? s.per_slot : GW_BLOCKS_MAX, gw_try_block, &s, 0);
	if (!s.block)
		return false;
	if (gw_block_list(node, s.block))
		return true;
	gw_block_unlist(s.block, owner);
	return false;
}

TP_INLINE bool gw_slot_in_use(const struct gw_uplink *uplink, __u32 i)
{
	return i < TP_GW_ADDRS && i < uplink->n_addrs && uplink->addr[i];
}

/* Is the node on an address that is still there? */
TP_INLINE bool gw_on_address(const struct gw_node *node, const struct gw_uplink *uplink,
			     __u32 uplink_id)
{
	__u32 slot = *(const volatile __u32 *)&node->slot;

	return slot && gw_slot_in_use(uplink, slot - 1 - uplink_id * TP_GW_ADDRS);
}

/* One more block: on the node's address, or, when it has none yet, on the first of the uplink's,
 * from a random one on, that has a block free. */
static __noinline bool gw_node_grow(struct gw_node *node, const struct gw_uplink *uplink,
				    __u64 owner, __u32 uplink_id)
{
	__u32 first = uplink_id * TP_GW_ADDRS, slot, was, start;

	if (!node || !uplink || !uplink->n_addrs)
		return false;
	start = bpf_get_prandom_u32() % uplink->n_addrs;
	for (__u32 i = 0; i <= TP_GW_ADDRS; i++) {
		was = *(volatile __u32 *)&node->slot;
		if (was && gw_slot_in_use(uplink, was - 1 - first))
			return gw_block_take(node, owner, was - 1);
		slot = (start ^ i) % TP_GW_ADDRS; /* past empty places on to different ones */
		/* Another CPU may be choosing too: one address wins, and both take blocks there. */
		if (!gw_slot_in_use(uplink, slot) ||
		    __sync_val_compare_and_swap(&node->slot, was, first + slot + 1) != was)
			continue;
		if (gw_block_take(node, owner, first + slot))
			return true;
		__sync_val_compare_and_swap(&node->slot, first + slot + 1, was);
	}
	return false;
}

#endif
