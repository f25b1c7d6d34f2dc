/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Token bucket as a single word: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
 * The word is the theoretical arrival time of the next unit; a bucket that was never used is 0,
 * which is the past, so it starts full. BPF and C share this code.
 */
#ifndef TP_BPF_BUCKET_H
#define TP_BPF_BUCKET_H

#include "../abi/types.h"

#define TP_BUCKET_TRIES 4

/* Would `cost` ns of the bucket be granted at `now` with `burst` ns of slack? Writes the word that
 * stands for the grant. */
TP_INLINE bool tp_bucket_grant(__u64 word, __u64 now, __u64 cost, __u64 burst, __u64 *granted)
{
	__u64 start = word > now ? word : now;

	*granted = start + cost;
	return *granted - now <= burst;
}

/* Take `cost` nanoseconds worth (units / rate) out of the bucket that several CPUs share. When
 * other CPUs keep winning, the packet is let through: the bound is soft by that many packets. */
TP_INLINE bool tp_bucket_take(__u64 *word, __u64 now, __u64 cost, __u64 burst)
{
	for (int i = 0; i < TP_BUCKET_TRIES; i++) {
		__u64 seen = *(volatile __u64 *)word, granted;

		if (!tp_bucket_grant(seen, now, cost, burst, &granted))
			return false;
		if (__sync_val_compare_and_swap(word, seen, granted) == seen)
			return true;
	}
	return true;
}

#endif
