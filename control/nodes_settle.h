/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses that were released, and are held back until no gateway of their network routes them any
 * more. A part of nodes.h. */
#ifndef CONTROL_NODES_SETTLE_H
#define CONTROL_NODES_SETTLE_H

#include "control/store.h"

struct ctl_nodes;

/* Looks which nobody uses any more. `gateway`: a device that has acknowledged something, so only
 * where it is one; NULL: everywhere. */
int ctl_nodes_settle(struct ctl_nodes *nodes, const char *gateway, struct ctl_error *err);

#endif
