// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/peer.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "control/address.h"
#include "control/classes.h"
#include "addr.h"

#define COLUMNS                                                                             \
	"peer.id, peer.network, peer.device, device.name, device.kind, ifnull(peer.ip, 0)," \
	" peer.public_key, ifnull(peer.listen_port, 0), peer.endpoint, endpoint_declared,"  \
	" is_relay, is_egress, egress_subnets, tags, relay, ifnull(last_handshake, 0),"     \
	" peer.created"
#define TABLES                                                           \
	" FROM peer JOIN device ON device.id = peer.device JOIN network" \
	" ON network.id = peer.network"

/* --- reading --- */

static void read_row(struct sqlite3_stmt *q, struct ctl_peer *p)
{
	const uint8_t *key = ctl_db_key(q, 6);

	memset(p, 0, sizeof(*p));
	ctl_db_copy(q, 0, p->id, sizeof(p->id));
	ctl_db_copy(q, 1, p->network, sizeof(p->network));
	ctl_db_copy(q, 2, p->device, sizeof(p->device));
	ctl_db_copy(q, 3, p->device_name, sizeof(p->device_name));
	p->device_kind = (int)ctl_db_int(q, 4);
	p->ip = (uint32_t)ctl_db_int(q, 5);
	if (key)
		memcpy(p->public_key, key, sizeof(p->public_key));
	p->listen_port = (uint16_t)ctl_db_int(q, 7);
	ctl_db_copy(q, 8, p->endpoint, sizeof(p->endpoint));
	p->endpoint_declared = ctl_db_int(q, 9);
	p->is_relay = ctl_db_int(q, 10);
	p->is_egress = ctl_db_int(q, 11);
	ctl_db_copy(q, 12, p->egress_subnets, sizeof(p->egress_subnets));
	ctl_db_copy(q, 13, p->tags, sizeof(p->tags));
	ctl_db_copy(q, 14, p->relay, sizeof(p->relay));
	p->last_handshake = ctl_db_int(q, 15);
	p->created = ctl_db_int(q, 16);
}

int ctl_peer_get(struct ctl_store *s, const char *tenant, const char *network, const char *device,
		 struct ctl_peer *out, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(db,
					      "SELECT " COLUMNS TABLES
					      " WHERE peer.network = ?1 AND peer.device = ?2"
					      " AND network.tenant = ifnull(?3, network.tenant)",
					      "ttt", network, device, tenant);
	int got = ctl_db_step(db, q);

	if (got == 1) {
		read_row(q, out);
		ctl_db_done(q);
		return 0;
	}
	return got ? ctl_fail_db(err, got, "peer")
		   : ctl_fail(err, CTL_NOT_FOUND, "no peer of device %.40s in network %.40s",
			      device ? device : "", network ? network : "");
}

#define LIST                                                                              \
	"SELECT " COLUMNS TABLES " WHERE (?1 IS NULL OR network.tenant = ?1) AND peer.id" \
	" > ?2 AND "
#define IN_ORDER " ORDER BY peer.id LIMIT ?5"

/* One statement each, so that each finds its index. */
static struct sqlite3_stmt *list_query(struct ctl_store *s, const char *tenant, const char *network,
				       const char *device, const char *after, unsigned int limit)
{
	struct ctl_db *db = ctl_store_db(s);
	int64_t n = limit;

	if (network)
		return ctl_db_query(
			db,
			LIST "peer.network = ?3 AND peer.device = ifnull(?4, peer.device)" IN_ORDER,
			"tttti", tenant, after, network, device, n);
	if (device)
		return ctl_db_query(db, LIST "peer.device = ?4 AND ?3 IS NULL" IN_ORDER, "tttti",
				    tenant, after, network, device, n);
	return ctl_db_query(db, LIST "?3 IS NULL AND ?4 IS NULL" IN_ORDER, "tttti", tenant, after,
			    network, device, n);
}

int ctl_peer_list(struct ctl_store *s, const char *tenant, const char *network, const char *device,
		  const char *after, unsigned int limit,
		  bool (*fn)(void *arg, const struct ctl_peer *peer), void *arg,
		  struct ctl_error *err)
{
	struct sqlite3_stmt *q = list_query(s, tenant, network, device, after, limit);
	struct ctl_peer peer;
	int got;

