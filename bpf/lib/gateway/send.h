/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the stack would do for a packet that it forwards, and what a redirect leaves out: hops,
 * size, TCP's segment size, and the way out. A packet is asked all of it before its first byte is
 * changed.
 */
#ifndef TP_BPF_GATEWAY_SEND_H
#define TP_BPF_GATEWAY_SEND_H

#include "answer.h"
#include "fragment.h"
#include "mss.h"

/* One that is on its way to a device of this MTU. */
struct gw_way {
	__u32 ifindex;
	__u32 mtu;
	__u32 l2_len;  /* of the device */
	__u32 overlay; /* boolean */
};

TP_INLINE bool gw_way_uplink(struct gw_way *way, __u32 id)
{
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);

	if (!uplink || !uplink->ifindex)
		return false;
	*way = (struct gw_way){uplink->ifindex, uplink->mtu, ETH_HLEN, false};
	return true;
}

TP_INLINE bool gw_way_overlay(struct gw_way *way, __u32 id)
{
	const struct gw_overlay *overlay = bpf_map_lookup_elem(&gw_overlays, &id);

	if (!overlay || !overlay->ifindex)
		return false;
	*way = (struct gw_way){overlay->ifindex, overlay->mtu, overlay->l2_len, true};
	return true;
}

TP_INLINE int gw_answer_ttl(struct __sk_buff *skb, const struct gw_packet *p,
			    const struct gw_flow_key *key)
{
	struct gw_error e = {.type = p->v6 ? ICMPV6_TIME_EXCEED : ICMP_TIME_EXCEEDED,
			     .told = GW_ANSWER_ttl_exceeded,
			     .quietly = GW_DROP_ttl};

	return gw_tell(skb, p, key, &e);
}

TP_INLINE int gw_answer_too_big(struct __sk_buff *skb, const struct gw_packet *p,
				const struct gw_flow_key *key, __u32 mtu)
{
	struct gw_error e = {.type = p->v6 ? ICMPV6_PKT_TOOBIG : ICMP_DEST_UNREACH,
			     .code = p->v6 ? 0 : ICMP_FRAG_NEEDED,
			     .mtu = mtu,
			     .told = GW_ANSWER_too_big,
			     .quietly = GW_DROP_too_big_quietly};

	return gw_tell(skb, p, key, &e);
}

TP_INLINE int gw_answer_refused(struct __sk_buff *skb, const struct gw_packet *p,
				const struct gw_flow_key *key, __u32 told, __u32 quietly)
{
	struct gw_error e = {.type = p->v6 ? ICMPV6_DEST_UNREACH : ICMP_DEST_UNREACH,
			     .code = p->v6 ? ICMP6_ADMIN : ICMP_ADMIN_DENIED,
			     .told = told,
			     .quietly = quietly};

	return gw_tell(skb, p, key, &e);
}

/* May it be fragmented here? Nothing else but IPv4 may, when its sender lets it. */
TP_INLINE bool gw_may_cut(const struct __sk_buff *skb, const struct gw_packet *p)
{
	return !p->dont_fragment && !skb->gso_size && p->ip_len <= TP_GW_PUNT;
}

/* CARRY_ON, or the verdict on a packet that can't go this way. */
TP_INLINE int gw_fits(struct __sk_buff *skb, const struct gw_packet *p,
		      const struct gw_flow_key *key, const struct gw_way *way)
{
	if (p->ttl <= 1)
		return gw_answer_ttl(skb, p, key);
	if (p->wire_len > way->mtu && !gw_may_cut(skb, p))
		return gw_answer_too_big(skb, p, key, way->mtu);
	return CARRY_ON;
}

/* Of the device that the packet came in by. */
TP_INLINE __u32 gw_own_mtu(const struct __sk_buff *skb)
{
	__u32 id = gw_id(skb);
	const struct gw_overlay *overlay = bpf_map_lookup_elem(&gw_overlays, &id);
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);

	if (self.role == GW_OVERLAY)
		return overlay ? overlay->mtu : 0;
	return uplink ? uplink->mtu : 0;
}

/* What comes back in answer must fit the device that this came in by, too. */
TP_INLINE int gw_clamp(struct __sk_buff *skb, const struct gw_packet *p, const struct gw_way *way)
{
	__u32 own = gw_own_mtu(skb), mtu = own && own < way->mtu ? own : way->mtu;

	if (p->proto != IPPROTO_TCP || !(p->tcp_flags & TCP_SYN) || p->part == GW_LATER_FRAGMENT)
		return 0;
	return p->v6 ? gw_clamp_mss(skb, GW_L4_V6, IPV6_LEN, GW_L3 + p->ip_len, mtu)
		     : gw_clamp_mss(skb, GW_L4_V4, IPV4_LEN, GW_L3 + p->ip_len, mtu);
}

/* Does it carry a sum of all its bytes (CHECKSUM_COMPLETE)? This changes it by nothing. */
TP_INLINE bool gw_is_summed(struct __sk_buff *skb)
{
	return bpf_csum_update(skb, 0) >= 0;
}

/* Growing makes the kernel forget that sum. Not static, so that the verifier looks at it once. */
__noinline int gw_forget_sum(struct __sk_buff *skb)
{
	__u32 len = skb->len;

	return bpf_skb_change_tail(skb, len + 1, 0) ?: bpf_skb_change_tail(skb, len, 0);
}

/* Out of the device. The verdict; the packet is spoilt when it is no redirect. A sum of all bytes
 * goes, as what the stack forwards loses it: bpf_redirect_neigh leaves it as it is, and whoever
 * takes the new Ethernet header off takes that from the sum, too. So a receiver on this host,
 * behind a veth, would refuse the packet. */
TP_INLINE int gw_transmit(struct __sk_buff *skb, const struct gw_way *way, bool summed)
{
	if (way->overlay)
		skb->mark = knobs.mark;
	if (!way->l2_len)
		return bpf_redirect(way->ifindex, 0);
	if (!self.l2_len && bpf_skb_change_head(skb, ETH_HLEN, 0))
		return TC_ACT_SHOT;
	if (summed)
		gw_forget_sum(skb);
	return bpf_redirect_neigh(way->ifindex, NULL, 0, 0);
}

/* Rewritten, too big: the daemon cuts and sends it. */
TP_INLINE int gw_punt_large(struct __sk_buff *skb, const struct gw_packet *p,
			    const struct gw_way *way)
{
	bool taken = gw_punt(skb, p, GW_PUNT_LARGE, way->ifindex, way->mtu);

	gw_count(taken ? GW_ANSWER_punted : GW_DROP_too_big_quietly, 1, skb->len);
	return TC_ACT_SHOT;
}

/* Rewrites (to NULL: addresses stay) and sends; counts as `reason`. */
static __noinline int gw_send(struct __sk_buff *skb, const struct gw_packet *p,
			      const struct gw_way *way, const struct gw_ends *to, __u32 reason)
{
	int verdict, err = gw_clamp(skb, p, way) ? GW_DROP_rewrite_failed : CARRY_ON;

	if (err == CARRY_ON)
		err = to ? gw_rewrite(skb, p, to) : gw_hop(skb, p);
	if (err != CARRY_ON)
		return gw_leave(skb, err);
	if (p->wire_len > way->mtu)
		return gw_punt_large(skb, p, way);
	verdict = gw_transmit(skb, way, gw_is_summed(skb));
	if (verdict != TC_ACT_REDIRECT)
		return gw_leave(skb, GW_DROP_rewrite_failed);
	gw_count(reason, p->segments, p->ip_len);
	return verdict;
}

#endif
