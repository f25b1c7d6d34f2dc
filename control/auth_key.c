// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/auth_key.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/address.h"
#include "control/network.h"
#include "control/peer.h"

#define PREFIX "tpk_"
#define COLUMNS                                                                          \
	"id, tenant, network, name, kind, tags, ephemeral, ifnull(use_limit, 0), uses, " \
	"ifnull(expires, 0), ifnull(revoked, 0), created,"                               \
	" (SELECT network.name FROM network WHERE network.id = auth_key.network)"

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_auth_key *k)
{
	ctl_db_copy(q, 0, k->id, sizeof(k->id));
	ctl_db_copy(q, 1, k->tenant, sizeof(k->tenant));
	ctl_db_copy(q, 2, k->network, sizeof(k->network));
	ctl_db_copy(q, 3, k->name, sizeof(k->name));
	k->kind = (enum ctl_kind)ctl_db_int(q, 4);
	ctl_db_copy(q, 5, k->tags, sizeof(k->tags));
	k->ephemeral = ctl_db_int(q, 6);
	k->use_limit = ctl_db_int(q, 7);
	k->uses = ctl_db_int(q, 8);
	k->expires = ctl_db_int(q, 9);
	k->revoked = ctl_db_int(q, 10);
	k->created = ctl_db_int(q, 11);
	ctl_db_copy(q, 12, k->network_name, sizeof(k->network_name));
}

int ctl_auth_key_list(struct ctl_store *s, const char *tenant, const char *after,
		      unsigned int limit, bool (*fn)(void *arg, const struct ctl_auth_key *key),
		      void *arg, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS " FROM auth_key"
					      " WHERE tenant IS ?1 AND id > ?2"
					      " ORDER BY id LIMIT ?3",
					      "tti", tenant, after, (int64_t)limit);
	struct ctl_auth_key key;
	int got;

	while ((got = ctl_db_step(db, q)) == 1) {
		read_row(q, &key);
		if (!fn(arg, &key))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "auth key");
}

/* --- making --- */

static int check_new(struct ctl_store *s, const struct ctl_auth_key_new *in,
		     struct ctl_network *network, struct ctl_error *err)
{
	if (ctl_name_check(in->name, "name", err))
		return -1;
	if (in->kind != CTL_NODE && in->kind != CTL_GATEWAY && in->kind != CTL_RELAY)
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "kind: node, gateway or relay");
	if ((in->kind == CTL_RELAY) != !in->network)
		return ctl_fail(err, CTL_INVALID_ARGUMENT,
				"network_id: nodes and gateways join a network, relays none");
	if (!in->tenant && in->kind != CTL_RELAY)
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "only relays have no tenant");
	if (in->expires && in->expires <= ctl_now(s))
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "expires: lies in the past");
	return in->network ? ctl_network_get(s, in->tenant, in->network, network, err) : 0;
}

int ctl_auth_key_create(struct ctl_store *s, const struct ctl_auth_key_new *in,
			struct ctl_auth_key *out, char secret[CTL_SECRET_LEN],
			struct ctl_error *err)
{
	struct ctl_network network = {0};
	int64_t limit = in->use_limit;
	uint8_t hash[32];
	int rc;

	memset(out, 0, sizeof(*out));
	secret[0] = '\0';
	if (check_new(s, in, &network, err) ||
	    ctl_tags_check(in->tags, out->tags, sizeof(out->tags), err))
		return -1;
	ctl_id_new(s, out->id);
	snprintf(out->tenant, sizeof(out->tenant), "%s", in->tenant ? in->tenant : "");
	snprintf(out->network, sizeof(out->network), "%s", in->network ? in->network : "");
	snprintf(out->network_name, sizeof(out->network_name), "%s", network.name);
	snprintf(out->name, sizeof(out->name), "%s", in->name);
	out->kind = in->kind;
	out->ephemeral = in->ephemeral;
	out->use_limit = limit;
	out->expires = in->expires;
	out->created = ctl_now(s);
	ctl_secret_new(PREFIX, secret);
	ctl_secret_hash(secret, hash);
	rc = ctl_db_run(
		ctl_store_db(s),
		"INSERT INTO auth_key (id, tenant, network, name, hash, kind, tags, "
		"ephemeral, use_limit, expires, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"ttttkitiIIi", out->id, in->tenant, in->network, in->name, hash, (int64_t)in->kind,
		out->tags, (int64_t)in->ephemeral, limit ? &limit : NULL,
		in->expires ? &in->expires : NULL, out->created);
	if (rc < 0)
		return ctl_fail_db(err, rc, "auth key");
	return ctl_audit(s, in->tenant, "auth_key.create", out->id,
			 json_pack("{s:s,s:s}", "name", in->name, "kind", ctl_kind_name(in->kind)),
			 err);
}

