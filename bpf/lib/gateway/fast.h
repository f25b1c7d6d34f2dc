/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way of most packets: IPv4, TCP or UDP, one whole segment, of a masqueraded flow that is
 * established, judged under the present policy, and in need of no longer life. Whatever else a
 * packet is, nothing of it is changed here and it goes the general way, which does the same with
 * such packets. Most find what to do in their shortcut; about one a second looks up flow and port,
 * and enters it. All of it is one function: each return of a call costs as much as a look-up where
 * returns are guarded (SRSO).
 */
#ifndef TP_BPF_GATEWAY_FAST_H
#define TP_BPF_GATEWAY_FAST_H

#include "established.h"
#include "fast_packet.h"
#include "next_hop.h"

/* Is it of the common kind? */
TP_INLINE bool gw_fast_parse(struct __sk_buff *skb, struct gw_fast *f)
{
	return skb->protocol == bpf_htons(ETH_P_IP) && !skb->gso_size &&
	       skb->pkt_type == PACKET_HOST &&
	       gw_fast_is_common(f, gw_data(skb) + GW_L3, gw_data_end(skb), skb->len - GW_L3);
}

/* Until when packets this way leave the flow's life as it is. */
TP_INLINE __u32 gw_fast_renewal(const struct gw_flow *flow, __u8 proto, bool out, __u32 until)
{
	if (proto == IPPROTO_UDP && !out)
		return until;
	return until - gw_lifetime(proto, flow->tcp_state) + GW_TICKS_STEP;
}

/* May the flow's packet go without another look: a masqueraded flow under this policy, seen both
 * ways or opened this way, whose state and end this packet leaves as they are? */
TP_INLINE bool gw_fast_flow(const struct gw_flow *flow, const struct gw_flow_key *key, __u64 policy,
			    bool out, __u32 now, struct gw_seen *seen)
{
	bool answers = flow->flags & GW_FLOW_FROM_REMOTE ? out : !out;

	seen->tag = gw_flow_tag(key);
	seen->until = *(const volatile __u32 *)&flow->until;
	seen->generation = gw_policy_generation(policy);
	if (flow->tag != seen->tag || flow->kind != GW_FLOW_NAT || now >= seen->until ||
	    flow->generation != seen->generation || (answers && !(flow->flags & GW_FLOW_REPLIED)) ||
	    (key->proto == IPPROTO_TCP && flow->tcp_state < GW_TCP_ESTABLISHED))
		return false;
	seen->good = gw_fast_renewal(flow, key->proto, out, seen->until);
	return (__s32)(seen->good - now) > 0;
}

/* Is this live port the claim's? Shortens *good to its end. */
TP_INLINE bool gw_fast_claimed(__u32 index, __u32 claim, __u32 now, __u32 *good)
{
	const __u64 *at = bpf_map_lookup_elem(&nat_words, &index);
	__u64 word;

	if (!at)
		return false;
	word = *(const volatile __u64 *)at;
	if (gw_word_until(word) < *good)
		*good = gw_word_until(word);
	return gw_word_claim(word) == claim && gw_word_alive(word, now);
}

/* Is the port of the key's end? */
TP_INLINE bool gw_fast_owned(const struct gw_flow_key *key, __u32 index, __u32 claim, __u32 now)
{
	struct gw_flow_key GW_WORDS owner = {};
	__u32 present;

	return gw_mapping_back(index, now, &owner, &present) && present == claim &&
	       tp_equal16(owner.node, key->node) && owner.node_port == key->node_port &&
	       owner.overlay == key->overlay;
}

/* --- packets without a shortcut: asked of flow and mapping ----------------------------------- */

/* What the new end changes in the sums. */
TP_INLINE void gw_fast_change(struct gw_turn *turn, __be32 was_addr, __be16 was_port)
{
	__u64 address = gw_change32(was_addr, turn->addr);

	turn->change = tp_sum_fold(address);
	turn->change_all = tp_sum_fold(address + gw_change16(was_port, turn->port));
}

/*
 * The flow's element may become another flow's while it is read. That would be one packet's
 * mistake, but a second's with a shortcut. So what this says is of the port, whose owner was seen,
 * and it is taken back when the flow has ended, or was given another end, meanwhile: who does
 * either does it before he looks for the flow's shortcuts.
 */
TP_INLINE void gw_fast_enter(__u32 place, __u64 addrs, __u64 ends, const struct gw_turn *turn,
			     const struct gw_flow *flow, const struct gw_seen *seen)
{
	struct gw_shortcut *s = gw_shortcut_at(place);

	if (gw_shortcut_enter(place, addrs, ends, turn, seen) && s &&
	    (*(const volatile __u32 *)&flow->until != seen->until ||
	     *(const volatile __u32 *)&flow->tag != seen->tag))
		s->until = 0;
}

