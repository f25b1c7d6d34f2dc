/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gateway's programs on devices, which come and go. */
#ifndef GATEWAY_DATAPATH_DEVICES_H
#define GATEWAY_DATAPATH_DEVICES_H

#include "gateway/datapath.h"

/* Loads what devices of this configuration, and others of their kinds that may come, run. Before
 * privileges are dropped. 0 or -errno, logged. */
int gw_datapath_load(struct gw_datapath *dp, const struct gw_config *config);
/* Attaches it to the devices that it is not on yet; uplinks that are away are waited for. 0 or
 * -errno, logged; then some may be attached, and gw_datapath_keep() undoes it. */
int gw_datapath_attach(struct gw_datapath *dp, const struct gw_config *config,
		       const struct gw_state *state);
/* Takes everything off devices that this configuration lacks. */
int gw_datapath_keep(struct gw_datapath *dp, const struct gw_config *config);
/* A device went away and came back: attaches again where something is missing. */
int gw_datapath_reattach(struct gw_datapath *dp);
/* Is all that belongs to this device on it? */
bool gw_datapath_attached(const struct gw_datapath *dp, const char *device);
/* "tcx", "clsact" or "none"; and of XDP "native", "generic" or "off". */
const char *gw_datapath_tc(const struct gw_datapath *dp, const char *device);
const char *gw_datapath_xdp(const struct gw_datapath *dp);
/* Does the device take frames that our programs of XDP redirect to it, as things are now? */
bool gw_datapath_takes_xdp(const struct gw_datapath *dp, int ifindex);
/* 0 or 14, by the type of the device; -ENODEV. */
int gw_device_l2_len(const char *name);

#endif
