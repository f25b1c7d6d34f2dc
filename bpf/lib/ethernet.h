/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ethernet headers, with up to two VLAN tags (IEEE 802.1Q). */
#ifndef TP_BPF_ETHERNET_H
#define TP_BPF_ETHERNET_H

#include <linux/if_ether.h>

#include "word.h"

#define VLAN_HLEN  4
#define L2_LEN_MAX (ETH_HLEN + 2 * VLAN_HLEN)

TP_INLINE bool is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

TP_INLINE void swap_macs(void *eth)
{
	__u32 head = tp_get32(eth);
	__u16 tail = tp_get16(eth + 4);

	tp_put32(eth, tp_get32(eth + ETH_ALEN));
	tp_put16(eth + 4, tp_get16(eth + ETH_ALEN + 4));
	tp_put32(eth + ETH_ALEN, head);
	tp_put16(eth + ETH_ALEN + 4, tail);
}

#endif
