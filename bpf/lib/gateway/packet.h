/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the skb to what is asked of a packet: addresses, ports, lengths. One parser for both kinds
 * of devices; self.l2_len says where the IP header is. Offsets are constants to the verifier: IPv4
 * options and IPv6 extension headers are not forwarded.
 */
#ifndef TP_BPF_GATEWAY_PACKET_H
#define TP_BPF_GATEWAY_PACKET_H

#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "../mapped.h"
#include "icmp_header.h"
#include "reason.h"

#define IPV4_LEN	  sizeof(struct iphdr)
#define IPV6_LEN	  sizeof(struct ipv6hdr)
#define IPV4_PLAIN	  0x45
#define IPV4_DF		  0x4000
#define IPV4_MORE	  0x2000
#define IPV4_OFFSET	  0x1fff
#define IPPROTO_FRAGMENT6 44
#define VLAN_NUMBER	  0xfff /* of a tag */

#define TCP_FLAG(bit) (1 << (bit))
#define TCP_FIN	      TCP_FLAG(0)
#define TCP_SYN	      TCP_FLAG(1)
#define TCP_RST	      TCP_FLAG(2)
#define TCP_ACK	      TCP_FLAG(4)

enum gw_part { GW_WHOLE, GW_FIRST_FRAGMENT, GW_LATER_FRAGMENT };

/* Where addresses are copied in words of eight bytes, and the struct would be aligned to four. */
#define GW_WORDS __attribute__((aligned(8)))

struct gw_packet {
	__u8 src[16];
	__u8 dst[16];
	__be16 src_port; /* ICMP query or reply: the identifier, in both */
	__be16 dst_port;
	__u8 proto;
	__u8 ttl;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 part;	    /* enum gw_part */
	__u8 icmp_error;    /* boolean */
	__u8 icmp_query;    /* boolean: opens a flow; a reply does not */
	__u8 l4_len;	    /* of TCP's header, else of UDP's */
	__u8 dont_fragment; /* boolean */
	__u64 v6;	    /* a whole word, which kernel 6.1's verifier remembers the value of */
	__u32 ip_len;	    /* IP bytes of all of it */
	__u32 wire_len;	    /* IP bytes of one segment */
	__u32 segments;
	__u32 fragment_id;
};

#define GW_L3	      (self.l2_len ? ETH_HLEN : 0)
#define GW_L4_V4      (GW_L3 + IPV4_LEN)
#define GW_L4_V6      (GW_L3 + IPV6_LEN)
#define GW_L4_MIN     8	 /* of TCP, UDP and ICMP: all that is read but TCP's flags */
#define GW_TCP_OFFSET 12 /* bytes of TCP's header with bit fields */
#define GW_TCP_FLAGS  13

/* Where the packet's linear part begins and ends. The context has these pointers in words of 32
 * bits; left alone, the compiler may carry half of one around. */
TP_INLINE void *gw_data(const struct __sk_buff *skb)
{
	void *data;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(data)
		     : "r"(skb), "i"(offsetof(struct __sk_buff, data)));
	return data;
}

TP_INLINE void *gw_data_end(const struct __sk_buff *skb)
{
	void *end;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(end)
		     : "r"(skb), "i"(offsetof(struct __sk_buff, data_end)));
	return end;
}

/* Seen only because the device is promiscuous, or a switch has flooded it; or of a VLAN, whose tag
 * the kernel has put aside, and so for that one's device. 0 is none, only a priority. */
TP_INLINE bool gw_is_others(const struct __sk_buff *skb)
{
	return self.l2_len && (skb->pkt_type == PACKET_OTHERHOST ||
			       (skb->vlan_present && skb->vlan_tci & VLAN_NUMBER));
}

/* Came to all or to a group on its link: not to be forwarded (RFC 1812, 5.3.4). */
TP_INLINE bool gw_is_to_group(const struct __sk_buff *skb)
{
	return self.l2_len &&
	       (skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST);
}

/* The first `len` bytes can be read directly, or the packet is shorter. */
TP_INLINE bool gw_pull(struct __sk_buff *skb, __u32 len)
{
	if (gw_data(skb) + len <= gw_data_end(skb))
		return true;
	return !bpf_skb_pull_data(skb, len < skb->len ? len : skb->len);
}

