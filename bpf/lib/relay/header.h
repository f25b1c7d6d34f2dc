/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers written from scratch. */
#ifndef TP_BPF_RELAY_HEADER_H
#define TP_BPF_RELAY_HEADER_H

#include "../checksum.h"
#include "parse.h"

#define HEADER_TTL 64 /* of what the relay itself says */

/* What a new IP header says; addresses are v4-mapped for IPv4. */
struct ip_fields {
	const __u8 *src;
	const __u8 *dst;
	__u16 len; /* header and all */
	__u8 traffic_class;
	__u8 ttl;
	__u8 proto;
};

/* Never a fragment and never to be fragmented, so it needs no id (RFC 6864, 4.1). */
TP_INLINE void write_ipv4(struct iphdr *ip, const struct ip_fields *f)
{
	__u64 sum = 0;

	*(__u8 *)ip = IPV4_PLAIN;
	ip->tos = f->traffic_class;
	ip->tot_len = bpf_htons(f->len);
	ip->id = 0;
	ip->frag_off = bpf_htons(IPV4_DF);
	ip->ttl = f->ttl;
	ip->protocol = f->proto;
	ip->check = 0;
	ip->saddr = tp_mapped_v4(f->src);
	ip->daddr = tp_mapped_v4(f->dst);
	for (__u32 at = 0; at < IPV4_LEN; at += 4)
		sum += tp_sum32((void *)ip + at);
	ip->check = ~tp_sum_fold(sum);
}

TP_INLINE void write_ipv6(struct ipv6hdr *ip, const struct ip_fields *f)
{
	tp_put32(ip, bpf_htonl(6u << 28 | (__u32)f->traffic_class << 20));
	ip->payload_len = bpf_htons(f->len - IPV6_LEN);
	ip->nexthdr = f->proto;
	ip->hop_limit = f->ttl;
	tp_copy16(&ip->saddr, f->src);
	tp_copy16(&ip->daddr, f->dst);
}

/* The sum of the pseudo header of UDP or ICMPv6 (RFC 768; RFC 8200, 8.1), `len` bytes of it. */
TP_INLINE __u64 pseudo_sum(const __u8 *src, const __u8 *dst, __u8 proto, __u16 len)
{
	return tp_sum128(src) + tp_sum128(dst) + bpf_htons(proto) + bpf_htons(len);
}

#endif
