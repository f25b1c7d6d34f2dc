/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a flow's packets leave. */
#ifndef TP_BPF_RELAY_NEXTHOP_H
#define TP_BPF_RELAY_NEXTHOP_H

#include "parse.h"

/* The slot in force for a next-hop id, NULL while it is unresolved. */
TP_INLINE const struct relay_nexthop *nexthop_find(__u32 id)
{
	const __u32 *slot = bpf_map_lookup_elem(&nexthop_ids, &id);
	__u32 in_force = slot ? *slot : 0;

	return in_force ? bpf_map_lookup_elem(&nexthops, &in_force) : NULL;
}

/* The mask is for the verifier: `vlans` is at most TP_VLAN_MAX. */
TP_INLINE __u32 nexthop_l2_len(const struct relay_nexthop *nh)
{
	return ETH_HLEN + (nh->vlans & 3) * VLAN_HLEN;
}

/* Writes MAC addresses and VLAN tags. The protocol behind them is the caller's to write, where it
 * is not there already. */
TP_INLINE void nexthop_write(void *eth, const struct relay_nexthop *nh)
{
	tp_put64(eth, tp_get64(nh->dst_mac));
	tp_put32(eth + 8, tp_get32(nh->src_mac + 2));
	if (nh->vlans > 0)
		tp_put32(eth + 12, tp_get32(&nh->vlan[0]));
	if (nh->vlans > 1)
		tp_put32(eth + 16, tp_get32(&nh->vlan[1]));
}

/* Returns XDP_TX or XDP_REDIRECT, or XDP_DROP when the device is no port of the relay. */
TP_INLINE int nexthop_send(const struct xdp_md *ctx, const struct relay_nexthop *nh)
{
	if (nh->ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&tx_ports, nh->port, XDP_DROP);
}

#endif