/* Bytes behind the IP header that are the packet's, not what a device has padded it with. */
TP_INLINE __u32 gw_l4_room(const struct gw_packet *p)
{
	return p->ip_len - (p->v6 ? IPV6_LEN : IPV4_LEN);
}

TP_INLINE int gw_parse_tcp(struct gw_packet *p, const void *l4, const void *end)
{
	const struct tcphdr *tcp = l4;

	if ((void *)(tcp + 1) > end || gw_l4_room(p) < sizeof(*tcp))
		return p->part == GW_FIRST_FRAGMENT ? GW_DROP_fragment_bad : GW_DROP_malformed;
	p->tcp_flags = ((const __u8 *)tcp)[GW_TCP_FLAGS];
	p->l4_len = (((const __u8 *)tcp)[GW_TCP_OFFSET] >> 4) * 4;
	return CARRY_ON;
}

TP_INLINE void gw_parse_icmp4(struct gw_packet *p, const struct icmphdr *icmp)
{
	p->icmp_type = icmp->type;
	p->icmp_code = icmp->code;
	switch (icmp->type) {
	case ICMP_ECHO:
	case ICMP_TIMESTAMP: p->icmp_query = true; break;
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMPREPLY: break;
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB: p->icmp_error = true; return;
	default:
		p->icmp_error = false;
		p->icmp_type = 0xff;
		return;
	}
	p->src_port = p->dst_port = icmp->un.echo.id;
}

TP_INLINE void gw_parse_icmp6(struct gw_packet *p, const struct icmp6hdr *icmp)
{
	p->icmp_type = icmp->icmp6_type;
	p->icmp_code = icmp->icmp6_code;
	if (icmp->icmp6_type < ICMPV6_ECHO_REQUEST) {
		p->icmp_error = true;
		return;
	}
	if (icmp->icmp6_type > ICMPV6_ECHO_REPLY) {
		p->icmp_type = 0xff;
		return;
	}
	p->icmp_query = icmp->icmp6_type == ICMPV6_ECHO_REQUEST;
	p->src_port = p->dst_port = icmp->icmp6_dataun.u_echo.identifier;
}

TP_INLINE int gw_parse_l4(struct gw_packet *p, const void *l4, const void *end)
{
	p->l4_len = sizeof(struct udphdr);
	if (p->part == GW_LATER_FRAGMENT)
		return CARRY_ON;
	switch (p->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		if (l4 + GW_L4_MIN > end || gw_l4_room(p) < GW_L4_MIN)
			return GW_DROP_malformed;
		p->src_port = tp_get16(l4);
		p->dst_port = tp_get16(l4 + 2);
		return p->proto == IPPROTO_TCP ? gw_parse_tcp(p, l4, end) : CARRY_ON;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (l4 + GW_L4_MIN > end || gw_l4_room(p) < GW_L4_MIN)
			return GW_DROP_malformed;
		if (p->v6)
			gw_parse_icmp6(p, l4);
		else
			gw_parse_icmp4(p, l4);
		return p->icmp_type == 0xff ? GW_DROP_icmp_kind : CARRY_ON;
	default: return CARRY_ON;
	}
}

TP_INLINE int gw_parse_ipv4(struct __sk_buff *skb, struct gw_packet *p)
{
	const void *end = gw_data_end(skb);
	const struct iphdr *ip = gw_data(skb) + GW_L3;
	__u16 fragment;

	if ((void *)(ip + 1) > end || ip->version != 4)
		return GW_DROP_malformed;
	tp_map_v4(p->src, ip->saddr);
	tp_map_v4(p->dst, ip->daddr);
	if (*(__u8 *)ip != IPV4_PLAIN)
		return GW_DROP_ip_options;
	fragment = bpf_ntohs(ip->frag_off);
	p->dont_fragment = !!(fragment & IPV4_DF);
	if (fragment & IPV4_OFFSET)
		p->part = GW_LATER_FRAGMENT;
	else if (fragment & IPV4_MORE)
		p->part = GW_FIRST_FRAGMENT;
	p->fragment_id = ip->id;
	p->proto = ip->protocol;
	p->ttl = ip->ttl;
	p->ip_len = bpf_ntohs(ip->tot_len);
	if (p->ip_len < IPV4_LEN || p->ip_len > skb->len - GW_L3)
		return GW_DROP_malformed;
	if ((fragment & IPV4_OFFSET) == 1 && p->proto == IPPROTO_TCP)
		return GW_DROP_fragment_bad; /* writes over TCP's flags (RFC 1858, 4) */
	return gw_parse_l4(p, ip + 1, end);
}

