/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way out for every packet that is not forwarded: count why, and give the verdict. */
#ifndef TP_BPF_RELAY_REASON_H
#define TP_BPF_RELAY_REASON_H

#include "maps.h"

/* What a step returns that found no reason to stop. */
#define CARRY_ON (-1)

#define VERDICT_DROP   XDP_DROP
#define VERDICT_PASS   XDP_PASS
#define VERDICT_ANSWER XDP_TX

/* Counts the frame as it is now: as it came in, or the answer when it is one. */
static __noinline int leave(struct xdp_md *ctx, __u32 reason)
{
	struct relay_count *count = bpf_map_lookup_elem(&reasons, &reason);

	if (count) {
		count->packets++;
		count->bytes += bpf_xdp_get_buff_len(ctx);
	}
	switch (reason) {
#define REASON_VERDICT(kind, name, text) \
	case TP_##kind##_##name: return VERDICT_##kind;
		TP_REASONS(REASON_VERDICT)
#undef REASON_VERDICT
	default: return XDP_ABORTED;
	}
}

#endif
