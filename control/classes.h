/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many classes the policies tell a network's members apart in: a bound that relays have. */
#ifndef CONTROL_CLASSES_H
#define CONTROL_CLASSES_H

#include "control/store.h"

#define CTL_CLASSES_MAX 1024 /* as docs/ncp.md says of `serves` */

/* Inside a transaction that has changed members, their tags, groups or subnets, or the policies.
 * -1 when relays could not tell them apart any more: it must not be committed. */
int ctl_classes_check(struct ctl_store *s, const char *network, struct ctl_error *err);

#endif
