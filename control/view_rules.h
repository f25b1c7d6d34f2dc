/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A network's rules as its gateways and nodes are told them: groups have become the names of their
 * members, and a plain node is told what leads to itself. Made once for all gateways and once for
 * each class of members. What says the same after a reload is the same object, so a change that
 * leaves the rules alone costs a node nothing, however many there are.
 */
#ifndef CONTROL_VIEW_RULES_H
#define CONTROL_VIEW_RULES_H

#include "control/world.h"

/* All zero at first; always with the same world. */
struct ctl_view_rules {
	struct json_t **each;	  /* by place in the policy, without `to`; NULL: is not told */
	struct json_t **by_class; /* those of them that lead to the class; NULL: not made yet */
	struct json_t **own;	  /* of each member; the same */
	struct json_t *gateway;	  /* the same */
};

/* A new reference each; NULL without memory. */
struct json_t *ctl_view_rules_gateway(struct ctl_view_rules *r, const struct ctl_world *w);
struct json_t *ctl_view_rules_own(struct ctl_view_rules *r, const struct ctl_world *w,
				  const struct ctl_member *self);

/* After a reload: takes over what was told to gateways, and to `before`, who is `self` now. */
void ctl_view_rules_keep_gateway(struct ctl_view_rules *r, const struct ctl_world *w,
				 const struct ctl_view_rules *old);
void ctl_view_rules_keep_own(struct ctl_view_rules *r, const struct ctl_world *w,
			     const struct ctl_member *self, const struct ctl_view_rules *old,
			     const struct ctl_world *old_world, const struct ctl_member *before);
void ctl_view_rules_free(struct ctl_view_rules *r, const struct ctl_world *w);

#endif
