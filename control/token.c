// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/token.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/user.h"

#define PREFIX	"tpa_"
#define COLUMNS "id, tenant, name, role, ifnull(expires, 0), ifnull(revoked, 0), created"

static void read_row(struct sqlite3_stmt *q, struct ctl_token *t)
{
	ctl_db_copy(q, 0, t->id, sizeof(t->id));
	ctl_db_copy(q, 1, t->tenant, sizeof(t->tenant));
	ctl_db_copy(q, 2, t->name, sizeof(t->name));
	t->role = (enum ctl_role)ctl_db_int(q, 3);
	t->expires = ctl_db_int(q, 4);
	t->revoked = ctl_db_int(q, 5);
	t->created = ctl_db_int(q, 6);
}

int ctl_token_create(struct ctl_store *s, const struct ctl_token_new *in, struct ctl_token *out,
		     char secret[CTL_SECRET_LEN], struct ctl_error *err)
{
	uint8_t hash[32];
	int rc;

	secret[0] = '\0';
	if (ctl_name_check(in->name, "name", err))
		return -1;
	if (in->expires && in->expires <= ctl_now(s))
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "expires: lies in the past");
	if ((in->role == CTL_SUPER_ADMIN) != !in->tenant)
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "role: only super_admin has no tenant");
	*out = (struct ctl_token){.role = in->role, .expires = in->expires, .created = ctl_now(s)};
	ctl_id_new(s, out->id);
	snprintf(out->tenant, sizeof(out->tenant), "%s", in->tenant ? in->tenant : "");
	snprintf(out->name, sizeof(out->name), "%s", in->name);
	ctl_secret_new(PREFIX, secret);
	ctl_secret_hash(secret, hash);
	rc = ctl_db_run(ctl_store_db(s),
			"INSERT INTO api_key (id, tenant, name, hash, role, expires, created)"
			" VALUES (?, ?, ?, ?, ?, ?, ?)",
			"tttkiIi", out->id, in->tenant, in->name, hash, (int64_t)in->role,
			in->expires ? &in->expires : NULL, out->created);
	if (rc < 0)
		return ctl_fail_db(err, rc, "API key");
	return ctl_audit(s, in->tenant, "api_key.create", out->id,
			 json_pack("{s:s,s:s}", "name", in->name, "role", ctl_role_name(in->role)),
			 err);
}

int ctl_token_check(struct ctl_store *s, const char *secret, struct ctl_token *out,
		    struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q;
	uint8_t hash[32];
	int got;

	ctl_secret_hash(secret ? secret : "", hash);
	q = ctl_db_query(db, "SELECT " COLUMNS " FROM api_key WHERE hash = ?", "k", hash);
	got = ctl_db_step(db, q);
	if (got != 1)
		return got ? ctl_fail_db(err, got, "API key")
			   : ctl_fail(err, CTL_UNAUTHENTICATED, "the API key is not known");
	read_row(q, out);
	ctl_db_done(q);
	if (out->revoked)
		return ctl_fail(err, CTL_UNAUTHENTICATED, "the API key was revoked");
	if (out->expires && out->expires <= ctl_now(s))
		return ctl_fail(err, CTL_UNAUTHENTICATED, "the API key has expired");
	return 0;
}

int ctl_token_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		   bool (*fn)(void *arg, const struct ctl_token *token), void *arg,
		   struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM api_key WHERE tenant IS ?"
					      " AND id > ? ORDER BY id LIMIT ?",
					      "tti", tenant, after, (int64_t)limit);
	struct ctl_token token;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &token);
		if (!fn(arg, &token))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "API key");
}

int ctl_token_revoke(struct ctl_store *s, const char *tenant, const char *id, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "UPDATE api_key SET revoked = ifnull(revoked, ?1) WHERE id = ?2"
			     " AND (?3 IS NULL OR tenant = ?3) RETURNING ifnull(tenant, '')",
			     "itt", ctl_now(s), id, tenant);
	char owner[CTL_ID_LEN] = "";
	int got = ctl_db_step(db, q);

	if (got == 1)
		ctl_db_copy(q, 0, owner, sizeof(owner));
	ctl_db_done(q);
	if (got != 1)
		return got ? ctl_fail_db(err, got, "API key")
			   : ctl_fail(err, CTL_NOT_FOUND, "no API key %.40s", id);
	return ctl_audit(s, owner[0] ? owner : NULL, "api_key.revoke", id, NULL, err);
}
