/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors of the gateway's own: the packet is cut to what is quoted of it (the IP header and
 * the transport's first bytes: RFC 792, RFC 4443), gets new headers, and goes back where it came
 * from. It is quoted as it came, so nothing may have been rewritten before.
 */
#ifndef TP_BPF_GATEWAY_ANSWER_H
#define TP_BPF_GATEWAY_ANSWER_H

#include "../ethernet.h"
#include "flow.h"
#include "rewrite.h"

#define GW_ANSWER_TTL	  64
#define GW_ICMP_LEN	  8
#define GW_QUOTED_TCP	  20 /* up to its sum, which may be still to be computed */
#define GW_QUOTED	  8
#define ICMP_ADMIN_DENIED 13 /* RFC 1812, 5.2.7.1 */
#define ICMP6_ADMIN	  1  /* RFC 4443, 3.1 */

struct gw_error {
	__u8 type;
	__u8 code;
	__u16 mtu;     /* host order; 0: none */
	__u16 told;    /* enum gw_reason, when it is sent ... */
	__u16 quietly; /* ... and when it is not */
};

#define GW_TOLD_AT_ONCE 8

/* One error a tick to each node, some more at first: the generic cell rate algorithm in ticks. */
static __noinline bool gw_may_tell(const struct gw_flow_key *key, __u32 now)
{
	struct gw_node_key owner = {};
	struct gw_node *node;
	__u32 last, next;

	gw_node_key_of(&owner, key, GW_NODE_OF_FLOWS);
	node = gw_node_get(&owner);
	if (!node)
		return false;
	last = node->refused;
	next = (last > now ? last : now) + 1;
	return next - now <= GW_TOLD_AT_ONCE &&
	       __sync_val_compare_and_swap(&node->refused, last, next) == last;
}

/* Sum of `len` bytes of the packet; `len` is a constant. */
#define gw_sum_bytes(skb, at, len)                                                               \
	({                                                                                       \
		void *_from = gw_data(skb) + (at);                                               \
		_from + (len) > gw_data_end(skb) ? -1 : bpf_csum_diff(NULL, 0, _from, (len), 0); \
	})

/*
 * The sum of the quote's transport part. When the sender left its checksum to be computed (a packet
 * to be cut into segments always does), the device will still fill it in, over the part that is
 * left; the sum of that part is then the complement of what stands in the checksum's place now.
 */
TP_INLINE __s64 gw_sum_quoted(struct __sk_buff *skb, const struct gw_packet *p, __u32 at,
			      bool later)
{
	void *sum = gw_data(skb) + at + gw_sum_at(p->proto);

	if (later && gw_sum_at(p->proto)) {
		if (sum + 2 > gw_data_end(skb))
			return -1;
		return (__u16)~tp_get16(sum);
	}
	return p->proto == IPPROTO_TCP ? gw_sum_bytes(skb, at, GW_QUOTED_TCP)
				       : gw_sum_bytes(skb, at, GW_QUOTED);
}

TP_INLINE __u32 gw_quoted_len(const struct gw_packet *p)
{
	return p->proto == IPPROTO_TCP ? GW_QUOTED_TCP : GW_QUOTED;
}

TP_INLINE int gw_answer_ipv4(struct __sk_buff *skb, const struct gw_packet *p,
			     const struct gw_error *e, __be32 own, bool later)
{
	struct iphdr *ip = gw_data(skb) + GW_L3;
	struct icmphdr *icmp = (void *)(ip + 1);
	__s64 quoted, header;

	if ((void *)(icmp + 1) > gw_data_end(skb))
		return -1;
	tp_put64(ip, 0);
	tp_put64((void *)ip + 8, 0);
	ip->version = 4;
	ip->ihl = IPV4_LEN / 4;
	ip->tot_len = bpf_htons(2 * IPV4_LEN + GW_ICMP_LEN + gw_quoted_len(p));
	ip->ttl = GW_ANSWER_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = own ? own : tp_mapped_v4(p->dst);
	ip->daddr = tp_mapped_v4(p->src);
	ip->check = ~tp_sum_fold(bpf_csum_diff(NULL, 0, (void *)ip, IPV4_LEN, 0));
	icmp->type = e->type;
	icmp->code = e->code;
	icmp->checksum = 0;
	icmp->un.frag.unused = 0;
	icmp->un.frag.mtu = bpf_htons(e->mtu);
	header = gw_sum_bytes(skb, GW_L4_V4, GW_ICMP_LEN + IPV4_LEN);
	quoted = gw_sum_quoted(skb, p, GW_L4_V4 + GW_ICMP_LEN + IPV4_LEN, later);
	icmp = gw_data(skb) + GW_L4_V4;
	if (header < 0 || quoted < 0 || (void *)(icmp + 1) > gw_data_end(skb))
		return -1;
	icmp->checksum = ~tp_sum_fold(header + quoted);
	return 0;
}

