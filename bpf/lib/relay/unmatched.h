/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything to our ports that is not a flow's: transit, handshakes, own sessions, STUN, junk. */
#ifndef TP_BPF_RELAY_UNMATCHED_H
#define TP_BPF_RELAY_UNMATCHED_H

#include "flow.h"
#include "limit.h"
#include "stun_reply.h"
#include "wireguard.h"

TP_INLINE bool index_known(__u32 index)
{
	__u32 slot = tp_index_word(index);
	const __u64 *word = bpf_map_lookup_elem(&index_filter, &slot);

	return word && *word & tp_index_bit(index);
}

/* Data: for the relay's own tunnel, or from a node whose address changed, or nobody's. */
TP_INLINE int judge_data(const struct packet *p)
{
	if (bpf_map_lookup_elem(&own_sessions, &p->key.index))
		return limit_source(p, PURPOSE_SESSION, knobs.session_rate) ? TP_PASS_session
									    : TP_DROP_session_flood;
	if (!index_known(p->key.index))
		return TP_DROP_no_flow;
	return limit_source(p, PURPOSE_PROBE, knobs.probe_rate) ? TP_PASS_probe
								: TP_DROP_probe_budget;
}

TP_INLINE int judge_handshake(const struct packet *p, __u32 type)
{
	if (payload_len(p) != wg_handshake_len(type))
		return TP_DROP_malformed;
	return limit_handshake(p) ? TP_PASS_handshake : TP_DROP_handshake_flood;
}

/* Which port it is for, and often which protocol's it is, only the kernel can tell. */
TP_INLINE int judge_odd(const struct packet *p)
{
	return limit_odd(p) ? TP_PASS_odd : TP_DROP_odd_flood;
}

static __noinline int unmatched(struct xdp_md *ctx)
{
	struct packet packet, *p = &packet;
	int why = parse_packet(ctx, p);
	__u32 type;

	if (why != CARRY_ON && why != TP_PASS_odd)
		return leave(ctx, why);
	if (!bpf_map_lookup_elem(&locals, &p->local))
		return leave(ctx, TP_PASS_not_ours);
	if (why == TP_PASS_odd)
		return leave(ctx, judge_odd(p));
	if (!is_sound(p))
		return leave(ctx, TP_DROP_malformed);
	if (p->local_port != knobs.listen_port)
		return answer_stun(ctx, p);
	if (wg_is_data(ctx, p))
		return leave(ctx, judge_data(p));
	type = wg_type(ctx, p);
	if (type == WG_DATA)
		return leave(ctx, TP_DROP_malformed);
	if (wg_handshake_len(type))
		return leave(ctx, judge_handshake(p, type));
	return answer_stun(ctx, p);
}

#endif
