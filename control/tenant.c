// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/tenant.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/address.h"

#define COLUMNS                                                                         \
	"id, name, created, mesh_enabled, ip_range, default_listen_port, default_dns, " \
	"default_keepalive, nat_traversal_enabled, stun_servers"

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_tenant *t)
{
	ctl_db_copy(q, 0, t->id, sizeof(t->id));
	ctl_db_copy(q, 1, t->name, sizeof(t->name));
	t->created = ctl_db_int(q, 2);
	t->mesh_enabled = ctl_db_int(q, 3);
	ctl_db_copy(q, 4, t->ip_range, sizeof(t->ip_range));
	t->default_listen_port = (uint16_t)ctl_db_int(q, 5);
	ctl_db_copy(q, 6, t->default_dns, sizeof(t->default_dns));
	t->default_keepalive = (uint16_t)ctl_db_int(q, 7);
	t->nat_traversal_enabled = ctl_db_int(q, 8);
	ctl_db_copy(q, 9, t->stun_servers, sizeof(t->stun_servers));
}

int ctl_tenant_get(struct ctl_store *s, const char *id, struct ctl_tenant *out,
		   struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT " COLUMNS " FROM tenant WHERE id = ?", "t", id);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "tenant")
		   : ctl_fail(err, CTL_NOT_FOUND, "no tenant %.40s", id ? id : "");
}

int ctl_tenant_list(struct ctl_store *s, const char *after, unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_tenant *tenant), void *arg,
		    struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT " COLUMNS " FROM tenant WHERE id > ? ORDER BY id LIMIT ?",
			     "ti", after, (int64_t)limit);
	struct ctl_tenant tenant;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &tenant);
		if (!fn(arg, &tenant))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "tenant");
}

/* --- making --- */

int ctl_tenant_create(struct ctl_store *s, const char *name, struct ctl_tenant *out,
		      struct ctl_error *err)
{
	char id[CTL_ID_LEN], what[CTL_NAME_LEN + 16];
	int rc;

	if (ctl_name_check(name, "name", err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(ctl_store_db(s), "INSERT INTO tenant (id, name, created) VALUES (?, ?, ?)",
			"tti", id, name, ctl_now(s));
	snprintf(what, sizeof(what), "tenant \"%s\"", name);
	if (rc < 0)
		return ctl_fail_db(err, rc, what);
	if (ctl_tenant_get(s, id, out, err))
		return -1;
	return ctl_audit(s, id, "tenant.create", id, json_pack("{s:s}", "name", name), err);
}

/* "host:port"; a host is a name or an IPv4 address, [IPv6] in brackets. */
static bool is_server(const char *text)
{
	const char *colon = text ? strrchr(text, ':') : NULL;
	char *end;
	unsigned long port;

	if (!colon || colon == text || strlen(text) > 255 || strpbrk(text, " \t\"\\/"))
		return false;
	port = strtoul(colon + 1, &end, 10);
	return end != colon + 1 && !*end && port >= 1 && port <= 65535;
}

int ctl_servers_check(const char *servers, struct ctl_error *err)
{
	json_t *list = json_loads(servers, 0, NULL);
	int rc = 0;

	if (!json_is_array(list) || json_array_size(list) > CTL_SERVERS_MAX)
		rc = ctl_fail(err, CTL_INVALID_ARGUMENT, "stun_servers: a list of at most %d",
			      CTL_SERVERS_MAX);
	for (size_t i = 0; !rc && i < json_array_size(list); i++)
		if (!is_server(json_string_value(json_array_get(list, i))))
			rc = ctl_fail(err, CTL_INVALID_ARGUMENT,
				      "stun_servers: each must be host:port");
	json_decref(list);
	return rc;
}

int ctl_dns_check(const char *dns, const char *what, struct ctl_error *err)
{
	struct in_addr address;

	return !dns[0] || inet_pton(AF_INET, dns, &address) == 1
		       ? 0
		       : ctl_fail(err, CTL_INVALID_ARGUMENT, "%s: no IPv4 address", what);
}

static int check(struct ctl_tenant *t, struct ctl_error *err)
{
	uint32_t first;
	unsigned int bits;

	if (ctl_hosts_parse(t->ip_range, "ip_range", &first, &bits, err))
		return -1;
	if (bits < 8 || bits > 23)
		return ctl_fail(err, CTL_INVALID_ARGUMENT,
				"ip_range: a /8 to /23, of which networks get /24s");
	return ctl_dns_check(t->default_dns, "default_dns", err) ||
			       ctl_servers_check(t->stun_servers, err)
		       ? -1
		       : 0;
}

int ctl_tenant_update(struct ctl_store *s, const struct ctl_tenant *tenant, struct ctl_error *err)
{
	struct ctl_tenant t = *tenant;
	int rc;

	if (check(&t, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE tenant SET mesh_enabled = ?, ip_range = ?, default_listen_port = ?,"
			" default_dns = ?, default_keepalive = ?, nat_traversal_enabled = ?,"
			" stun_servers = ? WHERE id = ?",
			"ititiitt", (int64_t)t.mesh_enabled, t.ip_range,
			(int64_t)t.default_listen_port, t.default_dns[0] ? t.default_dns : NULL,
			(int64_t)t.default_keepalive, (int64_t)t.nat_traversal_enabled,
			t.stun_servers, t.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "a setting");
	if (!rc)
		return ctl_fail(err, CTL_NOT_FOUND, "no tenant %.40s", t.id);
	return ctl_audit(s, t.id, "tenant.update", t.id, NULL, err);
}

/* --- deleting --- */

static int tell(struct ctl_store *s, enum ctl_change_kind kind, struct sqlite3_stmt *q)
{
	int got;

	while ((got = ctl_db_step(ctl_store_db(s), q)) == 1)
		ctl_changed(s, kind, ctl_db_text(q, 0),
			    kind == CTL_CHANGE_NETWORK ? ctl_db_text(q, 0) : NULL);
	return got;
}

/* Platform relays have served the networks, and the devices are connected. */
static int tell_all(struct ctl_store *s, const char *id)
{
	struct ctl_db *db = ctl_store_db(s);

	return tell(s, CTL_CHANGE_NETWORK,
		    ctl_db_query(db, "SELECT id FROM network WHERE tenant = ?", "t", id))
		       ?: tell(s, CTL_CHANGE_DEVICE,
			       ctl_db_query(db, "SELECT id FROM device WHERE tenant = ?", "t", id));
}

int ctl_tenant_delete(struct ctl_store *s, const char *id, struct ctl_error *err)
{
	struct ctl_tenant t;
	int rc;

	if (ctl_tenant_get(s, id, &t, err))
		return -1;
	rc = tell_all(s, id);
	if (rc >= 0)
		rc = ctl_db_run(ctl_store_db(s), "DELETE FROM tenant WHERE id = ?", "t", id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "tenant");
	return ctl_audit(s, id, "tenant.delete", id, json_pack("{s:s}", "name", t.name), err);
}