TP_INLINE void gw_fast_hop_out(struct __sk_buff *skb, __u64 addrs, __u64 ends, struct gw_turn *turn)
{
	struct gw_way way;

	if (gw_way_uplink(&way, turn->uplink))
		gw_hop_ask(skb, gw_shortcut_addrs(turn->addr, addrs >> 32),
			   gw_shortcut_ends(turn->port, ends >> 16, 0, ends >> 48, 0), way.ifindex,
			   turn);
}

TP_INLINE void gw_fast_hop_in(struct __sk_buff *skb, __u64 addrs, __u64 ends, struct gw_turn *turn)
{
	struct gw_way way;

	if (gw_way_overlay(&way, turn->overlay) && way.l2_len)
		gw_hop_ask(skb, gw_shortcut_addrs(addrs, turn->addr),
			   gw_shortcut_ends(ends, turn->port, 0, ends >> 48, 0), way.ifindex, turn);
}

/* The flow of a node's packet, with its turn. NULL: not for here. */
static __noinline struct gw_flow *gw_fast_ask_out(struct __sk_buff *skb, __u64 addrs, __u64 ends,
						  __u64 policy, struct gw_turn *turn)
{
	__u32 now = gw_ticks(), index, claim, slot;
	struct gw_flow_key GW_WORDS key = {};
	struct gw_flow *flow;
	struct gw_seen seen;
	int place;

	tp_map_v4(key.node, addrs);
	tp_map_v4(key.remote, addrs >> 32);
	key.node_port = ends;
	key.remote_port = ends >> 16;
	key.overlay = ends >> 32;
	key.proto = ends >> 48;
	flow = bpf_map_lookup_elem(&gw_flows, &key);
	if (!flow || !gw_fast_flow(flow, &key, policy, true, now, &seen))
		return NULL;
	index = *(volatile __u32 *)&flow->mapping;
	claim = *(volatile __u32 *)&flow->claim;
	if (!gw_fast_owned(&key, index, claim, now) ||
	    !gw_fast_claimed(index, claim, now, &seen.good))
		return NULL;
	slot = index / ((__u32)knobs.nat_range * GW_NAT_PROTOS);
	*turn = (struct gw_turn){.addr = flow->ext_addr,
				 .port = bpf_htons(knobs.nat_base + index % knobs.nat_range),
				 .overlay = key.overlay,
				 .uplink = slot / TP_GW_ADDRS,
				 .slot = slot % TP_GW_ADDRS};
	gw_fast_change(turn, addrs, ends);
	place = knobs.shortcuts ? gw_shortcut_room(addrs, ends) : -1;
	if (place >= 0) {
		gw_fast_hop_out(skb, addrs, ends, turn);
		gw_fast_enter(place, addrs, ends, turn, flow, &seen);
	}
	return flow;
}

/* The same for a packet from beyond an uplink. */
static __noinline struct gw_flow *gw_fast_ask_in(struct __sk_buff *skb, __u64 addrs, __u64 ends,
						 __u64 policy, struct gw_turn *turn)
{
	__u32 now = gw_ticks(), id = (__u16)(ends >> 32);
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	struct gw_flow_key GW_WORDS key = {};
	struct gw_mapping m = {};
	struct gw_flow *flow;
	struct gw_seen seen;
	int place;

	if (!uplink ||
	    gw_behind(uplink, id, addrs >> 32, ends >> 16, ends >> 48, now, &key, &m) != CARRY_ON)
		return NULL;
	tp_map_v4(key.remote, addrs);
	key.remote_port = ends;
	key.proto = ends >> 48;
	flow = bpf_map_lookup_elem(&gw_flows, &key);
	if (!flow || !gw_fast_flow(flow, &key, policy, false, now, &seen) ||
	    flow->claim != m.claim || !gw_fast_claimed(m.index, m.claim, now, &seen.good))
		return NULL;
	*turn = (struct gw_turn){.addr = tp_mapped_v4(key.node),
				 .port = key.node_port,
				 .overlay = key.overlay,
				 .uplink = id,
				 .slot = m.index / ((__u32)knobs.nat_range * GW_NAT_PROTOS) %
					 TP_GW_ADDRS};
	gw_fast_change(turn, addrs >> 32, ends >> 16);
	place = knobs.shortcuts ? gw_shortcut_room(addrs, ends) : -1;
	if (place >= 0) {
		gw_fast_hop_in(skb, addrs, ends, turn);
		gw_fast_enter(place, addrs, ends, turn, flow, &seen);
	}
	return flow;
}

/* --- sending --------------------------------------------------------------------------------- */

/* To the neighbour that the shortcut names. */
TP_INLINE int gw_fast_transmit(struct __sk_buff *skb, const struct gw_way *way,
			       const struct gw_turn *turn, const __u8 own[ETH_ALEN])
{
	struct ethhdr *eth;

	if (way->overlay)
		skb->mark = knobs.mark;
	if (!self.l2_len && bpf_skb_change_head(skb, ETH_HLEN, 0))
		return TC_ACT_SHOT;
	eth = gw_data(skb);
	if ((void *)(eth + 1) > gw_data_end(skb))
		return TC_ACT_SHOT;
	gw_hop_header(eth, turn, own);
	return bpf_redirect(way->ifindex, 0);
}

