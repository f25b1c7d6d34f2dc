/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/groups.h"
#include "relay/node.h"
#include "relay/pending.h"
#include "relay/probe.h"
#include "relay/register.h"

#define FIND(hh, head, ptr, len, out) HASH_FIND(hh, head, ptr, len, out)

struct node *node_by_key(const struct relay *r, const uint8_t public_key[WG_KEY_LEN])
{
	struct node *n;

	FIND(hh_key, r->nodes->by_key, public_key, WG_KEY_LEN, n);
	return n;
}

struct node *node_by_id(const struct relay *r, uint32_t id)
{
	struct node *n;

	FIND(hh_id, r->nodes->by_id, &id, sizeof(id), n);
	return n;
}

struct node *node_by_name(const struct relay *r, const char *name)
{
	struct node *n;

	FIND(hh_name, r->nodes->by_name, name, strlen(name), n);
	return n;
}

struct node *node_by_word(const struct relay *r, const char *word)
{
	struct node *n = node_by_name(r, word), *found = NULL;
	size_t len = strlen(word);

	if (n)
		return n;
	for (n = r->nodes->by_name; n; n = n->hh_name.next) {
		if (strncmp(n->name, word, len) || n->name[len] != '.')
			continue;
		if (found)
			return NULL;
		found = n;
	}
	return found;
}

struct node *node_by_endpoint(const struct relay *r, const struct tp_endpoint *e)
{
	struct node *n;

	FIND(hh_endpoint, r->nodes->by_endpoint, e, sizeof(*e), n);
	return n;
}

struct site *site_of(const struct relay *r, const struct tp_addr *addr)
{
	struct tp_addr prefix = tp_addr_host_prefix(addr);
	struct site *s;

	FIND(hh, r->nodes->sites, &prefix, sizeof(prefix), s);
	return s;
}

bool node_online(const struct node *n, uint64_t now)
{
	return n->site && n->last_seen && now < n->last_seen + TP_SEC(NODE_ONLINE_SEC);
}

/* --- where nodes are --- */

static void tell_site(struct relay *r, const struct site *s,
		      int (*tell)(struct relay_datapath *dp, const struct relay_addr *prefix))
{
	struct relay_addr prefix;

	memcpy(prefix.addr, &s->prefix, sizeof(prefix.addr));
	if (tell(r->dp, &prefix))
		tp_log_limited(LOG_ERR, "site table: a prefix could not be changed");
}

static void site_enter(struct relay *r, struct node *n)
{
	struct site *s = site_of(r, &n->endpoint.addr);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			uthash_fatal("out of memory");
		s->prefix = tp_addr_host_prefix(&n->endpoint.addr);
		LIST_INIT(&s->nodes);
		HASH_ADD(hh, r->nodes->sites, prefix, sizeof(s->prefix), s);
		tell_site(r, s, relay_datapath_site_put);
	}
	LIST_INSERT_HEAD(&s->nodes, n, in_site);
	s->n_nodes++;
	n->site = s;
}

static void site_leave(struct relay *r, struct node *n)
{
	struct site *s = n->site;

	LIST_REMOVE(n, in_site);
	n->site = NULL;
	if (--s->n_nodes)
		return;
	tell_site(r, s, relay_datapath_site_del);
	HASH_DELETE(hh, r->nodes->sites, s);
	free(s);
}

static void unplace(struct relay *r, struct node *n)
{
	if (!n->site)
		return;
	HASH_DELETE(hh_endpoint, r->nodes->by_endpoint, n);
	site_leave(r, n);
	memset(&n->endpoint, 0, sizeof(n->endpoint));
	memset(&n->local, 0, sizeof(n->local));
}

void node_unplace(struct relay *r, struct node *n)
{
	flows_forget_mtu(r, n);
	unplace(r, n);
	node_save(r, n);
}

static void place(struct relay *r, struct node *n, const struct tp_endpoint *e,
		  const struct tp_addr *local)
{
	unplace(r, n);
	n->endpoint = *e;
	n->local = *local;
	HASH_ADD(hh_endpoint, r->nodes->by_endpoint, endpoint, sizeof(n->endpoint), n);
	site_enter(r, n);
}