TP_INLINE int gw_answer_ipv6(struct __sk_buff *skb, const struct gw_packet *p,
			     const struct gw_error *e, const __u8 *own, bool later)
{
	struct ipv6hdr *ip = gw_data(skb) + GW_L3;
	struct icmp6hdr *icmp = (void *)(ip + 1);
	__u16 len = GW_ICMP_LEN + IPV6_LEN + gw_quoted_len(p);
	__s64 quoted, header;
	__u64 pseudo;

	if ((void *)(icmp + 1) > gw_data_end(skb))
		return -1;
	tp_put32(ip, bpf_htonl(6u << 28));
	ip->payload_len = bpf_htons(len);
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = GW_ANSWER_TTL;
	tp_copy16(&ip->saddr, tp_get64(own) | tp_get64(own + 8) ? own : p->dst);
	tp_copy16(&ip->daddr, p->src);
	pseudo = tp_sum128(&ip->saddr) + tp_sum128(&ip->daddr) + bpf_htons(len) +
		 bpf_htons(IPPROTO_ICMPV6);
	icmp->icmp6_type = e->type;
	icmp->icmp6_code = e->code;
	icmp->icmp6_cksum = 0;
	icmp->icmp6_dataun.un_data32[0] = bpf_htonl(e->mtu);
	header = gw_sum_bytes(skb, GW_L4_V6, GW_ICMP_LEN + IPV6_LEN);
	quoted = gw_sum_quoted(skb, p, GW_L4_V6 + GW_ICMP_LEN + IPV6_LEN, later);
	icmp = gw_data(skb) + GW_L4_V6;
	if (header < 0 || quoted < 0 || (void *)(icmp + 1) > gw_data_end(skb))
		return -1;
	icmp->icmp6_cksum = ~tp_sum_fold(pseudo + header + quoted);
	return 0;
}

/* Back out of the device it came in by. */
TP_INLINE int gw_send_back(struct __sk_buff *skb)
{
	void *eth = gw_data(skb);

	if (self.l2_len) {
		if (eth + ETH_HLEN > gw_data_end(skb))
			return TC_ACT_SHOT;
		swap_macs(eth);
	}
	if (self.role == GW_OVERLAY)
		skb->mark = knobs.mark;
	return bpf_redirect(skb->ifindex, 0);
}

TP_INLINE int gw_own_addresses(const struct __sk_buff *skb, __be32 *v4, __u8 *v6)
{
	__u32 id = gw_id(skb);
	const struct gw_overlay *overlay;
	const struct gw_uplink *uplink;

	if (self.role == GW_OVERLAY) {
		overlay = bpf_map_lookup_elem(&gw_overlays, &id);
		if (!overlay)
			return -1;
		*v4 = overlay->addr4;
		tp_copy16(v6, overlay->addr6);
		return 0;
	}
	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!uplink)
		return -1;
	*v4 = uplink->addr4;
	tp_copy16(v6, uplink->addr6);
	return 0;
}

/* Makes the packet an error about itself. The verdict, or -1: not to be answered, or it failed and
 * the packet is spoilt. Errors, later fragments and groups are not answered (RFC 1122, 3.2.2). */
static __noinline int gw_answer(struct __sk_buff *skb, const struct gw_packet *p,
				const struct gw_error *e)
{
	__u32 l3_len = p->v6 ? IPV6_LEN : IPV4_LEN;
	bool later = skb->gso_size;
	__u8 own6[16] = {};
	__be32 own4 = 0;
	int err;

	if (p->icmp_error || p->part == GW_LATER_FRAGMENT || gw_is_link_scope(p->src) ||
	    gw_own_addresses(skb, &own4, own6))
		return -1;
	if (bpf_skb_change_tail(skb, GW_L3 + l3_len + gw_quoted_len(p), 0))
		return -1;
	if (bpf_skb_adjust_room(skb, l3_len + GW_ICMP_LEN, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	if (!gw_pull(skb, GW_L3 + 2 * l3_len + GW_ICMP_LEN + gw_quoted_len(p)))
		return -1;
	err = p->v6 ? gw_answer_ipv6(skb, p, e, own6, later)
		    : gw_answer_ipv4(skb, p, e, own4, later);
	return err ? -1 : gw_send_back(skb);
}

/* Tells the sender, within the node's budget, and counts; or counts that it was not told. */
static __noinline int gw_tell(struct __sk_buff *skb, const struct gw_packet *p,
			      const struct gw_flow_key *key, const struct gw_error *e)
{
	__u64 bytes = skb->len;
	int verdict;

	if (!gw_may_tell(key, gw_ticks()))
		return gw_leave(skb, e->quietly);
	verdict = gw_answer(skb, p, e);
	if (verdict < 0)
		return gw_leave(skb, e->quietly);
	gw_count(e->told, 1, bytes);
	return verdict;
}

#endif
