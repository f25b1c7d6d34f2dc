// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/view.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/address.h"
#include "control/world.h"
#include "crypto.h"

#define RELAY_KEEPALIVE 25

struct ctl_views {
	struct ctl_store *s;
	const struct ctl_paths *paths;
	struct ctl_world *worlds;
	size_t n;
};

struct ctl_views *ctl_views_new(struct ctl_store *s, const struct ctl_paths *paths)
{
	struct ctl_views *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->s = s;
	v->paths = paths;
	return v;
}

void ctl_views_free(struct ctl_views *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++)
		ctl_world_free(&v->worlds[i]);
	free(v->worlds);
	free(v);
}

/* Valid until the next call. */
static const struct ctl_world *world_of(struct ctl_views *v, const char *network,
					struct ctl_error *err)
{
	struct ctl_world *list;

	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->worlds[i].network.id, network))
			return &v->worlds[i];
	list = realloc(v->worlds, (v->n + 1) * sizeof(*list));
	if (!list) {
		ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
		return NULL;
	}
	v->worlds = list;
	if (ctl_world_load(&list[v->n], v->s, network, err)) {
		ctl_world_free(&list[v->n]);
		return NULL;
	}
	list[v->n].paths = v->paths;
	return &list[v->n++];
}

/* --- small things --- */

static json_t *key_json(const uint8_t key[32])
{
	char text[TP_KEY_STRLEN];

	return json_string(tp_key_format(key, text));
}

static json_t *address_json(uint32_t ip, unsigned int bits)
{
	char text[CTL_CIDR_LEN];

	ctl_prefix_format(ip, bits, text);
	return json_string(text);
}

static json_t *ip_json(uint32_t ip)
{
	char text[CTL_IP_LEN];

	ctl_ip_format(ip, text);
	return json_string(text);
}

static bool is_empty(const json_t *list)
{
	return !json_array_size(list);
}

/* --- peers of a node --- */

/* NULL: to none, or to a relay peer. */
static const struct ctl_relay *pinned_to(const struct ctl_world *w, const struct ctl_member *m)
{
	return m->peer.relay[0] ? ctl_world_relay(w, m->peer.relay) : NULL;
}

/* The relay that carries traffic to m, until the node has chosen by round trips: the one it is
 * pinned to, else the first that is not being drained. */
static const struct ctl_relay *relay_for(const struct ctl_world *w, const struct ctl_member *m)
{
	const struct ctl_relay *pinned = pinned_to(w, m);

	for (size_t i = 0; !pinned && i < w->n_relays; i++)
		if (!w->relays[i].draining)
			return &w->relays[i];
	return pinned ? pinned : w->n_relays ? w->relays : NULL;
}

static void add_first_endpoint(json_t *peer, const struct ctl_relay *r)
{
	json_t *list = json_loads(r->endpoints, 0, NULL);

	json_object_set(peer, "endpoint", json_array_get(list, 0));
	json_object_set_new(peer, "via_relay", json_true());
	json_decref(list);
}

/* A direct endpoint only where an operator has declared one; a peer that is pinned to a relay peer
 * is reached at that one's. */
static void add_endpoint(json_t *peer, const struct ctl_world *w, const struct ctl_member *m)
{
	const struct ctl_member *via = m->peer.relay[0] ? ctl_world_member(w, m->peer.relay) : NULL;
	const struct ctl_relay *relay = relay_for(w, m);

	if (via && via->peer.endpoint_declared) {
		json_object_set_new(peer, "endpoint", json_string(via->peer.endpoint));
	} else if (m->peer.endpoint_declared) {
		json_object_set_new(peer, "endpoint", json_string(m->peer.endpoint));
	} else if (relay) {
		add_first_endpoint(peer, relay);
	}
}

