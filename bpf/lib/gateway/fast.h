/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way of most packets: IPv4, TCP or UDP, one whole segment, of a masqueraded flow that is
 * established, judged under the present policy, and in need of no longer life. Whatever else a
 * packet is, nothing of it is changed here and it goes the general way, which does the same with
 * such packets. All of it is one function: each return of a call costs as much as a look-up where
 * returns are guarded (SRSO).
 */
#ifndef TP_BPF_GATEWAY_FAST_H
#define TP_BPF_GATEWAY_FAST_H

#include "established.h"

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

/* May the flow's packet go without another look: a masqueraded flow under this policy, seen both
 * ways or opened this way, whose state and end this packet leaves as they are? */
TP_INLINE bool gw_fast_flow(const struct gw_flow *flow, const struct gw_flow_key *key, __u64 policy,
			    bool out, __u32 now)
{
	__u32 until = flow->until, life = gw_ticks_of(knobs.timeout.udp);
	bool answers = flow->flags & GW_FLOW_FROM_REMOTE ? out : !out;

	if (flow->tag != gw_flow_tag(key) || flow->kind != GW_FLOW_NAT || now >= until ||
	    flow->generation != gw_policy_generation(policy) ||
	    (answers && !(flow->flags & GW_FLOW_REPLIED)))
		return false;
	if (key->proto == IPPROTO_UDP)
		return !out || (__s32)(now + life - until) < GW_TICKS_STEP;
	life = gw_ticks_of(gw_tcp_seconds(flow->tcp_state));
	return flow->tcp_state >= GW_TCP_ESTABLISHED && (__s32)(now + life - until) < GW_TICKS_STEP;
}

/* The sums for a new address and port, and one hop less. `skb` may carry a sum of all its bytes,
 * which changes by what the transport's sum makes up for: the address. */
TP_INLINE void gw_fast_sums(struct __sk_buff *skb, struct gw_fast *f, __u64 address, __u64 port)
{
	__u16 change = tp_sum_fold(address), ttl = (__u16)~tp_htons(0x0100);
	__u16 sum = tp_csum_update(*f->sum, tp_sum_fold(address + port));

	*f->sum = f->ip->protocol == IPPROTO_UDP ? tp_csum_udp(sum) : sum;
	f->ip->check = tp_csum_update(f->ip->check, tp_sum_fold(address + ttl));
	f->ip->ttl--;
	bpf_csum_update(skb, (__u16)~change);
}

TP_INLINE int gw_fast_send(struct __sk_buff *skb, const struct gw_fast *f, struct gw_count *count,
			   const struct gw_way *way, __u32 reason)
{
	__u32 len = f->ip_len;
	int verdict;

	count->packets++;
	count->bytes += len;
	verdict = gw_transmit(skb, way);
	if (verdict != TC_ACT_REDIRECT)
		return gw_leave(skb, GW_DROP_rewrite_failed);
	gw_count(reason, 1, len);
	return verdict;
}

TP_INLINE bool gw_fast_mapped(const struct gw_flow *flow, __u32 now)
{
	__u32 index = flow->mapping;
	const __u64 *at = bpf_map_lookup_elem(&nat_words, &index);
	__u64 word;

	if (!at)
		return false;
	word = *(const volatile __u64 *)at;
	return gw_word_claim(word) == flow->claim && gw_word_alive(word, now);
}

/* From a node. The verdict, or CARRY_ON: not for here. */
static __noinline int gw_fast_out(struct __sk_buff *skb, __u64 policy, __u32 now)
{
	struct gw_flow_key GW_WORDS key = {};
	struct gw_flow *flow;
	struct gw_fast f;
	struct gw_way way;
	__u64 address, port;

	if (!gw_fast_parse(skb, &f))
		return CARRY_ON;
	tp_map_v4(key.node, f.ip->saddr);
	tp_map_v4(key.remote, f.ip->daddr);
	key.node_port = f.udp->source;
	key.remote_port = f.udp->dest;
	key.overlay = gw_id(skb);
	key.proto = f.ip->protocol;
	flow = bpf_map_lookup_elem(&gw_flows, &key);
	if (!flow || !gw_fast_flow(flow, &key, policy, true, now) || !gw_fast_mapped(flow, now) ||
	    !gw_way_uplink(&way, flow->uplink) || f.ip_len > way.mtu || gw_fast_sum_is_open(&f))
		return CARRY_ON;
	address = gw_change32(f.ip->saddr, flow->ext_addr);
	port = gw_change16(f.udp->source, flow->ext_port);
	f.ip->saddr = flow->ext_addr;
	f.udp->source = flow->ext_port;
	gw_fast_sums(skb, &f, address, port);
	return gw_fast_send(skb, &f, &flow->out, &way, GW_FORWARD_to_uplink);
}

/* From beyond an uplink. */
static __noinline int gw_fast_in(struct __sk_buff *skb, const struct gw_uplink *uplink,
				 __u64 policy, __u32 now)
{
	struct gw_flow_key GW_WORDS key = {};
	struct gw_mapping m = {};
	struct gw_flow *flow;
	struct gw_fast f;
	struct gw_way way;
	__u64 address, port;

	if (!gw_fast_parse(skb, &f) || gw_behind(uplink, gw_id(skb), f.ip->daddr, f.udp->dest,
						 f.ip->protocol, now, &key, &m) != CARRY_ON)
		return CARRY_ON;
	tp_map_v4(key.remote, f.ip->saddr);
	key.remote_port = f.udp->source;
	key.proto = f.ip->protocol;
	flow = bpf_map_lookup_elem(&gw_flows, &key);
	if (!flow || !gw_fast_flow(flow, &key, policy, false, now) || flow->claim != m.claim ||
	    !gw_way_overlay(&way, key.overlay) || f.ip_len > way.mtu || gw_fast_sum_is_open(&f))
		return CARRY_ON;
	address = gw_change32(f.ip->daddr, tp_mapped_v4(key.node));
	port = gw_change16(f.udp->dest, key.node_port);
	f.ip->daddr = tp_mapped_v4(key.node);
	f.udp->dest = key.node_port;
	gw_fast_sums(skb, &f, address, port);
	return gw_fast_send(skb, &f, &flow->in, &way, GW_FORWARD_to_overlay);
}

#endif
