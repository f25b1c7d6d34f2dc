// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/view.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/json_memory.h"
#include "control/json_text.h"
#include "control/view_shared.h"
#include "hash.h"

/* A network that some view was made of. */
struct entry {
	char network[CTL_ID_LEN];
	struct ctl_shared shared;
	UT_hash_handle hh;
};

struct ctl_views {
	struct ctl_store *s;
	const struct ctl_paths *paths;
	struct entry *entries;
	struct ctl_views_stats stats;
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

static void forget(struct ctl_views *v, struct entry *e)
{
	HASH_DELETE(hh, v->entries, e);
	ctl_shared_free(&e->shared);
	free(e);
}

static void forget_all(struct ctl_views *v)
{
	struct entry *e, *next;

	HASH_ITER (hh, v->entries, e, next)
		forget(v, e);
}

void ctl_views_free(struct ctl_views *v)
{
	if (!v)
		return;
	forget_all(v);
	free(v);
}

static struct entry *find(const struct ctl_views *v, const char *network)
{
	struct entry *e;

	HASH_FIND_STR(v->entries, network, e);
	return e;
}

void ctl_views_change(struct ctl_views *v, const struct ctl_change *c)
{
	struct entry *e = find(v, c->network);

	if (e)
		e->shared.stale = true;
}

void ctl_views_stats(const struct ctl_views *v, struct ctl_views_stats *out)
{
	*out = v->stats;
}

static struct entry *entry_of(struct ctl_views *v, const char *network)
{
	struct entry *e = find(v, network);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	strcpy(e->network, network);
	HASH_ADD_STR(v->entries, network, e);
	if (tp_hash_added(e))
		return e;
	free(e);
	return NULL;
}

static struct ctl_shared *shared_of(struct ctl_views *v, const char *network, struct ctl_error *err)
{
	struct entry *e = entry_of(v, network);

	if (!e) {
		ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
		return NULL;
	}
	v->stats.networks += !e->shared.peers || e->shared.stale;
	if (!ctl_shared_load(&e->shared, v->s, v->paths, network, err))
		return &e->shared;
	if (err->code == CTL_NOT_FOUND)
		forget(v, e);
	return NULL;
}

static bool is_empty(const json_t *list)
{
	return !json_array_size(list);
}

/* --- networks of a node --- */

static json_t *rules_of(struct ctl_shared *h, const struct ctl_member *self, enum ctl_kind kind)
{
	return kind == CTL_GATEWAY || self->peer.is_egress
		       ? ctl_view_rules_gateway(&h->rules, &h->world)
		       : ctl_view_rules_own(&h->rules, &h->world, self);
}

/* NULL without memory, if it is not JSON that there was none for. */
static json_t *network_json(struct ctl_shared *h, const struct ctl_member *self, enum ctl_kind kind)
{
	const struct ctl_world *w = &h->world;
	json_t *n = json_pack(
		"{s:s,s:s,s:o,s:i,s:o,s:b,s:b,s:O,s:o,s:O}", "network_id", w->network.id, "name",
		w->network.name, "address", ctl_address_json(self->peer.ip, w->network.bits),
		"listen_port", w->network.listen_port, "stun_servers",
		json_loads(w->network.stun_servers, 0, NULL), "is_relay", self->peer.is_relay,
		"is_egress", self->peer.is_egress, "egress_subnets", self->subnets, "peers",
		ctl_shared_peers(h, self), "relays", h->relays);

	json_object_set_new(n, "node", json_string(self->peer.device_name));
	if (ctl_shared_pinned(w, self))
		json_object_set_new(n, "relay",
				    ctl_key_json(ctl_shared_pinned(w, self)->public_key));
	if (!is_empty(self->tags))
		json_object_set(n, "tags", self->tags);
	if (w->network.dns[0])
		json_object_set_new(n, "dns", json_string(w->network.dns));
	if (kind == CTL_RELAY || !json_object_set_new(n, "rules", rules_of(h, self, kind)))
		return n;
	json_decref(n);
	return NULL;
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
		struct ctl_shared *h = shared_of(v, ids.list[i], err);
		const struct ctl_member *self = h ? ctl_world_member(&h->world, d->id) : NULL;

		rc = h ? 0 : -1;
		if (self && json_array_append_new(networks, network_json(h, self, d->kind)))
			rc = ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	}
	free(ids.list);
	return rc;
}

/* --- whom a relay serves --- */

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
		struct ctl_shared *h = shared_of(v, ids.list[i], err);

		rc = h ? 0 : -1;
		if (h)
			json_array_append_new(serves, ctl_shared_served(h));
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
	int got = ctl_db_step(db, q);

	if (got == 1) {
		ctl_db_copy(q, 0, id, sizeof(id));
		json_object_set_new(view, "service_address",
				    ctl_ip_json((uint32_t)ctl_db_int(q, 1)));
		ctl_db_done(q);
	}
	json_object_set_new(view, "serves", json_array());
	return got == 1 ? add_served(v, id, json_object_get(view, "serves"), err)
			: ctl_fail_db(err, got, "relay");
}

int ctl_view_of(struct ctl_views *v, const struct ctl_device *device, struct json_t **out,
		struct ctl_error *err)
{
	unsigned long failures = ctl_json_failures();
	json_t *view = json_pack("{s:[]}", "networks");
	int rc = add_networks(v, device, json_object_get(view, "networks"), err);

	v->stats.views++;
	if (!rc && device->kind == CTL_RELAY)
		rc = add_relay_parts(v, device, view, err);
	if (ctl_json_failures() != failures) { /* what is shared may lack something, too */
		forget_all(v);
		rc = ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	}
	*out = rc ? NULL : view;
	if (rc)
		json_decref(view);
	return rc;
}
