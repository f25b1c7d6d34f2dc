/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows: found, ended, and kept alive. A flow's `until` is its life: who wants to end one exchanges
 * it for 0 first, and whoever wins deletes the entry. So the sweeper, and packets on several CPUs
 * that find the same dead flow, never undo each other's work.
 */
#ifndef TP_BPF_GATEWAY_FLOW_H
#define TP_BPF_GATEWAY_FLOW_H

#include <linux/errno.h>

#include "nat_word.h"
#include "shortcut.h"
#include "tcp.h"

#define GW_NODE_OF_FLOWS 0xffff /* gw_node_key.uplink of the entry that counts a node's flows */

TP_INLINE __u32 gw_flow_tag(const struct gw_flow_key *key)
{
	const __u64 *word = (const void *)key;
	__u64 mix = word[0] ^ (word[1] << 1) ^ (word[2] << 2) ^ (word[3] << 3) ^ (word[4] << 4);

	return mix ^ mix >> 32;
}

TP_INLINE void gw_node_key_of(struct gw_node_key *node, const struct gw_flow_key *key, __u16 uplink)
{
	tp_copy16(node->addr, key->node);
	node->overlay = key->overlay;
	node->uplink = uplink;
}

/* The entry of a node, made when it is not there. NULL: no room. */
static __noinline struct gw_node *gw_node_get(const struct gw_node_key *key)
{
	static const struct gw_node fresh;
	struct gw_node *node = bpf_map_lookup_elem(&gw_nodes, key);

	if (node)
		return node;
	bpf_map_update_elem(&gw_nodes, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&gw_nodes, key);
}

TP_INLINE void gw_count_down(__u32 *count)
{
	if (*count)
		__sync_fetch_and_add(count, -1);
}

/* The live flow with this key. *dead: there is one that has ended, or is ending. */
TP_INLINE struct gw_flow *gw_flow_find(const struct gw_flow_key *key, __u32 now, bool *dead)
{
	struct gw_flow *flow = bpf_map_lookup_elem(&gw_flows, key);

	*dead = false;
	if (!flow || flow->tag != gw_flow_tag(key))
		return NULL;
	*dead = now >= flow->until;
	return *dead ? NULL : flow;
}

/* --- TCP connections, and the port that they hold --- */

/* Does the flow keep a port taken for as long as a connection may be idle? */
TP_INLINE bool gw_flow_holds(const struct gw_flow *flow)
{
	return (flow->kind == GW_FLOW_NAT || flow->kind == GW_FLOW_HAIRPIN) &&
	       flow->tcp_state != GW_TCP_NONE && flow->tcp_state != GW_TCP_CLOSED;
}

TP_INLINE void gw_port_hold(const struct gw_flow *flow)
{
	struct gw_reverse *reverse = bpf_map_lookup_elem(&nat_reverse, &flow->mapping);

	if (reverse && reverse->claim == flow->claim)
		__sync_fetch_and_add(&reverse->holders, 1);
}

/* When the last connection of a port is over, the port is soon free, and needs no rest then: its
 * end was seen (RFC 6888 REQ-8). */
static __noinline void gw_port_unhold(const struct gw_flow *flow)
{
	struct gw_reverse *reverse = bpf_map_lookup_elem(&nat_reverse, &flow->mapping);
	__u64 *at = bpf_map_lookup_elem(&nat_words, &flow->mapping), word;
	__u32 until = gw_ticks() + gw_ticks_of(knobs.timeout.tcp_closing);

	if (!reverse || !at || reverse->claim != flow->claim ||
	    __sync_fetch_and_add(&reverse->holders, -1) != 1)
		return;
	word = *(volatile __u64 *)at;
	if (gw_word_claim(word) == flow->claim && gw_word_until(word) > until)
		__sync_val_compare_and_swap(at, word,
					    gw_word_make(until, flow->claim, GW_WORD_NO_REST));
}

/* Ends the flow with this key, if it has not got another life meanwhile than `until`. */
static __noinline bool gw_flow_end(const struct gw_flow_key *key, __u32 until)
{
	struct gw_flow *flow = bpf_map_lookup_elem(&gw_flows, key);
	struct gw_node_key owner = {};
	struct gw_node *node;

	if (!until || !flow || flow->tag != gw_flow_tag(key))
		return false;
	if (__sync_val_compare_and_swap(&flow->until, until, 0) != until)
		return false;
	if (gw_flow_holds(flow))
		gw_port_unhold(flow);
	gw_shortcuts_end(key, flow, false);
	gw_node_key_of(&owner, key, GW_NODE_OF_FLOWS);
	bpf_map_delete_elem(&gw_flows, key);
	node = bpf_map_lookup_elem(&gw_nodes, &owner);
	if (node)
		gw_count_down(&node->flows);
	return true;
}

