/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP's maximum segment size, lowered to what fits the way (RFC 9293, 3.7.1): the MTU of an overlay
 * is smaller than that of the LANs at both ends, and not every path brings ICMP errors home. */
#ifndef TP_BPF_GATEWAY_MSS_H
#define TP_BPF_GATEWAY_MSS_H

#include "rewrite.h"

#define TCP_OPTION_END	 0
#define TCP_OPTION_NOP	 1
#define TCP_OPTION_MSS	 2
#define TCP_OPTIONS_MOST 20 /* options looked at: 40 bytes hold no more of two bytes and above */

/* Offset of the value of the option in the packet, 0: none. Bytes behind `ip_end` are not the
 * packet's, whatever the header's length says, and are in no sum. Not static, as the
 * next, so that the verifier looks at them once: kernel 6.1 else spends a tenth of its million
 * instructions here. */
__noinline __u32 gw_find_mss(struct __sk_buff *skb, __u32 l4, __u32 ip_end)
{
	__u32 at = l4 + sizeof(struct tcphdr), end;
	__u8 option[2], doff;

	if (bpf_skb_load_bytes(skb, l4 + 12, &doff, 1))
		return 0;
	end = l4 + (doff >> 4) * 4;
	if (end > ip_end)
		return 0;
	for (int i = 0; i < TCP_OPTIONS_MOST; i++) {
		if (at + 4 > end || bpf_skb_load_bytes(skb, at, option, 2))
			return 0;
		if (option[0] == TCP_OPTION_MSS && option[1] == 4)
			return at + 2;
		if (option[0] == TCP_OPTION_END)
			return 0;
		at += option[0] == TCP_OPTION_NOP ? 1 : option[1];
		if (option[0] != TCP_OPTION_NOP && option[1] < 2)
			return 0;
	}
	return 0;
}

/* To be called on SYNs. A packet without the option is left alone: 536 bytes fit everywhere. */
__noinline int gw_clamp_mss(struct __sk_buff *skb, __u32 l4, __u32 l3_len, __u32 ip_end, __u32 mtu)
{
	__u32 at = gw_find_mss(skb, l4, ip_end);
	__u16 most = mtu - l3_len - sizeof(struct tcphdr);
	__be16 mss, lower = bpf_htons(most), was, is;

	if (!at || bpf_skb_load_bytes(skb, at, &mss, sizeof(mss)) || bpf_ntohs(mss) <= most)
		return 0;
	/* In the sum, what stands at an odd place counts with its bytes swapped (RFC 1071, 2). */
	was = at - l4 & 1 ? __builtin_bswap16(mss) : mss;
	is = at - l4 & 1 ? __builtin_bswap16(lower) : lower;
	if (bpf_l4_csum_replace(skb, l4 + offsetof(struct tcphdr, check), was, is, sizeof(mss)))
		return -1;
	return bpf_skb_store_bytes(skb, at, &lower, sizeof(lower), 0);
}

#endif