/* From the member to the network's relays, as far as that is known. */
static json_t *paths_json(const struct ctl_world *w, const struct ctl_member *m)
{
	json_t *paths = json_array();

	for (size_t i = 0; w->paths && i < w->n_relays; i++) {
		const uint8_t *relay = w->relays[i].public_key;
		uint32_t us;

		if (ctl_paths_get(w->paths, m->peer.device, m->peer.public_key, relay, &us))
			json_array_append_new(paths,
					      json_pack("{s:o,s:I}", "public_key", key_json(relay),
							"rtt_us", (json_int_t)us));
	}
	return paths;
}

/* What a node chooses a relay by, for traffic to the member. */
static void add_choice(json_t *to, const struct ctl_world *w, const struct ctl_member *m)
{
	const struct ctl_relay *pinned = pinned_to(w, m);
	json_t *paths = paths_json(w, m);

	if (pinned)
		json_object_set_new(to, "relay", key_json(pinned->public_key));
	if (!is_empty(paths))
		json_object_set(to, "paths", paths);
	json_decref(paths);
}

static json_t *peer_json(const struct ctl_world *w, const struct ctl_member *m)
{
	json_t *allowed = json_array(), *peer;

	json_array_append_new(allowed, address_json(m->peer.ip, 32));
	if (m->peer.is_egress)
		json_array_extend(allowed, m->subnets);
	peer = json_pack("{s:o,s:s,s:o,s:i}", "public_key", key_json(m->peer.public_key), "name",
			 m->peer.device_name, "allowed_ips", allowed, "keepalive",
			 m->peer.is_relay ? RELAY_KEEPALIVE : w->network.keepalive);
	if (!is_empty(m->tags))
		json_object_set(peer, "tags", m->tags);
	add_endpoint(peer, w, m);
	add_choice(peer, w, m);
	return peer;
}

/* Of two gateways to one subnet WireGuard can have but one: the older peer, which comes first. */
static void drop_taken_subnets(json_t *peers)
{
	json_t *taken = json_object(), *peer, *allowed;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		allowed = json_object_get(peer, "allowed_ips");
		for (size_t k = json_array_size(allowed); k-- > 0;) {
			const char *cidr = json_string_value(json_array_get(allowed, k));

			if (json_object_get(taken, cidr))
				json_array_remove(allowed, k);
			else
				json_object_set_new(taken, cidr, json_true());
		}
	}
	json_decref(taken);
}

static json_t *peers_json(const struct ctl_world *w, const struct ctl_member *self)
{
	json_t *peers = json_array();

	for (size_t i = 0; i < w->n_members; i++) {
		const struct ctl_member *m = &w->members[i];

		if (m != self && ctl_world_admits(w, self->class, m->class))
			json_array_append_new(peers, peer_json(w, m));
	}
	drop_taken_subnets(peers);
	return peers;
}

static json_t *relays_json(const struct ctl_world *w)
{
	json_t *relays = json_array();

	for (size_t i = 0; i < w->n_relays; i++) {
		const struct ctl_relay *r = &w->relays[i];
		json_t *relay =
			json_pack("{s:o,s:s,s:o,s:o}", "public_key", key_json(r->public_key),
				  "name", r->name, "endpoints", json_loads(r->endpoints, 0, NULL),
				  "service_address", ip_json(r->service_ip));

		if (r->draining)
			json_object_set_new(relay, "drain", json_true());
		json_array_append_new(relays, relay);
	}
	return relays;
}

/* --- rules: of a gateway, and of a node for what reaches itself --- */

static void add_group(json_t *to, const struct ctl_world *w, const char *group)
{
	for (size_t i = 0; i < w->n_members; i++) {
		size_t k;
		json_t *name;

		json_array_foreach(w->members[i].groups, k,
				   name) if (!strcmp(json_string_value(name), group))
			json_array_append_new(to, json_string(w->members[i].peer.device_name));
	}
}

