/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What nodes report, put into the store: each report is one transaction. A part of nodes.h. */
#ifndef CONTROL_NODES_REPORTS_H
#define CONTROL_NODES_REPORTS_H

#include "control/auth_key.h"
#include "control/peer.h"
#include "ncp_messages.h"

struct ctl_nodes;

/* Inside the caller's transaction: a relay's key and endpoints. */
int ctl_nodes_hello(struct ctl_store *s, const struct ctl_device *d,
		    const struct tp_ncp_hello *hello, struct ctl_error *err);
int ctl_nodes_report(struct ctl_store *s, const struct ctl_device *d,
		     const struct tp_ncp_message *m, struct ctl_error *err);

/* "node.connect" and the like, for those who watch; `details` is stolen. */
void ctl_nodes_event(struct ctl_store *s, const struct ctl_device *d, const char *action,
		     struct json_t *details);

#endif
