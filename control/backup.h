/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copies of the database: one is made while the daemon goes on, one is put back while it rests. */
#ifndef CONTROL_BACKUP_H
#define CONTROL_BACKUP_H

/* Both log what is wrong; 0 or -errno. */

/* Into a new file, mode 0600. */
int ctl_backup_make(const char *state_dir, const char *path);
/* The copy takes the place of the database, whose own is kept as control.db.before-restore. It
 * begins a new epoch, so that nodes take all anew. -EBUSY while the daemon runs. */
int ctl_backup_restore(const char *state_dir, const char *path);

#endif