TP_INLINE int gw_parse_ipv6(struct __sk_buff *skb, struct gw_packet *p)
{
	const void *end = gw_data_end(skb);
	const struct ipv6hdr *ip = gw_data(skb) + GW_L3;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return GW_DROP_malformed;
	p->v6 = true;
	p->dont_fragment = true;
	tp_copy16(p->src, &ip->saddr);
	tp_copy16(p->dst, &ip->daddr);
	p->proto = ip->nexthdr;
	p->ttl = ip->hop_limit;
	p->ip_len = bpf_ntohs(ip->payload_len) + IPV6_LEN;
	if (p->ip_len > skb->len - GW_L3)
		return GW_DROP_malformed;
	if (tp_is_mapped(p->src) || tp_is_mapped(p->dst))
		return GW_DROP_spoofed_source; /* would alias an IPv4 address */
	switch (p->proto) {
	case 0:	 /* hop-by-hop options */
	case 43: /* routing */
	case 44: /* fragment */
	case 51: /* authentication */
	case 60: /* destination options */
	case 135: /* mobility */ return GW_DROP_ip_options;
	default: return gw_parse_l4(p, ip + 1, end);
	}
}

/* A packet that GRO merged or a sender left to be cut goes on as segments. */
TP_INLINE void gw_segments(const struct __sk_buff *skb, struct gw_packet *p)
{
	p->segments = 1;
	p->wire_len = p->ip_len;
	if (!skb->gso_size)
		return;
	p->segments = skb->gso_segs ? skb->gso_segs : 1;
	p->wire_len = (p->v6 ? IPV6_LEN : IPV4_LEN) + p->l4_len + skb->gso_size;
}

/* Fills *p, which is zero. CARRY_ON; GW_PASS_not_ip; or why the packet can't be forwarded, and then
 * addresses are filled if there is a whole IP header. */
static __noinline int gw_parse(struct __sk_buff *skb, struct gw_packet *p)
{
	__u32 l4 = skb->protocol == bpf_htons(ETH_P_IP) ? GW_L4_V4 : GW_L4_V6;
	int why;

	/* No byte more: a sender's headers may be all that is linear, and what is pulled out of its
	 * pages besides keeps the receiver from merging them. */
	if (!gw_pull(skb, l4 + sizeof(struct tcphdr)))
		return GW_DROP_malformed;
	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP): why = gw_parse_ipv4(skb, p); break;
	case bpf_htons(ETH_P_IPV6): why = gw_parse_ipv6(skb, p); break;
	default: return GW_PASS_not_ip;
	}
	gw_segments(skb, p);
	return why;
}

/* Multicast, broadcast and link-local: never forwarded. */
TP_INLINE bool gw_is_link_scope(const __u8 *addr)
{
	__u32 v4 = bpf_ntohl(tp_mapped_v4(addr));

	if (tp_is_mapped(addr))
		return v4 >> 28 == 0xe || v4 == 0xffffffff || v4 >> 16 == 0xa9fe;
	return addr[0] == 0xff || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80);
}

/* What neighbours say to each other on a link. Neighbour discovery also speaks to single addresses;
 * its hop limit shows that no router has forwarded it (RFC 4861, 3.1). */
TP_INLINE bool gw_is_neighbourly(const struct gw_packet *p)
{
	return gw_is_link_scope(p->dst) ||
	       (p->v6 && p->proto == IPPROTO_ICMPV6 && p->icmp_type == 0xff && p->ttl == 255);
}

#endif
