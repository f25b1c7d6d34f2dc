/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about flows (RFC 5508, 4): what they quote says whose they are. They are passed on
 * with the quote as its sender knows it, and neither keep a flow alive nor end one, unless the
 * policy has changed and forbids it.
 */
#ifndef TP_BPF_GATEWAY_ICMP_H
#define TP_BPF_GATEWAY_ICMP_H

#include "admit.h"

/* Of the quoted packet: what is needed to know the flow. */
struct gw_quote {
	__u8 src[16];
	__u8 dst[16];
	__be16 src_port;
	__be16 dst_port;
	__be16 sum; /* UDP */
	__be16 ip_sum;
	__u8 proto;
	__u8 pad[3];
};

struct gw_quote_ipv4 {
	struct iphdr ip;
	__u8 l4[GW_L4_MIN];
};

struct gw_quote_ipv6 {
	struct ipv6hdr ip;
	__u8 l4[GW_L4_MIN];
};

TP_INLINE void gw_quote_ports(struct gw_quote *q, const __u8 *l4)
{
	q->src_port = tp_get16(l4);
	q->dst_port = tp_get16(l4 + 2);
	q->sum = q->proto == IPPROTO_UDP ? tp_get16(l4 + 6) : 0;
	if (q->proto == IPPROTO_ICMP || q->proto == IPPROTO_ICMPV6)
		q->src_port = q->dst_port = tp_get16(l4 + 4);
}

static __noinline int gw_quote_read(struct __sk_buff *skb, const struct gw_packet *p,
				    struct gw_quote *q)
{
	struct gw_quote_ipv4 v4;
	struct gw_quote_ipv6 v6;

	if (p->v6) {
		if (gw_l4_room(p) < 8 + sizeof(v6) ||
		    bpf_skb_load_bytes(skb, GW_L4_V6 + 8, &v6, sizeof(v6)))
			return GW_DROP_icmp_stray;
		tp_copy16(q->src, &v6.ip.saddr);
		tp_copy16(q->dst, &v6.ip.daddr);
		q->proto = v6.ip.nexthdr;
		gw_quote_ports(q, v6.l4);
		return CARRY_ON;
	}
	if (gw_l4_room(p) < 8 + sizeof(v4) ||
	    bpf_skb_load_bytes(skb, GW_L4_V4 + 8, &v4, sizeof(v4)) || *(__u8 *)&v4 != IPV4_PLAIN ||
	    v4.ip.frag_off & bpf_htons(IPV4_OFFSET))
		return GW_DROP_icmp_stray;
	tp_map_v4(q->src, v4.ip.saddr);
	tp_map_v4(q->dst, v4.ip.daddr);
	q->proto = v4.ip.protocol;
	q->ip_sum = v4.ip.check;
	gw_quote_ports(q, v4.l4);
	return CARRY_ON;
}

/* One end of the quote, as it shall read. */
struct gw_requote {
	__be32 was, is;
	__be16 port_was, port_is;
	__u32 source; /* boolean: which end */
};

#define GW_QUOTE_AT    (GW_L4_V4 + 8)
#define GW_QUOTE_L4_AT (GW_QUOTE_AT + IPV4_LEN)

/* Writes it, with the sums of the quote (noted in *q) and of the error. TCP's sum lies behind what
 * is always quoted and is left alone: nobody checks it (RFC 5508 REQ-3c). */
static __noinline int gw_quote_write(struct __sk_buff *skb, struct gw_quote *q,
				     const struct gw_requote *r)
{
	__u64 address = gw_change32(r->was, r->is), port = gw_change16(r->port_was, r->port_is);
	__be16 ip_sum = tp_csum_update(q->ip_sum, tp_sum_fold(address));
	__be16 sum = q->sum;
	__u32 port_at = GW_QUOTE_L4_AT + (q->proto == IPPROTO_ICMP ? 4 : r->source ? 0 : 2);
	__u64 change = address + port + gw_change16(q->ip_sum, ip_sum);
	int err = 0;

	if (q->proto == IPPROTO_UDP && sum) {
		sum = tp_csum_udp(tp_csum_update(sum, tp_sum_fold(address + port)));
		change += gw_change16(q->sum, sum);
		err |= bpf_skb_store_bytes(skb, GW_QUOTE_L4_AT + 6, &sum, 2, 0);
	}
	q->ip_sum = ip_sum;
	q->sum = sum;
	err |= bpf_skb_store_bytes(skb, GW_QUOTE_AT + 10, &ip_sum, 2, 0);
	err |= bpf_skb_store_bytes(skb, GW_QUOTE_AT + (r->source ? 12 : 16), &r->is, 4, 0);
	err |= bpf_skb_store_bytes(skb, port_at, &r->port_is, 2, 0);
	return err | gw_sum_icmp(skb, change);
}

