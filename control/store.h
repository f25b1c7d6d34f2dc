/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all nouns of the model share: a database, a clock, one transaction at a time, and the
 * revision. Whoever changes something opens a transaction, and everything that belongs to it (rows,
 * the audit record, what nodes must be told) is in it or none of it is.
 *
 * Functions of the nouns return 0, or -1 with a struct ctl_error that the API can send as it is.
 */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/db.h"

struct ctl_events;
struct json_t;

/* Connect's codes, https://connectrpc.com/docs/protocol#error-codes, those in use. */
enum ctl_code {
	CTL_OK,
	CTL_INVALID_ARGUMENT,
	CTL_NOT_FOUND,
	CTL_ALREADY_EXISTS,
	CTL_PERMISSION_DENIED,
	CTL_UNAUTHENTICATED,
	CTL_FAILED_PRECONDITION,
	CTL_RESOURCE_EXHAUSTED,
	CTL_ABORTED,
	CTL_UNIMPLEMENTED,
	CTL_UNAVAILABLE,
	CTL_INTERNAL,
};

struct ctl_error {
	enum ctl_code code;
	char text[200];
};

enum ctl_role { CTL_NOBODY, CTL_VIEWER, CTL_OPERATOR, CTL_TENANT_ADMIN, CTL_SUPER_ADMIN };

#define CTL_ID_LEN   37 /* UUIDv7 as text */
#define CTL_NAME_LEN 64
#define CTL_CIDR_LEN 20
#define CTL_IP_LEN   16

/* What nodes must be told about. */
enum ctl_change_kind {
	CTL_CHANGE_NETWORK, /* its settings, members, relays or policies */
	CTL_CHANGE_PEER,    /* one member: key, endpoint, role, tags */
	CTL_CHANGE_RELAY,   /* itself; the networks that it serves are named, too */
	CTL_CHANGE_DEVICE,  /* is gone; the networks that it was in are named, too */
};

struct ctl_change {
	enum ctl_change_kind kind;
	char id[CTL_ID_LEN];
	char network[CTL_ID_LEN]; /* "" when it is not of one */
};

struct ctl_store;

/* Called after a commit that changed what nodes see. */
typedef void ctl_listener(void *arg, uint64_t revision, const struct ctl_change *changes, size_t n);

/* As ctl_db_open(). */
int ctl_store_open(struct ctl_store **out, const char *path);
void ctl_store_close(struct ctl_store *s);
struct ctl_db *ctl_store_db(struct ctl_store *s);
struct ctl_events *ctl_store_events(struct ctl_store *s);
/* One listener; NULL ends it. */
void ctl_store_listen(struct ctl_store *s, ctl_listener *listener, void *arg);

uint64_t ctl_store_epoch(const struct ctl_store *s);
uint64_t ctl_store_revision(const struct ctl_store *s);
/* Revisions begin anew: the database was restored from a copy. */
int ctl_store_new_epoch(struct ctl_store *s, struct ctl_error *err);

/* Unix time in milliseconds. Tests set it. */
int64_t ctl_now(const struct ctl_store *s);
void ctl_set_clock(struct ctl_store *s, int64_t (*now)(void));

/* `actor` is written into audit records: "user:alice", "device:…", "system". */
int ctl_begin(struct ctl_store *s, const char *actor, struct ctl_error *err);
/* Takes the next revision when something was told to ctl_changed(), and calls the listener. On
 * failure nothing has happened. */
int ctl_commit(struct ctl_store *s, struct ctl_error *err);
void ctl_rollback(struct ctl_store *s); /* fine after a commit */
/* Inside a transaction. The strings are copied; `network` may be NULL. */
void ctl_changed(struct ctl_store *s, enum ctl_change_kind kind, const char *id,
		 const char *network);
/* The revision that this transaction will have if it changes something. */
uint64_t ctl_store_next_revision(const struct ctl_store *s);

/* Appends a record: `action` as "network.create", `object` an id, `details` NULL or stolen.
 * `tenant` may be NULL. It is an event once it is committed. */
int ctl_audit(struct ctl_store *s, const char *tenant, const char *action, const char *object,
	      struct json_t *details, struct ctl_error *err);

/* --- small things of all nouns --- */

void ctl_id_new(struct ctl_store *s, char id[CTL_ID_LEN]);
bool ctl_id_valid(const char *id);
/* 1 to 63 of a-z, 0-9 and -, not at the ends: a DNS label. -1 with *err naming `what`. */
int ctl_name_check(const char *name, const char *what, struct ctl_error *err);

/* "not_found", as Connect and NCP write it. */
const char *ctl_code_name(enum ctl_code code);

/* Fills *err; returns -1. */
__attribute__((format(printf, 3, 4))) int ctl_fail(struct ctl_error *err, enum ctl_code code,
						   const char *fmt, ...);
/* For an errno of db.h: `what` is the noun with its name, as "network \"office\"". 0 for 0 and
 * above. */
int ctl_fail_db(struct ctl_error *err, int db_err, const char *what);

#endif
