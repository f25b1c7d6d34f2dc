/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a flow's shortcuts are: a packet's name and the places it may have. BPF and C share this.
 */
#ifndef TP_BPF_GATEWAY_SHORTCUT_PLACE_H
#define TP_BPF_GATEWAY_SHORTCUT_PLACE_H

#include "../../abi/gateway.h"
#include "../mapped.h"

/* --- the part of the table that is in use --- */

TP_INLINE __u32 gw_extent_mask(__u64 word)
{
	return (__u32)word | (TP_GW_SHORTCUTS_MIN - 1);
}

TP_INLINE __u32 gw_extent_before(__u64 word)
{
	return word >> 32 | (TP_GW_SHORTCUTS_MIN - 1);
}

/* --- places: a row of eight, first of all the one that is found without another look; and a second
 * row for what the first has no room for --- */

TP_INLINE __u64 gw_shortcut_mix(__u64 addrs, __u64 ends)
{
	return ((addrs * 0x9e3779b97f4a7c15ull) ^ ends) * 0xd6e8feb86659fd93ull;
}

TP_INLINE __u32 gw_shortcut_first(__u64 mix, __u32 mask)
{
	return mix >> (64 - TP_GW_SHORTCUTS_BITS) & mask;
}

TP_INLINE bool gw_shortcut_is_row(__u32 a, __u32 b)
{
	return (a ^ b) < TP_GW_SHORTCUT_ROW;
}

/* In another row. */
TP_INLINE __u32 gw_shortcut_second(__u64 mix, __u32 mask)
{
	__u64 again = (mix ^ mix >> 32) * 0xc2b2ae3d27d4eb4full;
	__u32 place = again >> (64 - TP_GW_SHORTCUTS_BITS) & mask;

	return gw_shortcut_is_row(place, gw_shortcut_first(mix, mask)) ? place ^ TP_GW_SHORTCUT_ROW
								       : place;
}

/* Number i of the places, in the order in which they are looked at. */
#define GW_SHORTCUT_PLACES (2 * TP_GW_SHORTCUT_ROW)

TP_INLINE __u32 gw_shortcut_place(__u64 mix, __u32 mask, __u32 i)
{
	return i < TP_GW_SHORTCUT_ROW ? gw_shortcut_first(mix, mask) ^ i
				      : gw_shortcut_second(mix, mask) ^ (i - TP_GW_SHORTCUT_ROW);
}

/* Is the place one of these? */
TP_INLINE bool gw_shortcut_lies(__u64 mix, __u32 mask, __u32 place)
{
	return gw_shortcut_is_row(place, gw_shortcut_first(mix, mask)) ||
	       gw_shortcut_is_row(place, gw_shortcut_second(mix, mask));
}

/* --- names --- */

TP_INLINE __u64 gw_shortcut_addrs(__be32 source, __be32 destination)
{
	return source | (__u64)destination << 32;
}

/* role, and the number of the device that the packet comes in by: enum gw_role. */
TP_INLINE __u64 gw_shortcut_ends(__be16 source, __be16 destination, __u16 device, __u8 proto,
				 __u8 role)
{
	return source | (__u32)destination << 16 | (__u64)device << 32 | (__u64)proto << 48 |
	       (__u64)role << 56;
}

/* The entry of a masqueraded flow for one direction. A remote's packets to a port have the same
 * ends when another node owns the port: only what becomes of them tells the flows apart. */
struct gw_shortcut_of {
	__u64 addrs;
	__u64 ends;
	__be32 addr;
	__be16 port;
};

TP_INLINE struct gw_shortcut_of gw_shortcut_out(const struct gw_flow_key *key,
						const struct gw_flow *flow)
{
	return (struct gw_shortcut_of){
		gw_shortcut_addrs(tp_mapped_v4(key->node), tp_mapped_v4(key->remote)),
		gw_shortcut_ends(key->node_port, key->remote_port, key->overlay, key->proto,
				 GW_OVERLAY),
		flow->ext_addr, flow->ext_port};
}

TP_INLINE struct gw_shortcut_of gw_shortcut_in(const struct gw_flow_key *key,
					       const struct gw_flow *flow)
{
	return (struct gw_shortcut_of){gw_shortcut_addrs(tp_mapped_v4(key->remote), flow->ext_addr),
				       gw_shortcut_ends(key->remote_port, flow->ext_port,
							flow->uplink, key->proto, GW_UPLINK),
				       tp_mapped_v4(key->node), key->node_port};
}

TP_INLINE bool gw_shortcut_belongs(const struct gw_shortcut *s, const struct gw_shortcut_of *of)
{
	return s->addrs == of->addrs && s->ends == of->ends && s->turn.addr == of->addr &&
	       s->turn.port == of->port;
}

/* Of packets from the node? */
TP_INLINE bool gw_shortcut_is_out(const struct gw_shortcut *s)
{
	return s->ends >> 56 == GW_OVERLAY;
}

/* The key of the flow that an entry is of. */
TP_INLINE void gw_shortcut_flow(const struct gw_shortcut *s, struct gw_flow_key *key)
{
	bool out = gw_shortcut_is_out(s);

	tp_map_v4(key->node, out ? (__u32)s->addrs : s->turn.addr);
	tp_map_v4(key->remote, out ? s->addrs >> 32 : (__u32)s->addrs);
	key->node_port = out ? (__u16)s->ends : s->turn.port;
	key->remote_port = out ? (__u16)(s->ends >> 16) : (__u16)s->ends;
	key->overlay = s->turn.overlay;
	key->proto = s->ends >> 48;
}

#endif
