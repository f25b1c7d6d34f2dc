/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a device is told: the members of a snapshot (docs/ncp.md). A node gets its networks with the
 * peers that some rule lets it talk to, a gateway their rules as well, a relay whom it serves.
 */
#ifndef CONTROL_VIEW_H
#define CONTROL_VIEW_H

#include "control/device.h"
#include "control/paths.h"

/* What views are made of, kept from one to the next: a network is read again after it has changed.
 */
struct ctl_views;

/* NULL without memory. `paths` is borrowed. */
struct ctl_views *ctl_views_new(struct ctl_store *s, const struct ctl_paths *paths);
void ctl_views_free(struct ctl_views *v);

/* After a commit: before the next view. What is not of a network changes none: whoever changes a
 * relay or a device names the networks that see it, too. */
void ctl_views_change(struct ctl_views *v, const struct ctl_change *c);

struct ctl_views_stats {
	uint64_t views, networks; /* how many were made, and read for that */
};
void ctl_views_stats(const struct ctl_views *v, struct ctl_views_stats *out);

/* A new reference in *out, which shares objects with others: it is only to be read. */
int ctl_view_of(struct ctl_views *v, const struct ctl_device *device, struct json_t **out,
		struct ctl_error *err);

#endif
