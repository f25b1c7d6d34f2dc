/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Round trips between devices and relays, as they were reported: by the device itself, whose word
 * counts, or by the relay, for stock peers. In memory only: who connects anew says them anew.
 */
#ifndef CONTROL_PATHS_H
#define CONTROL_PATHS_H

#include "control/store.h"
#include "ncp_view.h"

#define CTL_PATHS_MAX 16 /* relays that a device is asked about */
/* A daemon that lives tries again within 70 s: see docs/ncp.md. */
#define CTL_PATHS_GONE_MS 120000

struct ctl_paths;

struct ctl_paths *ctl_paths_new(int64_t now); /* unix ms; NULL without memory */
void ctl_paths_free(struct ctl_paths *p);

/* A device's own word on all of its relays, which replaces what it said before: one that is not
 * named does not answer. Whether this is notably different; what is not, is not taken. */
bool ctl_paths_say(struct ctl_paths *p, const char *device, const struct tp_ncp_path *paths,
		   size_t n);
/* What a relay measured to the node with this WireGuard key; the same. */
bool ctl_paths_measure(struct ctl_paths *p, const uint8_t relay[WG_KEY_LEN],
		       const uint8_t node[WG_KEY_LEN], uint32_t rtt_us);
/* The relay is about to say everything anew. */
void ctl_paths_forget_relay(struct ctl_paths *p, const uint8_t relay[WG_KEY_LEN]);
/* The device is gone. */
void ctl_paths_forget(struct ctl_paths *p, const char *device);

/* Between a member of a network, a device with its key there, and a relay. False: not known, or
 * the device says that the relay does not answer. */
bool ctl_paths_get(const struct ctl_paths *p, const char *device, const uint8_t node[WG_KEY_LEN],
		   const uint8_t relay[WG_KEY_LEN], uint32_t *rtt_us);

/* A relay's connection, by its device: it is there, or ended now. */
void ctl_paths_connected(struct ctl_paths *p, const char *device);
void ctl_paths_disconnected(struct ctl_paths *p, const char *device, int64_t now);
/* Whether a relay that connects has not done so for a while. It may forward as ever; but there is
 * no reason to send new peers there. False for one without a device, which never does. */
bool ctl_paths_gone(const struct ctl_paths *p, const char *device, int64_t now);

#endif
