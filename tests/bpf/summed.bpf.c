/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of IPv4, lets in only what carries a sum of all its bytes (CHECKSUM_COMPLETE). The network lab
 * attaches it where packets arrive, to be sure that those of its test are of this kind.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int summed(struct __sk_buff *skb)
{
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	/* Changes the sum by nothing, or says that there is none. */
	return bpf_csum_update(skb, 0) < 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
