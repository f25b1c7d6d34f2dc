// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/stock.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/address.h"
#include "control/device.h"
#include "control/stock_relays.h"
#include "crypto.h"

#define KEEPALIVE 25 /* of a relay's own peer: mandatory, and needless on the others */

/* A file being written. */
struct file {
	FILE *out;
	const struct ctl_world *world;
	const struct ctl_member *self;
	const struct ctl_stock_relays *relays;
	const struct ctl_member *via; /* the relay peer that it is assigned to; NULL */
};

/* --- relays --------------------------------------------------------------------------------- */

/* Its first, which is its best. */
static void print_endpoint(FILE *out, const struct ctl_relay *r)
{
	json_t *list = json_loads(r->endpoints, 0, NULL);
	const char *first = json_string_value(json_array_get(list, 0));

	if (first)
		fprintf(out, "Endpoint = %s\n", first);
	json_decref(list);
}

static void print_key(FILE *out, const uint8_t key[32])
{
	char text[TP_KEY_STRLEN];

	fprintf(out, "PublicKey = %s\n", tp_key_format(key, text));
}

static void print_relay(const struct file *f, const struct ctl_relay *r)
{
	char ip[CTL_IP_LEN];

	ctl_ip_format(r->service_ip, ip);
	fprintf(f->out, "\n# relay %s\n[Peer]\n", r->name);
	print_key(f->out, r->public_key);
	print_endpoint(f->out, r);
	fprintf(f->out, "AllowedIPs = %s/32\nPersistentKeepalive = %d\n", ip, KEEPALIVE);
}

/* --- peers ---------------------------------------------------------------------------------- */

static void print_allowed(const struct file *f, const struct ctl_member *m)
{
	char ip[CTL_IP_LEN];
	json_t *subnet;
	size_t i;

	ctl_ip_format(m->peer.ip, ip);
	fprintf(f->out, "AllowedIPs = %s/32", ip);
	if (m->peer.is_egress)
		json_array_foreach(m->subnets, i, subnet)
			fprintf(f->out, ", %s", json_string_value(subnet));
	fputc('\n', f->out);
}

/* Towards a relay peer always, so that its answers find the way in; to others as the network has
 * it, where no relay's own peer keeps the way open. */
static unsigned int keepalive_to(const struct file *f, const struct ctl_member *m,
				 const struct ctl_member *way)
{
	if (m->peer.is_relay)
		return KEEPALIVE;
	return way == m ? f->world->network.keepalive : 0;
}

static void print_peer(const struct file *f, const struct ctl_member *m)
{
	const struct ctl_member *way = ctl_world_way(f->world, f->self, m);
	const struct ctl_relay *relay = ctl_stock_relay_to(f->relays, f->world, f->self, m);
	unsigned int keepalive = keepalive_to(f, m, way);

	fprintf(f->out, "\n# %s%s\n[Peer]\n", m == f->via ? "relay peer " : "",
		m->peer.device_name);
	print_key(f->out, m->peer.public_key);
	if (way)
		fprintf(f->out, "Endpoint = %s\n", way->peer.endpoint);
	else if (relay)
		print_endpoint(f->out, relay);
	print_allowed(f, m);
	if (keepalive)
		fprintf(f->out, "PersistentKeepalive = %u\n", keepalive);
}

static void print_interface(const struct file *f)
{
	const struct ctl_network *n = &f->world->network;
	char ip[CTL_IP_LEN];

	ctl_ip_format(f->self->peer.ip, ip);
	fprintf(f->out, "# %s in network %s\n[Interface]\nPrivateKey = %s\nAddress = %s/%u\n",
		f->self->peer.device_name, n->name, CTL_STOCK_PRIVATE_KEY, ip, n->bits);
	if (*n->dns)
		fprintf(f->out, "DNS = %s\n", n->dns);
}

/* --- the whole file ------------------------------------------------------------------------- */

static bool is_admitted(const struct file *f, const struct ctl_member *m)
{
	return m != f->self && ctl_world_admits(f->world, f->self->class, m->class);
}

