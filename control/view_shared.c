// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/view_shared.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/json_text.h"
#include "control/paths.h"

#define RELAY_KEEPALIVE 25

/* --- small things --- */

static bool is_empty(const json_t *list)
{
	return !json_array_size(list);
}

/* --- one peer --- */

/* NULL: to none, or to a relay peer. */
const struct ctl_relay *ctl_shared_pinned(const struct ctl_world *w, const struct ctl_member *m)
{
	return m->peer.relay[0] ? ctl_world_relay(w, m->peer.relay) : NULL;
}

/* The relay that carries traffic to m, until the node has chosen by round trips: the one it is
 * pinned to, else the first that is not being drained. */
static const struct ctl_relay *relay_for(const struct ctl_world *w, const struct ctl_member *m)
{
	const struct ctl_relay *pinned = ctl_shared_pinned(w, m);

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

/* A direct endpoint only where an operator has declared one, of the member `way`. */
static void add_endpoint(json_t *peer, const struct ctl_world *w, const struct ctl_member *m,
			 const struct ctl_member *way)
{
	const struct ctl_relay *relay = relay_for(w, m);

	if (way)
		json_object_set_new(peer, "endpoint", json_string(way->peer.endpoint));
	if (way && way != m)
		json_object_set_new(peer, "via_relay", json_true());
	if (!way && relay)
		add_first_endpoint(peer, relay);
}

/* From the member to the network's relays, as far as that is known. */
static json_t *paths_json(const struct ctl_world *w, const struct ctl_member *m)
{
	json_t *paths = json_array();

	for (size_t i = 0; w->paths && i < w->n_relays; i++) {
		const uint8_t *relay = w->relays[i].public_key;
		uint32_t us;

		if (ctl_paths_get(w->paths, m->peer.device, m->peer.public_key, relay, &us))
			json_array_append_new(paths, json_pack("{s:o,s:I}", "public_key",
							       ctl_key_json(relay), "rtt_us",
							       (json_int_t)us));
	}
	return paths;
}

/* What a node chooses by, for traffic to the member; `via` a relay peer it has no choice. */
static void add_choice(json_t *to, const struct ctl_world *w, const struct ctl_member *m,
		       const struct ctl_member *via)
{
	const struct ctl_relay *pinned = ctl_shared_pinned(w, m);
	json_t *paths = paths_json(w, m);

	if (via || pinned)
		json_object_set_new(to, "relay",
				    ctl_key_json(via ? via->peer.public_key : pinned->public_key));
	if (!is_empty(paths))
		json_object_set(to, "paths", paths);
	json_decref(paths);
}

static json_t *peer_json(const struct ctl_world *w, const struct ctl_member *m,
			 const struct ctl_member *way)
{
	json_t *allowed = json_array(), *peer;

	json_array_append_new(allowed, ctl_address_json(m->peer.ip, 32));
	if (m->peer.is_egress)
		json_array_extend(allowed, m->subnets);
	peer = json_pack("{s:o,s:s,s:o,s:i}", "public_key", ctl_key_json(m->peer.public_key),
			 "name", m->peer.device_name, "allowed_ips", allowed, "keepalive",
			 m->peer.is_relay ? RELAY_KEEPALIVE : w->network.keepalive);
	if (!is_empty(m->tags))
		json_object_set(peer, "tags", m->tags);
	add_endpoint(peer, w, m, way);
	add_choice(peer, w, m, way != m ? way : NULL);
	return peer;
}

static json_t *relays_json(const struct ctl_world *w)
{
	json_t *relays = json_array();

	for (size_t i = 0; i < w->n_relays; i++) {
		const struct ctl_relay *r = &w->relays[i];
		json_t *relay =
			json_pack("{s:o,s:s,s:o,s:o}", "public_key", ctl_key_json(r->public_key),
				  "name", r->name, "endpoints", json_loads(r->endpoints, 0, NULL),
				  "service_address", ctl_ip_json(r->service_ip));

		if (r->draining)
			json_object_set_new(relay, "drain", json_true());
		json_array_append_new(relays, relay);
	}
	return relays;
}

/* --- making them --- */

static void keep_member(struct ctl_shared *new, size_t i, const struct ctl_shared *old, size_t k)
{
	ctl_view_rules_keep_own(&new->rules, &new->world, &new->world.members[i], &old->rules,
				&old->world, &old->world.members[k]);
	if (!json_equal(old->peers[k], new->peers[i]))
		return;
	json_decref(new->peers[i]);
	new->peers[i] = json_incref(old->peers[k]);
}

/* Both lists are in the order of the peers' ids: what says the same as before is the same object.
 */
static void keep_equal(struct ctl_shared *new, const struct ctl_shared *old)
{
	size_t k = 0;

	ctl_view_rules_keep_gateway(&new->rules, &new->world, &old->rules);
	for (size_t i = 0; i < new->world.n_members; i++) {
		const char *id = new->world.members[i].peer.id;

		while (k < old->world.n_members && strcmp(old->world.members[k].peer.id, id) < 0)
			k++;
		if (k == old->world.n_members)
			return;
		if (!strcmp(old->world.members[k].peer.id, id))
			keep_member(new, i, old, k);
	}
}

/* Does any subnet occur twice? */
static bool find_taken(const struct ctl_world *w)
{
	json_t *seen = json_object(), *cidr;
	bool taken = false;
	size_t k;

	for (size_t i = 0; i < w->n_members; i++) {
		if (!w->members[i].peer.is_egress)
			continue;
		json_array_foreach(w->members[i].subnets, k, cidr)
		{
			taken = taken || json_object_get(seen, json_string_value(cidr));
			json_object_set_new(seen, json_string_value(cidr), json_true());
		}
	}
	json_decref(seen);
	return taken;
}

static int make(struct ctl_shared *h)
{
	const struct ctl_world *w = &h->world;

	h->peers = calloc(w->n_members + 1, sizeof(*h->peers));
	h->by_class = calloc(w->n_classes + 1, sizeof(*h->by_class));
	h->relays = relays_json(w);
	if (!h->peers || !h->by_class || !h->relays)
		return -1;
	for (size_t i = 0; i < w->n_members; i++) {
		const struct ctl_member *m = &w->members[i];

		h->peers[i] = peer_json(w, m, ctl_world_way(w, NULL, m));
		if (!h->peers[i])
			return -1;
	}
	h->taken = find_taken(w);
	return 0;
}

int ctl_shared_load(struct ctl_shared *h, struct ctl_store *s, const struct ctl_paths *paths,
		    const char *network, struct ctl_error *err)
{
	struct ctl_shared new = {0};
	int rc;

	if (h->peers && !h->stale)
		return 0;
	rc = ctl_world_load(&new.world, s, network, err);
	new.world.paths = paths;
	if (!rc && make(&new))
		rc = ctl_fail(err, CTL_RESOURCE_EXHAUSTED, "out of memory");
	if (rc) {
		ctl_shared_free(&new);
		return -1;
	}
	if (h->peers)
		keep_equal(&new, h);
	ctl_shared_free(h);
	*h = new;
	return 0;
}

void ctl_shared_free(struct ctl_shared *h)
{
	for (size_t i = 0; h->peers && i < h->world.n_members; i++)
		json_decref(h->peers[i]);
	for (size_t i = 0; h->by_class && i < h->world.n_classes; i++)
		json_decref(h->by_class[i]);
	free(h->peers);
	free(h->by_class);
	json_decref(h->relays);
	ctl_view_rules_free(&h->rules, &h->world);
	json_decref(h->served);
	ctl_world_free(&h->world);
	memset(h, 0, sizeof(*h));
}

/* --- lists of them --- */

static json_t *of_class(struct ctl_shared *h, uint32_t class)
{
	json_t **list = &h->by_class[class];

	if (*list || !(*list = json_array()))
		return *list;
	for (size_t i = 0; i < h->world.n_members; i++)
		if (ctl_world_admits(&h->world, class, h->world.members[i].class))
			json_array_append(*list, h->peers[i]);
	return *list;
}

/* Of two gateways to one subnet WireGuard can have but one: the older peer, which comes first. The
 * other is without it in this list, and as it was in others. */
static json_t *without_taken(const json_t *peer, json_t *taken)
{
	json_t *allowed = json_object_get(peer, "allowed_ips"), *kept = json_array(), *cidr, *copy;
	size_t i;

	json_array_foreach(allowed, i, cidr)
	{
		if (json_object_get(taken, json_string_value(cidr)))
			continue;
		json_object_set_new(taken, json_string_value(cidr), json_true());
		json_array_append(kept, cidr);
	}
	copy = json_array_size(kept) == json_array_size(allowed) ? NULL : json_copy((json_t *)peer);
	if (copy)
		json_object_set(copy, "allowed_ips", kept);
	json_decref(kept);
	return copy;
}

static void drop_taken_subnets(json_t *peers)
{
	json_t *taken = json_object(), *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		json_t *other = without_taken(peer, taken);

		if (other)
			json_array_set_new(peers, i, other);
	}
	json_decref(taken);
}

