/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway as a member of a control plane, which says what networks it is in, who its peers are
 * and what the policy is: the same settings that a file would have, put in force by the same
 * reload. A gateway that is in no network yet joins before it opens anything else.
 */
#ifndef GATEWAY_MEMBERSHIP_H
#define GATEWAY_MEMBERSHIP_H

#include <stdio.h>

#include "gateway/config.h"
#include "member.h"

struct gw_daemon;
struct gw_relays;

/* The settings that a view stands for: overlays, egress.subnets, acl.rules. Makes the networks'
 * WireGuard keys in state_dir. A new reference, NULL without memory or a key. */
json_t *gw_membership_settings(const struct tp_ncp_view *view, struct tp_member_files files);

/* gw_config_load(), with what the control plane said last when the file has a control block.
 * *saved: that, a new reference, or NULL. */
int gw_membership_load(const char *path, struct gw_config **out, json_t **saved, FILE *errors);
/* Joins, and waits until there is a network to be in, or for SIGTERM (-ECANCELED). */
int gw_membership_join(const struct gw_config *config);

/* What the device of a network is called. */
void gw_membership_device(const struct tp_ncp_network *n, char out[16]);

/* The relays of what the control plane said last, before the overlays are opened. Without a control
 * block *out is NULL. 0 or -errno. */
int gw_membership_relays(struct gw_relays **out, struct gw_daemon *d);
/* Before privileges are dropped. Without a control block *out is NULL. */
int gw_membership_start(struct tp_member **out, struct gw_daemon *d);
/* Reports handshakes that came since the last call. To be called now and then. */
void gw_membership_tick(struct gw_daemon *d);

#endif