	while ((got = ctl_db_step(ctl_store_db(s), q)) == 1) {
		read_row(q, &peer);
		if (!fn(arg, &peer))
			break;
	}
	ctl_db_done(q);
	return ctl_fail_db(err, got, "peer");
}

/* --- checks of values --- */

static bool has_tag(const json_t *tags, const char *tag)
{
	for (size_t i = 0; i < json_array_size(tags); i++)
		if (!strcmp(json_string_value(json_array_get(tags, i)), tag))
			return true;
	return false;
}

/* Those of `from` once each into `to`. */
static int fold_tags(const json_t *from, json_t *to, struct ctl_error *err)
{
	for (size_t i = 0; i < json_array_size(from); i++) {
		json_t *tag = json_array_get(from, i);

		if (ctl_name_check(json_string_value(tag), "tags", err))
			return -1;
		if (!has_tag(to, json_string_value(tag)))
			json_array_append(to, tag);
	}
	return 0;
}

int ctl_tags_check(const char *text, char *out, size_t size, struct ctl_error *err)
{
	json_t *tags = json_loads(text && text[0] ? text : "[]", 0, NULL), *once = json_array();
	size_t len;
	int rc;

	if (!json_is_array(tags) || json_array_size(tags) > CTL_PEER_TAGS)
		rc = ctl_fail(err, CTL_INVALID_ARGUMENT, "tags: a list of at most %d names",
			      CTL_PEER_TAGS);
	else
		rc = fold_tags(tags, once, err);
	len = rc ? 0 : json_dumpb(once, out, size - 1, JSON_COMPACT);
	if (len >= size)
		rc = ctl_fail(err, CTL_INVALID_ARGUMENT, "tags: too long");
	else if (!rc)
		out[len] = '\0';
	json_decref(tags);
	json_decref(once);
	return rc;
}

static int check_endpoint(const char *text, struct ctl_error *err)
{
	struct tp_endpoint e;

	if (text[0] && (strlen(text) >= CTL_ENDPOINT_LEN || tp_endpoint_parse(text, &e) ||
			!e.port || !tp_addr_is_unicast(&e.addr)))
		return ctl_fail(err, CTL_INVALID_ARGUMENT,
				"endpoint: \"%.60s\" is no address with a port", text);
	return 0;
}

/* --- making --- */

static int check_device(struct ctl_store *s, const char *tenant, const char *network,
			const char *device, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT 1 FROM network JOIN device ON device.tenant = network.tenant"
			     " WHERE network.id = ?1 AND device.id = ?2"
			     " AND network.tenant = ifnull(?3, network.tenant)",
			     "ttt", network, device, tenant);
	int got = ctl_db_step(db, q);

	ctl_db_done(q);
	return got == 1	 ? 0
	       : got < 0 ? ctl_fail_db(err, got, "device")
			 : ctl_fail(err, CTL_NOT_FOUND, "no network %.40s or no device %.40s",
				    network, device);
}

static void tenant_of(struct ctl_store *s, const char *network, char tenant[CTL_ID_LEN])
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT tenant FROM network WHERE id = ?", "t", network);

	tenant[0] = '\0';
	if (ctl_db_step(db, q) == 1)
		ctl_db_copy(q, 0, tenant, CTL_ID_LEN);
	ctl_db_done(q);
}

/* What every change of a peer ends with. `details` is stolen. */
static int changed(struct ctl_store *s, const struct ctl_peer *p, const char *action,
		   json_t *details, struct ctl_error *err)
{
	char tenant[CTL_ID_LEN];

	tenant_of(s, p->network, tenant);
	ctl_changed(s, CTL_CHANGE_PEER, p->id, p->network);
	json_object_set_new(details, "device", json_string(p->device_name));
	json_object_set_new(details, "network", json_string(p->network));
	return ctl_audit(s, tenant, action, p->id, details, err);
}

int ctl_peer_add(struct ctl_store *s, const char *tenant, const char *network, const char *device,
		 const char *tags, struct ctl_peer *out, struct ctl_error *err)
{
	char list[CTL_LIST_LEN], id[CTL_ID_LEN];
	int rc;

	if (ctl_tags_check(tags, list, sizeof(list), err) ||
	    check_device(s, tenant, network, device, err))
		return -1;
	ctl_id_new(s, id);
	rc = ctl_db_run(
		ctl_store_db(s),
		"INSERT INTO peer (id, network, device, tags, created) VALUES (?, ?, ?, ?, ?)",
		"tttti", id, network, device, list, ctl_now(s));
	if (rc < 0)
		return ctl_fail_db(err, rc, "the device in this network");
	if (ctl_peer_get(s, tenant, network, device, out, err))
		return -1;
	return changed(s, out, "peer.add", json_object(), err);
}