static json_t *all_but(const json_t *all, const json_t *own)
{
	json_t *peers = json_array(), *peer;
	size_t i;

	json_array_foreach((json_t *)all, i, peer) if (peer != own) json_array_append(peers, peer);
	return peers;
}

/* Of one who is assigned to something, or whom others are assigned to: where it reaches some is not
 * where all do. */
static json_t *peers_of_assigned(const struct ctl_shared *h, const struct ctl_member *self)
{
	const struct ctl_world *w = &h->world;
	json_t *peers = json_array();

	for (size_t i = 0; i < w->n_members; i++) {
		const struct ctl_member *m = &w->members[i], *way;

		if (m == self || !ctl_world_admits(w, self->class, m->class))
			continue;
		way = ctl_world_way(w, self, m);
		if (way == ctl_world_way(w, NULL, m))
			json_array_append(peers, h->peers[i]);
		else
			json_array_append_new(peers, peer_json(w, m, way));
	}
	return peers;
}

json_t *ctl_shared_peers(struct ctl_shared *h, const struct ctl_member *self)
{
	const json_t *own = h->peers[self - h->world.members];
	json_t *peers = self->peer.is_relay || self->peer.relay[0]
				? peers_of_assigned(h, self)
				: all_but(of_class(h, self->class), own);

	if (h->taken)
		drop_taken_subnets(peers);
	return peers;
}

/* --- whom a relay serves --- */

static json_t *served_json(const struct ctl_world *w)
{
	json_t *nodes = json_array(), *admits = json_array();

	for (size_t i = 0; i < w->n_members; i++) {
		const struct ctl_member *m = &w->members[i];

		json_array_append_new(nodes,
				      json_pack("{s:o,s:s,s:o,s:I}", "public_key",
						ctl_key_json(m->peer.public_key), "name",
						m->peer.device_name, "address",
						ctl_address_json(m->peer.ip, w->network.bits),
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

json_t *ctl_shared_served(struct ctl_shared *h)
{
	if (!h->served)
		h->served = served_json(&h->world);
	return json_incref(h->served);
}
