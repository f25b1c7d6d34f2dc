/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reports of round trips as they come in, and when those whom they concern are told: the first at
 * once, then what has gathered every two seconds. Telling takes a revision and nothing else of the
 * database.
 */
#ifndef CONTROL_PATH_REPORTS_H
#define CONTROL_PATH_REPORTS_H

#include "control/device.h"
#include "control/paths.h"
#include "ncp_messages.h"

struct event_base;
struct ctl_path_reports;

int ctl_path_reports_new(struct ctl_path_reports **out, struct event_base *base,
			 struct ctl_store *store);
void ctl_path_reports_free(struct ctl_path_reports *r);

struct ctl_paths *ctl_path_reports_known(struct ctl_path_reports *r);

/* The paths in a message of this device. A relay's count for nodes of networks that it serves. */
int ctl_path_reports_take(struct ctl_path_reports *r, const struct ctl_device *d,
			  const struct tp_ncp_stats *stats, struct ctl_error *err);

#endif
