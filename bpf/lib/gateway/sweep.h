/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Removes what the daemon found dead, by the same exchange that packets use (bpf/abi/gateway.h). */
#ifndef TP_BPF_GATEWAY_SWEEP_H
#define TP_BPF_GATEWAY_SWEEP_H

#include "flow.h"
#include "nat_word.h"

/* The kernel's count of ticks lags behind this clock: a tick less, so that nothing is dead here
 * that is alive to a packet. */
TP_INLINE __u32 gw_sweep_now(void)
{
	return (bpf_ktime_get_ns() >> TP_GW_TICK_SHIFT) - 1;
}

/* bpf_loop hands on what is on the stack. */
struct gw_sweeping {
	struct gw_sweep *list;
};

static long gw_sweep_flow(__u32 i, void *arg)
{
	struct gw_sweep *s = ((struct gw_sweeping *)arg)->list;
	const struct gw_flow *flow;
	__u32 until;

	if (i >= TP_GW_SWEEP)
		return 1;
	flow = bpf_map_lookup_elem(&gw_flows, &s->flow[i]);
	until = flow ? flow->until : 0;
	if (until && gw_sweep_now() >= until && gw_flow_end(&s->flow[i], until))
		s->done++;
	return 0;
}

/* The way to a mapping goes when the mapping does: its word is dead, or another's. */
static long gw_sweep_forward(__u32 i, void *arg)
{
	struct gw_sweep *s = ((struct gw_sweeping *)arg)->list;
	struct gw_forward *forward;
	const __u64 *word;
	__u64 was;

	if (i >= TP_GW_SWEEP)
		return 1;
	forward = bpf_map_lookup_elem(&nat_forward, &s->forward[i]);
	if (!forward)
		return 0;
	was = *(volatile __u64 *)forward;
	word = bpf_map_lookup_elem(&nat_words, &forward->mapping);
	if (word && gw_word_alive(*word, gw_sweep_now()) && gw_word_claim(*word) == forward->claim)
		return 0;
	if (__sync_val_compare_and_swap((__u64 *)forward, was, 0) == was)
		s->done += !bpf_map_delete_elem(&nat_forward, &s->forward[i]);
	return 0;
}

TP_INLINE void gw_filter_uncount(const struct gw_filter *filter)
{
	struct gw_node_key owner = {.uplink = GW_NODE_OF_FLOWS};
	struct gw_node *node;

	tp_map_v4(owner.addr, filter->node);
	owner.overlay = filter->overlay;
	node = bpf_map_lookup_elem(&gw_nodes, &owner);
	if (node)
		gw_count_down(&node->filters);
}

static long gw_sweep_filter(__u32 i, void *arg)
{
	struct gw_sweep *s = ((struct gw_sweeping *)arg)->list;
	struct gw_filter *filter;
	__u32 until;

	if (i >= TP_GW_SWEEP)
		return 1;
	filter = bpf_map_lookup_elem(&nat_filters, &s->filter[i]);
	until = filter ? filter->until : 0;
	if (!until || gw_sweep_now() < until ||
	    __sync_val_compare_and_swap(&filter->until, until, 0) != until)
		return 0;
	gw_filter_uncount(filter);
	s->done += !bpf_map_delete_elem(&nat_filters, &s->filter[i]);
	return 0;
}

/* Out of its node's list; with the last one the node is off its address. */
static long gw_sweep_block(__u32 i, void *arg)
{
	struct gw_sweep *s = ((struct gw_sweeping *)arg)->list;
	struct gw_node *node;
	__u32 block, left = 0;

	if (i >= TP_GW_SWEEP)
		return 1;
	node = bpf_map_lookup_elem(&gw_nodes, &s->block[i].node);
	if (!node)
		return 0;
	block = s->block[i].block + 1;
	for (int k = 0; k < TP_GW_NODE_BLOCKS; k++) {
		if (node->blocks[k] == block)
			__sync_val_compare_and_swap(&node->blocks[k], block, 0);
		left |= *(volatile __u32 *)&node->blocks[k];
	}
	s->done++;
	if (!left)
		node->slot = 0;
	return 0;
}

/* A shortcut that lies where none is looked for any more. Of programs that knew the former extent
 * none runs now. */
static long gw_sweep_place(__u32 place, void *arg)
{
	struct gw_sweep *list = ((struct gw_sweeping *)arg)->list;
	struct gw_shortcut *s = gw_shortcut_at(place);
	__u32 mask = gw_extent_mask(gw_extent_now());

	if (!s || !s->ends || gw_shortcut_lies(gw_shortcut_mix(s->addrs, s->ends), mask, place))
		return 0;
	if (!gw_shortcut_take(s)) {
		list->busy++;
		return 0;
	}
	gw_shortcut_settle(s);
	s->until = 0;
	s->addrs = 0;
	s->ends = 0;
	gw_shortcut_put(s);
	return 0;
}

TP_INLINE __u32 gw_sweep_bound(__u32 n)
{
	return n < TP_GW_SWEEP ? n : TP_GW_SWEEP;
}

TP_INLINE int gw_sweep_all(void)
{
	__u32 zero = 0;
	struct gw_sweep *s = bpf_map_lookup_elem(&gw_sweep_list, &zero);
	struct gw_sweeping all;

	if (!s)
		return -1;
	s->done = 0;
	s->busy = 0;
	all.list = s;
	bpf_loop(gw_sweep_bound(s->n_flows), gw_sweep_flow, &all, 0);
	bpf_loop(gw_sweep_bound(s->n_forwards), gw_sweep_forward, &all, 0);
	bpf_loop(gw_sweep_bound(s->n_filters), gw_sweep_filter, &all, 0);
	bpf_loop(gw_sweep_bound(s->n_blocks), gw_sweep_block, &all, 0);
	bpf_loop(s->places < TP_GW_SHORTCUTS ? s->places : TP_GW_SHORTCUTS, gw_sweep_place, &all,
		 0);
	return 0;
}

#endif
