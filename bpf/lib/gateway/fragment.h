/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rest of a fragmented IPv4 datagram has no ports: it follows its first fragment, which leaves
 * here what it belongs to. What comes before its first one goes to the daemon, which holds it for a
 * while (RFC 4787 REQ-14); what is too big and may be cut goes there too (REQ-13a).
 */
#ifndef TP_BPF_GATEWAY_FRAGMENT_H
#define TP_BPF_GATEWAY_FRAGMENT_H

#include "clock.h"
#include "packet.h"

#define GW_FRAGMENT_SECONDS 30

TP_INLINE void gw_fragment_key_of(const struct __sk_buff *skb, struct gw_fragment_key *key,
				  const struct gw_packet *p)
{
	tp_copy16(key->src, p->src);
	tp_copy16(key->dst, p->dst);
	key->id = p->fragment_id;
	key->proto = p->proto;
	key->role = self.role;
	key->device = gw_id(skb);
}

static __noinline void gw_fragment_lead(const struct __sk_buff *skb, const struct gw_packet *p,
					const struct gw_flow_key *flow)
{
	struct gw_fragment_key key = {};
	struct gw_fragment lead = {.flow = *flow};

	gw_fragment_key_of(skb, &key, p);
	lead.until = gw_ticks() + gw_ticks_of(GW_FRAGMENT_SECONDS);
	bpf_map_update_elem(&gw_fragments, &key, &lead, BPF_ANY);
}

/* The flow of a later fragment. */
static __noinline bool gw_fragment_follow(const struct __sk_buff *skb, const struct gw_packet *p,
					  struct gw_flow_key *flow)
{
	struct gw_fragment_key key = {};
	const struct gw_fragment *lead;

	gw_fragment_key_of(skb, &key, p);
	lead = bpf_map_lookup_elem(&gw_fragments, &key);
	if (!lead || gw_ticks() >= lead->until)
		return false;
	*flow = lead->flow;
	return true;
}

/* Hands the packet over, as it is now. False: too large, or the daemon is not keeping up. */
static __noinline bool gw_punt(struct __sk_buff *skb, const struct gw_packet *p, __u32 kind,
			       __u32 ifindex, __u32 mtu)
{
	struct gw_punt *punt;
	__u32 len = p->ip_len, last = len - 1;

	if (skb->gso_size || len - 1 >= TP_GW_PUNT)
		return false;
	punt = bpf_ringbuf_reserve(&gw_punted, sizeof(*punt), 0);
	if (!punt)
		return false;
	punt->kind = kind;
	punt->len = len;
	punt->ifindex = ifindex;
	punt->mtu = mtu;
	gw_fragment_key_of(skb, &punt->key, p);
	barrier_var(last); /* for kernel 6.1 to see that the length is neither 0 nor too large */
	last &= TP_GW_PUNT - 1;
	if (bpf_skb_load_bytes(skb, GW_L3, punt->packet, last + 1)) {
		bpf_ringbuf_discard(punt, 0);
		return false;
	}
	bpf_ringbuf_submit(punt, 0);
	return true;
}

/* A fragment that nobody knows yet. */
TP_INLINE int gw_punt_early(struct __sk_buff *skb, const struct gw_packet *p)
{
	bool taken = gw_punt(skb, p, GW_PUNT_EARLY, 0, 0);

	gw_count(taken ? GW_ANSWER_punted : GW_DROP_fragment_early, 1, skb->len);
	return TC_ACT_SHOT;
}

#endif
