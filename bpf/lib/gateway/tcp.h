/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long a flow lives: TCP's connections by their state (RFC 5382 REQ-5, RFC 7857 2), the rest by
 * protocol (RFC 4787 REQ-5, RFC 5508 REQ-2).
 */
#ifndef TP_BPF_GATEWAY_TCP_H
#define TP_BPF_GATEWAY_TCP_H

#include "clock.h"
#include "packet.h"

/* The state after a segment. Both FINs, or a reset, close; a SYN opens anew. A connection counts as
 * established when its opener has acknowledged the answer. */
TP_INLINE __u8 gw_tcp_next(__u8 state, __u8 flags, bool out, bool replied)
{
	if (flags & TCP_RST)
		return GW_TCP_CLOSED;
	if (flags & TCP_SYN) {
		if (state != GW_TCP_NONE && state != GW_TCP_CLOSED)
			return state;
		return out ? GW_TCP_SYN_OUT : GW_TCP_SYN_IN;
	}
	if (flags & TCP_FIN) {
		if (state == (out ? GW_TCP_FIN_IN : GW_TCP_FIN_OUT) || state == GW_TCP_CLOSED)
			return GW_TCP_CLOSED;
		return out ? GW_TCP_FIN_OUT : GW_TCP_FIN_IN;
	}
	if (state == (out ? GW_TCP_SYN_OUT : GW_TCP_SYN_IN) && replied && flags & TCP_ACK)
		return GW_TCP_ESTABLISHED;
	return state;
}

TP_INLINE __u32 gw_tcp_seconds(__u8 state)
{
	switch (state) {
	case GW_TCP_ESTABLISHED:
	case GW_TCP_FIN_OUT:
	case GW_TCP_FIN_IN: return knobs.timeout.tcp_established;
	case GW_TCP_CLOSED: return knobs.timeout.tcp_closing;
	default: return knobs.timeout.tcp_transitory;
	}
}

TP_INLINE __u32 gw_lifetime(__u8 proto, __u8 tcp_state)
{
	switch (proto) {
	case IPPROTO_TCP: return gw_ticks_of(gw_tcp_seconds(tcp_state));
	case IPPROTO_UDP: return gw_ticks_of(knobs.timeout.udp);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return gw_ticks_of(knobs.timeout.icmp);
	default: return gw_ticks_of(knobs.timeout.other);
	}
}

#endif
