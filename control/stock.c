// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/stock.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/address.h"
#include "control/device.h"
#include "control/network.h"
#include "control/relay.h"
#include "crypto.h"

#define PEERS_MAX 65536
#define RELAYS	  3  /* that a file registers with: one is down at times, and files don't change */
#define KEEPALIVE 25 /* of a relay's own peer: mandatory, and needless on the others */

/* A file being written. */
struct file {
	FILE *out;
	const struct ctl_peer *self;
	const struct ctl_network *network;
	struct ctl_relay relays[RELAYS];
	size_t n_relays;
	const struct ctl_relay *chosen; /* for the peers that have no endpoint of their own */
};

/* --- relays --------------------------------------------------------------------------------- */

static bool usable(const struct ctl_relay *r)
{
	return r->has_key && strcmp(r->endpoints, "[]") != 0;
}

/* One that drains is taken only when the peer is pinned to it. */
static bool add_relay(void *arg, const struct ctl_relay *r)
{
	struct file *f = arg;
	bool pinned = !strcmp(r->id, f->self->relay);

	if (!usable(r) || (r->draining && !pinned))
		return true;
	if (f->n_relays < RELAYS)
		f->relays[f->n_relays++] = *r;
	else if (pinned)
		f->relays[RELAYS - 1] = *r;
	return true;
}

static void choose_relay(struct file *f)
{
	f->chosen = f->n_relays ? &f->relays[0] : NULL;
	for (size_t i = 0; i < f->n_relays; i++)
		if (!strcmp(f->relays[i].id, f->self->relay))
			f->chosen = &f->relays[i];
}

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

static void print_allowed(const struct file *f, const struct ctl_peer *p)
{
	json_t *subnets = p->is_egress ? json_loads(p->egress_subnets, 0, NULL) : NULL, *subnet;
	char ip[CTL_IP_LEN];
	size_t i;

	ctl_ip_format(p->ip, ip);
	fprintf(f->out, "AllowedIPs = %s/32", ip);
	json_array_foreach(subnets, i, subnet) fprintf(f->out, ", %s", json_string_value(subnet));
	fputc('\n', f->out);
	json_decref(subnets);
}

static bool print_peer(void *arg, const struct ctl_peer *p)
{
	struct file *f = arg;
	bool direct = p->endpoint_declared && *p->endpoint;

	if (!p->ip || !strcmp(p->id, f->self->id))
		return true;
	fprintf(f->out, "\n# %s\n[Peer]\n", p->device_name);
	print_key(f->out, p->public_key);
	if (direct)
		fprintf(f->out, "Endpoint = %s\n", p->endpoint);
	else if (f->chosen)
		print_endpoint(f->out, f->chosen);
	print_allowed(f, p);
	if (direct && f->network->keepalive)
		fprintf(f->out, "PersistentKeepalive = %d\n", f->network->keepalive);
	return true;
}

static void print_interface(const struct file *f)
{
	char ip[CTL_IP_LEN];

	ctl_ip_format(f->self->ip, ip);
	fprintf(f->out, "# %s in network %s\n[Interface]\nPrivateKey = %s\nAddress = %s/%u\n",
		f->self->device_name, f->network->name, CTL_STOCK_PRIVATE_KEY, ip,
		f->network->bits);
	if (*f->network->dns)
		fprintf(f->out, "DNS = %s\n", f->network->dns);
}

/* --- the whole file ------------------------------------------------------------------------- */

static int write_file(struct ctl_store *s, struct file *f, struct ctl_error *err)
{
	if (ctl_relay_of_network(s, f->network->id, add_relay, f, err))
		return -1;
	choose_relay(f);
	print_interface(f);
	for (size_t i = 0; i < f->n_relays; i++)
		print_relay(f, &f->relays[i]);
	return ctl_peer_list(s, NULL, f->network->id, NULL, "", PEERS_MAX, print_peer, f, err);
}