void node_place(struct relay *r, struct node *n, const struct tp_endpoint *e,
		const struct tp_addr *local, uint64_t now)
{
	struct node *owner = node_by_endpoint(r, e);
	struct tp_endpoint at = *e; /* e may point into what unplace clears */
	struct tp_addr to = *local;

	if (owner && owner != n) {
		tp_info("%s is now where %s was", n->name, owner->name);
		node_unplace(r, owner);
	}
	n->last_seen = now;
	flows_forget_mtu(r, n);
	place(r, n, &at, &to);
	node_save(r, n);
}

void node_save(struct relay *r, const struct node *n)
{
	struct relay_node saved = {
		.last_seen = n->last_seen,
		.port = n->endpoint.port,
		.id = n->id,
	};

	memcpy(saved.addr, &n->endpoint.addr, sizeof(saved.addr));
	memcpy(saved.local, &n->local, sizeof(saved.local));
	memcpy(saved.tai64n, n->tai64n, sizeof(saved.tai64n));
	if (relay_datapath_node_put(r->dp, n->public_key, &saved))
		tp_log_limited(LOG_ERR, "cannot save the state of node %s", n->name);
}

void node_remember_target(struct node *n, const struct node *target)
{
	unsigned int at = 0;

	while (at < NODE_RECENT - 1 && n->recent[at] && n->recent[at] != target->id)
		at++;
	memmove(&n->recent[1], &n->recent[0], at * sizeof(n->recent[0]));
	n->recent[0] = target->id;
}

/* --- configuration --- */

static struct network *network_get(struct relay *r, const char *name)
{
	struct network *w;

	HASH_FIND_STR(r->nodes->networks, name, w);
	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->name = strdup(name);
	if (!w->name) {
		free(w);
		return NULL;
	}
	LIST_INIT(&w->nodes);
	HASH_ADD_KEYPTR(hh, r->nodes->networks, w->name, strlen(w->name), w);
	return w;
}

static void node_free(struct relay *r, struct node *n)
{
	unplace(r, n);
	LIST_REMOVE(n, in_network);
	n->network->n_nodes--;
	HASH_DELETE(hh_key, r->nodes->by_key, n);
	HASH_DELETE(hh_id, r->nodes->by_id, n);
	HASH_DELETE(hh_name, r->nodes->by_name, n);
	tp_wipe(&n->peer, sizeof(n->peer));
	free(n->name);
	free(n);
}

static void node_remove(struct relay *r, struct node *n, uint64_t now)
{
	flows_drop_node(r, n, now);
	own_sessions_drop_node(r, n);
	probes_drop_node(r, n);
	relay_datapath_node_del(r->dp, n->public_key);
	node_free(r, n);
}

static bool id_reserved(const struct nodes *nodes, uint32_t id)
{
	return id < nodes->n_reserved && nodes->reserved[id];
}

/* The lowest that is free: ids index the token buckets. */
static uint32_t free_id(struct relay *r)
{
	do
		r->nodes->next_id++;
	while (id_reserved(r->nodes, r->nodes->next_id) || node_by_id(r, r->nodes->next_id));
	return r->nodes->next_id;
}

static struct node *node_add(struct relay *r, struct network *w, const uint8_t key[WG_KEY_LEN],
			     const char *name)
{
	struct node *n = calloc(1, sizeof(*n));
	struct relay_node saved;

	if (!n)
		return NULL;
	n->name = strdup(name);
	if (!n->name || tp_noise_peer_init(&n->peer, &r->identity, key, NULL)) {
		free(n->name);
		free(n);
		return NULL;
	}
	memcpy(n->public_key, key, WG_KEY_LEN);
	tp_mac_keys_init(&n->macs, key);
	LIST_INIT(&n->sessions);
	LIST_INIT(&n->sends);
	LIST_INIT(&n->receives);
	if (!relay_datapath_node_get(r->dp, key, &saved) && saved.id && !node_by_id(r, saved.id))
		n->id = saved.id;
	else
		n->id = free_id(r);
	n->network = w;
	LIST_INSERT_HEAD(&w->nodes, n, in_network);
	w->n_nodes++;
	HASH_ADD(hh_key, r->nodes->by_key, public_key, WG_KEY_LEN, n);
	HASH_ADD(hh_id, r->nodes->by_id, id, sizeof(n->id), n);
	HASH_ADD_KEYPTR(hh_name, r->nodes->by_name, n->name, strlen(n->name), n);
	return n;
}

