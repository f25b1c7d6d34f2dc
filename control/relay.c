// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/relay.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "control/address.h"
#include "control/device.h"
#include "control/network.h"

#define COLUMNS "id, tenant, device, name, public_key, endpoints, service_ip, draining, created"

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_relay *r)
{
	const uint8_t *key = ctl_db_key(q, 4);

	memset(r, 0, sizeof(*r));
	ctl_db_copy(q, 0, r->id, sizeof(r->id));
	ctl_db_copy(q, 1, r->tenant, sizeof(r->tenant));
	ctl_db_copy(q, 2, r->device, sizeof(r->device));
	ctl_db_copy(q, 3, r->name, sizeof(r->name));
	r->has_key = key;
	if (key)
		memcpy(r->public_key, key, sizeof(r->public_key));
	ctl_db_copy(q, 5, r->endpoints, sizeof(r->endpoints));
	r->service_ip = (uint32_t)ctl_db_int(q, 6);
	r->draining = ctl_db_int(q, 7);
	r->created = ctl_db_int(q, 8);
}

static int read_all(struct ctl_store *s, struct sqlite3_stmt *q,
		    bool (*fn)(void *arg, const struct ctl_relay *relay), void *arg,
		    struct ctl_error *err)
{
	struct ctl_relay relay;
	int got;

	while ((got = ctl_db_step(ctl_store_db(s), q)) == 1) {
		read_row(q, &relay);
		if (!fn(arg, &relay))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "relay");
}

int ctl_relay_get(struct ctl_store *s, const char *tenant, const char *id, struct ctl_relay *out,
		  struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM relay WHERE id = ?1"
					      " AND (?2 IS NULL OR tenant = ?2)",
					      "tt", id, tenant);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "relay")
		   : ctl_fail(err, CTL_NOT_FOUND, "no relay %.40s", id ? id : "");
}

int ctl_relay_list(struct ctl_store *s, const char *tenant, bool platform, const char *after,
		   unsigned int limit, bool (*fn)(void *arg, const struct ctl_relay *relay),
		   void *arg, struct ctl_error *err)
{
	return read_all(s,
			ctl_db_query(ctl_store_db(s),
				     "SELECT " COLUMNS " FROM relay WHERE"
				     " iif(?1, tenant IS NULL, ?2 IS NULL OR tenant = ?2)"
				     " AND id > ?3 ORDER BY id LIMIT ?4",
				     "itti", (int64_t)platform, tenant, after, (int64_t)limit),
			fn, arg, err);
}

int ctl_relay_of_network(struct ctl_store *s, const char *network,
			 bool (*fn)(void *arg, const struct ctl_relay *relay), void *arg,
			 struct ctl_error *err)
{
	return read_all(s,
			ctl_db_query(ctl_store_db(s),
				     "SELECT " COLUMNS " FROM relay WHERE id IN"
				     " (SELECT relay FROM relay_network WHERE network = ?)"
				     " ORDER BY id",
				     "t", network),
			fn, arg, err);
}

/* --- changing --- */

/* Every network that it serves, and the relay itself. */
static int tell(struct ctl_store *s, const char *id)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT network FROM relay_network WHERE relay = ?", "t", id);
	int got;

	ctl_changed(s, CTL_CHANGE_RELAY, id, NULL);
	while ((got = ctl_db_step(db, q)) == 1)
		ctl_changed(s, CTL_CHANGE_NETWORK, ctl_db_text(q, 0), ctl_db_text(q, 0));
	return got;
}

static int endpoints_text(const char *const *endpoints, size_t n, char *out, size_t size,
			  struct ctl_error *err)
{
	json_t *list = json_array();
	struct tp_endpoint e;
	size_t len;

