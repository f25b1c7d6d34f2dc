// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/store.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/changes.h"
#include "control/events.h"
#include "control/json_memory.h"
#include "crypto.h"
#include "log.h"

struct ctl_store {
	struct ctl_db *db;
	int64_t (*now)(void);
	uint64_t epoch, revision;
	ctl_listener *listener;
	void *listener_arg;
	struct ctl_events *events;

	/* of the transaction */
	char actor[CTL_NAME_LEN + 16];
	struct ctl_changes changes;
	struct json_t *records; /* its audit records, not events yet; NULL: none */
	bool out_of_memory;

	/* of ids */
	int64_t last_ms;
	uint16_t sequence;
};

/* --- errors --- */

const char *ctl_code_name(enum ctl_code code)
{
	static const char *const names[] = {
		[CTL_OK] = "ok",
		[CTL_INVALID_ARGUMENT] = "invalid_argument",
		[CTL_NOT_FOUND] = "not_found",
		[CTL_ALREADY_EXISTS] = "already_exists",
		[CTL_PERMISSION_DENIED] = "permission_denied",
		[CTL_UNAUTHENTICATED] = "unauthenticated",
		[CTL_FAILED_PRECONDITION] = "failed_precondition",
		[CTL_RESOURCE_EXHAUSTED] = "resource_exhausted",
		[CTL_ABORTED] = "aborted",
		[CTL_UNIMPLEMENTED] = "unimplemented",
		[CTL_UNAVAILABLE] = "unavailable",
		[CTL_INTERNAL] = "internal",
	};

	return names[code];
}

int ctl_fail(struct ctl_error *err, enum ctl_code code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return -1;
}

int ctl_fail_db(struct ctl_error *err, int db_err, const char *what)
{
	if (db_err >= 0)
		return 0;
	switch (db_err) {
	case -EEXIST: return ctl_fail(err, CTL_ALREADY_EXISTS, "%s is there already", what);
	case -ENOENT:
		return ctl_fail(err, CTL_FAILED_PRECONDITION, "%s refers to what is not there",
				what);
	case -EINVAL: return ctl_fail(err, CTL_INVALID_ARGUMENT, "%s is out of its bounds", what);
	case -EBUSY: return ctl_fail(err, CTL_UNAVAILABLE, "the database is in use");
	case -ENOSPC: return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "the disk is full");
	default: return ctl_fail(err, CTL_INTERNAL, "the database failed; see the log");
	}
}

/* --- time and ids --- */

static int64_t wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t ctl_now(const struct ctl_store *s)
{
	return s->now();
}

void ctl_set_clock(struct ctl_store *s, int64_t (*now)(void))
{
	s->now = now;
}

/* RFC 9562, 5.7. The twelve bits after the version count within a millisecond, so that ids of one
 * process ascend (6.2, method 1); a clock that was put back does not make them descend. */
void ctl_id_new(struct ctl_store *s, char id[CTL_ID_LEN])
{
	int64_t ms = ctl_now(s);
	uint8_t tail[8];

	if (ms <= s->last_ms && ++s->sequence <= 0xfff) {
		ms = s->last_ms;
	} else {
		ms = ms > s->last_ms ? ms : s->last_ms + 1;
		s->sequence = 0;
	}
	s->last_ms = ms;
	tp_random(tail, sizeof(tail));
	snprintf(id, CTL_ID_LEN, "%08x-%04x-7%03x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 (uint32_t)((uint64_t)ms >> 16), (uint32_t)(ms & 0xffff), s->sequence & 0xfffu,
		 (tail[0] & 0x3f) | 0x80, tail[1], tail[2], tail[3], tail[4], tail[5], tail[6],
		 tail[7]);
}

bool ctl_id_valid(const char *id)
{
	if (!id || strlen(id) != CTL_ID_LEN - 1)
		return false;
	for (int i = 0; id[i]; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? id[i] != '-' : !strchr("0123456789abcdef", id[i]))
			return false;
	}
	return true;
}

int ctl_name_check(const char *name, const char *what, struct ctl_error *err)
{
	size_t len = name ? strlen(name) : 0;

	if (!len || len >= CTL_NAME_LEN ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len || name[0] == '-' ||
	    name[len - 1] == '-')
		return ctl_fail(err, CTL_INVALID_ARGUMENT,
				"%s: 1 to 63 of a-z, 0-9 and -, which is not at its ends", what);
	return 0;
}

/* --- life --- */

static int read_state(struct ctl_store *s)
{
	struct sqlite3_stmt *q =
		ctl_db_query(s->db, "SELECT epoch, revision FROM store WHERE one = 1", "");
	int got = ctl_db_step(s->db, q);

	if (got == 1) {
		s->epoch = (uint64_t)ctl_db_int(q, 0);
		s->revision = (uint64_t)ctl_db_int(q, 1);
		ctl_db_done(q);
	}
	return got;
}

/* 53 bits, so that any JSON reader keeps it. Not zero: that is "none yet". */
static int64_t random_epoch(void)
{
	uint64_t epoch;

	tp_random(&epoch, sizeof(epoch));
	return (int64_t)(epoch >> 11) | 1;
}

static int make_state(struct ctl_store *s)
{
	int err = ctl_db_begin(s->db);

	if (err)
		return err;
	err = ctl_db_run(s->db, "INSERT OR IGNORE INTO store (one, epoch) VALUES (1, ?)", "i",
			 random_epoch());
	if (err < 0) {
		ctl_db_rollback(s->db);
		return err;
	}
	err = ctl_db_commit(s->db);
	return err ?: read_state(s) == 1 ? 0 : -EIO;
}

