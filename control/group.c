// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/group.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/classes.h"
#include "control/peer.h"

#define COLUMNS                                                \
	"id, tenant, name, (SELECT count(*) FROM group_member" \
	" WHERE device_group = device_group.id), created"

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_group *g)
{
	ctl_db_copy(q, 0, g->id, sizeof(g->id));
	ctl_db_copy(q, 1, g->tenant, sizeof(g->tenant));
	ctl_db_copy(q, 2, g->name, sizeof(g->name));
	g->members = ctl_db_int(q, 3);
	g->created = ctl_db_int(q, 4);
}

int ctl_group_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_group *out,
		  struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM device_group WHERE id = ?1"
					      " AND (?2 IS NULL OR tenant = ?2)",
					      "tt", id, tenant);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "group")
		   : ctl_fail(err, CTL_NOT_FOUND, "no group %.40s", id ? id : "");
}

int ctl_group_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		   bool (*fn)(void *arg, const struct ctl_group *group), void *arg,
		   struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM device_group"
					      " WHERE (?1 IS NULL OR tenant = ?1) AND id > ?2"
					      " ORDER BY id LIMIT ?3",
					      "tti", tenant, after, (int64_t)limit);
	struct ctl_group group;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &group);
		if (!fn(arg, &group))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "group");
}

/* --- what rules may have meant --- */

/* Every network where a member (or the one device) is a peer is told. */
static int tell_networks(struct ctl_store *s, const char *group, const char *device,
			 struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT DISTINCT network FROM peer WHERE device = ?2 OR device IN"
			     " (SELECT device FROM group_member WHERE device_group = ?1)",
			     "tt", group, device);
	char network[CTL_ID_LEN];
	int got, rc = 0;

	while (!rc && (got = ctl_db_step(db, q)) == 1) {
		ctl_db_copy(q, 0, network, sizeof(network));
		ctl_changed(s, CTL_CHANGE_NETWORK, network, network);
		rc = ctl_classes_check(s, network, err);
	}
	ctl_db_done(q);
	return rc ?: ctl_fail_db(err, got, "network");
}

/* --- changing --- */

int ctl_group_create(struct ctl_store *s, const char *tenant, const char *name,
		     struct ctl_group *out, struct ctl_error *err)
{
	char id[CTL_ID_LEN], what[CTL_NAME_LEN + 16];
	int rc;