static bool is_member(const struct ctl_world *w, const char *name)
{
	for (size_t i = 0; i < w->n_members; i++)
		if (!strcmp(w->members[i].peer.device_name, name))
			return true;
	return false;
}

/* Groups become their members' names, and names of nobody here are left out: the gateway would not
 * know them. */
static json_t *selectors_json(const struct ctl_world *w, const json_t *list)
{
	json_t *out = json_array(), *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		const char *text = json_string_value(value);
		bool plain = strcmp(text, "any") && !strchr(text, ':') && !strpbrk(text, "./");

		if (!strncmp(text, "group:", 6))
			add_group(out, w, text + 6);
		else if (!plain || is_member(w, text))
			json_array_append(out, value);
	}
	return out;
}

/* Of whom a rule leads to, a plain node needs to know nobody but itself. */
static json_t *own_part(const json_t *to, const struct ctl_member *self)
{
	json_t *out = json_array();

	if (ctl_world_means(to, self))
		json_array_append_new(out, json_string(self->peer.device_name));
	return out;
}

/* A rule that nobody is in any more lets nobody pass, so it is not sent. */
static json_t *rules_json(const struct ctl_world *w, const struct ctl_member *self, bool gateway)
{
	json_t *rules = json_array(), *rule;
	char name[32];
	size_t i;

	json_array_foreach(w->rules, i, rule)
	{
		json_t *from = selectors_json(w, json_object_get(rule, "from"));
		json_t *to = gateway ? selectors_json(w, json_object_get(rule, "to"))
				     : own_part(json_object_get(rule, "to"), self);
		json_t *copy = json_copy(rule);

		snprintf(name, sizeof(name), "rule-%zu", i + 1);
		json_object_del(copy, "shadow");
		if (!json_object_get(copy, "name"))
			json_object_set_new(copy, "name", json_string(name));
		json_object_set(copy, "from", from);
		json_object_set(copy, "to", to);
		if (!is_empty(from) && !is_empty(to) &&
		    !json_is_true(json_object_get(rule, "shadow")))
			json_array_append(rules, copy);
		json_decref(from);
		json_decref(to);
		json_decref(copy);
	}
	return rules;
}

/* --- networks of a node --- */

static json_t *network_json(const struct ctl_world *w, const struct ctl_member *self,
			    enum ctl_kind kind)
{
	json_t *n = json_pack(
		"{s:s,s:s,s:o,s:i,s:o,s:b,s:b,s:O,s:o,s:o}", "network_id", w->network.id, "name",
		w->network.name, "address", address_json(self->peer.ip, w->network.bits),
		"listen_port", w->network.listen_port, "stun_servers",
		json_loads(w->network.stun_servers, 0, NULL), "is_relay", self->peer.is_relay,
		"is_egress", self->peer.is_egress, "egress_subnets", self->subnets, "peers",
		peers_json(w, self), "relays", relays_json(w));

	json_object_set_new(n, "node", json_string(self->peer.device_name));
	if (pinned_to(w, self))
		json_object_set_new(n, "relay", key_json(pinned_to(w, self)->public_key));
	if (!is_empty(self->tags))
		json_object_set(n, "tags", self->tags);
	if (w->network.dns[0])
		json_object_set_new(n, "dns", json_string(w->network.dns));
	if (kind != CTL_RELAY)
		json_object_set_new(
			n, "rules",
			rules_json(w, self, kind == CTL_GATEWAY || self->peer.is_egress));
	return n;
}

struct ids {
	char (*list)[CTL_ID_LEN];
	size_t n;
	bool failed;
};

static void add_id(struct ids *ids, const char *id)
{
	void *grown = realloc(ids->list, (ids->n + 1) * sizeof(*ids->list));

	ids->failed = ids->failed || !grown;
	if (!grown)
		return;
	ids->list = grown;
	snprintf(ids->list[ids->n++], CTL_ID_LEN, "%s", id);
}

