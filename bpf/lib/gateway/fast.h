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
#include "shortcut.h"

#define FAST_PARTS (IPV4_MORE | IPV4_OFFSET)
#define FAST_ENDS  (TCP_SYN | TCP_FIN | TCP_RST)

/* The packet in place. */
struct gw_fast {
	struct iphdr *ip;
	union {
		struct udphdr *udp;
		struct tcphdr *tcp;
	};
	__be16 *sum; /* of the transport */
	__u32 ip_len;
};

/*
 * May the sum be one that the sender left to be computed? Then what stands there is the sum of the
 * pseudo-header, and only the kernel's helpers know. A complete sum that comes out the same goes
 * that way in vain.
 */
TP_INLINE bool gw_fast_sum_is_open(const struct gw_fast *f)
{
	__u64 pseudo = (__u64)f->ip->saddr + f->ip->daddr + bpf_htons(f->ip->protocol) +
		       bpf_htons(f->ip_len - IPV4_LEN);

	return !*f->sum || *f->sum == tp_sum_fold(pseudo);
}

TP_INLINE bool gw_fast_transport(struct gw_fast *f, const void *end)
{
	f->udp = (void *)(f->ip + 1);
	f->sum = &f->udp->check;
	if (f->ip->protocol == IPPROTO_UDP)
		return (void *)(f->udp + 1) <= end && f->ip_len >= IPV4_LEN + sizeof(*f->udp);
	f->sum = &f->tcp->check;
	return f->ip->protocol == IPPROTO_TCP && (void *)(f->tcp + 1) <= end &&
	       f->ip_len >= IPV4_LEN + sizeof(*f->tcp) &&
	       !(((__u8 *)f->tcp)[GW_TCP_FLAGS] & FAST_ENDS);
}

/* Is it of the common kind? */
TP_INLINE bool gw_fast_parse(struct __sk_buff *skb, struct gw_fast *f)
{
	const void *end = gw_data_end(skb);

	f->ip = gw_data(skb) + GW_L3;
	if ((void *)(f->ip + 1) > end || skb->protocol != bpf_htons(ETH_P_IP) ||
	    *(__u8 *)f->ip != IPV4_PLAIN || f->ip->frag_off & bpf_htons(FAST_PARTS) ||
	    f->ip->ttl <= 1 || skb->gso_size)
		return false;
	f->ip_len = bpf_ntohs(f->ip->tot_len);
	return f->ip_len <= skb->len - GW_L3 && gw_fast_transport(f, end);
}

/* What was seen of a flow. */
struct gw_seen {
	__u32 tag;
	__u32 until;
	__u32 generation;
	__u32 good; /* until when packets this way need no other look */
};

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

/*
 * The flow's element may become another flow's while it is read. That would be one packet's
 * mistake, but a second's with a shortcut. So what this says is of the port, whose owner was seen,
 * and it is taken back when the flow has ended, or was given another end, meanwhile: who does
 * either does it before he looks for the flow's shortcuts.
 */
TP_INLINE void gw_fast_enter(__u64 addrs, __u64 ends, struct gw_turn *turn, __be32 was_addr,
			     __be16 was_port, const struct gw_flow *flow,
			     const struct gw_seen *seen)
{
	__u64 address = gw_change32(was_addr, turn->addr);
	struct gw_shortcut *s;

	turn->change = tp_sum_fold(address);
	turn->change_all = tp_sum_fold(address + gw_change16(was_port, turn->port));
	s = gw_shortcut_enter(addrs, ends, turn, seen->generation, seen->good);
	if (s && (*(const volatile __u32 *)&flow->until != seen->until ||
		  *(const volatile __u32 *)&flow->tag != seen->tag))
		s->until = 0;
}

/* The flow of a node's packet, with its turn. NULL: not for here. */
static __noinline struct gw_flow *gw_fast_ask_out(__u64 addrs, __u64 ends, __u64 policy, __u32 now,
						  struct gw_turn *turn)
{
	struct gw_flow_key GW_WORDS key = {};
	__u32 index, claim, slot;
	struct gw_flow *flow;
	struct gw_seen seen;

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
	gw_fast_enter(addrs, ends, turn, addrs, ends, flow, &seen);
	return flow;
}