/* What it is assigned to comes first, whatever its kind. */
static void print_file(struct file *f)
{
	print_interface(f);
	if (f->via && is_admitted(f, f->via))
		print_peer(f, f->via);
	for (size_t i = 0; i < f->relays->n; i++)
		print_relay(f, f->relays->list[i]);
	for (size_t i = 0; i < f->world->n_members; i++) {
		const struct ctl_member *m = &f->world->members[i];

		if (m != f->via && is_admitted(f, m))
			print_peer(f, m);
	}
}

/* NULL without memory. */
static char *make_file(const struct ctl_world *w, const struct ctl_member *self,
		       const struct ctl_stock_relays *relays)
{
	struct file f = {
		.world = w,
		.self = self,
		.relays = relays,
		.via = ctl_world_relay_peer(w, self),
	};
	char *text = NULL;
	size_t size;

	f.out = open_memstream(&text, &size);
	if (!f.out)
		return NULL;
	print_file(&f);
	if (!fclose(f.out))
		return text;
	free(text);
	return NULL;
}

/* Of the file as it would be with the relays that it had, if no round trip were known: what varies
 * by itself makes no file stale. */
static int digest(const struct ctl_world *w, const struct ctl_member *self, const char *had,
		  uint8_t out[32])
{
	struct ctl_world plain = *w;
	struct ctl_stock_relays relays;
	char *text;

	plain.paths = NULL;
	ctl_stock_relays_keep(&relays, &plain, self, had);
	text = make_file(&plain, self, &relays);
	if (!text)
		return -1;
	tp_hash(out, &(struct tp_span){text, strlen(text)}, 1);
	free(text);
	return 0;
}

/* exported_relay holds the ids of all relays that the file has. */
static int remember(struct ctl_store *s, const struct ctl_peer *p, const uint8_t hash[32],
		    const char *had, struct ctl_error *err)
{
	int rc = ctl_db_run(ctl_store_db(s),
			    "UPDATE peer SET exported_digest = ?2, exported_revision = ?3,"
			    " exported_relay = ?4 WHERE id = ?1",
			    "tkit", p->id, hash, (int64_t)ctl_store_revision(s), had);

	return ctl_fail_db(err, rc, "peer");
}

static int remembered(struct ctl_store *s, const struct ctl_peer *p, char had[CTL_STOCK_HAD_LEN],
		      struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db, "SELECT ifnull(exported_relay, '') FROM peer WHERE id = ?", "t", p->id);
	int got = ctl_db_step(db, q);

	if (got == 1)
		ctl_db_copy(q, 0, had, CTL_STOCK_HAD_LEN);
	ctl_db_done(q);
	return ctl_fail_db(err, got, "peer");
}

static int export(struct ctl_store *s, const struct ctl_world *w, const char *device, char **file,
		  struct ctl_error *err)
{
	const struct ctl_member *self = ctl_world_member(w, device);
	char had[CTL_STOCK_HAD_LEN] = "";
	struct ctl_stock_relays relays;
	uint8_t hash[32];

	if (!self)
		return ctl_fail(err, CTL_FAILED_PRECONDITION,
				"the device has no key in this network yet");
	if (self->peer.device_kind != CTL_STOCK)
		return ctl_fail(err, CTL_FAILED_PRECONDITION, "the device is no stock peer");
	if (remembered(s, &self->peer, had, err))
		return -1;
	ctl_stock_relays_choose(&relays, w, self, ctl_now(s), had);
	*file = make_file(w, self, &relays);
	if (!*file || digest(w, self, had, hash))
		return ctl_fail(err, CTL_INTERNAL, "out of memory");
	return remember(s, &self->peer, hash, had, err);
}

int ctl_stock_export(struct ctl_store *s, const struct ctl_paths *paths, const char *tenant,
		     const char *network, const char *device, char **file, struct ctl_error *err)
{
	struct ctl_peer p;
	struct ctl_world w;
	int result;

	*file = NULL;
	if (ctl_peer_get(s, tenant, network, device, &p, err))
		return -1;
	result = ctl_world_load(&w, s, network, err);
	w.paths = paths;
	if (!result)
		result = export(s, &w, device, file, err);
	ctl_world_free(&w);
	if (result) {
		free(*file);
		*file = NULL;
	}
	return result;
}

