/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rest of a fragmented IPv4 datagram has no ports: it follows its first fragment, which leaves
 * here what it belongs to. What comes before its first fragment finds nothing (RFC 4787 REQ-14).
 */
#ifndef TP_BPF_GATEWAY_FRAGMENT_H
#define TP_BPF_GATEWAY_FRAGMENT_H

#include "clock.h"
#include "packet.h"

#define GW_FRAGMENT_SECONDS 30

TP_INLINE void gw_fragment_key_of(struct gw_fragment_key *key, const struct gw_packet *p)
{
	tp_copy16(key->src, p->src);
	tp_copy16(key->dst, p->dst);
	key->id = p->fragment_id;
	key->proto = p->proto;
	key->role = self.role;
	key->device = self.id;
}

static __noinline void gw_fragment_lead(const struct gw_packet *p, const struct gw_flow_key *flow)
{
	struct gw_fragment_key key = {};
	struct gw_fragment lead = {.flow = *flow};

	gw_fragment_key_of(&key, p);
	lead.until = gw_ticks() + gw_ticks_of(GW_FRAGMENT_SECONDS);
	bpf_map_update_elem(&gw_fragments, &key, &lead, BPF_ANY);
}

/* The flow of a later fragment. */
static __noinline bool gw_fragment_follow(const struct gw_packet *p, struct gw_flow_key *flow)
{
	struct gw_fragment_key key = {};
	const struct gw_fragment *lead;

	gw_fragment_key_of(&key, p);
	lead = bpf_map_lookup_elem(&gw_fragments, &key);
	if (!lead || gw_ticks() >= lead->until)
		return false;
	*flow = lead->flow;
	return true;
}

#endif