/* --- what the device reports --- */

/* Of no relay: two WireGuard peers of one key would be one. Another peer's is refused by the table.
 */
static int check_key(struct ctl_store *s, const uint8_t key[CTL_KEY_LEN], struct ctl_error *err)
{
	static const uint8_t none[CTL_KEY_LEN];
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q;
	int got;

	if (!memcmp(key, none, CTL_KEY_LEN))
		return ctl_fail(err, CTL_INVALID_ARGUMENT, "public_key: is all zero");
	q = ctl_db_query(db, "SELECT 1 FROM relay WHERE public_key = ?", "k", key);
	got = ctl_db_step(db, q);
	ctl_db_done(q);
	return got == 1 ? ctl_fail_db(err, -EEXIST, "the public key")
			: ctl_fail_db(err, got, "relay");
}

static int give_address(struct ctl_store *s, struct ctl_peer *p, struct ctl_error *err)
{
	return p->ip ? 0 : ctl_address_take(s, p->network, &p->ip, err);
}

int ctl_peer_key(struct ctl_store *s, const char *network, const char *device,
		 const uint8_t key[CTL_KEY_LEN], uint16_t listen_port, struct ctl_peer *out,
		 struct ctl_error *err)
{
	char ip[CTL_IP_LEN];
	int rc;

	if (ctl_peer_get(s, NULL, network, device, out, err))
		return -1;
	if (out->ip && !memcmp(out->public_key, key, CTL_KEY_LEN) &&
	    out->listen_port == listen_port)
		return 0;
	if (check_key(s, key, err) || give_address(s, out, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE peer SET ip = ?, public_key = ?, listen_port = ? WHERE id = ?",
			"ikit", (int64_t)out->ip, key, (int64_t)listen_port, out->id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "the public key");
	memcpy(out->public_key, key, CTL_KEY_LEN);
	out->listen_port = listen_port;
	if (ctl_classes_check(s, network, err))
		return -1;
	ctl_ip_format(out->ip, ip);
	return changed(s, out, "peer.key", json_pack("{s:s}", "address", ip), err);
}

int ctl_peer_endpoint(struct ctl_store *s, const char *network, const char *device,
		      const char *endpoint, bool declared, struct ctl_error *err)
{
	struct ctl_peer p;
	int rc;

	if (check_endpoint(endpoint, err) || ctl_peer_get(s, NULL, network, device, &p, err))
		return -1;
	if (!strcmp(p.endpoint, endpoint) && p.endpoint_declared == (declared && endpoint[0]))
		return 0;
	if (p.endpoint_declared && !declared)
		return 0;
	if (p.is_relay && !endpoint[0])
		return ctl_fail(err, CTL_FAILED_PRECONDITION,
				"endpoint: a relay for its network needs a declared one");
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE peer SET endpoint = ?, endpoint_declared = ? WHERE id = ?", "tit",
			endpoint[0] ? endpoint : NULL, (int64_t)(declared && endpoint[0]), p.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "endpoint");
	/* What was only reported is for operators: nodes are not told. */
	return declared ? changed(s, &p, "peer.endpoint", json_pack("{s:s}", "endpoint", endpoint),
				  err)
			: 0;
}

int ctl_peer_handshake(struct ctl_store *s, const char *network, const char *device, int64_t when,
		       struct ctl_error *err)
{
	return ctl_fail_db(err,
			   ctl_db_run(ctl_store_db(s),
				      "UPDATE peer SET last_handshake = ?1 WHERE network = ?2"
				      " AND device = ?3 AND ifnull(last_handshake, 0) < ?1",
				      "itt", when, network, device),
			   "handshake");
}

/* --- roles --- */

struct subnet_check {
	const struct ctl_peer *self;
	uint32_t first, last;
	unsigned int bits;
	const char *text;
	struct ctl_error *err;
	bool bad;
};

