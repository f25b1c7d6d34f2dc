/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Round trips in microseconds, as members of a control plane measure and compare them. */
#ifndef TP_ROUND_TRIP_H
#define TP_ROUND_TRIP_H

#include <stdbool.h>
#include <stdint.h>

#define TP_ROUND_TRIPS 4
#define TP_NOTABLE_US  2000

/* The newest few. Their least is the way's length; what they have on top is somebody's delay. */
struct tp_round_trips {
	uint32_t us[TP_ROUND_TRIPS];
	uint32_t n;
};

static inline void tp_round_trip_add(struct tp_round_trips *t, uint64_t ns)
{
	uint64_t us = ns / 1000;

	us = us < 1 ? 1 : us < UINT32_MAX ? us : UINT32_MAX;
	t->us[t->n++ % TP_ROUND_TRIPS] = (uint32_t)us;
}

/* 0: none yet. */
static inline uint32_t tp_round_trip_least(const struct tp_round_trips *t)
{
	uint32_t least = t->us[0];

	for (uint32_t i = 1; i < TP_ROUND_TRIPS && i < t->n; i++)
		least = t->us[i] < least ? t->us[i] : least;
	return least;
}

/* Worth telling others: by more than 2 ms and a fifth. */
static inline bool tp_round_trip_notable(uint32_t was, uint32_t is)
{
	uint32_t change = was > is ? was - is : is - was;

	return change > TP_NOTABLE_US && change > was / 5;
}

#endif
