/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway: what nodes send to LANs and back, with policy and masquerade, in the kernel. One
 * instance of these programs for all devices of a kind (`self`), all on the same maps. A program
 * that fails closed drops what is a node's or for a node; what is not ours passes as if nothing
 * were here. docs/packet-paths.md follows single packets.
 */
#include "lib/gateway/first_line.h"
#include "lib/gateway/overlay_in.h"
#include "lib/gateway/sweep.h"
#include "lib/gateway/uplink_in.h"

SEC("tc")
int gw_overlay_in(struct __sk_buff *skb)
{
	return gw_overlay_packet(skb);
}

SEC("tc")
int gw_overlay_out(struct __sk_buff *skb)
{
	return gw_host_packet(skb);
}

SEC("tc")
int gw_uplink_in(struct __sk_buff *skb)
{
	return gw_uplink_packet(skb);
}

SEC("xdp.frags")
int gw_uplink_xdp(struct xdp_md *ctx)
{
	return gw_first_line(ctx);
}

SEC("xdp.frags")
int gw_overlay_xdp(struct xdp_md *ctx)
{
	return gw_overlay_frame(ctx);
}

SEC("syscall")
int gw_sweep(void *ctx)
{
	return gw_sweep_all();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
