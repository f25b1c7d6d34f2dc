/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The relay's way of a packet, from the frame to the verdict. */
#ifndef TP_BPF_RELAY_H
#define TP_BPF_RELAY_H

#include "find.h"
#include "forward.h"
#include "parse.h"
#include "unmatched.h"
#include "wireguard.h"

/* A flow is bound to the address its sender speaks to, so a hit also says that the packet is ours:
 * no other look-up for what is forwarded. */
TP_INLINE int relay_packet(struct xdp_md *ctx)
{
	struct flow flow;
	struct packet p;

	if (parse_packet(ctx, &p) == CARRY_ON && wg_is_data(ctx, &p)) {
		if (flow_find(&flow, &p.key) && tp_equal16(flow.src->local, p.local.addr))
			return forward(ctx, &p, &flow);
	}
	return unmatched(ctx);
}

#endif
