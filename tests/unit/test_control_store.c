/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The database and what all nouns share: migrations, transactions, revisions, ids, the audit log.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/schema.h"
#include "control/store.h"
#include "store_file.h"

static int64_t clock_ms = 1700000000000;

static int64_t test_clock(void)
{
	return clock_ms;
}

static struct ctl_store *open_store(const char *path)
{
	struct ctl_store *s;

	assert_int_equal(ctl_store_open(&s, path), 0);
	ctl_set_clock(s, test_clock);
	return s;
}

static int64_t count(struct ctl_store *s, const char *sql)
{
	struct sqlite3_stmt *q = ctl_db_query(ctl_store_db(s), sql, "");
	int64_t n;

	assert_int_equal(ctl_db_step(ctl_store_db(s), q), 1);
	n = ctl_db_int(q, 0);
	ctl_db_done(q);
	return n;
}

#define ADD_TENANT "INSERT INTO tenant (id, name, created) VALUES (?, ?, 0)"

static int add_tenant(struct ctl_store *s, const char *id, const char *name)
{
	return ctl_db_run(ctl_store_db(s), ADD_TENANT, "tt", id, name);
}

/* --- the file --- */

static void test_file(void **state)
{
	char *path = store_file_new();
	struct ctl_store *s = open_store(path);
	uint64_t epoch = ctl_store_epoch(s);
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(epoch != 0);
	assert_int_equal(add_tenant(s, "a", "a"), 1);
	ctl_store_close(s);
	s = open_store(path);
	assert_true(ctl_store_epoch(s) == epoch);
	assert_int_equal(count(s, "SELECT count(*) FROM tenant"), 1);
	assert_int_equal(count(s, "PRAGMA synchronous"), 2);
	assert_int_equal(count(s, "PRAGMA foreign_keys"), 1);
	assert_int_equal(count(s, "PRAGMA user_version"), (int64_t)ctl_schema_n);
	assert_int_equal(ctl_db_check(ctl_store_db(s)), 0);
	ctl_store_close(s);
	store_file_free(path);
}

static void test_newer_file(void **state)
{
	char *path = store_file_new();
	struct ctl_store *s = open_store(path);

	(void)state;
	assert_true(ctl_db_run(ctl_store_db(s), "PRAGMA user_version = 1000", "") >= 0);
	ctl_store_close(s);
	assert_int_equal(ctl_store_open(&s, path), -ENOTSUP);
	assert_null(s);
	store_file_free(path);
}

static void test_foreign_files(void **state)
{
	char *path = store_file_new();
	FILE *f = fopen(path, "w");
	struct ctl_store *s;

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputs("not a database\n", f);
	fclose(f);
	assert_int_equal(ctl_store_open(&s, path), -EUCLEAN);
	unlink(path);
	s = open_store(path);
	assert_true(ctl_db_run(ctl_store_db(s), "PRAGMA application_id = 7", "") >= 0);
	ctl_store_close(s);
	assert_int_equal(ctl_store_open(&s, path), -EUCLEAN);
	assert_int_equal(ctl_store_open(&s, "/nonexistent/db"), -ENOENT);
	store_file_free(path);
}

/* Refused before anything of it is changed. */
static void test_another_programs_file(void **state)
{
	char *path = store_file_new(), before[8192], after[8192];
	struct ctl_store *s = open_store(path);
	size_t n;
	FILE *f;

	(void)state;
	/* Another program's database, in SQLite's usual journal mode. */
	assert_true(ctl_db_run(ctl_store_db(s), "PRAGMA application_id = 7", "") >= 0);
	assert_true(ctl_db_run(ctl_store_db(s), "PRAGMA journal_mode = DELETE", "") >= 0);
	ctl_store_close(s);
	f = fopen(path, "r");
	n = fread(before, 1, sizeof(before), f);
	fclose(f);
	assert_int_equal(n, sizeof(before));
	assert_int_equal(ctl_store_open(&s, path), -EUCLEAN);
	f = fopen(path, "r");
	assert_int_equal(fread(after, 1, sizeof(after), f), n);
	fclose(f);
	assert_memory_equal(before, after, n);
	store_file_free(path);
}

