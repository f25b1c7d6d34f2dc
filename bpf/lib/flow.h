/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program and the daemon must compute alike about a flow: the tag that ties a value to
 * its key, the checksum changes of its rewrite, and the bit of its index in the index filter.
 */
#ifndef TP_BPF_FLOW_H
#define TP_BPF_FLOW_H

#include "../abi/relay.h"
#include "mapped.h"
#include "checksum.h"

/* A 64-bit mix of all 24 bytes of the key. Odd multipliers keep every step reversible, so two keys
 * that differ in only one of the three words never have the same tag. */
TP_INLINE __u64 tp_flow_tag(const struct relay_flow_key *key)
{
	__u64 tag = tp_get64(key->addr) * 0x9e3779b97f4a7c15;

	tag = (tag ^ tag >> 32 ^ tp_get64(key->addr + 8)) * 0xd6e8feb86659fd93;
	tag = (tag ^ tag >> 32 ^ tp_get64(&key->index)) * 0xa0761d6478bd642f;
	return tag ^ tag >> 32;
}

/* Sets flow->l3_sum and flow->l4_sum from the key, the relay's port (as on the wire) and the
 * addresses and ports in *flow. l3_sum includes the TTL's decrement. The prefix of mapped addresses
 * sums to nothing, and length and protocol weigh the same in both pseudo headers, so one sum serves
 * every pair of families. */
TP_INLINE void tp_flow_sums(const struct relay_flow_key *key, __be16 relay_port,
			    struct relay_flow *flow)
{
	__u64 ttl = (__u16)~tp_htons(0x0100);
	__u64 was = tp_sum128(key->addr) + tp_sum128(flow->local);
	__u64 is = tp_sum128(flow->src) + tp_sum128(flow->dst);
	__u64 change = is + (__u16)~tp_sum_fold(was);
	__u64 ports =
		(__u64)flow->src_port + flow->dst_port + (__u16)~key->port + (__u16)~relay_port;

	flow->l3_sum = tp_sum_fold(change + ttl);
	flow->l4_sum = tp_sum_fold(change + ports);
}

/* Where a receiver index, as on the wire, has its bit: in which word of the index filter... */
TP_INLINE __u32 tp_index_word(__u32 index)
{
	return (tp_htole32(index) >> 6) & (TP_INDEX_WORDS - 1);
}

/* ... and which one. */
TP_INLINE __u64 tp_index_bit(__u32 index)
{
	return 1ull << (tp_htole32(index) & 63);
}

#endif