int ctl_auth_key_revoke(struct ctl_store *s, const char *tenant, const char *id,
			struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "UPDATE auth_key SET revoked = ifnull(revoked, ?1) WHERE id = ?2"
			     " AND (?3 IS NULL OR tenant = ?3) RETURNING ifnull(tenant, '')",
			     "itt", ctl_now(s), id, tenant);
	char owner[CTL_ID_LEN] = "";
	int got = ctl_db_step(db, q);

	if (got == 1)
		ctl_db_copy(q, 0, owner, sizeof(owner));
	ctl_db_done(q);
	if (got != 1)
		return got ? ctl_fail_db(err, got, "auth key")
			   : ctl_fail(err, CTL_NOT_FOUND, "no auth key %.40s", id);
	return ctl_audit(s, owner[0] ? owner : NULL, "auth_key.revoke", id, NULL, err);
}

/* --- use --- */

static int find(struct ctl_store *s, const char *secret, struct ctl_auth_key *out,
		struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q;
	uint8_t hash[32];
	int got;

	ctl_secret_hash(secret, hash);
	q = ctl_db_query(db, "SELECT " COLUMNS " FROM auth_key WHERE hash = ?", "k", hash);
	got = ctl_db_step(db, q);
	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "auth key")
		   : ctl_fail(err, CTL_UNAUTHENTICATED, "the auth key is not known");
}

int ctl_auth_key_use(struct ctl_store *s, const char *secret, struct ctl_auth_key *out,
		     struct ctl_error *err)
{
	int rc;

	if (find(s, secret ? secret : "", out, err))
		return -1;
	if (out->revoked)
		return ctl_fail(err, CTL_UNAUTHENTICATED, "the auth key was revoked");
	if (out->expires && out->expires <= ctl_now(s))
		return ctl_fail(err, CTL_UNAUTHENTICATED, "the auth key has expired");
	if (out->use_limit && out->uses >= out->use_limit)
		return ctl_fail(err, CTL_UNAUTHENTICATED, "the auth key is used up");
	rc = ctl_db_run(ctl_store_db(s), "UPDATE auth_key SET uses = uses + 1 WHERE id = ?", "t",
			out->id);
	out->uses++;
	return ctl_fail_db(err, rc, "auth key");
}

/* --- joining --- */

static int enter(struct ctl_store *s, const struct ctl_auth_key *by, const struct ctl_device *d,
		 struct ctl_error *err)
{
	struct ctl_peer peer;
	char id[CTL_ID_LEN];
	uint32_t service;
	int rc;

	if (d->kind != CTL_RELAY)
		return ctl_peer_add(s, NULL, by->network, d->id, by->tags, &peer, err);
	if (ctl_service_address_take(s, &service, err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(ctl_store_db(s),
			"INSERT INTO relay (id, tenant, device, name, service_ip, created)"
			" VALUES (?, ?, ?, ?, ?, ?)",
			"ttttii", id, d->tenant[0] ? d->tenant : NULL, d->id, d->name,
			(int64_t)service, ctl_now(s));
	if (rc < 0)
		return ctl_fail_db(err, rc, "the relay's name");
	ctl_changed(s, CTL_CHANGE_RELAY, id, NULL);
	return ctl_audit(s, d->tenant[0] ? d->tenant : NULL, "relay.join", id,
			 json_pack("{s:s}", "name", d->name), err);
}

int ctl_join(struct ctl_store *s, const uint8_t key[32], const char *name, const char *secret,
	     struct ctl_device *out, bool *joined, struct ctl_error *err)
{
	struct ctl_auth_key by;

	*joined = false;
	if (!ctl_device_by_key(s, key, out, err))
		return 0;
	if (err->code != CTL_NOT_FOUND)
		return -1;
	if (!secret)
		return ctl_fail(err, CTL_UNAUTHENTICATED,
				"the device is not known, and it brings no auth key");
	if (ctl_auth_key_use(s, secret, &by, err) ||
	    ctl_device_create(s, by.tenant[0] ? by.tenant : NULL, name, by.kind, key, by.ephemeral,
			      out, err) ||
	    enter(s, &by, out, err))
		return -1;
	*joined = true;
	return 0;
}