/* Names are unique in a config, but while one is replaced two nodes may swap theirs. */
static int node_rename(struct relay *r, struct node *n, const char *name)
{
	char *copy;

	if (!strcmp(n->name, name))
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	HASH_DELETE(hh_name, r->nodes->by_name, n);
	free(n->name);
	n->name = copy;
	HASH_ADD_KEYPTR(hh_name, r->nodes->by_name, n->name, strlen(n->name), n);
	return 0;
}

static void mark(struct relay *r, const struct relay_config *config)
{
	struct network *w, *wtmp;
	struct node *n, *ntmp;

	HASH_ITER (hh, r->nodes->networks, w, wtmp)
		w->keep = false;
	HASH_ITER (hh_key, r->nodes->by_key, n, ntmp)
		n->keep = false;
	for (size_t i = 0; i < config->n_networks; i++) {
		const struct relay_config_network *c = &config->networks[i];

		HASH_FIND_STR(r->nodes->networks, c->name, w);
		if (w)
			w->keep = true;
		for (size_t k = 0; k < c->n_nodes; k++) {
			n = node_by_key(r, c->nodes[k].public_key);
			if (n && n->network == w)
				n->keep = true;
		}
	}
}

static unsigned int sweep(struct relay *r, uint64_t now)
{
	struct network *w, *wtmp;
	struct node *n, *ntmp;
	unsigned int removed = 0;

	HASH_ITER (hh_key, r->nodes->by_key, n, ntmp) {
		if (n->keep)
			continue;
		node_remove(r, n, now);
		removed++;
	}
	if (removed)
		pendings_drop_orphans(r);
	HASH_ITER (hh, r->nodes->networks, w, wtmp) {
		if (w->keep || w->n_nodes)
			continue;
		HASH_DELETE(hh, r->nodes->networks, w);
		groups_free(w->groups);
		free(w->name);
		free(w);
	}
	return removed;
}

static int apply_node(struct relay *r, struct network *w, const struct relay_config_node *c,
		      unsigned int *added)
{
	struct node *n = node_by_key(r, c->public_key);
	int err;

	if (!n) {
		n = node_add(r, w, c->public_key, c->name);
		if (!n) {
			tp_err("node %s: its public key cannot be used", c->name);
			return -EINVAL;
		}
		++*added;
	}
	err = node_rename(r, n, c->name);
	n->group = groups_find(w->groups, c->group);
	n->overlay = c->address;
	n->overlay_bits = c->address_bits;
	return err;
}