	for (size_t i = 0; i < n; i++) {
		if (n > CTL_RELAY_ENDPOINTS || tp_endpoint_parse(endpoints[i], &e) || !e.port ||
		    !tp_addr_is_unicast(&e.addr)) {
			json_decref(list);
			return ctl_fail(err, CTL_INVALID_ARGUMENT,
					"endpoints: at most %d public addresses with ports",
					CTL_RELAY_ENDPOINTS);
		}
		json_array_append_new(list, json_string(endpoints[i]));
	}
	len = json_dumpb(list, out, size - 1, JSON_COMPACT);
	out[len < size ? len : 0] = '\0';
	json_decref(list);
	return 0;
}

/* As check_key() of peers. */
static int check_key(struct ctl_store *s, const uint8_t *key, struct ctl_error *err)
{
	static const uint8_t none[32];
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q;
	int got;

	if (key && !memcmp(key, none, sizeof(none)))
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "public_key: is all zero");
	q = ctl_db_query(db, "SELECT 1 FROM peer WHERE public_key = ?", "k", key);
	got = ctl_db_step(db, q);
	ctl_db_done(q);
	return got == 1 ? ctl_fail_db(err, -EEXIST, "the relay's key")
			: ctl_fail_db(err, got, "peer");
}

int ctl_relay_create(struct ctl_store *s, const struct ctl_relay_new *in, struct ctl_relay *out,
		     struct ctl_error *err)
{
	char id[CTL_ID_LEN], endpoints[sizeof(out->endpoints)], what[CTL_NAME_LEN + 32];
	uint32_t service;
	int rc;

