/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose Ethernet address a packet is sent to, asked once for a shortcut instead of for each packet.
 * The kernel is asked as for a packet of this host's own: of the loopback device. It answers only
 * if that one forwards, which the daemon sees to (gateway/loopback.h).
 */
#ifndef TP_BPF_GATEWAY_NEXT_HOP_H
#define TP_BPF_GATEWAY_NEXT_HOP_H

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include "../../abi/gateway.h"
#include "packet.h"

#define GW_AF_INET  2
#define GW_LOOPBACK 1 /* its interface's index, in every network namespace */

TP_INLINE bool gw_hop_known(const struct gw_turn *turn)
{
	return tp_get32(turn->mac) || tp_get16(turn->mac + 4);
}

TP_INLINE void gw_hop_header(struct ethhdr *eth, const struct gw_turn *turn, const __u8 own[6])
{
	__builtin_memcpy(eth->h_dest, turn->mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, own, ETH_ALEN);
	eth->h_proto = tp_htons(ETH_P_IP);
}

/*
 * Boolean: the neighbour on this device for a packet with these ends, as gw_shortcut_addrs() and
 * gw_shortcut_ends() put them. None, when the kernel would send it by another device, does not know
 * the neighbour's address yet, or may be told another way by the packet's mark: then it is asked
 * for each. Not static, so that the verifier looks at it once.
 */
__noinline int gw_hop_ask(struct __sk_buff *skb, __u64 addrs, __u64 ends, __u32 ifindex,
			  struct gw_turn *turn)
{
	__u8 tos = 0;
	long unread = bpf_skb_load_bytes(skb, GW_L3 + offsetof(struct iphdr, tos), &tos, 1);
	struct bpf_fib_lookup fib = {.family = GW_AF_INET,
				     .tos = tos,
				     .l4_protocol = ends >> 48,
				     .sport = ends,
				     .dport = ends >> 16,
				     .ifindex = GW_LOOPBACK,
				     .ipv4_src = addrs,
				     .ipv4_dst = addrs >> 32};

	if (!turn || unread || skb->mark ||
	    bpf_fib_lookup(skb, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS ||
	    fib.ifindex != ifindex)
		return false;
	__builtin_memcpy(turn->mac, fib.dmac, ETH_ALEN);
	return true;
}

#endif
