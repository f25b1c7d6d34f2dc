/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the gateway must remember from one run to the next, besides its maps: which number each
 * device has in them, which ports they are about, and what it changed on the host. A file of JSON,
 * <state_dir>/<instance>.json, written whole under another name and then renamed.
 */
#ifndef GATEWAY_STATE_H
#define GATEWAY_STATE_H

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi/gateway.h"

struct gw_config;

struct gw_state {
	char *path;
	char overlays[TP_GW_OVERLAYS][IFNAMSIZ]; /* by number; "" is free */
	char uplinks[TP_GW_UPLINKS][IFNAMSIZ];
	uint16_t nat_first, nat_ports, nat_block; /* that the pinned maps are about; 0: unknown */
	json_t *wireguard; /* by device: what tp_wireguard_save() gave; never NULL once loaded */
	json_t *made;	   /* the devices, by name, that were made here; likewise */
	json_t *endpoints; /* as gw_endpoints_save(); NULL: none */
	bool loopback;	   /* net.ipv4.conf.lo.forwarding was switched on */
	char *reserved;	   /* ports that were added to the kernel's reserved ones; NULL: none */
};

/* Reads the file, if there is one; one that makes no sense is as good as none, with a warning.
 * 0 or -errno, logged. */
int gw_state_load(struct gw_state *s, const struct gw_config *config);
void gw_state_fini(struct gw_state *s);
/* 0 or -errno, logged. */
int gw_state_save(const struct gw_state *s);

/* Gives the configured devices numbers: those they had, else free ones, else ones whose device is
 * no longer configured. */
void gw_state_number(struct gw_state *s, const struct gw_config *config);
/* The same while flows of those that leave are still there: free ones only, and of uplinks below
 * this many. 0 or -ENOSPC, and then some may have got theirs. */
int gw_state_number_new(struct gw_state *s, const struct gw_config *config, uint32_t uplinks);
/* -1: has none. */
int gw_state_overlay(const struct gw_state *s, const char *name);
int gw_state_uplink(const struct gw_state *s, const char *name);
/* One more than the highest number of an uplink. */
uint32_t gw_state_uplinks(const struct gw_state *s);

#endif
