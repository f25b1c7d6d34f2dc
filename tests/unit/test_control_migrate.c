// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A database of the first version, with rows in all its tables, opened by the present program:
 * every value is still there, and the program works on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "control/auth_key.h"
#include "control/network.h"
#include "control/peer.h"
#include "control/relay.h"
#include "control/schema.h"
#include "control/user.h"
#include "crypto.h"
#include "store_file.h"

#define T  "0190a5d0-ac96-774b-bcce-b302099a8001"
#define N  "0190a5d0-ac96-774b-bcce-b302099a8002"
#define G  "0190a5d0-ac96-774b-bcce-b302099a8003"
#define D1 "0190a5d0-ac96-774b-bcce-b302099a8011"
#define D2 "0190a5d0-ac96-774b-bcce-b302099a8012"
#define D3 "0190a5d0-ac96-774b-bcce-b302099a8013"
#define R  "0190a5d0-ac96-774b-bcce-b302099a8021"
#define P1 "0190a5d0-ac96-774b-bcce-b302099a8031"
#define P2 "0190a5d0-ac96-774b-bcce-b302099a8032"
#define U  "0190a5d0-ac96-774b-bcce-b302099a8041"

/* Ends of ranges, NULLs, blobs, what is not ASCII. */
static const char rows[] =
	"INSERT INTO store VALUES (1, 9007199254740991, 77);"
	"INSERT INTO tenant VALUES ('" T "', 'acme', 1700000000000, 1, '10.0.0.0/8', 65535,"
	" '9.9.9.9', 25, 0, '[\"stun.example:3478\"]');"
	"INSERT INTO tenant (id, name, created) VALUES ('other', 'other', 0);"
	"INSERT INTO user VALUES ('" U "', '" T "', 'olga', '$argon2id$…', 2, 1, 1);"
	"INSERT INTO user VALUES ('root', NULL, 'admin', 'x', 4, 0, 1);"
	"INSERT INTO api_key VALUES ('k1', '" T "', 'ci', zeroblob(32), 2, 5, 6, 7);"
	"INSERT INTO api_key VALUES ('k2', NULL, 'root', x'01', 4, NULL, NULL, 7);"
	"INSERT INTO device_group VALUES ('" G "', '" T "', 'people', 8);"
	"INSERT INTO network VALUES ('" N "', '" T "', 'office', '100.64.1.0/24', 1681916160, 24,"
	" 1681916165, 51820, 0, NULL, '[]', '" G "', 9);"
	"INSERT INTO device VALUES ('" D1 "', '" T "', 'gw', 2, randomblob(32), 0, 10, 11);"
	"INSERT INTO device VALUES ('" D2 "', '" T "', 'phone', 4, NULL, 0, 12, NULL);"
	"INSERT INTO device VALUES ('" D3 "', NULL, 'fra', 3, randomblob(32), 1, 13, 14);"
	"INSERT INTO group_member VALUES ('" G "', '" D1 "'), ('" G "', '" D2 "');"
	"INSERT INTO peer VALUES ('" P1 "', '" N "', '" D1 "', 1681916161, randomblob(32), 4500,"
	" '198.51.100.7:4500', 1, 1, 1, '[\"192.168.10.0/24\"]', '[\"lan\"]', NULL, 15, NULL, 16);"
	"INSERT INTO peer VALUES ('" P2 "', '" N "', '" D2
	"', 1681916162, randomblob(32), NULL, NULL,"
	" 0, 0, 0, '[]', '[]', '" R "', NULL, 70, 17);"
	"INSERT INTO address_hold VALUES ('" N "', 1681916163, 76);"
	"INSERT INTO auth_key VALUES ('a1', '" T "', '" N
	"', 'gw', x'02', 2, '[\"lan\"]', 1, 5, 4, 18,"
	" NULL, 19);"
	"INSERT INTO auth_key VALUES ('a2', NULL, NULL, 'relays', x'03', 3, '[]', 0, NULL, 9, "
	"NULL, 20,"
	" 21);"
	"INSERT INTO policy VALUES ('p1', '" N "', 'initial', 0, '[{\"from\":[\"any\"],"
	"\"to\":[\"any\"]}]', 22);"
	"INSERT INTO policy VALUES ('p2', '" N "', 'web', -3, '[]', 23);"
	"INSERT INTO relay VALUES ('" R "', NULL, '" D3 "', 'fra', randomblob(32),"
	" '[\"203.0.113.1:443\",\"[2001:db8::1]:443\"]', 1686110977, 1, 24);"
	"INSERT INTO relay VALUES ('r2', '" T "', NULL, 'own', NULL, '[]', 1686110978, 0, 25);"
	"INSERT INTO relay_network VALUES ('" R "', '" N "');"
	"INSERT INTO audit VALUES (1, 26, NULL, 'system', 'tenant.create', 'x', '{}');"
	"INSERT INTO audit VALUES (9000000000, 27, '" T "', 'user:olga', 'peer.add', 'y',"
	" '{\"name\":\"Größe\"}');";

/* --- the file, past the program ----------------------------------------------------------------
 */

