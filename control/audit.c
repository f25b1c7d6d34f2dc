// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/audit.h"

#include <jansson.h>

int ctl_audit_list(struct ctl_store *s, const char *tenant, int64_t before, int64_t since,
		   unsigned int limit, bool (*fn)(void *arg, const struct ctl_audit_record *record),
		   void *arg, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT id, time, tenant, actor, action, object, details FROM audit"
			     " WHERE (?1 IS NULL OR tenant = ?1) AND id < ?2 AND time >= ?3"
			     " ORDER BY id DESC LIMIT ?4",
			     "tiii", tenant, before, since, (int64_t)limit);
	bool more = true;
	int got;

	while (more && (got = ctl_db_step(db, q)) == 1) {
		struct ctl_audit_record r = {.id = ctl_db_int(q, 0), .time = ctl_db_int(q, 1)};

		ctl_db_copy(q, 2, r.tenant, sizeof(r.tenant));
		ctl_db_copy(q, 3, r.actor, sizeof(r.actor));
		ctl_db_copy(q, 4, r.action, sizeof(r.action));
		ctl_db_copy(q, 5, r.object, sizeof(r.object));
		r.details = json_loads(ctl_db_text(q, 6), 0, NULL);
		more = fn(arg, &r);
		json_decref(r.details);
	}
	ctl_db_done(q);
	return ctl_fail_db(err, more ? got : 0, "audit log");
}
