/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs that bench/gateway_testrun.c has the kernel run over and over on one frame. Each first
 * writes the headers of the next of `packets`, because a test run leaves the frame as the program
 * before it made it; what that costs is in all of them and in none of the differences.
 */
#include "../bpf/lib/gateway/overlay_in.h"
#include "../bpf/lib/gateway/uplink_in.h"

#define WORDS 6 /* Ethernet, IPv4, UDP, 6 bytes of payload */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__uint(value_size, WORDS * sizeof(__u64));
	__uint(max_entries, 1);
} packets SEC(".maps");

const volatile __u32 n_packets;
__u32 position;

TP_INLINE int prepare(struct __sk_buff *skb)
{
	__u32 at = position;
	const __u64 *next = bpf_map_lookup_elem(&packets, &at);
	__u64 *frame = (void *)(long)skb->data;

	if (!next || (void *)(frame + WORDS) > (void *)(long)skb->data_end)
		return -1;
	position = at + 1 < n_packets ? at + 1 : 0;
	for (int i = 0; i < WORDS; i++)
		frame[i] = next[i];
	skb->mark = 0;
	return 0;
}

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	return prepare(skb) ? TC_ACT_SHOT : TC_ACT_REDIRECT;
}

SEC("tc")
int bench_overlay(struct __sk_buff *skb)
{
	return prepare(skb) ? TC_ACT_SHOT : gw_overlay_packet(skb);
}

SEC("tc")
int bench_uplink(struct __sk_buff *skb)
{
	return prepare(skb) ? TC_ACT_SHOT : gw_uplink_packet(skb);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