	if (ctl_name_check(name, "name", err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(ctl_store_db(s),
			"INSERT INTO device_group (id, tenant, name, created) VALUES (?, ?, ?, ?)",
			"ttti", id, tenant, name, ctl_now(s));
	snprintf(what, sizeof(what), "group \"%s\"", name);
	if (rc < 0)
		return ctl_fail_db(err, rc, what);
	if (ctl_group_get(s, tenant, id, out, err))
		return -1;
	return ctl_audit(s, tenant, "group.create", id, json_pack("{s:s}", "name", name), err);
}

int ctl_group_rename(struct ctl_store *s, const char *tenant, const char *id, const char *name,
		     struct ctl_error *err)
{
	struct ctl_group g;
	int rc;

	if (ctl_name_check(name, "name", err) || ctl_group_get(s, tenant, id, &g, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "UPDATE device_group SET name = ? WHERE id = ?", "tt",
			name, g.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "a group of this name");
	if (tell_networks(s, g.id, NULL, err))
		return -1;
	return ctl_audit(s, g.tenant, "group.rename", g.id,
			 json_pack("{s:s,s:s}", "from", g.name, "to", name), err);
}

int ctl_group_delete(struct ctl_store *s, const char *tenant, const char *id, struct ctl_error *err)
{
	struct ctl_group g;
	int rc;

	if (ctl_group_get(s, tenant, id, &g, err) || tell_networks(s, g.id, NULL, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "DELETE FROM device_group WHERE id = ?", "t", g.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "group");
	return ctl_audit(s, g.tenant, "group.delete", g.id, json_pack("{s:s}", "name", g.name),
			 err);
}

static int change_member(struct ctl_store *s, const char *tenant, const char *id,
			 const char *device, const char *action, struct ctl_error *err)
{
	bool adds = !strcmp(action, "group.add");
	struct ctl_device d;
	struct ctl_group g;
	int rc;

	if (ctl_group_get(s, tenant, id, &g, err) || ctl_device_get(s, g.tenant, device, &d, err))
		return -1;
	if (adds)
		rc = ctl_db_run(ctl_store_db(s), "INSERT OR IGNORE INTO group_member VALUES (?, ?)",
				"tt", g.id, d.id);
	else
		rc = ctl_db_run(ctl_store_db(s),
				"DELETE FROM group_member WHERE device_group = ? AND device = ?",
				"tt", g.id, d.id);
	if (!rc)
		return 0;
	if (rc < 0)
		return ctl_fail_db(err, rc, "group");
	if (tell_networks(s, NULL, d.id, err))
		return -1;
	return ctl_audit(s, g.tenant, action, g.id, json_pack("{s:s}", "device", d.name), err);
}

int ctl_group_add(struct ctl_store *s, const char *tenant, const char *id, const char *device,
		  struct ctl_error *err)
{
	return change_member(s, tenant, id, device, "group.add", err);
}

int ctl_group_remove(struct ctl_store *s, const char *tenant, const char *id, const char *device,
		     struct ctl_error *err)
{
	return change_member(s, tenant, id, device, "group.remove", err);
}

/* --- members --- */

/* Their ids first: what is done with each may ask the database again. */
static int member_ids(struct ctl_store *s, const char *id, const char *after, unsigned int limit,
		      char (*ids)[CTL_ID_LEN], unsigned int *n)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT device FROM group_member WHERE device_group = ?"
			     " AND device > ? ORDER BY device LIMIT ?",
			     "tti", id, after, (int64_t)limit);
	int got;

	*n = 0;
	while ((got = ctl_db_step(db, q)) == 1)
		ctl_db_copy(q, 0, ids[(*n)++], CTL_ID_LEN);
	return got;
}

int ctl_group_members(struct ctl_store *s, const char *tenant, const char *id, const char *after,
		      unsigned int limit, bool (*fn)(void *arg, const struct ctl_device *device),
		      void *arg, struct ctl_error *err)
{
	struct ctl_device d;
	struct ctl_group g;
	char(*ids)[CTL_ID_LEN];
	unsigned int n;
	int rc;

	if (ctl_group_get(s, tenant, id, &g, err))
		return -1;
	limit = limit < CTL_ENROLL_MAX + 1 ? limit : CTL_ENROLL_MAX + 1;
	ids = calloc(limit + 1, sizeof(*ids));
	if (!ids)
		return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	rc = ctl_fail_db(err, member_ids(s, g.id, after, limit, ids, &n), "group");
	for (unsigned int i = 0; !rc && i < n; i++) {
		rc = ctl_device_get(s, g.tenant, ids[i], &d, err);
		if (rc || !fn(arg, &d))
			break;
	}
	free(ids);
	return rc;
}

struct enrolment {
	struct ctl_store *s;
	const struct ctl_network *network;
	unsigned int n;
	struct ctl_error *err;
	bool failed;
};

static bool enroll_one(void *arg, const struct ctl_device *d)
{
	struct enrolment *e = arg;
	struct ctl_peer peer;

	if (e->n == CTL_ENROLL_MAX) {
		ctl_fail(e->err, CTL_FAILED_PRECONDITION,
			 "the group has more than %d devices; add them one by one", CTL_ENROLL_MAX);
		e->failed = true;
	} else {
		e->n++;
		e->failed = ctl_peer_add(e->s, NULL, e->network->id, d->id, NULL, &peer, e->err);
	}
	return !e->failed;
}

int ctl_group_enroll(struct ctl_store *s, const struct ctl_network_new *in, struct ctl_network *out,
		     unsigned int *n, struct ctl_error *err)
{
	struct enrolment e = {.s = s, .network = out, .err = err};

	*n = 0;
	if (ctl_network_create(s, in, out, err) ||
	    ctl_group_members(s, in->tenant, in->group, "", CTL_ENROLL_MAX + 1, enroll_one, &e,
			      err))
		return -1;
	*n = e.n;
	return e.failed ? -1 : 0;
}
