/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The least that an XDP program can do with a packet: nothing, sending it back, passing it. */
#include "../bpf/lib/ethernet.h"

SEC("xdp.frags")
int empty_xdp(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp.frags")
int pass_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int swap_xdp(struct xdp_md *ctx)
{
	void *eth = (void *)(long)ctx->data;

	if (eth + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	swap_macs(eth);
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
