/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A network's world, and the JSON made from it that the views of its members share: each peer once,
 * and the same object again after a reload if it says the same, so that a view costs a walk along
 * its members and what has not changed is known by its address.
 */
#ifndef CONTROL_VIEW_SHARED_H
#define CONTROL_VIEW_SHARED_H

#include "control/view_rules.h"
#include "control/world.h"

struct ctl_shared {
	struct ctl_world world;
	bool stale;
	struct json_t **peers;	  /* of each member; NULL: not loaded */
	struct json_t **by_class; /* lists of all that each class may talk to; NULL: not made yet */
	struct json_t *relays;
	struct ctl_view_rules rules;
	struct json_t *served; /* to relays; NULL: not made yet */
	bool taken;	       /* several lead to one subnet */
};

/* Reads the network, again if it is stale. After a failure it is as it was, and stale. */
int ctl_shared_load(struct ctl_shared *h, struct ctl_store *s, const struct ctl_paths *paths,
		    const char *network, struct ctl_error *err);
void ctl_shared_free(struct ctl_shared *h);

/* A new reference each; NULL without memory. */
struct json_t *ctl_shared_peers(struct ctl_shared *h, const struct ctl_member *self);
struct json_t *ctl_shared_served(struct ctl_shared *h);

/* The relay that an operator has assigned; NULL: none, or a relay peer. */
const struct ctl_relay *ctl_shared_pinned(const struct ctl_world *w, const struct ctl_member *m);

#endif
