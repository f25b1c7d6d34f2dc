// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/network.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/address.h"

#define SLICE_BITS 24
#define INITIAL_RULES \
	"[{\"name\":\"all\",\"from\":[\"any\"],\"to\":[\"any\"],\"protocol\":\"all\"}]"
#define LISTEN_PORT_MAX 65535

#define COLUMNS                                                                              \
	"id, tenant, name, subnet, first, bits, listen_port, keepalive, dns, stun_servers, " \
	"device_group, created"

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_network *n)
{
	ctl_db_copy(q, 0, n->id, sizeof(n->id));
	ctl_db_copy(q, 1, n->tenant, sizeof(n->tenant));
	ctl_db_copy(q, 2, n->name, sizeof(n->name));
	ctl_db_copy(q, 3, n->subnet, sizeof(n->subnet));
	n->first = (uint32_t)ctl_db_int(q, 4);
	n->bits = (unsigned int)ctl_db_int(q, 5);
	n->listen_port = (uint16_t)ctl_db_int(q, 6);
	n->keepalive = (uint16_t)ctl_db_int(q, 7);
	ctl_db_copy(q, 8, n->dns, sizeof(n->dns));
	ctl_db_copy(q, 9, n->stun_servers, sizeof(n->stun_servers));
	ctl_db_copy(q, 10, n->group, sizeof(n->group));
	n->created = ctl_db_int(q, 11);
}

int ctl_network_get(struct ctl_store *s, const char *tenant, const char *id,
		    struct ctl_network *out, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT " COLUMNS " FROM network WHERE id = ?1 AND tenant = ifnull(?2, tenant)",
		"tt", id, tenant);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "network")
		   : ctl_fail(err, CTL_NOT_FOUND, "no network %.40s", id ? id : "");
}

int ctl_network_list(struct ctl_store *s, const char *tenant, const char *after, unsigned int limit,
		     bool (*fn)(void *arg, const struct ctl_network *network), void *arg,
		     struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM network"
					      " WHERE tenant = ifnull(?1, tenant) AND id > ?2"
					      " ORDER BY id LIMIT ?3",
					      "tti", tenant, after, (int64_t)limit);
	struct ctl_network network;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &network);
		if (!fn(arg, &network))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "network");
}

/* --- making --- */

struct defaults {
	char range[CTL_CIDR_LEN], dns[CTL_IP_LEN], servers[CTL_SERVERS_LEN];
	int64_t listen_port, keepalive;
};

static int read_defaults(struct ctl_store *s, const char *tenant, struct defaults *d,
			 struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT ip_range, ifnull(default_dns, ''), default_listen_port, default_keepalive,"
		" iif(nat_traversal_enabled, stun_servers, '[]') FROM tenant WHERE id = ?",
		"t", tenant);
	int got = ctl_db_step(db, q);

	if (got != 1)
		return got ? ctl_fail_db(err, got, "tenant")
			   : ctl_fail(err, CTL_NOT_FOUND, "no tenant %.40s", tenant ? tenant : "");
	ctl_db_copy(q, 0, d->range, sizeof(d->range));
	ctl_db_copy(q, 1, d->dns, sizeof(d->dns));
	d->listen_port = ctl_db_int(q, 2);
	d->keepalive = ctl_db_int(q, 3);
	ctl_db_copy(q, 4, d->servers, sizeof(d->servers));
	ctl_db_done(q);
	return 0;
}

/* The name of a network of the tenant that has addresses of [first, last]; "" when none has. */
static int overlapping(struct ctl_store *s, const char *tenant, uint32_t first, uint32_t last,
		       char name[CTL_NAME_LEN], uint32_t *its_last)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT name, first + (1 << (32 - bits)) - 1 FROM network WHERE tenant = ?1"
		" AND first <= ?3 AND first + (1 << (32 - bits)) - 1 >= ?2 LIMIT 1",
		"tii", tenant, (int64_t)first, (int64_t)last);
	int got = ctl_db_step(db, q);

	name[0] = '\0';
	if (got != 1)
		return got;
	ctl_db_copy(q, 0, name, CTL_NAME_LEN);
	*its_last = (uint32_t)ctl_db_int(q, 1);
	ctl_db_done(q);
	return 0;
}

/* A /24 of the tenant's range that no network of it touches. */
static int carve(struct ctl_store *s, const char *tenant, const char *range,
		 struct ctl_network *out, struct ctl_error *err)
{
	uint32_t first, last, at, its_last = 0;
	char name[CTL_NAME_LEN];
	unsigned int bits;
	uint64_t next;
	int rc;

	if (ctl_prefix_parse(range, "ip_range", &first, &bits, err))
		return -1;
	last = ctl_prefix_last(first, bits);
	/* The first slice is left out, as 100.64.0.0/24 is in the default range. */
	for (next = (uint64_t)first + 256; next + 255 <= last;
	     next = ((uint64_t)its_last | 255) + 1) {
		at = (uint32_t)next;
		its_last = at;
		if (at == CTL_SERVICE_FIRST)
			continue;
		rc = overlapping(s, tenant, at, at + 255, name, &its_last);
		if (rc)
			return ctl_fail_db(err, rc, "network");
		if (name[0])
			continue;
		out->first = at;
		out->bits = SLICE_BITS;
		return 0;
	}
	return ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "the tenant's range %s has no free /24",
			range);
}

static int choose_subnet(struct ctl_store *s, const struct ctl_network_new *in, const char *range,
			 struct ctl_network *out, struct ctl_error *err)
{
	char name[CTL_NAME_LEN];
	uint32_t its_last;
	int rc;

