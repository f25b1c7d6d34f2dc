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

/* What was seen of a flow. */
struct gw_seen {
	__u32 tag;
	__u32 until;
	__u32 generation;
	__u32 good; /* until when packets this way need no other look */
};

TP_INLINE struct gw_shortcut *gw_shortcut_at(__u32 place)
{
	return bpf_map_lookup_elem(&gw_shortcuts, &place);
}

TP_INLINE bool gw_shortcut_is(const struct gw_shortcut *s, __u64 addrs, __u64 ends)
{
	return s->addrs == addrs && s->ends == ends;
}

/* Good when nobody has written meanwhile, since before it was seen whose it is: what was found of
 * that earlier does not count. */
TP_INLINE bool gw_shortcut_read(const struct gw_shortcut *s, __u64 addrs, __u64 ends,
				__u32 generation, __u32 now, struct gw_turn *turn)
{
	__u32 seq = *(const volatile __u32 *)&s->seq;

	barrier();
	if (!gw_shortcut_is(s, addrs, ends) || s->generation != generation || now >= s->until ||
	    seq & 1)
		return false;
	*turn = s->turn;
	barrier();
	return *(const volatile __u32 *)&s->seq == seq;
}

/* The part of the table in use, and the one before. */
TP_INLINE __u64 gw_extent_now(void)
{
	__u32 zero = 0;
	const struct gw_extent *extent = bpf_map_lookup_elem(&gw_extent, &zero);

	return extent ? *(const volatile __u64 *)&extent->word : 0;
}

/* Places that are looked at without a call, whose return would cost as much as the others; more
 * would be too much for the verifier of kernel 6.1. */
#define GW_SHORTCUT_NEAR 4

/* What the first places have of these ends, good or not. */
TP_INLINE struct gw_shortcut *gw_shortcut_near(__u32 place, __u64 addrs, __u64 ends)
{
	for (int i = 0; i < GW_SHORTCUT_NEAR; i++) {
		struct gw_shortcut *s = gw_shortcut_at(place ^ i);

		if (!s || gw_shortcut_is(s, addrs, ends))
			return s;
	}
	return NULL;
}

/* Which of the other places has them, or -1. Not static, so that the verifier looks at it once. */
__noinline int gw_shortcut_far(__u64 addrs, __u64 ends, __u32 mask)
{
	__u64 mix = gw_shortcut_mix(addrs, ends);
	__u32 first = gw_shortcut_first(mix, mask), second = gw_shortcut_second(mix, mask);

#pragma clang loop unroll(disable)
	for (__u32 i = GW_SHORTCUT_NEAR; i < GW_SHORTCUT_PLACES; i++) {
		__u32 place = (i < TP_GW_SHORTCUT_ROW ? first : second) ^ i % TP_GW_SHORTCUT_ROW;
		const struct gw_shortcut *s = gw_shortcut_at(place);

		if (s && gw_shortcut_is(s, addrs, ends))
			return place;
	}
	return -1;
}

/* The entry for a packet, to count it in, with a copy of what it says. NULL: none that is good. */
TP_INLINE struct gw_shortcut *gw_shortcut_find(__u64 addrs, __u64 ends, __u32 generation, __u32 now,
					       struct gw_turn *turn)
{
	__u32 mask = gw_extent_mask(gw_extent_now());
	struct gw_shortcut *s;
	int far;

	if (!knobs.shortcuts)
		return NULL;
	s = gw_shortcut_near(gw_shortcut_first(gw_shortcut_mix(addrs, ends), mask), addrs, ends);
	if (!s) {
		far = gw_shortcut_far(addrs, ends, mask);
		s = far < 0 ? NULL : gw_shortcut_at(far);
	}
	return s && gw_shortcut_read(s, addrs, ends, generation, now, turn) ? s : NULL;
}

TP_INLINE void gw_shortcut_count(struct gw_shortcut *s, __u32 len)
{
	s->packets++;
	s->bytes += len;
}

/* What the entry has counted becomes the flow's. */
static __noinline void gw_shortcut_settle(struct gw_shortcut *s)
{
	struct gw_flow_key key __attribute__((aligned(8))) = {};
	struct gw_count *count;
	struct gw_flow *flow;

	if (!s || !s->packets)
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

/*
 * The place for an entry: where these ends have one, good or not, else the first free one; -1: all
 * are other flows', and still good. Not static, so that the verifier looks at it once; and a loop
 * that stays one: unrolled it takes stack that the programs do not have (512 bytes for all
 * functions on the way, each rounded up to 32 by kernel 6.1).
 */
__noinline int gw_shortcut_room(__u64 addrs, __u64 ends)
{
	__u32 mask = gw_extent_mask(gw_extent_now()), now = gw_ticks();
	__u64 mix = gw_shortcut_mix(addrs, ends);
	__u32 first = gw_shortcut_first(mix, mask), second = gw_shortcut_second(mix, mask);
	int room = -1;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < GW_SHORTCUT_PLACES; i++) {
		__u32 place = (i < TP_GW_SHORTCUT_ROW ? first : second) ^ i % TP_GW_SHORTCUT_ROW;
		const struct gw_shortcut *s = gw_shortcut_at(place);

		if (!s)
			break;
		if (gw_shortcut_is(s, addrs, ends))
			return place;
		if (room < 0 && now >= s->until)
			room = place;
	}
	return room;
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

/* Enters what was decided, where room was found; it is good for a second at most. Boolean: not,
 * when another CPU has taken the place. Not static, as above. */
__noinline int gw_shortcut_enter(__u32 place, __u64 addrs, __u64 ends, const struct gw_turn *turn,
				 const struct gw_seen *seen)
{
	struct gw_shortcut *s = gw_shortcut_at(place);
	__u32 now = gw_ticks();

	if (!s || !turn || !seen || !gw_shortcut_take(s))
		return false;
	if (!gw_shortcut_is(s, addrs, ends) && now < s->until) {
		gw_shortcut_put(s);
		return false;
	}
	gw_shortcut_settle(s);
	s->addrs = addrs;
	s->ends = ends;
	s->turn = *turn;
	s->generation = seen->generation;
	s->until = seen->good < now + GW_TICKS_STEP ? seen->good : now + GW_TICKS_STEP;
	gw_shortcut_put(s);
	return true;
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

TP_INLINE void gw_shortcut_drop_by(const struct gw_shortcut_of *of, __u32 mask, bool counted)
{
	__u64 mix = gw_shortcut_mix(of->addrs, of->ends);

	for (__u32 i = 0; i < GW_SHORTCUT_PLACES; i++)
		gw_shortcut_drop_at(gw_shortcut_place(mix, mask, i), of, counted);
}

/* The extent is read here, after the flow has ended: who enters by one that is not known yet sees
 * the flow's end itself. Not static, as above. */
__noinline int gw_shortcut_drop(const struct gw_shortcut_of *of, bool counted)
{
	__u64 extent = gw_extent_now();

	if (!of)
		return 0;
	gw_shortcut_drop_by(of, gw_extent_mask(extent), counted);
	if (gw_extent_before(extent) != gw_extent_mask(extent))
		gw_shortcut_drop_by(of, gw_extent_before(extent), counted);
	return 0;
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
