/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Run once by userspace/bpf_tick.c: both clocks, read together. */
#include "abi/types.h"

__u64 ticks, ns;

SEC("xdp")
int tick_read(struct xdp_md *ctx)
{
	ticks = bpf_jiffies64();
	ns = bpf_ktime_get_coarse_ns();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