	if (ctl_name_check(in->name, "name", err) || check_key(s, in->public_key, err) ||
	    endpoints_text(in->endpoints, in->n_endpoints, endpoints, sizeof(endpoints), err) ||
	    ctl_service_address_take(s, &service, err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(ctl_store_db(s),
			"INSERT INTO relay (id, tenant, name, public_key, endpoints, service_ip, "
			"created) VALUES (?, ?, ?, ?, ?, ?, ?)",
			"tttktii", id, in->tenant, in->name, in->public_key, endpoints,
			(int64_t)service, ctl_now(s));
	snprintf(what, sizeof(what), "relay \"%s\" or its key", in->name);
	if (rc < 0)
		return ctl_fail_db(err, rc, what);
	if (ctl_relay_get(s, in->tenant, id, out, err))
		return -1;
	ctl_changed(s, CTL_CHANGE_RELAY, id, NULL);
	return ctl_audit(s, in->tenant, "relay.create", id, json_pack("{s:s}", "name", in->name),
			 err);
}

int ctl_relay_delete(struct ctl_store *s, const char *tenant, const char *id, struct ctl_error *err)
{
	struct ctl_relay r;
	int rc;

	if (ctl_relay_get(s, tenant, id, &r, err))
		return -1;
	rc = tell(s, r.id);
	if (rc >= 0)
		rc = ctl_db_run(ctl_store_db(s), "UPDATE peer SET relay = NULL WHERE relay = ?",
				"t", r.id);
	if (rc >= 0)
		rc = ctl_db_run(ctl_store_db(s), "DELETE FROM relay WHERE id = ?", "t", r.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "relay");
	if (ctl_audit(s, r.tenant[0] ? r.tenant : NULL, "relay.delete", r.id,
		      json_pack("{s:s}", "name", r.name), err))
		return -1;
	return r.device[0] ? ctl_device_delete(s, NULL, r.device, err) : 0;
}

int ctl_relay_set_drain(struct ctl_store *s, const char *tenant, const char *id, bool draining,
			struct ctl_error *err)
{
	struct ctl_relay r;
	int rc;

	if (ctl_relay_get(s, tenant, id, &r, err))
		return -1;
	if (r.draining == draining)
		return 0;
	rc = ctl_db_run(ctl_store_db(s), "UPDATE relay SET draining = ? WHERE id = ?", "it",
			(int64_t)draining, r.id);
	if (rc >= 0)
		rc = tell(s, r.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "relay");
	return ctl_audit(s, r.tenant[0] ? r.tenant : NULL, "relay.drain", r.id,
			 json_pack("{s:b}", "draining", draining), err);
}

int ctl_relay_report(struct ctl_store *s, const char *id, const uint8_t key[32],
		     const char *const *endpoints, size_t n, struct ctl_error *err)
{
	char text[sizeof(((struct ctl_relay *)0)->endpoints)];
	struct ctl_relay r;
	int rc;

	if (endpoints_text(endpoints, n, text, sizeof(text), err) ||
	    ctl_relay_get(s, NULL, id, &r, err))
		return -1;
	if (r.has_key && !memcmp(r.public_key, key, 32) && !strcmp(r.endpoints, text))
		return 0;
	if (check_key(s, key, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE relay SET public_key = ?, endpoints = ? WHERE id = ?", "ktt", key,
			text, r.id);
	if (rc >= 0)
		rc = tell(s, r.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "the relay's key");
	return ctl_audit(s, r.tenant[0] ? r.tenant : NULL, "relay.report", r.id,
			 json_pack("{s:s}", "endpoints", text), err);
}

/* --- networks --- */

static int check_pair(struct ctl_store *s, const char *relay, const char *network,
		      struct ctl_relay *r, struct ctl_network *n, struct ctl_error *err)
{
	if (ctl_relay_get(s, NULL, relay, r, err) || ctl_network_get(s, NULL, network, n, err))
		return -1;
	return r->tenant[0] && strcmp(r->tenant, n->tenant)
		       ? ctl_fail(err, CTL_NOT_FOUND, "no relay %.40s", relay)
		       : 0;
}

int ctl_relay_attach(struct ctl_store *s, const char *relay, const char *network,
		     struct ctl_error *err)
{
	struct ctl_network n;
	struct ctl_relay r;
	int rc;

	if (check_pair(s, relay, network, &r, &n, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "INSERT OR IGNORE INTO relay_network VALUES (?, ?)", "tt",
			r.id, n.id);
	if (rc <= 0)
		return ctl_fail_db(err, rc, "relay");
	ctl_changed(s, CTL_CHANGE_RELAY, r.id, NULL);
	ctl_changed(s, CTL_CHANGE_NETWORK, n.id, n.id);
	return ctl_audit(s, n.tenant, "network.relay", n.id, json_pack("{s:s}", "add", r.name),
			 err);
}

int ctl_relay_detach(struct ctl_store *s, const char *relay, const char *network,
		     struct ctl_error *err)
{
	struct ctl_network n;
	struct ctl_relay r;
	int rc;

	if (check_pair(s, relay, network, &r, &n, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s),
			"DELETE FROM relay_network WHERE relay = ? AND network = ?", "tt", r.id,
			n.id);
	if (rc <= 0)
		return rc ? ctl_fail_db(err, rc, "relay")
			  : ctl_fail(err, CTL_NOT_FOUND, "\"%s\" does not serve \"%s\"", r.name,
				     n.name);
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE peer SET relay = NULL WHERE relay = ? AND network = ?", "tt", r.id,
			n.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "peer");
	ctl_changed(s, CTL_CHANGE_RELAY, r.id, NULL);
	ctl_changed(s, CTL_CHANGE_NETWORK, n.id, n.id);
	return ctl_audit(s, n.tenant, "network.relay", n.id, json_pack("{s:s}", "remove", r.name),
			 err);
}

int ctl_relay_served(struct ctl_store *s, const char *relay_device, const uint8_t node_key[32],
		     struct ctl_served *out, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT peer.network, peer.device, relay.public_key FROM relay"
		" JOIN relay_network ON relay_network.relay = relay.id"
		" JOIN peer ON peer.network = relay_network.network"
		" WHERE relay.device = ? AND relay.public_key IS NOT NULL AND peer.public_key = ?",
		"tk", relay_device, node_key);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		ctl_db_copy(q, 0, out->network, sizeof(out->network));
		ctl_db_copy(q, 1, out->device, sizeof(out->device));
		memcpy(out->relay_key, ctl_db_key(q, 2), sizeof(out->relay_key));
	}
	ctl_db_done(q);
	return got == 1 ? 0
	       : got	? ctl_fail_db(err, got, "peer")
			: ctl_fail(err, CTL_PERMISSION_DENIED, "only a relay of the network may");
}