/* --- stale ones ----------------------------------------------------------------------------- */

struct exported {
	char network[CTL_ID_LEN], device[CTL_ID_LEN];
	uint8_t digest[32];
	uint64_t revision;
	char had[CTL_STOCK_HAD_LEN]; /* the relays in the file */
};

/* Collected first: what a file is made from is read with the same statements. */
static int next_exported(struct ctl_store *s, const char *tenant, const char *network,
			 const char *after, struct exported *list, size_t room, size_t *n,
			 struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT peer.network, peer.device, exported_digest, exported_revision,"
		" ifnull(exported_relay, '')"
		" FROM peer JOIN network ON network.id = peer.network"
		" WHERE network.tenant = ?1 AND network.id = ifnull(?2, network.id)"
		" AND peer.id > ?3 AND exported_digest IS NOT NULL ORDER BY peer.id LIMIT ?4",
		"ttti", tenant, network, after, (int64_t)room);
	int got;

	*n = 0;
	while ((got = ctl_db_step(db, q)) == 1) {
		struct exported *e = &list[(*n)++];

		ctl_db_copy(q, 0, e->network, sizeof(e->network));
		ctl_db_copy(q, 1, e->device, sizeof(e->device));
		memcpy(e->digest, ctl_db_key(q, 2), sizeof(e->digest));
		e->revision = (uint64_t)ctl_db_int(q, 3);
		ctl_db_copy(q, 4, e->had, sizeof(e->had));
	}
	return ctl_fail_db(err, got, "peer");
}

/* The network that was looked at last stays loaded: peers of one often follow each other. */
struct search {
	struct ctl_store *s;
	struct ctl_world world;
	char network[CTL_ID_LEN]; /* that is loaded; "": none */
};

static int load(struct search *f, const char network[CTL_ID_LEN], struct ctl_error *err)
{
	if (!strcmp(f->network, network))
		return 0;
	if (*f->network)
		ctl_world_free(&f->world);
	memcpy(f->network, network, CTL_ID_LEN);
	return ctl_world_load(&f->world, f->s, network, err);
}

/* 1 or 0, or -1; *self: the peer. */
static int is_stale(struct search *f, const struct exported *e, const struct ctl_member **self,
		    struct ctl_error *err)
{
	uint8_t hash[32];

	if (load(f, e->network, err))
		return -1;
	*self = ctl_world_member(&f->world, e->device);
	if (!*self || digest(&f->world, *self, e->had, hash))
		return ctl_fail(err, CTL_INTERNAL, "no file could be made");
	return memcmp(hash, e->digest, sizeof(hash)) != 0;
}

#define BATCH 64

struct sink {
	bool (*fn)(void *arg, const struct ctl_peer *peer, uint64_t revision);
	void *arg;
	unsigned int limit; /* so many more */
};

/* Looks at one batch, *n long; moves `after` on. */
static int search_batch(struct search *f, const struct exported *list, size_t n, struct sink *sink,
			char after[CTL_ID_LEN], struct ctl_error *err)
{
	const struct ctl_member *self;

	for (size_t i = 0; i < n && sink->limit; i++) {
		int stale = is_stale(f, &list[i], &self, err);

		if (stale < 0)
			return -1;
		memcpy(after, self->peer.id, CTL_ID_LEN);
		if (!stale)
			continue;
		sink->limit--;
		if (!sink->fn(sink->arg, &self->peer, list[i].revision))
			sink->limit = 0;
	}
	return 0;
}

int ctl_stock_stale(struct ctl_store *s, const char *tenant, const char *network, const char *after,
		    unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_peer *peer, uint64_t revision),
		    void *arg, struct ctl_error *err)
{
	struct search f = {.s = s};
	struct sink sink = {fn, arg, limit};
	struct exported list[BATCH];
	char from[CTL_ID_LEN];
	size_t n = 0;
	int result;

	snprintf(from, sizeof(from), "%s", after);
	do {
		result = next_exported(s, tenant, network, from, list, BATCH, &n, err);
		if (!result)
			result = search_batch(&f, list, n, &sink, from, err);
	} while (!result && n == BATCH && sink.limit);
	if (*f.network)
		ctl_world_free(&f.world);
	return result;
}
