/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way in XDP: packets that have a shortcut and whose neighbour it names go from one
 * Ethernet device to another that takes frames from XDP, and never become an skb. Everything else
 * passes to the programs of tc, which do the same with such packets, and enter the shortcuts.
 */
#ifndef TP_BPF_GATEWAY_FAST_XDP_H
#define TP_BPF_GATEWAY_FAST_XDP_H

#include "fast_packet.h"
#include "judge.h"
#include "next_hop.h"

/* The device that the packet leaves by. */
struct gw_exit {
	__u32 ifindex;
	__u32 mtu;
	__u32 takes_xdp; /* boolean */
	const __u8 *mac;
};

/* The frame is addressed to this device. */
TP_INLINE bool gw_xdp_is_to(const struct gw_fast *f, const __u8 own[ETH_ALEN])
{
	const struct ethhdr *eth = (const void *)f->ip - ETH_HLEN;

	return tp_get32(eth->h_dest) == tp_get32(own) &&
	       tp_get16(eth->h_dest + 4) == tp_get16(own + 4);
}

/* All of the packet is in the frame's linear part: not every device sends frames of several. */
TP_INLINE bool gw_xdp_parse(struct xdp_md *ctx, struct gw_fast *f)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;

	return (void *)(eth + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP) &&
	       gw_fast_is_common(f, eth + 1, end, end - (void *)(eth + 1));
}

/* The verdict: XDP_PASS when the packet must become an skb. */
TP_INLINE int gw_xdp_send(struct gw_fast *f, struct gw_shortcut *s, const struct gw_turn *turn,
			  const struct gw_exit *to, bool out)
{
	if (!to->takes_xdp || !gw_hop_known(turn) || f->ip_len > to->mtu || gw_fast_sum_is_open(f))
		return XDP_PASS;
	gw_shortcut_count(s, f->ip_len);
	gw_fast_rewrite(f, turn, out);
	gw_hop_header((struct ethhdr *)f->ip - 1, turn, to->mac);
	gw_count(out ? GW_FORWARD_to_uplink : GW_FORWARD_to_overlay, 1, f->ip_len);
	return bpf_redirect(to->ifindex, 0);
}

/* From a node. CARRY_ON: there is no shortcut. */
static __noinline int gw_xdp_fast_out(struct xdp_md *ctx, __u32 device)
{
	const struct gw_overlay *overlay = bpf_map_lookup_elem(&gw_overlays, &device);
	const struct gw_uplink *uplink;
	struct gw_shortcut *s;
	struct gw_turn turn;
	struct gw_exit to;
	struct gw_fast f;
	__u32 id;

	if (!overlay || !gw_xdp_parse(ctx, &f) || !gw_xdp_is_to(&f, overlay->mac))
		return CARRY_ON;
	s = gw_shortcut_find(
		gw_shortcut_addrs(f.ip->saddr, f.ip->daddr),
		gw_shortcut_ends(f.udp->source, f.udp->dest, device, f.ip->protocol, GW_OVERLAY),
		gw_policy_now(), gw_ticks(), &turn);
	if (!s)
		return CARRY_ON;
	id = turn.uplink;
	uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	if (!gw_fast_has(uplink, &turn, turn.addr))
		return XDP_PASS;
	to = (struct gw_exit){uplink->ifindex, uplink->mtu, uplink->takes_xdp, uplink->mac};
	return gw_xdp_send(&f, s, &turn, &to, true);
}

/* From beyond an uplink. */
static __noinline int gw_xdp_fast_in(struct xdp_md *ctx, __u32 device)
{
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &device);
	const struct gw_overlay *overlay;
	struct gw_shortcut *s;
	struct gw_turn turn;
	struct gw_exit to;
	struct gw_fast f;
	__u32 id;

	if (!uplink || !gw_xdp_parse(ctx, &f) || !gw_xdp_is_to(&f, uplink->mac))
		return CARRY_ON;
	s = gw_shortcut_find(
		gw_shortcut_addrs(f.ip->saddr, f.ip->daddr),
		gw_shortcut_ends(f.udp->source, f.udp->dest, device, f.ip->protocol, GW_UPLINK),
		gw_policy_now(), gw_ticks(), &turn);
	if (!s)
		return CARRY_ON;
	id = turn.overlay;
	overlay = bpf_map_lookup_elem(&gw_overlays, &id);
	if (!overlay || !overlay->ifindex || !gw_fast_has(uplink, &turn, f.ip->daddr))
		return XDP_PASS;
	to = (struct gw_exit){overlay->ifindex, overlay->mtu, overlay->takes_xdp, overlay->mac};
	return gw_xdp_send(&f, s, &turn, &to, false);
}

#endif
