/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Deletes ephemeral devices that stay away. */
#ifndef CONTROL_REAPER_H
#define CONTROL_REAPER_H

#include <stdint.h>

struct ctl_nodes;
struct ctl_reaper;
struct ctl_store;
struct event_base;

/* Away for `away_ms`, counted anew from a start: as long as this program was away itself, nobody
 * was seen. Both have to outlive it. 0 or -ENOMEM. */
int ctl_reaper_new(struct ctl_reaper **out, struct event_base *base, struct ctl_store *store,
		   const struct ctl_nodes *nodes, int64_t away_ms);
void ctl_reaper_free(struct ctl_reaper *r); /* NULL is fine */

#endif
