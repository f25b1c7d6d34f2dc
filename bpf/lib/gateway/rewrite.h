/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * New addresses and ports, and one hop less. The transport's sum goes through the kernel's helpers,
 * which know what a sender or the driver has left to be summed later; the IP header is ours alone
 * (RFC 1624).
 */
#ifndef TP_BPF_GATEWAY_REWRITE_H
#define TP_BPF_GATEWAY_REWRITE_H

#include "../checksum.h"
#include "packet.h"

/* IPv4: all four ends, those that stay too. */
struct gw_ends {
	__be32 src;
	__be32 dst;
	__be16 src_port;
	__be16 dst_port;
};

TP_INLINE struct gw_ends gw_ends_of(const struct gw_packet *p)
{
	return (struct gw_ends){tp_mapped_v4(p->src), tp_mapped_v4(p->dst), p->src_port,
				p->dst_port};
}

/* Sum of what is new and the complement of what was, not folded. */
TP_INLINE __u64 gw_change32(__u32 was, __u32 is)
{
	return (__u64)(__u32)~was + is;
}

TP_INLINE __u64 gw_change16(__u16 was, __u16 is)
{
	return (__u64)(__u16)~was + is;
}

/* Where the transport has its sum; 0: it has none. */
TP_INLINE __u32 gw_sum_at(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP: return offsetof(struct tcphdr, check);
	case IPPROTO_UDP: return offsetof(struct udphdr, check);
	default: return 0;
	}
}

/* The transport's sum for new addresses and ports. */
TP_INLINE int gw_sum_transport(struct __sk_buff *skb, __u8 proto, __u64 addresses, __u64 ports)
{
	__u32 at = GW_L4_V4 + gw_sum_at(proto);
	__u64 zero_is_none = proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (!gw_sum_at(proto))
		return 0;
	if (bpf_l4_csum_replace(skb, at, 0, tp_sum_fold(addresses),
				BPF_F_PSEUDO_HDR | zero_is_none))
		return -1;
	return ports ? bpf_l4_csum_replace(skb, at, 0, tp_sum_fold(ports), zero_is_none) : 0;
}

/* An ICMP query has one identifier, which is both of its ports. */
TP_INLINE __be16 gw_new_identifier(const struct gw_packet *p, const struct gw_ends *to)
{
	return p->src_port == to->src_port ? to->dst_port : to->src_port;
}

TP_INLINE __u64 gw_change_ports(const struct gw_packet *p, const struct gw_ends *to)
{
	if (p->part == GW_LATER_FRAGMENT ||
	    (p->src_port == to->src_port && p->dst_port == to->dst_port))
		return 0;
	if (p->proto == IPPROTO_ICMP)
		return gw_change16(p->src_port, gw_new_identifier(p, to));
	return gw_change16(p->src_port, to->src_port) + gw_change16(p->dst_port, to->dst_port);
}

TP_INLINE int gw_sum_icmp(struct __sk_buff *skb, __u64 change)
{
	return bpf_l4_csum_replace(skb, GW_L4_V4 + offsetof(struct icmphdr, checksum), 0,
				   tp_sum_fold(change), 0);
}

TP_INLINE int gw_write_ports(struct __sk_buff *skb, const struct gw_packet *p,
			     const struct gw_ends *to)
{
	void *l4 = gw_data(skb) + GW_L4_V4;

	if (l4 + GW_L4_MIN > gw_data_end(skb))
		return -1;
	if (p->proto == IPPROTO_ICMP)
		((struct icmphdr *)l4)->un.echo.id = gw_new_identifier(p, to);
	else
		tp_put32(l4, tp_pair(to->src_port | (__u32)to->dst_port << 16, 0));
	return 0;
}

TP_INLINE int gw_write_ipv4(struct __sk_buff *skb, const struct gw_ends *to, __u64 addresses)
{
	struct iphdr *ip = gw_data(skb) + GW_L3;
	__u16 ttl = (__u16)~tp_htons(0x0100); /* one less */

	if ((void *)(ip + 1) > gw_data_end(skb))
		return -1;
	ip->saddr = to->src;
	ip->daddr = to->dst;
	ip->ttl--;
	ip->check = tp_csum_update(ip->check, tp_sum_fold(addresses + ttl));
	return 0;
}

/* IPv4: writes new ends and takes one from the TTL. CARRY_ON or GW_DROP_rewrite_failed. */
static __noinline int gw_rewrite(struct __sk_buff *skb, const struct gw_packet *p,
				 const struct gw_ends *to)
{
	struct gw_ends was = gw_ends_of(p);
	__u64 addresses = gw_change32(was.src, to->src) + gw_change32(was.dst, to->dst);
	__u64 ports = gw_change_ports(p, to);
	int err = 0;

	if (p->part != GW_LATER_FRAGMENT)
		err = p->proto == IPPROTO_ICMP ? (ports ? gw_sum_icmp(skb, ports) : 0)
					       : gw_sum_transport(skb, p->proto, addresses, ports);
	if (!err && ports)
		err = gw_write_ports(skb, p, to);
	if (!err)
		err = gw_write_ipv4(skb, to, addresses);
	return err ? GW_DROP_rewrite_failed : CARRY_ON;
}

/* Only the hop. */
static __noinline int gw_hop(struct __sk_buff *skb, const struct gw_packet *p)
{
	struct ipv6hdr *ip6 = gw_data(skb) + GW_L3;
	struct gw_ends same = gw_ends_of(p);

	if (!p->v6)
		return gw_write_ipv4(skb, &same, 0) ? GW_DROP_rewrite_failed : CARRY_ON;
	if ((void *)(ip6 + 1) > gw_data_end(skb))
		return GW_DROP_rewrite_failed;
	ip6->hop_limit--;
	return CARRY_ON;
}

#endif
