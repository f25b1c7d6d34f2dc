/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns the frames of a live test run into packets of many flows and sends them out of a device.
 * Frames come back used: whatever they met on their way has changed their headers, so all of them
 * are written anew. The words in which flows differ are kept for each, the others once: what the
 * source reads is in the way of whoever is measured, in the same caches.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../bpf/lib/word.h"
#include "flow_headers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bench_headers)); /* own_words of them */
	__uint(max_entries, 1);
} headers SEC(".maps");

#define CLOCK_EVERY 64	     /* packets between two looks at the clock */
#define BURST_NS    10000000 /* that is made up for after a pause */

const volatile struct bench_headers common;
const volatile __u32 own_first, own_words; /* that a flow has of its own */
const volatile __u32 flows = 1;
const volatile __u32 device;
const volatile __u32 train = 1; /* packets of a flow in a row */
const volatile __u64 most;	/* packets to send; 0: any number */
const volatile __u64 gap_ns;	/* between two packets; 0: none */

__u32 position; /* of the flow */
__u32 in_train; /* packets of it that have gone */
__u64 sent;
__u64 first_ns, last_ns; /* when it began, and of a packet near the end */
__u64 due_ns;

/* May one more packet go? What may not is dropped, and its frame comes back at once. */
static __always_inline bool is_due(void)
{
	__u64 now;

	if (most && sent >= most)
		return false;
	if (!gap_ns && sent % CLOCK_EVERY)
		return true;
	now = bpf_ktime_get_ns();
	if (!first_ns)
		first_ns = due_ns = now;
	if (gap_ns && now < due_ns)
		return false;
	due_ns = (now - due_ns > BURST_NS ? now : due_ns) + gap_ns;
	last_ns = now;
	return true;
}

static __always_inline void write_headers(void *data, const struct bench_headers *flow)
{
	for (__u32 i = 0; i < BENCH_HEADER_WORDS; i++)
		tp_put64(data + i * sizeof(__u64), common.words[i]);
	for (__u32 i = 0; i < BENCH_HEADER_WORDS && i < own_words; i++)
		tp_put64(data + (own_first + i) * sizeof(__u64), flow->words[i]);
}

SEC("xdp")
int source_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	__u32 at = position;
	const struct bench_headers *flow;

	if (!is_due())
		return XDP_DROP;
	flow = bpf_map_lookup_elem(&headers, &at);
	if (!flow || data + sizeof(*flow) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (++in_train >= train) {
		in_train = 0;
		position = at + 1 < flows ? at + 1 : 0;
	}
	write_headers(data, flow);
	sent++;
	return bpf_redirect(device, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