	if (!in->subnet || !in->subnet[0])
		return carve(s, in->tenant, range, out, err);
	if (ctl_subnet_parse(in->subnet, "subnet_cidr", &out->first, &out->bits, err))
		return -1;
	rc = overlapping(s, in->tenant, out->first, ctl_prefix_last(out->first, out->bits), name,
			 &its_last);
	if (rc)
		return ctl_fail_db(err, rc, "network");
	return name[0] ? ctl_fail(err, CTL_FAILED_PRECONDITION,
				  "subnet_cidr: %s overlaps with network \"%s\"", in->subnet, name)
		       : 0;
}

static int insert(struct ctl_store *s, const struct ctl_network *n, struct ctl_error *err)
{
	char what[CTL_NAME_LEN + 16];
	int rc = ctl_db_run(ctl_store_db(s),
			    "INSERT INTO network (" COLUMNS ", next_ip)"
			    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			    "ttttiiiitttii", n->id, n->tenant, n->name, n->subnet,
			    (int64_t)n->first, (int64_t)n->bits, (int64_t)n->listen_port,
			    (int64_t)n->keepalive, n->dns[0] ? n->dns : NULL, n->stun_servers,
			    n->group[0] ? n->group : NULL, n->created, (int64_t)n->first + 1);

	snprintf(what, sizeof(what), "network \"%s\"", n->name);
	return ctl_fail_db(err, rc, what);
}

static int insert_policy(struct ctl_store *s, const struct ctl_network *n, struct ctl_error *err)
{
	char id[CTL_ID_LEN];

	ctl_id_new(s, id);
	return ctl_fail_db(err,
			   ctl_db_run(ctl_store_db(s),
				      "INSERT INTO policy (id, network, name, position, rules, "
				      "created) VALUES (?, ?, 'initial', 0, ?, ?)",
				      "ttti", id, n->id, INITIAL_RULES, n->created),
			   "policy \"initial\"");
}

static int check_group(struct ctl_store *s, const struct ctl_network_new *in, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q;
	int got;

	if (!in->group || !in->group[0])
		return 0;
	q = ctl_db_query(db, "SELECT 1 FROM device_group WHERE id = ? AND tenant = ?", "tt",
			 in->group, in->tenant);
	got = ctl_db_step(db, q);
	ctl_db_done(q);
	return got == 1	 ? 0
	       : got < 0 ? ctl_fail_db(err, got, "group")
			 : ctl_fail(err, CTL_NOT_FOUND, "no group %.40s", in->group);
}

int ctl_network_create(struct ctl_store *s, const struct ctl_network_new *in,
		       struct ctl_network *out, struct ctl_error *err)
{
	struct defaults d;

	memset(out, 0, sizeof(*out));
	if (ctl_name_check(in->name, "name", err) || read_defaults(s, in->tenant, &d, err) ||
	    check_group(s, in, err) || choose_subnet(s, in, d.range, out, err))
		return -1;
	if (in->listen_port > LISTEN_PORT_MAX)
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "listen_port: 1 to 65535");
	ctl_id_new(s, out->id);
	snprintf(out->tenant, sizeof(out->tenant), "%s", in->tenant);
	snprintf(out->name, sizeof(out->name), "%s", in->name);
	snprintf(out->group, sizeof(out->group), "%s", in->group ? in->group : "");
	snprintf(out->dns, sizeof(out->dns), "%s", d.dns);
	snprintf(out->stun_servers, sizeof(out->stun_servers), "%s", d.servers);
	ctl_prefix_format(out->first, out->bits, out->subnet);
	out->listen_port = (uint16_t)(in->listen_port ? in->listen_port : d.listen_port);
	out->keepalive = (uint16_t)d.keepalive;
	out->created = ctl_now(s);
	if (insert(s, out, err) || insert_policy(s, out, err))
		return -1;
	ctl_changed(s, CTL_CHANGE_NETWORK, out->id, out->id);
	return ctl_audit(s, out->tenant, "network.create", out->id,
			 json_pack("{s:s,s:s}", "name", out->name, "subnet", out->subnet), err);
}

static json_t *settings_json(const struct ctl_network *n)
{
	return json_pack("{s:s,s:i,s:i,s:s,s:o}", "name", n->name, "listen_port", n->listen_port,
			 "keepalive", n->keepalive, "dns", n->dns, "stun_servers",
			 json_loads(n->stun_servers, 0, NULL));
}

int ctl_network_update(struct ctl_store *s, const struct ctl_network *n, struct ctl_error *err)
{
	int rc;

	if (ctl_dns_check(n->dns, "dns", err) || ctl_servers_check(n->stun_servers, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE network SET listen_port = ?, keepalive = ?, dns = ?,"
			" stun_servers = ? WHERE id = ?",
			"iittt", (int64_t)n->listen_port, (int64_t)n->keepalive,
			n->dns[0] ? n->dns : NULL, n->stun_servers, n->id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "a setting");
	ctl_changed(s, CTL_CHANGE_NETWORK, n->id, n->id);
	return ctl_audit(s, n->tenant, "network.update", n->id, settings_json(n), err);
}

int ctl_network_delete(struct ctl_store *s, const char *tenant, const char *id,
		       struct ctl_error *err)
{
	struct ctl_network n;
	int rc;

	if (ctl_network_get(s, tenant, id, &n, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "DELETE FROM network WHERE id = ?", "t", n.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "network");
	ctl_changed(s, CTL_CHANGE_NETWORK, n.id, n.id);
	return ctl_audit(s, n.tenant, "network.delete", n.id, json_pack("{s:s}", "name", n.name),
			 err);
}
