/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP on an uplink: what can only be dropped is dropped here, before the kernel makes an skb of it.
 * Looks at TCP and UDP to the range of a masquerade address. What has a shortcut, here and on an
 * overlay that is Ethernet, may go on at once (fast_xdp.h); everything else passes untouched.
 */
#ifndef TP_BPF_GATEWAY_FIRST_LINE_H
#define TP_BPF_GATEWAY_FIRST_LINE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include "../mapped.h"
#include "device.h"
#include "fast_xdp.h"
#include "nat_word.h"

TP_INLINE int gw_xdp_leave(struct xdp_md *ctx, __u32 reason, int verdict)
{
	struct gw_count *count = bpf_map_lookup_elem(&gw_reasons, &reason);

	if (count) {
		count->packets++;
		count->bytes += bpf_xdp_get_buff_len(ctx);
	}
	return verdict;
}

/* On by XDP, which has counted it, or to the program behind. */
TP_INLINE int gw_xdp_go(struct xdp_md *ctx, int verdict)
{
	return verdict == XDP_REDIRECT ? verdict : gw_xdp_leave(ctx, GW_PASS_first_line, XDP_PASS);
}

TP_INLINE bool gw_xdp_is_local(__be32 addr)
{
	struct policy_node_key key __attribute__((aligned(8))) = {.overlay = GW_LOCAL_ELSEWHERE};

	tp_map_v4(key.addr, addr);
	return bpf_map_lookup_elem(&gw_locals, &key);
}

/* The word of a port of this uplink's; NULL: not in the range, or not our address. */
TP_INLINE const __u64 *gw_xdp_word(const struct iphdr *ip, __be16 port, __u32 id)
{
	const struct gw_uplink *uplink = bpf_map_lookup_elem(&gw_uplinks, &id);
	__u32 proto = ip->protocol == IPPROTO_TCP ? GW_NAT_TCP : GW_NAT_UDP, index;

	if (!uplink)
		return NULL;
	for (__u32 i = 0; i < TP_GW_ADDRS; i++) {
		if (!ip->daddr || uplink->addr[i] != ip->daddr)
			continue;
		index = gw_word_index(id * TP_GW_ADDRS + i, proto, bpf_ntohs(port));
		return bpf_map_lookup_elem(&nat_words, &index);
	}
	return NULL;
}

TP_INLINE int gw_first_line(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	const __u16 *ports = (void *)(ip + 1);
	const __u64 *word;
	int verdict;
	__u32 id;

	if ((void *)(ports + 2) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    *(__u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0x1fff) ||
	    (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) || !knobs.masquerade ||
	    (__u16)(bpf_ntohs(ports[1]) - knobs.nat_base) >= knobs.nat_range ||
	    !gw_device_number(ctx->ingress_ifindex, &id))
		return gw_xdp_leave(ctx, GW_PASS_first_line, XDP_PASS);
	verdict = gw_xdp_fast_in(ctx, id);
	if (verdict != CARRY_ON)
		return gw_xdp_go(ctx, verdict);
	word = gw_xdp_word(ip, ports[1], id);
	if (!word)
		return gw_xdp_leave(ctx, GW_PASS_first_line, XDP_PASS);
	if (eth->h_dest[0] & 1) /* a group's */
		return gw_xdp_leave(ctx, GW_DROP_link_group, XDP_DROP);
	if (!gw_word_alive(*(const volatile __u64 *)word, gw_ticks()))
		return gw_xdp_leave(ctx, GW_DROP_no_mapping, XDP_DROP);
	if (gw_xdp_is_local(ip->saddr))
		return gw_xdp_leave(ctx, GW_DROP_spoofed_source, XDP_DROP);
	return gw_xdp_leave(ctx, GW_PASS_first_line, XDP_PASS);
}

/* On an overlay that is Ethernet. */
TP_INLINE int gw_overlay_frame(struct xdp_md *ctx)
{
	__u32 id;

	if (!gw_device_number(ctx->ingress_ifindex, &id))
		return gw_xdp_leave(ctx, GW_PASS_first_line, XDP_PASS);
	return gw_xdp_go(ctx, gw_xdp_fast_out(ctx, id));
}

#endif
