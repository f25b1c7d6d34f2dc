/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hashing passwords with argon2id (RFC 9106), which takes a tenth of a second and 64 MiB by intent:
 * one worker thread does it, one password after the other, so that the event loop never waits and
 * memory stays bounded.
 */
#ifndef CONTROL_PASSWORD_H
#define CONTROL_PASSWORD_H

#include <stdbool.h>

#define CTL_PASSWORD_HASH 128 /* bytes of a hash's text, with its NUL */
#define CTL_PASSWORD_MIN  8
#define CTL_PASSWORD_MAX  256

struct event_base;
struct ctl_passwords;

/* Starts the thread. The process's privileges should have been dropped before: a thread keeps what
 * it was started with. 0 or -errno. */
int ctl_passwords_new(struct ctl_passwords **out, struct event_base *base);
/* Waits for the password in work; whoever waits still is told false. NULL is fine. */
void ctl_passwords_free(struct ctl_passwords *p);

/* `good`: hashed, or verified; `hash` the new hash, or the one given. In the event loop. */
typedef void ctl_password_done(void *arg, bool good, const char *hash);

/* Both copy what they are given. 0; -EBUSY when too many wait already: done() does not come. */
int ctl_passwords_hash(struct ctl_passwords *p, const char *password, ctl_password_done *done,
		       void *arg);
/* An empty hash fits no password, and takes as long as one that does not fit: who asks can't tell
 * whether there is such a user. */
int ctl_passwords_verify(struct ctl_passwords *p, const char *password, const char *hash,
			 ctl_password_done *done, void *arg);

/* Here and now, for what happens before there is an event loop. 0 or -ENOMEM. */
int ctl_password_hash_now(const char *password, char hash[CTL_PASSWORD_HASH]);

#endif