/* From beyond an uplink, about what a node sent. `m` NULL: not to a masquerade address. */
static __noinline int gw_error_in(struct __sk_buff *skb, const struct gw_packet *p,
				  struct gw_quote *q, const struct gw_flow_key *key,
				  struct gw_flow *flow)
{
	struct gw_requote r = {.source = true};
	struct gw_ends to = gw_ends_of(p);
	struct gw_way way;

	if (!gw_way_overlay(&way, key->overlay))
		return gw_leave(skb, GW_DROP_overlay_down);
	if (p->ttl <= 1 || p->wire_len > way.mtu)
		return gw_leave(skb, p->ttl <= 1 ? GW_DROP_ttl : GW_DROP_too_big_quietly);
	flow->in.packets++;
	flow->in.bytes += p->ip_len;
	if (flow->kind != GW_FLOW_NAT)
		return gw_send(skb, p, &way, NULL, GW_FORWARD_to_overlay);
	r.was = tp_mapped_v4(q->src);
	r.is = to.dst = tp_mapped_v4(key->node);
	r.port_was = q->src_port;
	r.port_is = key->node_port;
	if (gw_quote_write(skb, q, &r))
		return gw_leave(skb, GW_DROP_rewrite_failed);
	return gw_send(skb, p, &way, &to, GW_FORWARD_to_overlay);
}

/* From a node, about what came to it. */
static __noinline int gw_error_out(struct __sk_buff *skb, const struct gw_packet *p,
				   struct gw_quote *q, struct gw_flow *flow)
{
	struct gw_requote r = {.source = false};
	struct gw_ends to = gw_ends_of(p);
	struct gw_way way;

	if (flow->kind == GW_FLOW_LOCAL)
		return gw_leave(skb, GW_PASS_local);
	if (flow->kind == GW_FLOW_OVERLAY)
		return gw_leave(skb, GW_DROP_icmp_stray);
	if (!gw_way_uplink(&way, flow->uplink))
		return gw_leave(skb, GW_DROP_uplink_down);
	if (p->ttl <= 1 || p->wire_len > way.mtu)
		return gw_leave(skb, p->ttl <= 1 ? GW_DROP_ttl : GW_DROP_too_big_quietly);
	flow->out.packets++;
	flow->out.bytes += p->ip_len;
	if (flow->kind != GW_FLOW_NAT)
		return gw_send(skb, p, &way, NULL, GW_FORWARD_to_uplink);
	r.was = tp_mapped_v4(q->dst);
	r.is = to.src = flow->ext_addr;
	r.port_was = q->dst_port;
	r.port_is = flow->ext_port;
	if (gw_quote_write(skb, q, &r))
		return gw_leave(skb, GW_DROP_rewrite_failed);
	return gw_send(skb, p, &way, &to, GW_FORWARD_to_uplink);
}

/* The node that sent by a hairpin what a flow has brought, if both mappings are what they were. */
static __noinline bool gw_hairpin_sender(const struct gw_flow_key *key, const struct gw_flow *flow,
					 struct gw_flow_key *sender)
{
	__u32 now = gw_ticks(), id = flow->uplink;
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	const struct gw_flow *sent;
	struct gw_mapping m = {};
	bool dead;

	if (!uplink || gw_behind(uplink, id, tp_mapped_v4(key->remote), key->remote_port,
				 key->proto, now, sender, &m) != CARRY_ON)
		return false;
	tp_map_v4(sender->remote, flow->ext_addr);
	sender->remote_port = flow->ext_port;
	sender->proto = key->proto;
	sent = gw_flow_find(sender, now, &dead);
	return sent && sent->kind == GW_FLOW_HAIRPIN && sent->claim == m.claim;
}

/* From a node, about what came to it by a hairpin (RFC 5508 REQ-7). Who sent it knows itself by its
 * own address and the other by its mapping, so both ends of the quote change. */
static __noinline int gw_error_hairpin(struct __sk_buff *skb, const struct gw_packet *p,
				       struct gw_quote *q, const struct gw_flow_key *key,
				       struct gw_flow *flow)
{
	struct gw_ends to = gw_ends_of(p);
	struct gw_flow_key sender = {};
	struct gw_requote r;
	struct gw_way way;