int nodes_check(const struct relay *r, const struct relay_config *config)
{
	for (size_t i = 0; i < config->n_networks; i++) {
		const struct relay_config_network *w = &config->networks[i];

		for (size_t k = 0; k < w->n_nodes; k++) {
			const struct relay_config_node *c = &w->nodes[k];
			struct tp_noise_peer peer;

			if (node_by_key(r, c->public_key) ||
			    !tp_noise_peer_init(&peer, &r->identity, c->public_key, NULL))
				continue;
			tp_err("node %s: its public key cannot be used", c->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int apply_groups(struct network *w, const struct relay_config_network *c)
{
	struct groups *fresh;
	int err = groups_new(&fresh, c);

	if (err)
		return err;
	groups_free(w->groups);
	w->groups = fresh;
	return 0;
}

static int apply_network(struct relay *r, const struct relay_config_network *c, unsigned int *added)
{
	struct network *w = network_get(r, c->name);
	int err = w ? apply_groups(w, c) : -ENOMEM;

	for (size_t k = 0; !err && k < c->n_nodes; k++)
		err = apply_node(r, w, &c->nodes[k], added);
	return err;
}

int nodes_configure(struct relay *r, const struct relay_config *config, uint64_t now)
{
	unsigned int removed, refused, added = 0;
	int err;

	mark(r, config);
	removed = sweep(r, now);
	r->nodes->next_id = 0;
	for (size_t i = 0; i < config->n_networks; i++) {
		err = apply_network(r, &config->networks[i], &added);
		if (err)
			return err;
	}
	refused = flows_drop_refused(r, now);
	if (refused)
		tp_info("%u sessions ended: their nodes may not talk any more", refused);
	tp_info("%u nodes in %u networks (%u added, %u removed)",
		HASH_CNT(hh_key, r->nodes->by_key), HASH_CNT(hh, r->nodes->networks), added,
		removed);
	return 0;
}

/* --- after a restart --- */

struct adoption {
	struct relay *r;
	uint64_t now;
	uint8_t (*strangers)[WG_KEY_LEN];
	size_t n_strangers, room;
};

static void note_stranger(struct adoption *a, const uint8_t key[WG_KEY_LEN])
{
	if (a->n_strangers == a->room) {
		size_t room = a->room ? 2 * a->room : 64;
		void *grown = realloc(a->strangers, room * WG_KEY_LEN);

		if (!grown)
			return;
		a->strangers = grown;
		a->room = room;
	}
	memcpy(a->strangers[a->n_strangers++], key, WG_KEY_LEN);
}

static void adopt_one(void *arg, const uint8_t key[WG_KEY_LEN], const struct relay_node *saved)
{
	struct adoption *a = arg;
	struct node *n = node_by_key(a->r, key);
	struct tp_endpoint at = {.port = saved->port};
	struct tp_addr local;

	if (!n || n->id != saved->id) {
		note_stranger(a, key);
		return;
	}
	memcpy(&at.addr, saved->addr, sizeof(at.addr));
	memcpy(&local, saved->local, sizeof(local));
	memcpy(n->tai64n, saved->tai64n, sizeof(n->tai64n));
	if (tp_addr_is_zero(&at.addr) || node_by_endpoint(a->r, &at))
		return;
	place(a->r, n, &at, &local);
	n->last_seen = saved->last_seen < a->now ? saved->last_seen : a->now;
}

void nodes_adopt(struct relay *r, uint64_t now)
{
	struct adoption a = {.r = r, .now = now};
	struct node *n, *tmp;

	relay_datapath_nodes_each(r->dp, adopt_one, &a);
	for (size_t i = 0; i < a.n_strangers; i++)
		relay_datapath_node_del(r->dp, a.strangers[i]);
	free(a.strangers);
	HASH_ITER (hh_key, r->nodes->by_key, n, tmp)
		node_save(r, n);
	free(r->nodes->reserved);
	r->nodes->reserved = NULL;
	r->nodes->n_reserved = 0;
}

static void reserve_id(void *arg, const uint8_t key[WG_KEY_LEN], const struct relay_node *saved)
{
	struct nodes *nodes = arg;

	(void)key;
	if (saved->id >= nodes->n_reserved) {
		uint32_t n = saved->id + 1024;
		bool *grown = realloc(nodes->reserved, n);

		if (!grown)
			return;
		memset(grown + nodes->n_reserved, 0, n - nodes->n_reserved);
		nodes->reserved = grown;
		nodes->n_reserved = n;
	}
	nodes->reserved[saved->id] = true;
}

int nodes_new(struct relay *r)
{
	r->nodes = calloc(1, sizeof(*r->nodes));
	if (!r->nodes)
		return -ENOMEM;
	/* Pinned flows name nodes by id: none of those may come to mean another node. */
	relay_datapath_nodes_each(r->dp, reserve_id, r->nodes);
	return 0;
}

void nodes_free(struct relay *r)
{
	struct network *w, *wtmp;
	struct node *n, *ntmp;

	if (!r->nodes)
		return;
	HASH_ITER (hh_key, r->nodes->by_key, n, ntmp)
		node_free(r, n);
	HASH_ITER (hh, r->nodes->networks, w, wtmp) {
		HASH_DELETE(hh, r->nodes->networks, w);
		groups_free(w->groups);
		free(w->name);
		free(w);
	}
	free(r->nodes->reserved);
	free(r->nodes);
	r->nodes = NULL;
}
