/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shortcuts: what the look-ups of flow, port and mapping came to, kept for the next packets of the
 * same ends in a single cache line each. Packets of a second go by it; then one asks again, which
 * also keeps flow and mapping alive. What ends sooner does so at once: by the policy's generation,
 * by the addresses of the uplink (fast.h), and with its flow. The entry of another flow that is
 * still good is left alone: who finds no place goes the longer way.
 *
 * A reader on another CPU relies on stores and loads being seen in order, as x86 has them; the
 * daemon switches shortcuts on there only.
 */
#ifndef TP_BPF_GATEWAY_SHORTCUT_H
#define TP_BPF_GATEWAY_SHORTCUT_H

#include "clock.h"
#include "shortcut_place.h"

TP_INLINE struct gw_shortcut *gw_shortcut_at(__u32 place)
{
	return bpf_map_lookup_elem(&gw_shortcuts, &place);
}

TP_INLINE bool gw_shortcut_is(const struct gw_shortcut *s, __u64 addrs, __u64 ends)
{
	return s->addrs == addrs && s->ends == ends;
}

/* Good when nobody has written meanwhile. */
TP_INLINE bool gw_shortcut_read(const struct gw_shortcut *s, __u64 addrs, __u64 ends,
				__u32 generation, __u32 now, struct gw_turn *turn)
{
	__u32 seq = *(const volatile __u32 *)&s->seq;

	if (!gw_shortcut_is(s, addrs, ends) || s->generation != generation || now >= s->until ||
	    seq & 1)
		return false;
	*turn = s->turn;
	barrier();
	return *(const volatile __u32 *)&s->seq == seq;
}

/* The entry for a packet, to count it in, with a copy of what it says. NULL: none that is good. */
TP_INLINE struct gw_shortcut *gw_shortcut_find(__u64 addrs, __u64 ends, __u32 generation, __u32 now,
					       struct gw_turn *turn)
{
	__u32 place = gw_shortcut_place(addrs, ends);
	struct gw_shortcut *s;

	if (!knobs.shortcuts)
		return NULL;
	s = gw_shortcut_at(place);
	if (s && gw_shortcut_read(s, addrs, ends, generation, now, turn))
		return s;
	s = gw_shortcut_at(place ^ 1);
	return s && gw_shortcut_read(s, addrs, ends, generation, now, turn) ? s : NULL;
}

TP_INLINE void gw_shortcut_count(struct gw_shortcut *s, __u32 len)
{
	s->packets++;
	s->bytes += len;
}

/* What the entry has counted becomes the flow's. */
TP_INLINE void gw_shortcut_settle(struct gw_shortcut *s)
{
	struct gw_flow_key key __attribute__((aligned(8))) = {};
	struct gw_count *count;
	struct gw_flow *flow;

	if (!s->packets)
		return;
	gw_shortcut_flow(s, &key);
	flow = bpf_map_lookup_elem(&gw_flows, &key);
	if (flow) {
		count = gw_shortcut_is_out(s) ? &flow->out : &flow->in;
		count->packets += s->packets;
		count->bytes += s->bytes;
	}
	s->packets = 0;
	s->bytes = 0;
}

/* The place for an entry; NULL: both are other flows', and still good. */
TP_INLINE struct gw_shortcut *gw_shortcut_room(__u64 addrs, __u64 ends, __u32 now)
{
	__u32 place = gw_shortcut_place(addrs, ends);
	struct gw_shortcut *first = gw_shortcut_at(place), *second = gw_shortcut_at(place ^ 1);

	if (!first || !second || gw_shortcut_is(second, addrs, ends))
		return second;
	if (gw_shortcut_is(first, addrs, ends) || now >= first->until)
		return first;
	return now >= second->until ? second : NULL;
}

/* Takes an entry to write it. False: another CPU is at it. */
TP_INLINE bool gw_shortcut_take(struct gw_shortcut *s)
{
	__u32 seq = *(volatile __u32 *)&s->seq;

	return !(seq & 1) && __sync_val_compare_and_swap(&s->seq, seq, seq + 1) == seq;
}

/* All that was written before is seen before what the caller looks at next. */
TP_INLINE void gw_shortcut_put(struct gw_shortcut *s)
{
	barrier();
	__sync_fetch_and_add(&s->seq, 1);
}

/* Enters what was decided. `until`: when it ends; an entry is good for a second at most. NULL: no
 * place for it. */
static __noinline struct gw_shortcut *gw_shortcut_enter(__u64 addrs, __u64 ends,
							const struct gw_turn *turn,
							__u32 generation, __u32 until)
{
	__u32 now = gw_ticks();
	struct gw_shortcut *s = knobs.shortcuts ? gw_shortcut_room(addrs, ends, now) : NULL;

	if (!s || !gw_shortcut_take(s))
		return NULL;
	gw_shortcut_settle(s);
	s->addrs = addrs;
	s->ends = ends;
	s->turn = *turn;
	s->generation = generation;
	s->until = until < now + GW_TICKS_STEP ? until : now + GW_TICKS_STEP;
	gw_shortcut_put(s);
	return s;
}

/* What another CPU enters meanwhile it takes back itself (gw_fast_enter). */
TP_INLINE void gw_shortcut_drop_at(__u32 place, const struct gw_shortcut_of *of, bool counted)
{
	struct gw_shortcut *s = gw_shortcut_at(place);

	if (!s || !gw_shortcut_belongs(s, of) || !gw_shortcut_take(s))
		return;
	if (gw_shortcut_belongs(s, of)) {
		s->until = 0;
		s->packets = counted ? s->packets : 0;
		s->bytes = counted ? s->bytes : 0;
	}
	gw_shortcut_put(s);
}

TP_INLINE void gw_shortcut_drop(const struct gw_shortcut_of *of, bool counted)
{
	__u32 place = gw_shortcut_place(of->addrs, of->ends);

	gw_shortcut_drop_at(place, of, counted);
	gw_shortcut_drop_at(place ^ 1, of, counted);
}

/* The flow goes on without shortcuts; or it ends, and what they have `counted` is nobody's. */
static __noinline void gw_shortcuts_end(const struct gw_flow_key *key, const struct gw_flow *flow,
					bool counted)
{
	struct gw_shortcut_of of;

	if (flow->kind != GW_FLOW_NAT)
		return;
	of = gw_shortcut_out(key, flow);
	gw_shortcut_drop(&of, counted);
	of = gw_shortcut_in(key, flow);
	gw_shortcut_drop(&of, counted);
}

#endif