	if (!gw_hairpin_sender(key, flow, &sender))
		return gw_leave(skb, GW_DROP_icmp_stray);
	if (!gw_way_overlay(&way, sender.overlay))
		return gw_leave(skb, GW_DROP_overlay_down);
	if (p->ttl <= 1 || p->wire_len > way.mtu)
		return gw_leave(skb, p->ttl <= 1 ? GW_DROP_ttl : GW_DROP_too_big_quietly);
	flow->out.packets++;
	flow->out.bytes += p->ip_len;
	to.src = flow->ext_addr;
	to.dst = tp_mapped_v4(sender.node);
	r = (struct gw_requote){tp_mapped_v4(q->dst), to.src, q->dst_port, flow->ext_port, false};
	if (gw_quote_write(skb, q, &r))
		return gw_leave(skb, GW_DROP_rewrite_failed);
	r = (struct gw_requote){tp_mapped_v4(q->src), to.dst, q->src_port, sender.node_port, true};
	if (gw_quote_write(skb, q, &r))
		return gw_leave(skb, GW_DROP_rewrite_failed);
	return gw_send(skb, p, &way, &to, GW_FORWARD_hairpin);
}

/* A node's error: the quote came to the node, and to no other, and back to its sender the error
 * goes: a flow is no licence to send to others what quotes it. */
static __noinline int gw_icmp_from_node(struct __sk_buff *skb, const struct gw_packet *p,
					__u32 overlay, __u32 now)
{
	struct gw_flow_key key = {.overlay = overlay};
	struct gw_quote q = {};
	struct gw_flow *flow;
	int why;

	if (gw_quote_read(skb, p, &q) != CARRY_ON || !tp_equal16(p->src, q.dst) ||
	    !tp_equal16(p->dst, q.src))
		return gw_leave(skb, GW_DROP_icmp_stray);
	tp_copy16(key.node, q.dst);
	tp_copy16(key.remote, q.src);
	key.node_port = q.dst_port;
	key.remote_port = q.src_port;
	key.proto = q.proto;
	flow = gw_known_in(&key, gw_policy_now(), now, &why);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (!flow)
		return gw_leave(skb, GW_DROP_icmp_stray);
	return flow->kind == GW_FLOW_HAIRPIN ? gw_error_hairpin(skb, p, &q, &key, flow)
					     : gw_error_out(skb, p, &q, flow);
}

/* An uplink's: the quote was sent by us, or (routed) by a node of overlay `overlay`. */
static __noinline int gw_icmp_from_uplink(struct __sk_buff *skb, const struct gw_packet *p,
					  const struct gw_uplink *uplink, __u32 now)
{
	struct gw_flow_key key = {};
	struct gw_mapping m = {};
	struct gw_quote q = {};
	struct gw_flow *flow;
	int why;

	if (gw_quote_read(skb, p, &q) != CARRY_ON)
		return gw_leave(skb, GW_PASS_not_ours);
	if (gw_behind(uplink, gw_id(skb), tp_mapped_v4(q.src), q.src_port, q.proto, now, &key,
		      &m) != CARRY_ON)
		return gw_leave(skb, GW_PASS_not_ours); /* about a packet of this host */
	tp_copy16(key.remote, q.dst);
	key.proto = q.proto;
	key.remote_port = q.proto == IPPROTO_ICMP ? key.node_port : q.dst_port;
	flow = gw_known_in(&key, gw_policy_now(), now, &why);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (!flow || flow->kind != GW_FLOW_NAT || flow->claim != m.claim)
		return gw_leave(skb, GW_DROP_icmp_stray);
	return gw_error_in(skb, p, &q, &key, flow);
}

/* Routed: to a node of this overlay, about what it sent itself to beyond an uplink. */
static __noinline int gw_icmp_to_node(struct __sk_buff *skb, const struct gw_packet *p,
				      __u32 overlay, __u32 now)
{
	struct gw_flow_key key = {.overlay = overlay};
	struct gw_quote q = {};
	struct gw_flow *flow;
	int why;

	if (gw_quote_read(skb, p, &q) != CARRY_ON || !tp_equal16(p->dst, q.src))
		return gw_leave(skb, GW_DROP_icmp_stray);
	tp_copy16(key.node, q.src);
	tp_copy16(key.remote, q.dst);
	key.node_port = q.src_port;
	key.remote_port = q.dst_port;
	key.proto = q.proto;
	flow = gw_known_in(&key, gw_policy_now(), now, &why);
	if (why != CARRY_ON)
		return gw_leave(skb, why);
	if (!flow || flow->kind != GW_FLOW_ROUTED)
		return gw_leave(skb, GW_DROP_icmp_stray);
	return gw_error_in(skb, p, &q, &key, flow);
}

#endif
