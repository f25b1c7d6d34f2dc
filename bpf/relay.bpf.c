/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The relay's fast path. Data packets of known flows are rewritten and sent here; STUN is answered
 * here; what the daemon must see is passed; everything else is dropped and counted by reason.
 * docs/packet-paths.md follows single packets.
 */
#include "lib/relay/relay.h"

SEC("xdp.frags")
int relay_xdp(struct xdp_md *ctx)
{
	return relay_packet(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
