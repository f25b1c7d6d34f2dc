/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sending node's packets and bits a second, for XDP and the daemon's forwarder alike. */
#ifndef TP_BPF_RELAY_NODE_LIMIT_H
#define TP_BPF_RELAY_NODE_LIMIT_H

#include "../../abi/relay.h"
#include "../bucket.h"

#define TP_NS_A_SECOND 1000000000ull

/* A burst is what fits this much time, but no less than these. */
#define TP_BURST_NS	 (TP_NS_A_SECOND / 10)
#define TP_BURST_PACKETS 64
#define TP_BURST_BITS	 (64 * 1024 * 8)

TP_INLINE __u64 tp_burst_ns(__u64 floor)
{
	return floor > TP_BURST_NS ? floor : TP_BURST_NS;
}

/* One packet. A rate of 0 is no limit. */
TP_INLINE bool tp_node_packet(struct relay_bucket *bucket, __u64 pps, __u64 now)
{
	__u64 cost;

	if (!pps)
		return true;
	cost = TP_NS_A_SECOND / pps;
	return tp_bucket_take(&bucket->packets, now, cost, tp_burst_ns(TP_BURST_PACKETS * cost));
}

/* An IP packet of this many bytes. */
TP_INLINE bool tp_node_bytes(struct relay_bucket *bucket, __u64 bps, __u32 bytes, __u64 now)
{
	if (!bps)
		return true;
	return tp_bucket_take(&bucket->bits, now, bytes * 8 * TP_NS_A_SECOND / bps,
			      tp_burst_ns(TP_BURST_BITS * TP_NS_A_SECOND / bps));
}

#endif
