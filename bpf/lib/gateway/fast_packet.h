/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that may go the short way, in tc (fast.h) and in XDP (fast_xdp.h): IPv4, TCP or UDP, one
 * whole segment that leaves its flow's state as it is. Read and rewritten in place. */
#ifndef TP_BPF_GATEWAY_FAST_PACKET_H
#define TP_BPF_GATEWAY_FAST_PACKET_H

#include "../checksum.h"
#include "packet.h"
#include "shortcut.h"

#define FAST_PARTS (IPV4_MORE | IPV4_OFFSET)
#define FAST_ENDS  (TCP_SYN | TCP_FIN | TCP_RST)

/* The packet in place. */
struct gw_fast {
	struct iphdr *ip;
	union {
		struct udphdr *udp;
		struct tcphdr *tcp;
	};
	__be16 *sum; /* of the transport */
	__u32 ip_len;
};

TP_INLINE bool gw_fast_transport(struct gw_fast *f, const void *end)
{
	f->udp = (void *)(f->ip + 1);
	f->sum = &f->udp->check;
	if (f->ip->protocol == IPPROTO_UDP)
		return (void *)(f->udp + 1) <= end && f->ip_len >= IPV4_LEN + sizeof(*f->udp);
	f->sum = &f->tcp->check;
	return f->ip->protocol == IPPROTO_TCP && (void *)(f->tcp + 1) <= end &&
	       f->ip_len >= IPV4_LEN + sizeof(*f->tcp) &&
	       !(((__u8 *)f->tcp)[GW_TCP_FLAGS] & FAST_ENDS);
}

/* Is what begins at `ip`, in `room` bytes of which those up to `end` can be read, of this kind? */
TP_INLINE bool gw_fast_is_common(struct gw_fast *f, void *ip, const void *end, __u32 room)
{
	f->ip = ip;
	if ((void *)(f->ip + 1) > end || *(__u8 *)f->ip != IPV4_PLAIN ||
	    f->ip->frag_off & bpf_htons(FAST_PARTS) || f->ip->ttl <= 1)
		return false;
	f->ip_len = bpf_ntohs(f->ip->tot_len);
	return f->ip_len <= room && gw_fast_transport(f, end);
}

/*
 * May the sum be one that the sender left to be computed? Then what stands there is the sum of the
 * pseudo-header, and only the kernel's helpers know. A complete sum that comes out the same goes
 * that way in vain.
 */
TP_INLINE bool gw_fast_sum_is_open(const struct gw_fast *f)
{
	__u64 pseudo = (__u64)f->ip->saddr + f->ip->daddr + bpf_htons(f->ip->protocol) +
		       bpf_htons(f->ip_len - IPV4_LEN);

	return !*f->sum || *f->sum == tp_sum_fold(pseudo);
}

/* An address that the uplink has lost is not used for another second. */
TP_INLINE bool gw_fast_has(const struct gw_uplink *uplink, const struct gw_turn *turn, __be32 addr)
{
	return uplink && uplink->ifindex && uplink->addr[turn->slot % TP_GW_ADDRS] == addr;
}

/* The new end, the sums for it, and one hop less. `out`: from a node. */
TP_INLINE void gw_fast_rewrite(struct gw_fast *f, const struct gw_turn *turn, bool out)
{
	__u16 ttl = (__u16)~tp_htons(0x0100);
	__u16 sum = tp_csum_update(*f->sum, turn->change_all);

	if (out) {
		f->ip->saddr = turn->addr;
		f->udp->source = turn->port;
	} else {
		f->ip->daddr = turn->addr;
		f->udp->dest = turn->port;
	}
	*f->sum = f->ip->protocol == IPPROTO_UDP ? tp_csum_udp(sum) : sum;
	f->ip->check = tp_csum_update(f->ip->check, tp_sum_fold((__u64)turn->change + ttl));
	f->ip->ttl--;
}

#endif
