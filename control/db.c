// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/schema.h"
#include "log.h"

#define BUSY_MS	       5000
#define WAL_RETRY_MS   5
#define STATEMENTS_MAX 256
#define APPLICATION_ID 0x74706374 /* "tpct", PRAGMA application_id */

struct ctl_db {
	sqlite3 *sqlite;
	struct statement {
		const char *sql; /* a literal: its place is its name */
		sqlite3_stmt *stmt;
	} statements[STATEMENTS_MAX];
	unsigned int n_statements;
};

/* --- errors --- */

static int constraint_errno(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID: return -EEXIST;
	case SQLITE_CONSTRAINT_FOREIGNKEY: return -ENOENT;
	case SQLITE_CONSTRAINT_TRIGGER: return -EPERM;
	default: return -EINVAL;
	}
}

static int errno_of(sqlite3 *sqlite, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE: return 0;
	case SQLITE_CONSTRAINT: return constraint_errno(sqlite3_extended_errcode(sqlite));
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_FULL: tp_err("database: no space left"); return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: tp_err("database: %s", sqlite3_errmsg(sqlite)); return -EUCLEAN;
	default: tp_err("database: %s", sqlite3_errmsg(sqlite)); return -EIO;
	}
}

static int run_text(struct ctl_db *db, const char *sql)
{
	return errno_of(db->sqlite, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

/* --- statements --- */

static sqlite3_stmt *prepared(struct ctl_db *db, const char *sql)
{
	struct statement *s;

	for (unsigned int i = 0; i < db->n_statements; i++)
		if (db->statements[i].sql == sql)
			return db->statements[i].stmt;
	if (db->n_statements == STATEMENTS_MAX) {
		tp_err("database: more than %d statements", STATEMENTS_MAX);
		return NULL;
	}
	s = &db->statements[db->n_statements];
	if (errno_of(db->sqlite, sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
						    &s->stmt, NULL)))
		return NULL;
	s->sql = sql;
	db->n_statements++;
	return s->stmt;
}

static int bind_key(sqlite3_stmt *q, int at, const uint8_t *key)
{
	return key ? sqlite3_bind_blob(q, at, key, 32, SQLITE_TRANSIENT) : sqlite3_bind_null(q, at);
}

static int bind_maybe(sqlite3_stmt *q, int at, const int64_t *value)
{
	return value ? sqlite3_bind_int64(q, at, *value) : sqlite3_bind_null(q, at);
}

static int bind(sqlite3_stmt *q, const char *types, va_list args)
{
	int rc = SQLITE_OK;

	for (int at = 1; *types && rc == SQLITE_OK; types++, at++) {
		switch (*types) {
		case 't':
			rc = sqlite3_bind_text(q, at, va_arg(args, const char *), -1,
					       SQLITE_TRANSIENT);
			break;
		case 'i': rc = sqlite3_bind_int64(q, at, va_arg(args, int64_t)); break;
		case 'I': rc = bind_maybe(q, at, va_arg(args, const int64_t *)); break;
		case 'k': rc = bind_key(q, at, va_arg(args, const uint8_t *)); break;
		default: rc = SQLITE_MISUSE;
		}
	}
	return rc;
}

static sqlite3_stmt *begin_query(struct ctl_db *db, const char *sql, const char *types,
				 va_list args)
{
	sqlite3_stmt *q = prepared(db, sql);
	int rc;

	if (!q)
		return NULL;
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	rc = bind(q, types, args);
	if (rc != SQLITE_OK || sqlite3_bind_parameter_count(q) != (int)strlen(types)) {
		tp_err("database: wrong values for: %s", sql);
		return NULL;
	}
	return q;
}

struct sqlite3_stmt *ctl_db_query(struct ctl_db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *q;
	va_list args;

	va_start(args, types);
	q = begin_query(db, sql, types, args);
	va_end(args);
	return q;
}

int ctl_db_step(struct ctl_db *db, struct sqlite3_stmt *q)
{
	int rc, err;

	if (!q)
		return -EIO;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return 1;
	err = errno_of(db->sqlite, rc);
	sqlite3_reset(q);
	return err;
}

void ctl_db_done(struct sqlite3_stmt *q)
{
	if (q)
		sqlite3_reset(q);
}

int ctl_db_run(struct ctl_db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *q;
	va_list args;
	int err;

	va_start(args, types);
	q = begin_query(db, sql, types, args);
	va_end(args);
	err = ctl_db_step(db, q);
	ctl_db_done(q);
	return err < 0 ? err : sqlite3_changes(db->sqlite);
}

/* --- columns --- */

const char *ctl_db_text(struct sqlite3_stmt *q, int column)
{
	return (const char *)sqlite3_column_text(q, column);
}

int64_t ctl_db_int(struct sqlite3_stmt *q, int column)
{
	return sqlite3_column_int64(q, column);
}

bool ctl_db_null(struct sqlite3_stmt *q, int column)
{
	return sqlite3_column_type(q, column) == SQLITE_NULL;
}

const uint8_t *ctl_db_key(struct sqlite3_stmt *q, int column)
{
	return sqlite3_column_bytes(q, column) == 32 ? sqlite3_column_blob(q, column) : NULL;
}

void ctl_db_copy(struct sqlite3_stmt *q, int column, char *to, size_t size)
{
	const char *text = ctl_db_text(q, column);

	snprintf(to, size, "%s", text ? text : "");
}

/* --- transactions --- */

int ctl_db_begin(struct ctl_db *db)
{
	return run_text(db, "BEGIN IMMEDIATE");
}

int ctl_db_commit(struct ctl_db *db)
{
	return run_text(db, "COMMIT");
}

void ctl_db_rollback(struct ctl_db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		run_text(db, "ROLLBACK");
}

/* --- opening --- */

static int pragma_int(struct ctl_db *db, const char *sql, int64_t *value)
{
	sqlite3_stmt *q;
	int err = errno_of(db->sqlite, sqlite3_prepare_v2(db->sqlite, sql, -1, &q, NULL));

	*value = 0;
	if (!err)
		err = ctl_db_step(db, q);
	if (err == 1)
		*value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return err < 0 ? err : 0;
}

static int run_migration(struct ctl_db *db, int64_t version)
{
	char mark[64];
	int err = run_text(db, ctl_schema[version]);

	snprintf(mark, sizeof(mark), "PRAGMA user_version = %d", (int)version + 1);
	return err ?: run_text(db, mark);
}

/* The version of its schema, 0 for an empty file. */
static int find_version(struct ctl_db *db, int64_t *version)
{
	int64_t application = 0, tables = 0;
	int err = pragma_int(db, "PRAGMA user_version", version)
		  ?: pragma_int(db, "PRAGMA application_id", &application)
		  ?: pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables);

	if (err)
		return err;
	if (application != APPLICATION_ID && (application || *version || tables)) {
		tp_err("database: the file is another program's");
		return -EUCLEAN;
	}
	if (*version > (int64_t)ctl_schema_n) {
		tp_err("database: its schema %d is newer than this program's %zu", (int)*version,
		       ctl_schema_n);
		return -ENOTSUP;
	}
	return 0;
}