static void test_damage(void **state)
{
	char *path = store_file_new(), junk[4096];
	struct ctl_store *s = open_store(path);
	int64_t page;
	FILE *f;

	(void)state;
	assert_true(ctl_db_run(ctl_store_db(s), "PRAGMA foreign_keys = OFF", "") >= 0);
	assert_int_equal(ctl_db_run(ctl_store_db(s),
				    "INSERT INTO device_group (id, tenant, name, created)"
				    " VALUES ('g', 'nobody', 'g', 0)",
				    ""),
			 1);
	assert_int_equal(ctl_db_check(ctl_store_db(s)), -EUCLEAN);
	assert_int_equal(ctl_db_run(ctl_store_db(s), "DELETE FROM device_group", ""), 1);
	assert_int_equal(ctl_db_check(ctl_store_db(s)), 0);
	page = count(s, "SELECT rootpage FROM sqlite_schema WHERE name = 'audit'");
	ctl_store_close(s);
	memset(junk, 0x55, sizeof(junk));
	f = fopen(path, "r+");
	assert_int_equal(fseek(f, (page - 1) * (long)sizeof(junk), SEEK_SET), 0);
	assert_int_equal(fwrite(junk, sizeof(junk), 1, f), 1);
	fclose(f);
	s = open_store(path);
	assert_int_equal(ctl_db_check(ctl_store_db(s)), -EUCLEAN);
	ctl_store_close(s);
	store_file_free(path);
}

static void test_backup(void **state)
{
	char *path = store_file_new(), *copy;
	struct ctl_store *s = open_store(path), *t;
	struct ctl_error err;
	uint64_t epoch = ctl_store_epoch(s);

	(void)state;
	assert_true(asprintf(&copy, "%s.copy", path) > 0);
	add_tenant(s, "a", "a");
	assert_int_equal(ctl_db_backup(ctl_store_db(s), copy), 0);
	assert_int_equal(ctl_db_backup(ctl_store_db(s), copy), -EEXIST);
	add_tenant(s, "b", "b");
	t = open_store(copy);
	assert_int_equal(count(t, "SELECT count(*) FROM tenant"), 1);
	assert_true(ctl_store_epoch(t) == epoch);
	assert_int_equal(ctl_store_new_epoch(t, &err), 0);
	assert_true(ctl_store_epoch(t) != epoch);
	ctl_store_close(t);
	ctl_store_close(s);
	free(copy);
	store_file_free(path);
}

/* --- errors --- */

static void test_errors(void **state)
{
	struct ctl_store *s = open_store(":memory:");
	struct ctl_db *db = ctl_store_db(s);
	struct ctl_error err;

	(void)state;
	add_tenant(s, "a", "a");
	assert_int_equal(add_tenant(s, "b", "a"), -EEXIST);
	assert_int_equal(ctl_fail_db(&err, -EEXIST, "tenant \"a\""), -1);
	assert_int_equal(err.code, CTL_ALREADY_EXISTS);
	assert_string_equal(err.text, "tenant \"a\" is there already");
	assert_int_equal(ctl_db_run(db,
				    "INSERT INTO device_group (id, tenant, name, created) VALUES "
				    "('g', 'x', 'g', 0)",
				    ""),
			 -ENOENT);
	assert_int_equal(ctl_db_run(db, "UPDATE tenant SET default_listen_port = 0", ""), -EINVAL);
	assert_null(ctl_db_query(db, "SELECT no_such_column FROM tenant", ""));
	assert_null(ctl_db_query(db, "SELECT id FROM tenant WHERE id = ?", ""));
	assert_int_equal(ctl_fail_db(&err, 0, ""), 0);
	assert_int_equal(ctl_fail_db(&err, 3, ""), 0);
	ctl_store_close(s);
}

/* --- transactions --- */

struct heard {
	unsigned int calls;
	uint64_t revision;
	size_t n;
	struct ctl_change last;
};

static void listen(void *arg, uint64_t revision, const struct ctl_change *changes, size_t n)
{
	struct heard *h = arg;

	h->calls++;
	h->revision = revision;
	h->n = n;
	h->last = changes[n - 1];
}

