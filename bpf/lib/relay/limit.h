/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may have how much: per sending node, per source prefix, per CPU. A rate of 0 is no limit and
 * no code. The coarse clock's step (1 to 10 ms) is small against every burst here.
 */
#ifndef TP_BPF_RELAY_LIMIT_H
#define TP_BPF_RELAY_LIMIT_H

#include "node_limit.h"
#include "now.h"
#include "parse.h"

/* The sending node's packets and bits a second (of IP). */
TP_INLINE int limit_node(__u32 node, __u16 ip_len, __u64 now)
{
	struct relay_bucket *bucket;

	if (!knobs.node_pps && !knobs.node_bps)
		return CARRY_ON;
	bucket = bpf_map_lookup_elem(&node_buckets, &node);
	if (!bucket)
		return CARRY_ON;
	if (!tp_node_packet(bucket, knobs.node_pps, now))
		return TP_DROP_node_packets;
	if (!tp_node_bytes(bucket, knobs.node_bps, ip_len, now))
		return TP_DROP_node_bits;
	return CARRY_ON;
}

/* What a source prefix spends, each from a budget of its own. */
enum purpose { PURPOSE_STUN = 1, PURPOSE_SESSION, PURPOSE_PROBE, PURPOSE_HANDSHAKE, PURPOSE_ODD };

/* The source's network in one word: an IPv4 /24 or IPv6 /56 when `wide`, else /32 or /64. */
TP_INLINE __u64 source_prefix(const struct packet *p, bool wide)
{
	if (p->v6)
		return tp_get64(p->key.addr) & (wide ? bpf_cpu_to_be64(~0xffull) : ~0ull);
	return (tp_mapped_v4(p->key.addr) & (wide ? bpf_htonl(~0xffu) : ~0u)) | 0xffffull << 32;
}

TP_INLINE __u32 source_slot(__u64 prefix, enum purpose purpose)
{
	__u64 hash = (prefix ^ (__u64)knobs.seed << 8 ^ purpose) * 0x9e3779b97f4a7c15;

	hash = (hash ^ hash >> 32 ^ knobs.seed) * 0xd6e8feb86659fd93;
	return hash >> 32 & (TP_SRC_BUCKETS - 1);
}

/* One packet out of the source prefix's budget of `rate` a second; up to a second's worth at once.
 * Prefixes whose hashes collide share. */
TP_INLINE bool limit_source(const struct packet *p, enum purpose purpose, __u32 rate)
{
	__u32 slot;
	__u64 *word;

	if (!rate)
		return true;
	slot = source_slot(source_prefix(p, purpose == PURPOSE_STUN), purpose);
	word = bpf_map_lookup_elem(&src_buckets, &slot);
	return !word || tp_bucket_take(word, coarse_now(), TP_NS_A_SECOND / rate, TP_NS_A_SECOND);
}

TP_INLINE bool at_site(const struct packet *p)
{
	struct relay_addr prefix;

	tp_copy16(prefix.addr, p->key.addr);
	if (p->v6)
		tp_put64(prefix.addr + 8, 0);
	return bpf_map_lookup_elem(&sites, &prefix);
}

/* On this CPU. */
TP_INLINE bool limit_strangers(__u32 what, __u32 rate)
{
	__u64 cost, granted, *word;

	if (!rate)
		return true;
	word = bpf_map_lookup_elem(&cpu_buckets, &what);
	if (!word)
		return true;
	cost = TP_NS_A_SECOND / rate;
	if (!tp_bucket_grant(*word, coarse_now(), cost, tp_burst_ns(TP_BURST_PACKETS * cost),
			     &granted))
		return false;
	*word = granted;
	return true;
}

/* A flood of strangers, or in one node's name, leaves the others' handshakes alone. */
TP_INLINE bool limit_handshake(const struct packet *p)
{
	return at_site(p) ? limit_source(p, PURPOSE_HANDSHAKE, knobs.site_rate)
			  : limit_strangers(STRANGERS_HANDSHAKE, knobs.handshake_rate);
}

/* The same for what the kernel has to reassemble or to look through. */
TP_INLINE bool limit_odd(const struct packet *p)
{
	return at_site(p) ? limit_source(p, PURPOSE_ODD, knobs.odd_site_rate)
			  : limit_strangers(STRANGERS_ODD, knobs.odd_rate);
}

#endif
