/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the frame to the UDP payload: Ethernet, up to two VLAN tags, IPv4 or IPv6, UDP. What has IP
 * options, is a fragment or carries extension headers is the kernel's to look at.
 */
#ifndef TP_BPF_RELAY_PARSE_H
#define TP_BPF_RELAY_PARSE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "../mapped.h"
#include "../ethernet.h"
#include "maps.h"
#include "reason.h"

#define IPV4_LEN      sizeof(struct iphdr)
#define IPV6_LEN      sizeof(struct ipv6hdr)
#define IPV4_PLAIN    0x45   /* version 4, five words of header */
#define IPV4_DF	      0x4000 /* don't fragment */
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */

struct packet {
	void *eth;
	void *ip;
	struct udphdr *udp;
	__u64 v6; /* a whole word, which kernel 6.1's verifier remembers the value of */
	struct relay_flow_key key; /* source address; the rest once it is known (wg_is_data) */
	struct relay_addr local;   /* destination address */
	__be16 port;		   /* of the source */
	__be16 local_port;
	__u16 l2_len;  /* Ethernet header and tags: 14, 18 or 22 */
	__u16 ip_len;  /* IP header and all, by the IP header's word */
	__u16 udp_len; /* UDP header and all, by the UDP header's word */
	__u32 room;    /* bytes of the frame from the IP header on */
};

TP_INLINE __u32 l3_len(const struct packet *p)
{
	return p->v6 ? IPV6_LEN : IPV4_LEN;
}

/* l2_len with a bound that the verifier can see, for those who get it from memory. */
TP_INLINE __u32 l2_len(const struct packet *p)
{
	return p->l2_len & 0x1e;
}

/* Do the lengths agree, and has IPv6 its checksum? */
TP_INLINE bool is_sound(const struct packet *p)
{
	return p->udp_len >= sizeof(*p->udp) && l3_len(p) + p->udp_len == p->ip_len &&
	       p->ip_len <= p->room && !(p->v6 && !p->udp->check);
}

/* Of one that is sound: the UDP payload, and what the frame has behind the IP packet. */
TP_INLINE __u32 payload_len(const struct packet *p)
{
	return p->udp_len - sizeof(*p->udp);
}

TP_INLINE __u32 trailer_len(const struct packet *p)
{
	return p->room - p->ip_len;
}

/* Sets eth, ip and l2_len; gives the protocol behind the last tag, or 0. */
TP_INLINE __be16 parse_ethernet(struct packet *p, void *end)
{
	void *next = p->eth + ETH_HLEN;
	__be16 proto;

	if (next > end)
		return 0;
	proto = tp_get16(next - sizeof(proto));
	for (int i = 0; i < TP_VLAN_MAX && is_vlan(proto); i++) {
		if (next + VLAN_HLEN > end)
			return 0;
		proto = tp_get16(next + 2);
		next += VLAN_HLEN;
	}
	p->ip = next;
	p->l2_len = next - p->eth;
	return proto;
}

TP_INLINE int parse_ipv4(struct packet *p, void *end)
{
	struct iphdr *ip = p->ip;
	__u8 first;

	if ((void *)(ip + 1) > end)
		return TP_PASS_not_ours;
	first = *(__u8 *)ip;
	if (first >> 4 != 4 || ip->protocol != IPPROTO_UDP)
		return TP_PASS_not_ours;
	tp_map_v4(p->key.addr, ip->saddr);
	tp_map_v4(p->local.addr, ip->daddr);
	p->v6 = false;
	if (first != IPV4_PLAIN || ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return TP_PASS_odd;
	p->ip_len = bpf_ntohs(ip->tot_len);
	return CARRY_ON;
}

TP_INLINE bool is_extension(__u8 next_header)
{
	switch (next_header) {
	case 0:	  /* hop-by-hop options */
	case 43:  /* routing */
	case 44:  /* fragment */
	case 51:  /* authentication */
	case 60:  /* destination options */
	case 135: /* mobility */
	case 139: /* host identity */
	case 140: /* shim6 */ return true;
	default: return false;
	}
}

TP_INLINE int parse_ipv6(struct packet *p, void *end)
{
	struct ipv6hdr *ip = p->ip;

	if ((void *)(ip + 1) > end || *(__u8 *)ip >> 4 != 6)
		return TP_PASS_not_ours;
	tp_copy16(p->key.addr, &ip->saddr);
	tp_copy16(p->local.addr, &ip->daddr);
	p->v6 = true;
	if (ip->nexthdr != IPPROTO_UDP)
		return is_extension(ip->nexthdr) ? TP_PASS_odd : TP_PASS_not_ours;
	p->ip_len = bpf_ntohs(ip->payload_len) + IPV6_LEN;
	return CARRY_ON;
}

/* The frame's bytes from the IP header on; only large packets have any outside the linear part. */
TP_INLINE __u32 frame_room(struct xdp_md *ctx, const struct packet *p, void *end)
{
	__u32 linear = end - p->ip;

	return linear >= p->ip_len ? linear : bpf_xdp_get_buff_len(ctx) - p->l2_len;
}

TP_INLINE int parse_udp(struct xdp_md *ctx, struct packet *p, void *end)
{
	struct udphdr *udp = p->ip + l3_len(p);

	if ((void *)(udp + 1) > end)
		return TP_PASS_not_ours;
	p->local_port = udp->dest;
	if (udp->dest != knobs.listen_port && (!knobs.stun_port || udp->dest != knobs.stun_port))
		return TP_PASS_not_ours;
	p->udp = udp;
	p->port = udp->source;
	p->udp_len = bpf_ntohs(udp->len);
	p->room = frame_room(ctx, p, end);
	return CARRY_ON;
}

/* Fills *p for a UDP packet to one of our ports; of an odd one, the addresses. It may still be for
 * another host: whoever goes on asks whether `local` is ours, by its flow or by the address. */
TP_INLINE int parse_packet(struct xdp_md *ctx, struct packet *p)
{
	void *end = (void *)(long)ctx->data_end;
	int why;

	p->eth = (void *)(long)ctx->data;
	switch (parse_ethernet(p, end)) {
	case bpf_htons(ETH_P_IP): why = parse_ipv4(p, end); break;
	case bpf_htons(ETH_P_IPV6): why = parse_ipv6(p, end); break;
	default: return TP_PASS_not_ours;
	}
	if (why != CARRY_ON)
		return why;
	why = parse_udp(ctx, p, end);
	if (why == CARRY_ON && p->v6 && tp_is_mapped(p->key.addr))
		return TP_DROP_mapped_source;
	return why;
}

#endif