int ctl_store_open(struct ctl_store **out, const char *path)
{
	struct ctl_store *s = calloc(1, sizeof(*s));
	int err, got;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->now = wall_clock;
	ctl_json_watch();
	s->events = ctl_events_new();
	err = s->events ? ctl_db_open(&s->db, path) : -ENOMEM;
	if (!err) {
		got = read_state(s);
		err = got == 1 ? 0 : got ?: make_state(s);
	}
	if (err)
		ctl_store_close(s);
	else
		*out = s;
	return err;
}

void ctl_store_close(struct ctl_store *s)
{
	if (!s)
		return;
	ctl_db_close(s->db);
	ctl_events_free(s->events);
	json_decref(s->records);
	ctl_changes_fini(&s->changes);
	free(s);
}

struct ctl_db *ctl_store_db(struct ctl_store *s)
{
	return s->db;
}

struct ctl_events *ctl_store_events(struct ctl_store *s)
{
	return s->events;
}

void ctl_store_listen(struct ctl_store *s, ctl_listener *listener, void *arg)
{
	s->listener = listener;
	s->listener_arg = arg;
}

uint64_t ctl_store_epoch(const struct ctl_store *s)
{
	return s->epoch;
}

uint64_t ctl_store_revision(const struct ctl_store *s)
{
	return s->revision;
}

uint64_t ctl_store_next_revision(const struct ctl_store *s)
{
	return s->revision + 1;
}

/* A held address waited for a revision of the old epoch: now for the first that is told. */
static int restart_revisions(struct ctl_store *s)
{
	int rc = ctl_db_run(s->db, "UPDATE store SET epoch = ?, revision = 0 WHERE one = 1", "i",
			    random_epoch());

	return rc < 0 ? rc : ctl_db_run(s->db, "UPDATE address_hold SET revision = 1", "");
}

int ctl_store_new_epoch(struct ctl_store *s, struct ctl_error *err)
{
	int rc = ctl_db_begin(s->db);

	if (!rc)
		rc = restart_revisions(s);
	if (rc >= 0)
		rc = ctl_db_commit(s->db);
	if (rc < 0)
		ctl_db_rollback(s->db);
	else
		rc = read_state(s) == 1 ? 0 : -EIO;
	return ctl_fail_db(err, rc, "epoch");
}

/* --- audit records become events --- */

static void drop_records(struct ctl_store *s)
{
	json_decref(s->records);
	s->records = NULL;
}

/* What watchers do not see for want of memory is in the table. */
static void keep_record(struct ctl_store *s, const char *tenant, const char *action,
			const char *object, const char *details)
{
	if (!s->records)
		s->records = json_array();
	json_array_append_new(s->records,
			      json_pack("{s:s,s:s,s:s,s:s}", "tenant", tenant ? tenant : "",
					"action", action, "object", object, "details", details));
}

static const char *text_of(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static void tell_records(struct ctl_store *s)
{
	const json_t *r;
	size_t i;

	json_array_foreach(s->records, i, r)
	{
		const struct ctl_event event = {.time = ctl_now(s),
						.tenant = text_of(r, "tenant"),
						.actor = s->actor,
						.action = text_of(r, "action"),
						.object = text_of(r, "object"),
						.details = text_of(r, "details")};
		ctl_events_add(s->events, &event);
	}
	drop_records(s);
}

/* --- transactions --- */

int ctl_begin(struct ctl_store *s, const char *actor, struct ctl_error *err)
{
	int rc = ctl_db_begin(s->db);

	ctl_changes_clear(&s->changes);
	s->out_of_memory = false;
	snprintf(s->actor, sizeof(s->actor), "%s", actor);
	/* Another process (a command on the same file) may have moved the revision on. */
	if (!rc && read_state(s) != 1) {
		ctl_db_rollback(s->db);
		rc = -EIO;
	}
	return ctl_fail_db(err, rc, "transaction");
}

void ctl_rollback(struct ctl_store *s)
{
	ctl_db_rollback(s->db);
	ctl_changes_clear(&s->changes);
	drop_records(s);
}

static int save_revision(struct ctl_store *s)
{
	if (s->out_of_memory)
		return -ENOMEM;
	if (!s->changes.n)
		return 0;
	return ctl_db_run(s->db, "UPDATE store SET revision = ? WHERE one = 1", "i",
			  (int64_t)s->revision + 1);
}

int ctl_commit(struct ctl_store *s, struct ctl_error *err)
{
	int rc = save_revision(s);

	if (rc >= 0)
		rc = ctl_db_commit(s->db);
	if (rc < 0) {
		ctl_rollback(s);
		return ctl_fail_db(err, rc, "transaction");
	}
	tell_records(s);
	if (!s->changes.n)
		return 0;
	s->revision++;
	if (s->listener)
		s->listener(s->listener_arg, s->revision, s->changes.list, s->changes.n);
	ctl_changes_clear(&s->changes);
	return 0;
}

void ctl_changed(struct ctl_store *s, enum ctl_change_kind kind, const char *id,
		 const char *network)
{
	if (ctl_changes_add(&s->changes, kind, id, network))
		s->out_of_memory = true;
}

/* --- audit --- */

int ctl_audit(struct ctl_store *s, const char *tenant, const char *action, const char *object,
	      struct json_t *details, struct ctl_error *err)
{
	char *dumped = details ? json_dumps(details, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	const char *text = dumped ? dumped : "{}";
	int rc;

	json_decref(details);
	rc = ctl_db_run(s->db,
			"INSERT INTO audit (time, tenant, actor, action, object, details)"
			" VALUES (?, ?, ?, ?, ?, ?)",
			"ittttt", ctl_now(s), tenant, s->actor, action, object, text);
	if (rc >= 0)
		keep_record(s, tenant, action, object, text);
	free(dumped);
	return ctl_fail_db(err, rc, "audit record");
}