static sqlite3 *open_raw(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
}

static void make_first_version(const char *path)
{
	sqlite3 *db = open_raw(path);

	run(db, "PRAGMA foreign_keys = ON");
	run(db, ctl_schema[0]);
	run(db, "PRAGMA application_id = 0x74706374"); /* "tpct" */
	run(db, "PRAGMA user_version = 1");
	run(db, rows);
	sqlite3_close(db);
}

/* "SELECT quote(a) || … FROM table ORDER BY …" for the columns that a table had at first. */
static int add_query(void *arg, int n, char **values, char **names)
{
	char ***queries = arg;

	(void)n;
	(void)names;
	*(*queries)++ = strdup(values[0]);
	return 0;
}

static size_t make_queries(const char *path, char *queries[32])
{
	sqlite3 *db = open_raw(path);
	char **at = queries;

	assert_int_equal(
		sqlite3_exec(
			db,
			"SELECT 'SELECT ' || (SELECT group_concat('quote(' || name || ')',"
			" '||'',''||') FROM pragma_table_info(t.name)) || ' FROM ' || t.name ||"
			" ' ORDER BY 1' FROM sqlite_schema t WHERE type = 'table' ORDER BY name",
			add_query, &at, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	return (size_t)(at - queries);
}

static int add_line(void *arg, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	fprintf(arg, "%s\n", values[0]);
	return 0;
}

/* Every value of every row; the caller's. */
static char *dump(const char *path, char *queries[], size_t n)
{
	sqlite3 *db = open_raw(path);
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", queries[i]);
		assert_int_equal(sqlite3_exec(db, queries[i], add_line, out, NULL), SQLITE_OK);
	}
	fclose(out);
	sqlite3_close(db);
	return text;
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* --- tests --------------------------------------------------------------------------------------
 */

static void every_value_is_kept(void **state)
{
	char *path = store_file_new(), *queries[32], *before, *after;
	struct ctl_store *s;
	size_t n;

	(void)state;
	make_first_version(path);
	n = make_queries(path, queries);
	assert_int_equal(n, 15);
	before = dump(path, queries, n);
	assert_int_equal(lines_of(before) - n, 26); /* each table has some */
	assert_int_equal(ctl_store_open(&s, path), 0);
	assert_int_equal(ctl_store_epoch(s), 9007199254740991);
	assert_int_equal(ctl_store_revision(s), 77);
	assert_int_equal(ctl_db_check(ctl_store_db(s)), 0);
	ctl_store_close(s);
	after = dump(path, queries, n);
	assert_string_equal(after, before);
	free(before);
	free(after);
	for (size_t i = 0; i < n; i++)
		free(queries[i]);
	store_file_free(path);
}

static void the_program_works_on(void **state)
{
	char *path = store_file_new();
	struct ctl_network network;
	struct ctl_peer gw, phone;
	struct ctl_error err;
	struct ctl_store *s;
	struct ctl_user u;

	(void)state;
	make_first_version(path);
	assert_int_equal(ctl_store_open(&s, path), 0);
	assert_int_equal(ctl_user_get(s, T, U, &u, &err), 0);
	assert_true(u.disabled && u.role == CTL_OPERATOR);
	assert_int_equal(ctl_network_get(s, T, N, &network, &err), 0);
	assert_string_equal(network.group, G);
	assert_int_equal(ctl_peer_get(s, T, N, D1, &gw, &err), 0);
	assert_true(gw.endpoint_declared && gw.is_egress && gw.listen_port == 4500);
	assert_int_equal(ctl_peer_get(s, T, N, D2, &phone, &err), 0);
	assert_string_equal(phone.relay, R);
	assert_int_equal(ctl_begin(s, "test", &err), 0);
	assert_int_equal(ctl_peer_remove(s, T, N, D2, &err), 0);
	assert_int_equal(ctl_commit(s, &err), 0);
	assert_int_equal(ctl_store_revision(s), 78);
	assert_int_equal(ctl_db_run(ctl_store_db(s), "DELETE FROM audit", ""), -EPERM);
	ctl_store_close(s);
	store_file_free(path);
}

/* Each version that there ever was, not the first alone. */
static void from_every_version(void **state)
{
	(void)state;
	for (size_t version = 1; version <= ctl_schema_n; version++) {
		char *path = store_file_new(), mark[48];
		struct ctl_store *s;
		sqlite3 *db;

		make_first_version(path);
		db = open_raw(path);
		for (size_t i = 1; i < version; i++)
			run(db, ctl_schema[i]);
		snprintf(mark, sizeof(mark), "PRAGMA user_version = %zu", version);
		run(db, mark);
		sqlite3_close(db);
		assert_int_equal(ctl_store_open(&s, path), 0);
		assert_int_equal(ctl_db_check(ctl_store_db(s)), 0);
		assert_int_equal(ctl_store_revision(s), 77);
		ctl_store_close(s);
		store_file_free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_is_kept),
		cmocka_unit_test(the_program_works_on),
		cmocka_unit_test(from_every_version),
	};

	return tp_crypto_init() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
