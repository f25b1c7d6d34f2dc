/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way out of the gateway's programs: count why, and give the verdict. */
#ifndef TP_BPF_GATEWAY_REASON_H
#define TP_BPF_GATEWAY_REASON_H

#include <linux/pkt_cls.h>

#include "device.h"

/* What a step returns that found no reason to stop. */
#define CARRY_ON (-1)

#define TC_VERDICT_FORWARD TC_ACT_REDIRECT /* what the redirecting helper gave comes instead */
#define TC_VERDICT_PASS	   TC_ACT_UNSPEC
#define TC_VERDICT_ANSWER  TC_ACT_REDIRECT
#define TC_VERDICT_DROP	   TC_ACT_SHOT

TP_INLINE void gw_count(__u32 reason, __u64 packets, __u64 bytes)
{
	struct gw_count *count = bpf_map_lookup_elem(&gw_reasons, &reason);

	if (count) {
		count->packets += packets;
		count->bytes += bytes;
	}
}

/* The end of a packet that is not sent on by us. */
TP_INLINE int gw_leave(struct __sk_buff *skb, __u32 reason)
{
	gw_count(reason, skb->gso_segs ? skb->gso_segs : 1, skb->len - self.l2_len);
	switch (reason) {
#define REASON_VERDICT(kind, name, text) \
	case GW_##kind##_##name: return TC_VERDICT_##kind;
		TP_GW_REASONS(REASON_VERDICT)
#undef REASON_VERDICT
	default: return TC_ACT_SHOT;
	}
}

#endif
