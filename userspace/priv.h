/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Giving up root. The order: open and bind everything, tp_priv_chown what the daemon goes on
 * writing to, tp_priv_drop, tp_priv_seccomp.
 */
#ifndef TP_PRIV_H
#define TP_PRIV_H

#include <stddef.h>
#include <sys/types.h>

#define TP_PRIV_USER "turnpike" /* whom all daemons become */

/* 0, or -ENOENT when there is no such user. */
int tp_priv_lookup(const char *user, uid_t *uid, gid_t *gid);

/* Hands a directory with everything below it to the user; links are not followed. 0 also when the
 * path or the user does not exist. */
int tp_priv_chown(const char *path, const char *user);

/* Becomes `user` for good: its uid and gid, no supplementary groups, of all capabilities only the n
 * in `keep` (CAP_*), an empty bounding set, no_new_privs, no core dumps. Without such a user the
 * process stays uid 0, with a warning, but loses the rest all the same. 0 or -errno, logged; after
 * a failure the caller must exit. Without root: only no_new_privs, and 0. */
int tp_priv_drop(const char *user, const int *keep, size_t n);

/* Allows this process the n system calls named in `extra` beside those that libc, libevent and
 * libcrypto need; each name must be known to libseccomp. All others fail with EPERM and are written
 * to the audit log. They are not answered with a signal: a call that an updated library makes for
 * the first time would then stop the relay for everyone, at a time of its own choosing, while an
 * attacker gains nothing from the error. 0 or -errno, logged. */
int tp_priv_seccomp(const char *const *extra, size_t n);

#endif
