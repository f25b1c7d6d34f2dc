/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which relays a stock peer's file registers it with, and through which of them it leads to whom.
 * No agent can change that later, so what is known when the file is made has to do.
 */
#ifndef CONTROL_STOCK_RELAYS_H
#define CONTROL_STOCK_RELAYS_H

#include "control/world.h"

#define CTL_STOCK_RELAYS  3 /* one is down at times, and files don't change */
#define CTL_STOCK_HAD_LEN (CTL_STOCK_RELAYS * CTL_ID_LEN)

struct ctl_stock_relays {
	const struct ctl_relay *list[CTL_STOCK_RELAYS]; /* the best first */
	bool gone[CTL_STOCK_RELAYS];
	size_t n;
	bool pinned; /* the peer is, to the first */
};

/* From what varies, too: the nearest first; those that have not been heard of for a while last. One
 * that drains is none, unless the peer is pinned to it. `had`: those of the file before ("ID ID
 * ID", or ""), to which it keeps where nothing is known; becomes those of this one. */
void ctl_stock_relays_choose(struct ctl_stock_relays *r, const struct ctl_world *w,
			     const struct ctl_member *self, int64_t now,
			     char had[CTL_STOCK_HAD_LEN]);
/* Those of the file before, and others in place of what can't be taken any more. */
void ctl_stock_relays_keep(struct ctl_stock_relays *r, const struct ctl_world *w,
			   const struct ctl_member *self, const char *had);

/* To this peer: the one that it is pinned to, else by the least way in all if w->paths has any.
 * NULL: there are no relays. */
const struct ctl_relay *ctl_stock_relay_to(const struct ctl_stock_relays *r,
					   const struct ctl_world *w, const struct ctl_member *self,
					   const struct ctl_member *to);

#endif