/* Runs inside a transaction: two processes that open one new file make one schema. */
static int migrate(struct ctl_db *db)
{
	int64_t version = 0;
	char mark[64];
	int err = find_version(db, &version);

	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d", APPLICATION_ID);
	err = err ?: run_text(db, mark);
	for (; !err && version < (int64_t)ctl_schema_n; version++)
		err = run_migration(db, version);
	return err;
}

static int migrate_whole(struct ctl_db *db)
{
	int err = ctl_db_begin(db);

	if (err)
		return err;
	err = migrate(db);
	if (err)
		ctl_db_rollback(db);
	return err ?: ctl_db_commit(db);
}

/* SQLite does not wait by itself for another process that does the same to a new file. */
static int use_wal(struct ctl_db *db)
{
	int err = -EBUSY;

	for (int ms = 0; err == -EBUSY && ms < BUSY_MS; ms += WAL_RETRY_MS) {
		if (ms)
			usleep(WAL_RETRY_MS * 1000);
		err = run_text(db, "PRAGMA journal_mode = WAL");
	}
	return err;
}

/* Before anything is written: a file that is not ours stays as it is. As of one moment, since
 * another process may be making the schema. */
static int check_whose(struct ctl_db *db)
{
	int64_t version;
	int err = run_text(db, "BEGIN") ?: find_version(db, &version);

	ctl_db_rollback(db);
	return err;
}

static int set_up(struct ctl_db *db)
{
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	sqlite3_extended_result_codes(db->sqlite, 1);
	return check_whose(db) ?: use_wal(db)
		       ?: run_text(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
				       "PRAGMA trusted_schema = OFF")
		       ?: migrate_whole(db);
}

/* SQLite would make it for everyone to read. */
static int make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		tp_err("%s: %s", path, strerror(errno));
		return -errno;
	}
	close(fd);
	return 0;
}

int ctl_db_open(struct ctl_db **out, const char *path)
{
	struct ctl_db *db = calloc(1, sizeof(*db));
	int err = db ? 0 : -ENOMEM;

	*out = NULL;
	if (!err && strcmp(path, ":memory:"))
		err = make_private(path);
	if (!err &&
	    sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL))
		err = -EIO;
	err = err ?: set_up(db);
	if (err)
		ctl_db_close(db);
	else
		*out = db;
	return err;
}

void ctl_db_close(struct ctl_db *db)
{
	if (!db)
		return;
	for (unsigned int i = 0; i < db->n_statements; i++)
		sqlite3_finalize(db->statements[i].stmt);
	sqlite3_close(db->sqlite);
	free(db);
}

/* --- care --- */

/* VACUUM INTO leaves that to us. */
static int sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

int ctl_db_backup(struct ctl_db *db, const char *path)
{
	sqlite3_stmt *q;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return -errno;
	close(fd);
	err = errno_of(db->sqlite, sqlite3_prepare_v2(db->sqlite, "VACUUM INTO ?", -1, &q, NULL));
	if (!err) {
		sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
		err = ctl_db_step(db, q);
		sqlite3_finalize(q);
	}
	err = err ?: sync_file(path);
	if (err)
		unlink(path);
	return err;
}

/* A check says "ok", or nothing, or in a row each what it found. */
static int run_check(struct ctl_db *db, const char *sql)
{
	sqlite3_stmt *q;
	int err = errno_of(db->sqlite, sqlite3_prepare_v2(db->sqlite, sql, -1, &q, NULL));
	bool sound = true;

	while (!err && (err = ctl_db_step(db, q)) == 1) {
		const char *found = ctl_db_text(q, 0);

		err = 0;
		if (found && !strcmp(found, "ok"))
			continue;
		tp_err("database: %s: %s", sql, found ? found : "?");
		sound = false;
	}
	sqlite3_finalize(q);
	return err ?: sound ? 0 : -EUCLEAN;
}

int ctl_db_check(struct ctl_db *db)
{
	return run_check(db, "PRAGMA integrity_check") ?: run_check(db, "PRAGMA foreign_key_check");
}
