/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A port's word (bpf/abi/gateway.h): who has it, until when. All changes are by exchange. */
#ifndef TP_BPF_GATEWAY_NAT_WORD_H
#define TP_BPF_GATEWAY_NAT_WORD_H

#include "clock.h"

#define GW_CLAIM_MASK ((1u << TP_GW_CLAIM_BITS) - 1)

TP_INLINE __u32 gw_word_until(__u64 word)
{
	return word;
}

TP_INLINE __u32 gw_word_claim(__u64 word)
{
	return word >> 32 & GW_CLAIM_MASK;
}

TP_INLINE __u64 gw_word_make(__u32 until, __u32 claim, __u32 flags)
{
	return until | (__u64)(claim & GW_CLAIM_MASK) << 32 | (__u64)flags << 56;
}

TP_INLINE bool gw_word_alive(__u64 word, __u32 now)
{
	return now < gw_word_until(word);
}

/* May it be claimed? A port that was never used, or that the daemon ended, has until = 0. */
TP_INLINE bool gw_word_free(__u64 word, __u32 now)
{
	if (gw_word_alive(word, now))
		return false;
	if (!gw_word_until(word) || word >> 56 & GW_WORD_NO_REST)
		return true;
	return now - gw_word_until(word) >= gw_ticks_of(knobs.timeout.quarantine);
}

/* Number of the word of a port, in host order, of an address slot. */
TP_INLINE __u32 gw_word_index(__u32 slot, __u32 nat_proto, __u16 port)
{
	return (slot * GW_NAT_PROTOS + nat_proto) * knobs.nat_range + port - knobs.nat_base;
}

TP_INLINE bool gw_in_range(__be16 port)
{
	return (__u16)(bpf_ntohs(port) - knobs.nat_base) < knobs.nat_range;
}

/* Takes the port if it is free. The new claim, or 0. */
TP_INLINE __u32 gw_word_take(__u64 *at, __u32 now, __u32 until)
{
	__u64 word = *(volatile __u64 *)at;
	__u32 claim = gw_word_claim(word) + 1;

	if (!(claim & GW_CLAIM_MASK))
		claim = 1;
	if (!gw_word_free(word, now))
		return 0;
	if (__sync_val_compare_and_swap(at, word, gw_word_make(until, claim, 0)) != word)
		return 0;
	return claim;
}

/* Gives back what was just taken and never used. */
TP_INLINE void gw_word_release(__u64 *at, __u32 claim, __u32 until)
{
	__u64 word = gw_word_make(until, claim, 0);

	__sync_val_compare_and_swap(at, word, gw_word_make(0, claim, 0));
}

/* Keeps a live mapping alive until `until`. False when it is dead or another's by now. */
TP_INLINE bool gw_word_keep(__u64 *at, __u32 claim, __u32 now, __u32 until)
{
	__u64 word = *(volatile __u64 *)at;

	if (gw_word_claim(word) != claim || !gw_word_alive(word, now))
		return false;
	if ((__s32)(until - gw_word_until(word)) < GW_TICKS_STEP)
		return true;
	/* Who loses lost to another keep-alive, or to the daemon, which the next packet will see.
	 */
	__sync_val_compare_and_swap(at, word, gw_word_make(until, claim, 0));
	return true;
}

#endif