/* A sum of all bytes, if `skb` carries one, changes by what the transport's sum makes up for: the
 * address. Does it? */
TP_INLINE bool gw_fast_note_sum(struct __sk_buff *skb, const struct gw_turn *turn)
{
	return bpf_csum_update(skb, (__u16)~turn->change) >= 0;
}

/* The packet that asked goes where the kernel says, so that the kernel sees that the neighbour is
 * in use. */
TP_INLINE int gw_fast_send(struct __sk_buff *skb, __u32 len, const struct gw_way *way,
			   const struct gw_turn *turn, const __u8 *own)
{
	bool known = own && way->l2_len && gw_hop_known(turn) && !skb->mark;
	bool summed = gw_fast_note_sum(skb, turn);
	int verdict = known ? gw_fast_transmit(skb, way, turn, own) : gw_transmit(skb, way, summed);

	if (verdict != TC_ACT_REDIRECT)
		return gw_leave(skb, GW_DROP_rewrite_failed);
	gw_count(way->overlay ? GW_FORWARD_to_overlay : GW_FORWARD_to_uplink, 1, len);
	return verdict;
}

/* In the shortcut, or where there is none in the flow. */
TP_INLINE void gw_fast_count(struct gw_shortcut *s, struct gw_count *count, __u32 len)
{
	if (s) {
		gw_shortcut_count(s, len);
	} else {
		count->packets++;
		count->bytes += len;
	}
}

/* From a node. The verdict, or CARRY_ON: not for here. */
static __noinline int gw_fast_out(struct __sk_buff *skb, __u64 policy, __u32 now)
{
	const struct gw_uplink *uplink;
	struct gw_flow *flow = NULL;
	struct gw_shortcut *s;
	struct gw_turn turn;
	struct gw_fast f;
	struct gw_way way;
	__u64 addrs, ends;
	__u32 id;

	if (!gw_fast_parse(skb, &f))
		return CARRY_ON;
	addrs = gw_shortcut_addrs(f.ip->saddr, f.ip->daddr);
	ends = gw_shortcut_ends(f.udp->source, f.udp->dest, gw_id(skb), f.ip->protocol, GW_OVERLAY);
	s = gw_shortcut_find(addrs, ends, policy, now, &turn);
	if (!s)
		flow = gw_fast_ask_out(skb, addrs, ends, policy, &turn);
	if (!s && !flow)
		return CARRY_ON;
	id = turn.uplink;
	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!gw_fast_has(uplink, &turn, turn.addr) || f.ip_len > uplink->mtu ||
	    gw_fast_sum_is_open(&f))
		return CARRY_ON;
	way = (struct gw_way){uplink->ifindex, uplink->mtu, ETH_HLEN, false};
	gw_fast_count(s, flow ? &flow->out : NULL, f.ip_len);
	gw_fast_rewrite(&f, &turn, true);
	return gw_fast_send(skb, f.ip_len, &way, &turn, s ? uplink->mac : NULL);
}

/* From beyond an uplink. */
static __noinline int gw_fast_in(struct __sk_buff *skb, const struct gw_uplink *uplink,
				 __u64 policy, __u32 now)
{
	const struct gw_overlay *overlay;
	struct gw_flow *flow = NULL;
	struct gw_shortcut *s;
	struct gw_turn turn;
	struct gw_fast f;
	struct gw_way way;
	__u64 addrs, ends;
	__u32 id;

	if (!gw_fast_parse(skb, &f))
		return CARRY_ON;
	addrs = gw_shortcut_addrs(f.ip->saddr, f.ip->daddr);
	ends = gw_shortcut_ends(f.udp->source, f.udp->dest, gw_id(skb), f.ip->protocol, GW_UPLINK);
	s = gw_shortcut_find(addrs, ends, policy, now, &turn);
	if (!s)
		flow = gw_fast_ask_in(skb, addrs, ends, policy, &turn);
	if ((!s && !flow) || !gw_fast_has(uplink, &turn, f.ip->daddr))
		return CARRY_ON;
	id = turn.overlay;
	overlay = bpf_map_lookup_elem(&gw_overlays, &id);
	if (!overlay || !overlay->ifindex || f.ip_len > overlay->mtu || gw_fast_sum_is_open(&f))
		return CARRY_ON;
	way = (struct gw_way){overlay->ifindex, overlay->mtu, overlay->l2_len, true};
	gw_fast_count(s, flow ? &flow->in : NULL, f.ip_len);
	gw_fast_rewrite(&f, &turn, false);
	return gw_fast_send(skb, f.ip_len, &way, &turn, s ? overlay->mac : NULL);
}

#endif
