/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the data path share among themselves; nobody else includes this. */
#ifndef GATEWAY_DATAPATH_PRIVATE_H
#define GATEWAY_DATAPATH_PRIVATE_H

#include <net/if.h>

#include "bpf_pins.h"
#include "gateway/datapath.h"
#include "gateway/datapath_shortcuts.h"
#include "bpf/gateway.skel.h" /* needs the ABI structs declared */

#define GW_KINDS 4 /* overlays and uplinks, without and with Ethernet headers */

struct gw_device {
	char name[IFNAMSIZ];
	enum gw_role role;
	uint32_t id;
	int ifindex; /* 0: the device is away */
	int l2_len;
	bool xdp;     /* runs a program of XDP */
	int xdp_link; /* -1: none */
};

struct gw_datapath {
	enum gw_attach attach; /* of XDP */
	bool adopted;
	struct gateway_bpf *skel;	     /* has the maps, and the program gw_sweep */
	struct gateway_bpf *kinds[GW_KINDS]; /* programs of each kind of device; NULL: not loaded */
	struct tp_netlink_xdp *netdev;	     /* what XDP can do with devices; NULL: unknown */
	struct gw_knobs knobs;
	struct tp_bpf_pins pins;
	struct gw_device devices[TP_GW_OVERLAYS + TP_GW_UPLINKS];
	size_t n_devices;
	struct gw_nat_memory nat;
	struct gw_sweep *sweep;
	struct gw_shortcut_table shortcuts;
	unsigned int sparse; /* passes in a row that a much smaller part of it would have done */
	struct ring_buffer *punts;
	gw_punt_fn *punt_fn;
	void *punt_arg;
};

/* --- datapath_knobs.c ----------------------------------------------------------------------- */

/* The programs' constants. 0 or -EINVAL. */
int gw_knobs_make(struct gw_knobs *knobs, const struct gw_config *config);
/* Sizes of maps, before load. 0 or -errno. */
int gw_sizes_set(struct gateway_bpf *skel, const struct gw_config *config,
		 const struct gw_knobs *knobs, uint32_t uplinks);

/* --- datapath_pins.c ------------------------------------------------------------------------ */

/* Loads dp->skel on pinned maps, or on new ones, into which an earlier run's entries are copied,
 * without those of flows if `keep_flows` is not set. 0 or -errno, logged. */
int gw_pins_load(struct gw_datapath *dp, const struct gw_config *config, bool keep_flows);

/* --- datapath_devices.c --------------------------------------------------------------------- */

void gw_devices_close(struct gw_datapath *dp);

#endif
