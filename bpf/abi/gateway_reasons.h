/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every way a packet can leave the gateway's programs. One list feeds the per-CPU counters, the
 * CLI, the metrics and docs/drop-reasons.md.
 *
 *   X(kind, name, text)
 *     kind  FORWARD sent on by the program itself
 *           PASS    left to the kernel, as if the program were not there
 *           ANSWER  consumed, and something was sent back
 *           DROP    the packet ends here
 */
#ifndef TP_ABI_GATEWAY_REASONS_H
#define TP_ABI_GATEWAY_REASONS_H

/* clang-format off */
#define TP_GW_REASONS(X)                                                                           \
	X(FORWARD, to_uplink,      "from a node to beyond an uplink")                              \
	X(FORWARD, to_overlay,     "from beyond an uplink to a node")                              \
	X(FORWARD, between_nodes,  "from a node to another of the same overlay")                   \
	X(FORWARD, hairpin,        "from a node to another node's mapping")                        \
	X(PASS, not_ours,          "on the uplink, not addressed to a mapping or a node")          \
	X(PASS, other_host,        "to another Ethernet address than this device's, or in a VLAN") \
	X(PASS, not_ip,            "neither IPv4 nor IPv6")                                        \
	X(PASS, local,             "admitted flow between a node and this host")                   \
	X(PASS, own_send,          "sent into the overlay by the gateway's own programs")          \
	X(PASS, link_scope,        "multicast or link-local, for this host")                       \
	X(PASS, first_line,        "seen by XDP, for the program behind it")                       \
	X(ANSWER, refused,         "refused by policy, sender told (ICMP code 13)")                \
	X(ANSWER, too_big,         "larger than the next MTU, sender told (ICMP)")                 \
	X(ANSWER, ttl_exceeded,    "TTL or hop limit exhausted, sender told (ICMP)")               \
	X(ANSWER, table_full,      "no room for a new flow, sender told (ICMP)")                   \
	X(ANSWER, punted,          "early fragment, or to be fragmented: handed to the daemon")            \
	X(DROP, malformed,         "lengths that do not fit, or headers cut short")                \
	X(DROP, spoofed_source,    "source that cannot come from this side")                       \
	X(DROP, policy_denied,     "no rule allows it")                                            \
	X(DROP, policy_changed,    "flow that the present policy no longer allows")                \
	X(DROP, not_advertised,    "destination that the gateway does not serve")                  \
	X(DROP, overlay_unknown,   "source that is no node of this overlay")                       \
	X(DROP, overlay_down,      "overlay device not there")                                     \
	X(DROP, uplink_down,       "uplink not there, or without an address to masquerade with")   \
	X(DROP, no_mapping,        "port in the masquerade range without a live mapping")          \
	X(DROP, filtered,          "remote that the node has not spoken to (address-dependent filtering)") \
	X(DROP, unsolicited_syn,   "TCP SYN that nobody waits for (RFC 5382 REQ-4: silence)")      \
	X(DROP, no_flow,           "TCP segment or ICMP reply that opens no flow and belongs to none") \
	X(DROP, icmp_stray,        "ICMP error that quotes no live flow")                          \
	X(DROP, icmp_kind,         "ICMP that is neither query, reply nor error to a flow")        \
	X(DROP, proto_unmapped,    "protocol that cannot be masqueraded")                          \
	X(DROP, ports_full,        "no free port in the node's blocks and no further block")       \
	X(DROP, node_quota,        "node above its flows")                                         \
	X(DROP, filter_quota,      "node above its filter entries")                                \
	X(DROP, flows_full,        "flow table full")                                              \
	X(DROP, mappings_full,     "table of mappings full")                                       \
	X(DROP, raced,             "entry reused while the packet looked at it")                   \
	X(DROP, refused_quietly,   "refused, and the sender was told often enough this second")    \
	X(DROP, ttl,               "TTL exhausted, sender not told (rate, or itself an ICMP error)") \
	X(DROP, too_big_quietly,   "too big, sender not told (rate, or itself an ICMP error)")     \
	X(DROP, fragment_early,    "fragment whose first one was not seen")                        \
	X(DROP, fragment_bad,      "fragment that overlaps, is too short, or fits no datagram")    \
	X(DROP, ip_options,        "IP options or extension headers that are not forwarded")       \
	X(DROP, hairpin_off,       "to another node's mapping, and hairpinning is off")            \
	X(DROP, rewrite_failed,    "kernel refused to change or send the packet")                  \
	X(DROP, link_group,        "to be sent on, but came to all or to a group on its link")
/* clang-format on */

#define TP_GW_REASON_ENUM(kind, name, text) GW_##kind##_##name,
enum gw_reason { TP_GW_REASONS(TP_GW_REASON_ENUM) GW_REASON_MAX };
#undef TP_GW_REASON_ENUM

#endif