/* Equal ones may be of two gateways: the one takes over from the other. */
static bool against_peer(void *arg, const struct ctl_peer *p)
{
	struct subnet_check *c = arg;
	json_t *theirs = strcmp(p->id, c->self->id) ? json_loads(p->egress_subnets, 0, NULL) : NULL;
	uint32_t first, last;
	unsigned int bits;

	for (size_t i = 0; i < json_array_size(theirs); i++) {
		if (ctl_prefix_parse(json_string_value(json_array_get(theirs, i)), "subnet", &first,
				     &bits, c->err))
			continue;
		last = ctl_prefix_last(first, bits);
		if (first <= c->last && last >= c->first &&
		    (first != c->first || bits != c->bits)) {
			ctl_fail(c->err, CTL_FAILED_PRECONDITION,
				 "egress_subnets: %.20s overlaps with %.20s of \"%s\"", c->text,
				 json_string_value(json_array_get(theirs, i)), p->device_name);
			c->bad = true;
			break;
		}
	}
	json_decref(theirs);
	return !c->bad;
}

static int against_network(struct ctl_store *s, const struct subnet_check *c, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q =
		ctl_db_query(db,
			     "SELECT subnet FROM network WHERE id = ?1 AND first <= ?3"
			     " AND first + (1 << (32 - bits)) - 1 >= ?2",
			     "tii", c->self->network, (int64_t)c->first, (int64_t)c->last);
	char subnet[CTL_CIDR_LEN];
	int got = ctl_db_step(db, q);

	if (got == 1)
		ctl_db_copy(q, 0, subnet, sizeof(subnet));
	ctl_db_done(q);
	return got == 1 ? ctl_fail(err, CTL_FAILED_PRECONDITION,
				   "egress_subnets: %.20s overlaps with the network's %s", c->text,
				   subnet)
			: ctl_fail_db(err, got, "network");
}

/* Of one gateway those that overlap say no more than the larger one. */
static int against_own(const struct subnet_check *c, const char *const *before, size_t n)
{
	uint32_t first;
	unsigned int bits;

	for (size_t i = 0; i < n; i++) {
		if (ctl_prefix_parse(before[i], "egress_subnets", &first, &bits, c->err))
			return -1;
		if (first <= c->last && ctl_prefix_last(first, bits) >= c->first)
			return ctl_fail(c->err, CTL_INVALID_ARGUMENT,
					"egress_subnets: %.20s overlaps with %.20s, which the same "
					"gateway is to have",
					c->text, before[i]);
	}
	return 0;
}

/* The one at this place of the list. */
static int check_subnet(struct ctl_store *s, const struct ctl_peer *p, const char *const *list,
			size_t at, struct ctl_error *err)
{
	struct subnet_check c = {.self = p, .text = list[at], .err = err};

	if (ctl_route_parse(c.text, "egress_subnets", &c.first, &c.bits, err))
		return -1;
	c.last = ctl_prefix_last(c.first, c.bits);
	if (against_own(&c, list, at) || against_network(s, &c, err) ||
	    ctl_peer_list(s, NULL, p->network, NULL, "", UINT32_MAX, against_peer, &c, err))
		return -1;
	return c.bad ? -1 : 0;
}

static int subnets_text(struct ctl_store *s, const struct ctl_peer *p,
			const struct ctl_peer_role *role, char out[CTL_LIST_LEN],
			struct ctl_error *err)
{
	json_t *list = json_array();
	size_t len = 0;
	int rc = 0;

	if (role->n_subnets > CTL_PEER_SUBNETS)
		rc = ctl_fail(err, CTL_INVALID_ARGUMENT, "egress_subnets: at most %d",
			      CTL_PEER_SUBNETS);
	for (size_t i = 0; !rc && i < role->n_subnets; i++) {
		rc = check_subnet(s, p, role->subnets, i, err);
		json_array_append_new(list, json_string(role->subnets[i]));
	}
	if (!rc)
		len = json_dumpb(list, out, CTL_LIST_LEN - 1, JSON_COMPACT);
	out[len] = '\0';
	json_decref(list);
	return rc;
}

/* Whoever was assigned to it chooses again. */
static int unassign(struct ctl_store *s, const struct ctl_peer *relay)
{
	return ctl_db_run(ctl_store_db(s),
			  "UPDATE peer SET relay = NULL WHERE network = ? AND relay = ?", "tt",
			  relay->network, relay->device);
}

