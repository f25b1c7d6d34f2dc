// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lets everything in. The network lab attaches it to the far ends of the relay's veths: a frame
 * that XDP sends into a veth by XDP_TX wakes the other end only when that has a program too.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
