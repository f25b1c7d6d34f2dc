// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/user.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS "id, tenant, name, password, role, disabled, created"

static const char *const roles[] = {
	[CTL_NOBODY] = "nobody",	   [CTL_VIEWER] = "viewer",
	[CTL_OPERATOR] = "operator",	   [CTL_TENANT_ADMIN] = "tenant_admin",
	[CTL_SUPER_ADMIN] = "super_admin",
};

const char *ctl_role_name(enum ctl_role role)
{
	return roles[role];
}

enum ctl_role ctl_role_parse(const char *name)
{
	for (enum ctl_role r = CTL_VIEWER; name && r <= CTL_SUPER_ADMIN; r++)
		if (!strcmp(roles[r], name))
			return r;
	return CTL_NOBODY;
}

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_user *u)
{
	ctl_db_copy(q, 0, u->id, sizeof(u->id));
	ctl_db_copy(q, 1, u->tenant, sizeof(u->tenant));
	ctl_db_copy(q, 2, u->name, sizeof(u->name));
	ctl_db_copy(q, 3, u->password, sizeof(u->password));
	u->role = (enum ctl_role)ctl_db_int(q, 4);
	u->disabled = ctl_db_int(q, 5);
	u->created = ctl_db_int(q, 6);
}

static int read_one(struct ctl_store *s, struct sqlite3_stmt *q, struct ctl_user *out,
		    const char *which, struct ctl_error *err)
{
	int got = ctl_db_step(ctl_store_db(s), q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "user")
		   : ctl_fail(err, CTL_NOT_FOUND, "no user %.63s", which ? which : "");
}

int ctl_user_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_user *out,
		 struct ctl_error *err)
{
	return read_one(s,
			ctl_db_query(ctl_store_db(s),
				     "SELECT " COLUMNS " FROM user WHERE id = ?1"
				     " AND (?2 IS NULL OR tenant = ?2)",
				     "tt", id, tenant),
			out, id, err);
}

int ctl_user_by_name(struct ctl_store *s, const char *name, struct ctl_user *out,
		     struct ctl_error *err)
{
	return read_one(s,
			ctl_db_query(ctl_store_db(s), "SELECT " COLUMNS " FROM user WHERE name = ?",
				     "t", name),
			out, name, err);
}

int ctl_user_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		  bool (*fn)(void *arg, const struct ctl_user *user), void *arg,
		  struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM user WHERE tenant IS ?"
					      " AND id > ? ORDER BY id LIMIT ?",
					      "tti", tenant, after, (int64_t)limit);
	struct ctl_user user;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &user);
		if (!fn(arg, &user))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "user");
}

/* --- changing --- */

int ctl_user_create(struct ctl_store *s, const struct ctl_user_new *in, struct ctl_user *out,
		    struct ctl_error *err)
{
	char id[CTL_ID_LEN], what[CTL_NAME_LEN + 16];
	int rc;

	if (ctl_name_check(in->name, "username", err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(ctl_store_db(s),
			"INSERT INTO user (id, tenant, name, password, role, created)"
			" VALUES (?, ?, ?, ?, ?, ?)",
			"ttttii", id, in->tenant, in->name, in->password, (int64_t)in->role,
			ctl_now(s));
	snprintf(what, sizeof(what), "user \"%s\"", in->name);
	if (rc < 0)
		return ctl_fail_db(err, rc, what);
	if (ctl_user_get(s, in->tenant, id, out, err))
		return -1;
	return ctl_audit(s, in->tenant, "user.create", id,
			 json_pack("{s:s,s:s}", "name", in->name, "role", ctl_role_name(in->role)),
			 err);
}

static int others_left(struct ctl_store *s, const struct ctl_user *u, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT 1 FROM user WHERE role = ? AND NOT disabled AND id <> ?",
			     "it", (int64_t)CTL_SUPER_ADMIN, u->id);
	int got;

	if (u->role != CTL_SUPER_ADMIN || u->disabled)
		return 0;
	got = ctl_db_step(db, q);
	ctl_db_done(q);
	return got == 1	 ? 0
	       : got < 0 ? ctl_fail_db(err, got, "user")
			 : ctl_fail(err, CTL_FAILED_PRECONDITION, "\"%s\" is the last super_admin",
				    u->name);
}

int ctl_user_update(struct ctl_store *s, const char *tenant, const char *id, enum ctl_role role,
		    bool disabled, struct ctl_error *err)
{
	struct ctl_user u;
	int rc;

	if (ctl_user_get(s, tenant, id, &u, err) ||
	    ((role != CTL_SUPER_ADMIN || disabled) && others_left(s, &u, err)))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "UPDATE user SET role = ?, disabled = ? WHERE id = ?",
			"iit", (int64_t)role, (int64_t)disabled, u.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "the user's role");
	return ctl_audit(s, u.tenant[0] ? u.tenant : NULL, "user.update", u.id,
			 json_pack("{s:s,s:s,s:b}", "name", u.name, "role", ctl_role_name(role),
				   "disabled", disabled),
			 err);
}

int ctl_user_set_password(struct ctl_store *s, const char *tenant, const char *id,
			  const char *password, struct ctl_error *err)
{
	struct ctl_user u;
	int rc;

	if (ctl_user_get(s, tenant, id, &u, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "UPDATE user SET password = ? WHERE id = ?", "tt",
			password, u.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "user");
	return ctl_audit(s, u.tenant[0] ? u.tenant : NULL, "user.password", u.id,
			 json_pack("{s:s}", "name", u.name), err);
}

int ctl_user_delete(struct ctl_store *s, const char *tenant, const char *id, struct ctl_error *err)
{
	struct ctl_user u;
	int rc;

	if (ctl_user_get(s, tenant, id, &u, err) || others_left(s, &u, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "DELETE FROM user WHERE id = ?", "t", u.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "user");
	return ctl_audit(s, u.tenant[0] ? u.tenant : NULL, "user.delete", u.id,
			 json_pack("{s:s}", "name", u.name), err);
}
