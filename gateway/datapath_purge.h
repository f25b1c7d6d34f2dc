/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is left in the maps of a device that is no overlay or uplink any more. */
#ifndef GATEWAY_DATAPATH_PURGE_H
#define GATEWAY_DATAPATH_PURGE_H

#include "gateway/datapath.h"

/* Waits until no program runs that was attached, or had read something, before. */
void gw_datapath_settle(void);

/* Removes flows, mappings, filters, fragments and quotas of this overlay or uplink, whose number
 * may then be another's. Its programs are off its device, and its ports' words are dead
 * (gw_blocks_end). 0 or -errno. */
int gw_datapath_purge(struct gw_datapath *dp, enum gw_role role, uint32_t id);

/* Ends the shortcuts of this overlay or uplink, whose flows or ports have just ended: also those
 * that a program enters which has still seen them. */
void gw_datapath_end_shortcuts(struct gw_datapath *dp, enum gw_role role, uint32_t id);

#endif
