/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The relay as a member of a control plane, which says whom it serves: the same settings that a
 * file would have, put in force by the same reload. */
#ifndef RELAY_MEMBERSHIP_H
#define RELAY_MEMBERSHIP_H

#include <stdio.h>

#include "member.h"
#include "relay/config.h"

struct daemon;

/* The settings that a view stands for: networks and service_address. A new reference, NULL without
 * memory. */
json_t *relay_member_settings(const struct tp_ncp_view *view);

/* relay_config_load(), with what the control plane said last when the file has a control block.
 * *saved: that, a new reference, or NULL. */
int relay_member_load(const char *path, struct relay_config **out, json_t **saved, FILE *errors);

/* Before privileges are dropped. Without a control block *out is NULL. */
int relay_member_start(struct tp_member **out, struct daemon *d);
/* Once a second or so: what control is to know of the nodes. */
void relay_member_tick(struct daemon *d, uint64_t now);

#endif