/* Room for one more flow of its node? Counts it. */
TP_INLINE int gw_flow_quota(const struct gw_flow_key *key)
{
	struct gw_node_key owner = {};
	struct gw_node *node;

	gw_node_key_of(&owner, key, GW_NODE_OF_FLOWS);
	node = gw_node_get(&owner);
	if (!node)
		return GW_DROP_flows_full;
	if (__sync_fetch_and_add(&node->flows, 1) < knobs.flows_per_node)
		return CARRY_ON;
	__sync_fetch_and_add(&node->flows, -1);
	return GW_DROP_node_quota;
}

/* Adds a flow. CARRY_ON also when another CPU has just added the same. */
static __noinline int gw_flow_add(const struct gw_flow_key *key, struct gw_flow *flow)
{
	struct gw_node_key owner = {};
	struct gw_node *node;
	int err, why = gw_flow_quota(key);

	if (why != CARRY_ON)
		return why;
	flow->tag = gw_flow_tag(key);
	err = bpf_map_update_elem(&gw_flows, key, flow, BPF_NOEXIST);
	if (!err && gw_flow_holds(flow))
		gw_port_hold(flow);
	if (!err)
		return CARRY_ON;
	gw_node_key_of(&owner, key, GW_NODE_OF_FLOWS);
	node = bpf_map_lookup_elem(&gw_nodes, &owner);
	if (node)
		gw_count_down(&node->flows);
	return err == -EEXIST ? CARRY_ON : GW_DROP_flows_full;
}

/* Another end, unless somebody is ending the flow. */
TP_INLINE void gw_flow_until(struct gw_flow *flow, __u32 until)
{
	__u32 was = *(volatile __u32 *)&flow->until;

	if (was)
		__sync_val_compare_and_swap(&flow->until, was, until);
}

/* A connection that closes, or opens anew, is looked at packet by packet again. */
static __noinline void gw_flow_watch(const struct gw_flow *flow, const struct gw_packet *p,
				     bool out)
{
	const struct gw_reverse *reverse = bpf_map_lookup_elem(&nat_reverse, &flow->mapping);
	struct gw_flow_key GW_WORDS key = {.proto = IPPROTO_TCP};

	if (!reverse || flow->kind != GW_FLOW_NAT)
		return;
	tp_map_v4(key.node, reverse->node);
	tp_map_v4(key.remote, tp_mapped_v4(out ? p->dst : p->src));
	key.node_port = reverse->node_port;
	key.remote_port = out ? p->dst_port : p->src_port;
	key.overlay = reverse->overlay;
	gw_shortcuts_end(&key, flow, true);
}

static __noinline void gw_flow_move(struct gw_flow *flow, __u8 next, __u32 now)
{
	bool held = gw_flow_holds(flow), replied = next != GW_TCP_SYN_OUT && next != GW_TCP_SYN_IN;

	if (!replied)
		flow->flags &= ~GW_FLOW_REPLIED;
	flow->tcp_state = next;
	gw_flow_until(flow, now + gw_lifetime(IPPROTO_TCP, next));
	if (held && !gw_flow_holds(flow))
		gw_port_unhold(flow);
	else if (!held && gw_flow_holds(flow))
		gw_port_hold(flow);
}

/* A packet of the flow, in either direction: TCP's state, lifetime, counters. What comes in does
 * not keep UDP or ICMP alive: the outside could hold a mapping open for ever (RFC 4787 REQ-6). */
TP_INLINE void gw_flow_touch(struct gw_flow *flow, const struct gw_packet *p, bool out, __u32 now)
{
	bool first = flow->flags & GW_FLOW_FROM_REMOTE ? out : !out;
	__u32 until;

	if (first && !(flow->flags & GW_FLOW_REPLIED))
		flow->flags |= GW_FLOW_REPLIED;
	if (p->proto == IPPROTO_TCP && p->part != GW_LATER_FRAGMENT) {
		__u8 next = gw_tcp_next(flow->tcp_state, p->tcp_flags, out,
					flow->flags & GW_FLOW_REPLIED);

		if (next != flow->tcp_state) {
			gw_flow_move(flow, next, now);
			gw_flow_watch(flow, p, out);
		}
	}
	if (out || p->proto == IPPROTO_TCP || flow->kind != GW_FLOW_NAT) {
		until = now + gw_lifetime(p->proto, flow->tcp_state);
		if ((__s32)(until - flow->until) >= GW_TICKS_STEP)
			gw_flow_until(flow, until);
	}
}

TP_INLINE void gw_flow_count(struct gw_flow *flow, const struct gw_packet *p, bool out)
{
	struct gw_count *count = out ? &flow->out : &flow->in;

	count->packets += p->segments;
	count->bytes += p->ip_len;
}

#endif
