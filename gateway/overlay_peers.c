/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the configuration's peers to WireGuard's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "gateway/overlay.h"
#include "log.h"

static int load_preshared(const struct gw_config_peer *c, uint8_t key[WG_KEY_LEN])
{
	int err = c->preshared_key_file ? tp_key_load(c->preshared_key_file, key) : 0;

	if (err)
		tp_err("%s: preshared key %s: %s", c->name, c->preshared_key_file,
		       err == -EPERM ? "others may read it; chmod 600" : strerror(-err));
	return err;
}

static void add_prefixes(struct tp_wireguard_prefix **at, const struct gw_config_overlay *o,
			 const struct gw_config_peer *c, struct tp_wireguard_peer *p)
{
	p->allowed = *at;
	for (size_t i = 0; i < c->n_allowed_ips; i++) {
		const struct tp_prefix *prefix = &c->allowed_ips[i];

		if (!prefix->bits && !o->full_tunnel) {
			tp_warn("%s: allowed_ips of %s: everything is left out; full_tunnel = true "
				"takes it",
				o->name, c->name);
			continue;
		}
		*(*at)++ = (struct tp_wireguard_prefix){prefix->addr, (uint8_t)prefix->bits};
		p->n_allowed++;
	}
}

static int make_peer(struct tp_wireguard_peer *p, struct tp_wireguard_prefix **at,
		     const struct gw_config_overlay *o, const struct gw_config_peer *c,
		     const struct gw_endpoints *endpoints)
{
	memcpy(p->public_key, c->public_key, sizeof(p->public_key));
	p->keepalive = c->keepalive;
	if (c->endpoint && gw_endpoints_find(endpoints, c->endpoint, &p->endpoint))
		return -EINVAL;
	add_prefixes(at, o, c, p);
	return load_preshared(c, p->preshared_key);
}

int gw_peers_make(struct gw_peers *out, const struct gw_config_overlay *o,
		  const struct gw_endpoints *endpoints)
{
	struct tp_wireguard_prefix *at;
	size_t prefixes = 0;
	int err = 0;

	for (size_t i = 0; i < o->n_peers; i++)
		prefixes += o->peers[i].n_allowed_ips;
	*out = (struct gw_peers){
		.peers = calloc(o->n_peers + 1, sizeof(*out->peers)),
		.prefixes = calloc(prefixes + 1, sizeof(*out->prefixes)),
		.n = o->n_peers,
	};
	if (!out->peers || !out->prefixes)
		return -ENOMEM;
	at = out->prefixes;
	for (size_t i = 0; !err && i < o->n_peers; i++)
		err = make_peer(&out->peers[i], &at, o, &o->peers[i], endpoints);
	return err;
}

void gw_peers_fini(struct gw_peers *p)
{
	if (p->peers)
		tp_wipe(p->peers, p->n * sizeof(*p->peers));
	free(p->peers);
	free(p->prefixes);
	*p = (struct gw_peers){0};
}

/* --- who was heard from --------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct gw_config_peer *const *x = a, *const *y = b;

	return memcmp((*x)->public_key, (*y)->public_key, WG_KEY_LEN);
}

int gw_peers_heard_init(struct gw_peers_heard *h)
{
	const struct gw_config_overlay *o = h->overlay;

	h->n = 0;
	h->named = calloc(o->n_peers + 1, sizeof(*h->named));
	if (!h->named)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_peers; i++)
		if (o->peers[i].endpoint && gw_endpoints_state(h->endpoints, o->peers[i].endpoint))
			h->named[h->n++] = &o->peers[i];
	qsort(h->named, h->n, sizeof(*h->named), compare);
	return 0;
}

void gw_peers_heard(void *ctx, const struct tp_wireguard_stats *peer)
{
	struct gw_peers_heard *h = ctx;
	struct gw_config_peer wanted;
	const struct gw_config_peer *key = &wanted, **found;

	memcpy(wanted.public_key, peer->public_key, WG_KEY_LEN);
	found = bsearch(&key, h->named, h->n, sizeof(*h->named), compare);
	if (found)
		gw_endpoints_heard(h->endpoints, (*found)->endpoint, peer->last_handshake);
}
