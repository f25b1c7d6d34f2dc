/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the relay allows a second, of what. All budgets are bpf/lib/bucket.h words. */
#ifndef RELAY_BUDGET_H
#define RELAY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/lib/bucket.h"
#include "clock.h"

struct budget_rate {
	uint32_t per_second;
	uint32_t burst;
};

/* Take `units` at once. A rate of 0 grants nothing. */
static inline bool budget_take(uint64_t *word, struct budget_rate rate, uint32_t units,
			       uint64_t now)
{
	uint64_t cost, burst;

	if (!rate.per_second)
		return false;
	cost = TP_NS_PER_SEC * units / rate.per_second;
	burst = TP_NS_PER_SEC * rate.burst / rate.per_second;
	return tp_bucket_take((__u64 *)word, now, cost, burst > cost ? burst : cost);
}

/* Give back `units` of what was taken at this very moment. */
static inline void budget_return(uint64_t *word, struct budget_rate rate, uint32_t units)
{
	*word -= TP_NS_PER_SEC * units / rate.per_second;
}

/* The relay's own key: registrations a second that get a full Noise handshake, without and with a
 * proven source address. Above it the initiator is asked for a cookie first. */
#define BUDGET_REGISTER	       ((struct budget_rate){1000, 500})
#define BUDGET_REGISTER_PROVEN ((struct budget_rate){2000, 1000})
#define BUDGET_REGISTER_NODE   ((struct budget_rate){1000, 500}) /* proven, and a node's address */
/* The same, from one host prefix, for each node that is registered there: without and with proof.
 */
#define BUDGET_REGISTER_SITE	    ((struct budget_rate){50, 100})
#define BUDGET_REGISTER_SITE_PROVEN ((struct budget_rate){10, 20})

/* Keys tried against a mac1: a BLAKE2s call of about 0.7 us each. A second's worth at once, of
 * which one site may have half: who is refused comes again after 5 s, together with all who were,
 * and a smaller burst would turn most of them away each time. */
#define BUDGET_TRIAL	    ((struct budget_rate){400000, 400000})
#define BUDGET_TRIAL_PROVEN ((struct budget_rate){400000, 400000})
#define BUDGET_TRIAL_SITE   ((struct budget_rate){100000, 200000})
/* For one node's responses, beside the key of the node that is registered where they go. */
#define BUDGET_TRIAL_RESPONSE ((struct budget_rate){20000, 4000})

/* Initiations from one site to one target. Stock peers send one in five seconds. */
#define BUDGET_PAIR ((struct budget_rate){2, 8})

/* Initiations to one target, for each standing: while it is at ease, and while it hands out cookies
 * (a stock peer under load takes 20 a second from one source address, and the relay is one). */
#define BUDGET_TARGET	     ((struct budget_rate){200, 200})
#define BUDGET_TARGET_LOADED ((struct budget_rate){6, 2})

/* The relay's own initiations to one node, and those that packets with the index of one flow ask
 * for. */
#define BUDGET_PROBE	  ((struct budget_rate){4, 4})
#define BUDGET_PROBE_FLOW ((struct budget_rate){2, 2})

#endif