static bool add_network(void *arg, const struct ctl_peer *p)
{
	if (p->ip)
		add_id(arg, p->network);
	return true;
}

static int add_networks(struct ctl_views *v, const struct ctl_device *d, json_t *networks,
			struct ctl_error *err)
{
	struct ids ids = {0};
	int rc = ctl_peer_list(v->s, NULL, NULL, d->id, "", UINT32_MAX, add_network, &ids, err);

	if (!rc && ids.failed)
		rc = ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	for (size_t i = 0; !rc && i < ids.n; i++) {
		const struct ctl_world *w = world_of(v, ids.list[i], err);
		const struct ctl_member *self = w ? ctl_world_member(w, d->id) : NULL;

		rc = w ? 0 : -1;
		if (self)
			json_array_append_new(networks, network_json(w, self, d->kind));
	}
	free(ids.list);
	return rc;
}

/* --- whom a relay serves --- */

static json_t *served_json(const struct ctl_world *w)
{
	json_t *nodes = json_array(), *admits = json_array();

	for (size_t i = 0; i < w->n_members; i++) {
		const struct ctl_member *m = &w->members[i];

		json_array_append_new(nodes, json_pack("{s:o,s:s,s:o,s:I}", "public_key",
						       key_json(m->peer.public_key), "name",
						       m->peer.device_name, "address",
						       address_json(m->peer.ip, w->network.bits),
						       "class", (json_int_t)m->class));
	}
	for (uint32_t a = 0; a < w->n_classes; a++)
		for (uint32_t b = a; b < w->n_classes; b++)
			if (ctl_world_admits(w, a, b))
				json_array_append_new(admits,
						      json_pack("{s:I,s:I}", "a", (json_int_t)a,
								"b", (json_int_t)b));
	return json_pack("{s:s,s:s,s:o,s:o}", "network_id", w->network.id, "name", w->network.name,
			 "nodes", nodes, "admits", admits);
}

static int add_served(struct ctl_views *v, const char *relay, json_t *serves, struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(v->s);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT network FROM relay_network WHERE relay = ? ORDER BY network", "t",
		relay);
	struct ids ids = {0};
	int got, rc;

	while ((got = ctl_db_step(db, q)) == 1)
		add_id(&ids, ctl_db_text(q, 0));
	rc = ids.failed ? ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory")
			: ctl_fail_db(err, got, "network");
	for (size_t i = 0; !rc && i < ids.n; i++) {
		const struct ctl_world *w = world_of(v, ids.list[i], err);

		rc = w ? 0 : -1;
		if (w)
			json_array_append_new(serves, served_json(w));
	}
	free(ids.list);
	return rc;
}

static int add_relay_parts(struct ctl_views *v, const struct ctl_device *d, json_t *view,
			   struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(v->s);
	struct sqlite3_stmt *q =
		ctl_db_query(db, "SELECT id, service_ip FROM relay WHERE device = ?", "t", d->id);
	char id[CTL_ID_LEN] = "";
	json_t *serves = json_array();
	int got = ctl_db_step(db, q);

	if (got == 1) {
		ctl_db_copy(q, 0, id, sizeof(id));
		json_object_set_new(view, "service_address", ip_json((uint32_t)ctl_db_int(q, 1)));
		ctl_db_done(q);
	}
	json_object_set_new(view, "serves", serves);
	return got == 1 ? add_served(v, id, serves, err) : ctl_fail_db(err, got, "relay");
}

int ctl_view_of(struct ctl_views *v, const struct ctl_device *device, struct json_t **out,
		struct ctl_error *err)
{
	json_t *networks = json_array(), *view = json_pack("{s:o}", "networks", networks);
	int rc = add_networks(v, device, networks, err);

	if (!rc && device->kind == CTL_RELAY)
		rc = add_relay_parts(v, device, view, err);
	*out = rc ? NULL : view;
	if (rc)
		json_decref(view);
	return rc;
}
