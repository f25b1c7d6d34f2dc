/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every way a packet can leave the relay other than being forwarded. One list feeds the per-CPU
 * counters, the CLI, the metrics and docs/drop-reasons.md.
 *
 *   X(kind, name, text)
 *     kind  DROP    the packet ends here
 *           PASS    XDP hands it to the kernel, mostly for the daemon's sockets
 *           ANSWER  the packet was consumed and something was sent back
 */
#ifndef TP_ABI_REASONS_H
#define TP_ABI_REASONS_H

/* clang-format off */
#define TP_REASONS(X)                                                                              \
	/* XDP hands on */                                                                         \
	X(PASS, not_ours,          "not addressed to the relay's addresses and ports")             \
	X(PASS, odd,               "IP options, fragment or IPv6 extension header, left to the stack") \
	X(PASS, handshake,         "WireGuard handshake message for the daemon")                   \
	X(PASS, session,           "packet of one of the relay's own sessions, for the daemon")    \
	X(PASS, probe,             "known receiver index from a new source: the daemon probes it") \
	X(PASS, slow,              "flow known, but the kernel must send it (next hop, fragments, checksum)") \
	X(PASS, stun_error,        "STUN request that needs an error answer from the daemon")      \
	/* answered in place */                                                                    \
	X(ANSWER, stun,            "STUN Binding request answered")                                \
	X(ANSWER, too_big,         "larger than the path MTU, sender told (ICMP)")                 \
	X(ANSWER, challenge,       "initiation answered with a cookie challenge")                  \
	/* either path */                                                                          \
	X(DROP, malformed,         "lengths do not fit the message type")                          \
	X(DROP, not_wireguard,     "neither WireGuard nor STUN")                                   \
	X(DROP, mapped_source,     "IPv6 source inside ::ffff:0:0/96")                             \
	X(DROP, no_flow,           "data packet without a flow")                                   \
	X(DROP, probe_budget,      "known receiver index from a new source, probe budget spent")   \
	X(DROP, flow_expired,      "flow outlived its keypair")                                    \
	X(DROP, ttl,               "TTL or hop limit exhausted")                                   \
	X(DROP, node_packets,      "node above its packets per second")                            \
	X(DROP, node_bits,         "node above its bits per second")                               \
	X(DROP, no_port,           "next hop names a device that is not a relay port")             \
	X(DROP, no_room,           "no head or tail room to rebuild the packet")                   \
	X(DROP, handshake_flood,   "handshake messages above what the daemon can take")            \
	X(DROP, session_flood,     "own-session packets above the source's budget")                \
	X(DROP, stun_rate,         "STUN requests above the source prefix's budget")               \
	X(DROP, stun_malformed,    "STUN message that is no well-formed Binding request")          \
	/* daemon: handshakes between nodes */                                                     \
	X(DROP, source_unknown,    "initiation from an address where no node is registered")       \
	X(DROP, target_unknown,    "mac1 fits no node that the sender may reach")                  \
	X(DROP, target_offline,    "target node has no current address")                           \
	X(DROP, trial_budget,      "no budget left to look for the target by mac1")                \
	X(DROP, target_paced,      "target gets no more initiations this second")                  \
	X(DROP, handshake_quota,   "node above its remembered initiations")                        \
	X(DROP, duplicate,         "initiation already passed on")                                 \
	X(DROP, response_unknown,  "response without a remembered initiation")                     \
	X(DROP, response_mac1,     "response whose mac1 fits no possible sender")                  \
	X(DROP, response_limit,    "too many responses to one initiation")                         \
	X(DROP, cookie_unknown,    "cookie reply without a remembered handshake")                  \
	X(DROP, cookie_invalid,    "cookie reply that does not decrypt")                           \
	X(DROP, cookie_absorbed,   "cookie reply kept by the relay, which answers for the sender") \
	X(DROP, index_collision,   "receiver index already in use from the same address")          \
	X(DROP, flow_quota,        "node above its flows")                                         \
	X(DROP, flow_table_full,   "flow table full")                                              \
	/* daemon: the relay's own sessions */                                                     \
	X(DROP, key_unknown,       "initiation to the relay by a key it does not know")            \
	X(DROP, handshake_invalid, "handshake to the relay that does not authenticate")            \
	X(DROP, handshake_replay,  "initiation to the relay with an old timestamp")                \
	X(DROP, handshake_rate,    "initiations to the relay too close together")                  \
	X(DROP, session_unknown,   "own-session packet without a keypair")                         \
	X(DROP, session_invalid,   "own-session packet that does not authenticate")                \
	X(DROP, session_replay,    "own-session packet whose counter was seen before")             \
	X(DROP, send_failed,       "the kernel refused to send the packet")                        \
	/* later: pinned counters are known by their number */                                     \
	X(DROP, odd_flood,         "IP options, fragments, extension headers above their budget")
/* clang-format on */

#define TP_REASON_ENUM(kind, name, text) TP_##kind##_##name,
enum tp_reason { TP_REASONS(TP_REASON_ENUM) TP_REASON_MAX };
#undef TP_REASON_ENUM

#endif
