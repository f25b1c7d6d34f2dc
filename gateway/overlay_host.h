/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An overlay's device as the host sees it: MTU, addresses, up, and routes to its nodes. */
#ifndef GATEWAY_OVERLAY_HOST_H
#define GATEWAY_OVERLAY_HOST_H

#include "gateway/config.h"

struct tp_netlink;

/* Gives the device what the configuration says and it lacks, and takes addresses and routes of ours
 * away that are no longer wanted. A route that someone else has is left alone, with a warning. 0 or
 * -errno, logged. */
int gw_overlay_host_apply(struct tp_netlink *nl, int ifindex, const struct gw_config_overlay *c);

#endif