int ctl_peer_set_role(struct ctl_store *s, const char *tenant, const char *network,
		      const char *device, const struct ctl_peer_role *role, struct ctl_peer *out,
		      struct ctl_error *err)
{
	char subnets[CTL_LIST_LEN];
	int rc;

	if (ctl_peer_get(s, tenant, network, device, out, err))
		return -1;
	if (role->n_subnets && !role->is_egress)
		return ctl_fail(err, CTL_INVALID_ARGUMENT,
				"egress_subnets: only an egress gateway has some");
	if (role->is_relay && !out->endpoint_declared)
		return ctl_fail(err, CTL_FAILED_PRECONDITION,
				"is_relay: the device needs a declared public endpoint first");
	if (subnets_text(s, out, role, subnets, err))
		return -1;
	rc = ctl_db_run(
		ctl_store_db(s),
		"UPDATE peer SET is_relay = ?, is_egress = ?, egress_subnets = ? WHERE id = ?",
		"iitt", (int64_t)role->is_relay, (int64_t)role->is_egress, subnets, out->id);
	if (rc >= 0 && !role->is_relay)
		rc = unassign(s, out);
	if (rc < 0)
		return ctl_fail_db(err, rc, "role");
	if (ctl_classes_check(s, network, err))
		return -1;
	out->is_relay = role->is_relay;
	out->is_egress = role->is_egress;
	snprintf(out->egress_subnets, sizeof(out->egress_subnets), "%s", subnets);
	return changed(s, out, "peer.role",
		       json_pack("{s:b,s:b,s:s}", "is_relay", role->is_relay, "is_egress",
				 role->is_egress, "egress_subnets", subnets),
		       err);
}

int ctl_peer_set_tags(struct ctl_store *s, const char *tenant, const char *network,
		      const char *device, const char *tags, struct ctl_error *err)
{
	char list[CTL_LIST_LEN];
	struct ctl_peer p;
	int rc;

	if (ctl_tags_check(tags, list, sizeof(list), err) ||
	    ctl_peer_get(s, tenant, network, device, &p, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "UPDATE peer SET tags = ? WHERE id = ?", "tt", list, p.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "tags");
	if (ctl_classes_check(s, network, err))
		return -1;
	return changed(s, &p, "peer.tags", json_pack("{s:s}", "tags", list), err);
}

/* A relay of this network, or a peer of it that is a relay. */
static int check_relay(struct ctl_store *s, const char *network, const char *relay,
		       struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT 1 FROM relay_network WHERE network = ?1 AND relay = ?2 UNION ALL"
		" SELECT 1 FROM peer WHERE network = ?1 AND device = ?2 AND is_relay",
		"tt", network, relay);
	int got = ctl_db_step(db, q);

	ctl_db_done(q);
	return got == 1	 ? 0
	       : got < 0 ? ctl_fail_db(err, got, "relay")
			 : ctl_fail(err, CTL_FAILED_PRECONDITION,
				    "%.40s is neither a relay of this network nor a peer with "
				    "is_relay",
				    relay);
}

int ctl_peer_assign_relay(struct ctl_store *s, const char *tenant, const char *network,
			  const char *device, const char *relay, struct ctl_error *err)
{
	struct ctl_peer p;
	int rc;

	if (ctl_peer_get(s, tenant, network, device, &p, err) ||
	    (relay && check_relay(s, network, relay, err)))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "UPDATE peer SET relay = ? WHERE id = ?", "tt", relay,
			p.id);
	if (rc < 0)
		return ctl_fail_db(err, rc, "relay");
	return changed(s, &p, "peer.relay", json_pack("{s:s?}", "relay", relay), err);
}

/* --- removing --- */

int ctl_peer_remove(struct ctl_store *s, const char *tenant, const char *network,
		    const char *device, struct ctl_error *err)
{
	struct ctl_peer p;
	int rc;

	if (ctl_peer_get(s, tenant, network, device, &p, err))
		return -1;
	if (p.ip && ctl_address_release(s, network, p.ip, err))
		return -1;
	rc = ctl_db_run(ctl_store_db(s), "DELETE FROM peer WHERE id = ?", "t", p.id);
	if (rc >= 0)
		rc = unassign(s, &p);
	if (rc < 0)
		return ctl_fail_db(err, rc, "peer");
	return changed(s, &p, "peer.remove", json_object(), err);
}
