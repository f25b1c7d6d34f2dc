/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long to wait before the next try: twice as long each time up to a bound, and never two
 * clients in step. */
#ifndef TP_BACKOFF_H
#define TP_BACKOFF_H

#include <stdint.h>

struct tp_backoff {
	uint32_t min_ms, max_ms; /* 0 < min <= max */
	uint32_t next_ms;	 /* 0: the next wait is the first */
};

/* Milliseconds from half to all of the present step, by `random`; the step then doubles. */
static inline uint32_t tp_backoff_next(struct tp_backoff *b, uint32_t random)
{
	uint32_t step = b->next_ms ? b->next_ms : b->min_ms;

	b->next_ms = step > b->max_ms / 2 ? b->max_ms : 2 * step;
	return step - random % (step / 2 + 1);
}

static inline void tp_backoff_reset(struct tp_backoff *b)
{
	b->next_ms = 0;
}

#endif
