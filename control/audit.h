/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the audit log; ctl_audit() of store.h writes it. */
#ifndef CONTROL_AUDIT_H
#define CONTROL_AUDIT_H

#include "control/store.h"

struct ctl_audit_record {
	int64_t id, time;
	char tenant[CTL_ID_LEN]; /* "": none */
	char actor[CTL_NAME_LEN + 16], action[32], object[CTL_ID_LEN];
	struct json_t *details; /* borrowed */
};

/* The newest first, those before `before` (INT64_MAX for all) and not older than `since` (unix ms),
 * at most `limit`. `tenant` NULL: of all, and those of none. */
int ctl_audit_list(struct ctl_store *s, const char *tenant, int64_t before, int64_t since,
		   unsigned int limit, bool (*fn)(void *arg, const struct ctl_audit_record *record),
		   void *arg, struct ctl_error *err);

#endif