static int make_file(struct ctl_store *s, const struct ctl_peer *self, char **text,
		     struct ctl_error *err)
{
	struct ctl_network network;
	struct file f = {.self = self, .network = &network};
	size_t size;
	int result;

	*text = NULL;
	if (ctl_network_get(s, NULL, self->network, &network, err))
		return -1;
	f.out = open_memstream(text, &size);
	if (!f.out)
		return ctl_fail(err, CTL_INTERNAL, "out of memory");
	result = write_file(s, &f, err);
	if (fclose(f.out) && !result)
		result = ctl_fail(err, CTL_INTERNAL, "out of memory");
	if (result) {
		free(*text);
		*text = NULL;
	}
	return result;
}

static void digest(const char *text, uint8_t out[32])
{
	tp_hash(out, &(struct tp_span){text, strlen(text)}, 1);
}

static int remember(struct ctl_store *s, const struct ctl_peer *p, const char *text,
		    struct ctl_error *err)
{
	uint8_t hash[32];
	int rc;

	digest(text, hash);
	rc = ctl_db_run(ctl_store_db(s),
			"UPDATE peer SET exported_digest = ?2, exported_revision = ?3"
			" WHERE id = ?1",
			"tki", p->id, hash, (int64_t)ctl_store_revision(s));
	return ctl_fail_db(err, rc, "peer");
}

int ctl_stock_export(struct ctl_store *s, const char *tenant, const char *network,
		     const char *device, char **file, struct ctl_error *err)
{
	struct ctl_peer p;

	*file = NULL;
	if (ctl_peer_get(s, tenant, network, device, &p, err))
		return -1;
	if (p.device_kind != CTL_STOCK || !p.ip)
		return ctl_fail(err, CTL_FAILED_PRECONDITION, "%s is no stock peer", p.device_name);
	if (make_file(s, &p, file, err))
		return -1;
	if (!remember(s, &p, *file, err))
		return 0;
	free(*file);
	*file = NULL;
	return -1;
}

/* --- stale ones ----------------------------------------------------------------------------- */

struct exported {
	char network[CTL_ID_LEN], device[CTL_ID_LEN];
	uint8_t digest[32];
	uint64_t revision;
};

/* Collected first: what a file is made from is read with the same statements. */
static int next_exported(struct ctl_store *s, const char *tenant, const char *network,
			 const char *after, struct exported *list, size_t room, size_t *n,
			 struct ctl_error *err)
{
	struct ctl_db *db = ctl_store_db(s);
	struct sqlite3_stmt *q = ctl_db_query(
		db,
		"SELECT peer.network, peer.device, exported_digest, exported_revision"
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
	}
	return ctl_fail_db(err, got, "peer");
}

/* 1 or 0, or -1. */
static int is_stale(struct ctl_store *s, const struct exported *e, struct ctl_peer *p,
		    struct ctl_error *err)
{
	uint8_t hash[32];
	char *text;

	if (ctl_peer_get(s, NULL, e->network, e->device, p, err) || make_file(s, p, &text, err))
		return -1;
	digest(text, hash);
	free(text);
	return memcmp(hash, e->digest, sizeof(hash)) != 0;
}

#define BATCH 64

int ctl_stock_stale(struct ctl_store *s, const char *tenant, const char *network, const char *after,
		    unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_peer *peer, uint64_t revision),
		    void *arg, struct ctl_error *err)
{
	struct exported list[BATCH];
	struct ctl_peer p = {0};
	size_t n;

	snprintf(p.id, sizeof(p.id), "%s", after);
	do {
		if (next_exported(s, tenant, network, p.id, list, BATCH, &n, err))
			return -1;
		for (size_t i = 0; i < n && limit; i++) {
			int stale = is_stale(s, &list[i], &p, err);

			if (stale < 0)
				return -1;
			limit -= (unsigned int)stale;
			if (stale && !fn(arg, &p, list[i].revision))
				return 0;
		}
	} while (n == BATCH && limit);
	return 0;
}
