/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lies in state_dir: the database, the key that signs tokens, the one that nodes know
 * it by, the first administrator's password, and the lock that keeps all of it to one process. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "control/jwt.h"
#include "noise.h"

struct ctl_store;

struct ctl_state {
	int lock; /* descriptor */
	struct ctl_store *store;
	struct ctl_jwt_key key;
	struct tp_noise_identity ncp; /* whom nodes talk to */
};

/* Opens everything, and makes what is not there: the directory, the database, the key, and a
 * super_admin when there is no user yet. 0 or -errno, logged; -EBUSY when another process has it.
 */
int ctl_state_open(struct ctl_state *out, const char *dir);
void ctl_state_close(struct ctl_state *s); /* fine when it has not been opened */

/* The lock alone: a descriptor, or -errno, logged. */
int ctl_state_lock(const char *dir);

/* Paths in the directory, to be freed; NULL without memory. */
char *ctl_state_path(const char *dir, const char *name);
#define CTL_STATE_DATABASE "control.db"
#define CTL_STATE_KEY	   "control-token.key"
#define CTL_STATE_NCP	   "control-ncp.key"
#define CTL_STATE_ADMIN	   "control-admin.json"
#define CTL_STATE_LOCK	   "control.lock"

#endif