static void test_revisions(void **state)
{
	struct ctl_store *s = open_store(":memory:");
	struct heard heard = {0};
	struct ctl_error err;

	(void)state;
	ctl_store_listen(s, listen, &heard);
	assert_int_equal(ctl_begin(s, "user:a", &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(heard.calls, 0);
	assert_int_equal(ctl_store_revision(s), 0);

	assert_int_equal(ctl_begin(s, "user:a", &err), 0);
	assert_int_equal(ctl_store_next_revision(s), 1);
	add_tenant(s, "a", "a");
	ctl_changed(s, CTL_CHANGE_NETWORK, "n", "n");
	ctl_changed(s, CTL_CHANGE_NETWORK, "n", "n");
	for (int i = 0; i < 40; i++) {
		char id[8];

		snprintf(id, sizeof(id), "p%d", i);
		ctl_changed(s, CTL_CHANGE_PEER, id, "n");
	}
	assert_int_equal(heard.calls, 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(heard.calls, 1);
	assert_int_equal(heard.revision, 1);
	assert_int_equal(heard.n, 41);
	assert_string_equal(heard.last.id, "p39");
	assert_int_equal(count(s, "SELECT revision FROM store"), 1);

	assert_int_equal(ctl_begin(s, "user:a", &err), 0);
	add_tenant(s, "b", "b");
	ctl_changed(s, CTL_CHANGE_NETWORK, "n", NULL);
	ctl_rollback(s);
	ctl_rollback(s);
	assert_int_equal(heard.calls, 1);
	assert_int_equal(count(s, "SELECT count(*) FROM tenant"), 1);
	assert_int_equal(ctl_begin(s, "user:a", &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(heard.calls, 1);
	ctl_store_close(s);
}

static void test_two_processes(void **state)
{
	char *path = store_file_new();
	struct ctl_store *s = open_store(path), *t = open_store(path);
	struct ctl_error err;

	(void)state;
	assert_true(ctl_store_epoch(s) == ctl_store_epoch(t));
	assert_int_equal(ctl_begin(s, "a", &err), 0);
	ctl_changed(s, CTL_CHANGE_NETWORK, "n", "n");
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_begin(t, "b", &err), 0);
	ctl_changed(t, CTL_CHANGE_NETWORK, "n", "n");
	assert_int_equal(ctl_commit(t, &err), 0);
	assert_int_equal(ctl_store_revision(t), 2);
	ctl_store_close(s);
	ctl_store_close(t);
	store_file_free(path);
}

/* --- the audit log --- */

static void test_audit(void **state)
{
	struct ctl_store *s = open_store(":memory:");
	struct ctl_db *db = ctl_store_db(s);
	struct ctl_error err;
	struct sqlite3_stmt *q;

	(void)state;
	assert_int_equal(ctl_begin(s, "user:alice", &err), 0);
	assert_int_equal(
		ctl_audit(s, NULL, "tenant.create", "x", json_pack("{s:s}", "name", "acme"), &err),
		0);
	assert_int_equal(ctl_audit(s, "t", "tenant.delete", "x", NULL, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	q = ctl_db_query(db, "SELECT time, actor, details, tenant FROM audit ORDER BY id", "");
	assert_int_equal(ctl_db_step(db, q), 1);
	assert_int_equal(ctl_db_int(q, 0), clock_ms);
	assert_string_equal(ctl_db_text(q, 1), "user:alice");
	assert_string_equal(ctl_db_text(q, 2), "{\"name\":\"acme\"}");
	assert_true(ctl_db_null(q, 3));
	ctl_db_done(q);
	assert_int_equal(ctl_db_run(db, "UPDATE audit SET actor = 'b'", ""), -EPERM);
	assert_int_equal(ctl_db_run(db, "DELETE FROM audit", ""), -EPERM);
	assert_int_equal(count(s, "SELECT count(*) FROM audit"), 2);
	ctl_store_close(s);
}

/* --- ids and names --- */

static void test_ids(void **state)
{
	struct ctl_store *s = open_store(":memory:");
	char id[CTL_ID_LEN], before[CTL_ID_LEN];

	(void)state;
	ctl_id_new(s, before);
	assert_memory_equal(before, "018bcfe5-6800-7", 15);
	for (int i = 0; i < 10000; i++) {
		if (i == 9000)
			clock_ms -= 5000; /* the clock is put back */
		ctl_id_new(s, id);
		assert_true(ctl_id_valid(id));
		assert_true(strcmp(before, id) < 0);
		strcpy(before, id);
	}
	clock_ms += 5000;
	assert_false(ctl_id_valid(NULL));
	assert_false(ctl_id_valid(""));
	assert_false(ctl_id_valid("018bcfe5-6800-7000-8000-00000000000G"));
	assert_false(ctl_id_valid("018bcfe5-6800-7000-8000-0000000000000"));
	assert_false(ctl_id_valid("018bcfe5a6800-7000-8000-000000000000"));
	ctl_store_close(s);
}

static void test_names(void **state)
{
	static const char *const bad[] = {"", "-a", "a-", "A", "a_b", "a b", "a.b", "\xc3\xa4"};
	char longest[65] = {0};
	struct ctl_error err;

	(void)state;
	assert_int_equal(ctl_name_check("office-1", "name", &err), 0);
	memset(longest, 'a', 63);
	assert_int_equal(ctl_name_check(longest, "name", &err), 0);
	longest[63] = 'a';
	assert_int_equal(ctl_name_check(longest, "name", &err), -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ctl_name_check(bad[i], "name", &err), -1);
		assert_int_equal(err.code, CTL_INVALID_ARGUMENT);
	}
	assert_int_equal(ctl_name_check(NULL, "name", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),	      cmocka_unit_test(test_newer_file),
		cmocka_unit_test(test_foreign_files), cmocka_unit_test(test_another_programs_file),
		cmocka_unit_test(test_damage),	      cmocka_unit_test(test_backup),
		cmocka_unit_test(test_errors),	      cmocka_unit_test(test_revisions),
		cmocka_unit_test(test_two_processes), cmocka_unit_test(test_audit),
		cmocka_unit_test(test_ids),	      cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
