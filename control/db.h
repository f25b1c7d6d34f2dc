/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SQLite, and all that knows of it. Durable: WAL with synchronous=FULL, so what was committed is
 * there after a power cut. Errors are negative errnos: -EEXIST (a unique value is taken), -ENOENT
 * (what a row refers to is not there), -EINVAL (a CHECK), -EPERM (a trigger), -EBUSY, -ENOSPC,
 * -ENOMEM, -EUCLEAN (no database of ours, or a damaged one), else -EIO; the last three and -EIO
 * are logged.
 */
#ifndef CONTROL_DB_H
#define CONTROL_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_db;
struct sqlite3_stmt;

/* Opens the file, made with mode 0600 when it is not there, or ":memory:", and brings its schema up
 * to date. -ENOTSUP when a newer program has written it. */
int ctl_db_open(struct ctl_db **out, const char *path);
void ctl_db_close(struct ctl_db *db);

/* Takes the write lock at once, waiting up to five seconds for another process. */
int ctl_db_begin(struct ctl_db *db);
int ctl_db_commit(struct ctl_db *db);
void ctl_db_rollback(struct ctl_db *db); /* fine without a transaction */

/* Values for the ?s of a statement, one letter each:
 *	t  const char *, NULL for NULL
 *	i  int64_t
 *	I  const int64_t *, NULL for NULL
 *	k  const uint8_t *, 32 bytes, NULL for NULL
 * The strings are copied. `sql` must be a literal: it names the statement, which is kept. */
/* Runs one that returns no rows. The number of rows it changed, or an error. */
int ctl_db_run(struct ctl_db *db, const char *sql, const char *types, ...);
/* Begins one that returns rows; NULL when it cannot be (logged). Then ctl_db_step() until it is not
 * 1, or ctl_db_done(). Not to be begun again meanwhile. */
struct sqlite3_stmt *ctl_db_query(struct ctl_db *db, const char *sql, const char *types, ...);
/* 1: a row; 0: no more; or an error. After the last two the statement is at rest. NULL is -EIO. */
int ctl_db_step(struct ctl_db *db, struct sqlite3_stmt *q);
void ctl_db_done(struct sqlite3_stmt *q);

/* Columns of the present row. Text and keys are gone with the next step. */
const char *ctl_db_text(struct sqlite3_stmt *q, int column); /* NULL for NULL */
int64_t ctl_db_int(struct sqlite3_stmt *q, int column);
bool ctl_db_null(struct sqlite3_stmt *q, int column);
const uint8_t *ctl_db_key(struct sqlite3_stmt *q, int column); /* 32 bytes, or NULL */
/* Copies text that must fit; a NULL becomes "". */
void ctl_db_copy(struct sqlite3_stmt *q, int column, char *to, size_t size);

/* A copy of the whole, consistent, while it is in use; `path` must not be there yet. */
int ctl_db_backup(struct ctl_db *db, const char *path);
/* 0, or -EUCLEAN with the findings logged. */
int ctl_db_check(struct ctl_db *db);

#endif