/* The same for a packet from beyond an uplink. */
static __noinline struct gw_flow *gw_fast_ask_in(const struct gw_uplink *uplink, __u64 addrs,
						 __u64 ends, __u64 policy, struct gw_turn *turn)
{
	__u32 now = gw_ticks(), id = (__u16)(ends >> 32);
	struct gw_flow_key GW_WORDS key = {};
	struct gw_mapping m = {};
	struct gw_flow *flow;
	struct gw_seen seen;

	if (gw_behind(uplink, id, addrs >> 32, ends >> 16, ends >> 48, now, &key, &m) != CARRY_ON)
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
	gw_fast_enter(addrs, ends, turn, addrs >> 32, ends >> 16, flow, &seen);
	return flow;
}

/* --- sending --------------------------------------------------------------------------------- */

/* The sums for a new address and port, and one hop less. `skb` may carry a sum of all its bytes,
 * which changes by what the transport's sum makes up for: the address. */
TP_INLINE void gw_fast_sums(struct __sk_buff *skb, struct gw_fast *f, const struct gw_turn *turn)
{
	__u16 ttl = (__u16)~tp_htons(0x0100);
	__u16 sum = tp_csum_update(*f->sum, turn->change_all);

	*f->sum = f->ip->protocol == IPPROTO_UDP ? tp_csum_udp(sum) : sum;
	f->ip->check = tp_csum_update(f->ip->check, tp_sum_fold((__u64)turn->change + ttl));
	f->ip->ttl--;
	bpf_csum_update(skb, (__u16)~turn->change);
}

TP_INLINE int gw_fast_send(struct __sk_buff *skb, __u32 len, const struct gw_way *way, __u32 reason)
{
	int verdict = gw_transmit(skb, way);

	if (verdict != TC_ACT_REDIRECT)
		return gw_leave(skb, GW_DROP_rewrite_failed);
	gw_count(reason, 1, len);
	return verdict;
}

/* In the shortcut, or where there is none in the flow. */
TP_INLINE void gw_fast_count(struct gw_shortcut *s, struct gw_count *count, __u32 len)
{
	if (s) {
		s->packets++;
		s->bytes += len;
	} else {
		count->packets++;
		count->bytes += len;
	}
}

/* An address that the uplink has lost is not used for another second. */
TP_INLINE bool gw_fast_has(const struct gw_uplink *uplink, const struct gw_turn *turn, __be32 addr)
{
	return uplink && uplink->ifindex && uplink->addr[turn->slot % TP_GW_ADDRS] == addr;
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
		flow = gw_fast_ask_out(addrs, ends, policy, now, &turn);
	if (!s && !flow)
		return CARRY_ON;
	id = turn.uplink;
	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!gw_fast_has(uplink, &turn, turn.addr) || f.ip_len > uplink->mtu ||
	    gw_fast_sum_is_open(&f))
		return CARRY_ON;
	way = (struct gw_way){uplink->ifindex, uplink->mtu, ETH_HLEN, false};
	gw_fast_count(s, flow ? &flow->out : NULL, f.ip_len);
	f.ip->saddr = turn.addr;
	f.udp->source = turn.port;
	gw_fast_sums(skb, &f, &turn);
	return gw_fast_send(skb, f.ip_len, &way, GW_FORWARD_to_uplink);
}

/* From beyond an uplink. */
static __noinline int gw_fast_in(struct __sk_buff *skb, const struct gw_uplink *uplink,
				 __u64 policy, __u32 now)
{
	struct gw_flow *flow = NULL;
	struct gw_shortcut *s;
	struct gw_turn turn;
	struct gw_fast f;
	struct gw_way way;
	__u64 addrs, ends;

	if (!gw_fast_parse(skb, &f))
		return CARRY_ON;
	addrs = gw_shortcut_addrs(f.ip->saddr, f.ip->daddr);
	ends = gw_shortcut_ends(f.udp->source, f.udp->dest, gw_id(skb), f.ip->protocol, GW_UPLINK);
	s = gw_shortcut_find(addrs, ends, policy, now, &turn);
	if (!s)
		flow = gw_fast_ask_in(uplink, addrs, ends, policy, &turn);
	if ((!s && !flow) || !gw_fast_has(uplink, &turn, f.ip->daddr) ||
	    !gw_way_overlay(&way, turn.overlay) || f.ip_len > way.mtu || gw_fast_sum_is_open(&f))
		return CARRY_ON;
	gw_fast_count(s, flow ? &flow->in : NULL, f.ip_len);
	f.ip->daddr = turn.addr;
	f.udp->dest = turn.port;
	gw_fast_sums(skb, &f, &turn);
	return gw_fast_send(skb, f.ip_len, &way, GW_FORWARD_to_overlay);
}

#endif
