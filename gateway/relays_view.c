/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of networks, relays and peers, and how it follows what control says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "gateway/membership.h"
#include "gateway/relays_internal.h"
#include "log.h"

/* --- finding -------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct relayed *)a)->public_key,
		      ((const struct relayed *)b)->public_key, WG_KEY_LEN);
}

struct relayed *relays_peer(const struct network *n, const uint8_t public_key[WG_KEY_LEN])
{
	struct relayed key;

	if (!n->n_peers)
		return NULL;
	memcpy(key.public_key, public_key, WG_KEY_LEN);
	return bsearch(&key, n->peers, n->n_peers, sizeof(key), by_key);
}

int relays_place(const struct network *n, const uint8_t public_key[WG_KEY_LEN])
{
	for (size_t i = 0; i < n->n_relays; i++)
		if (!memcmp(n->relays[i].public_key, public_key, WG_KEY_LEN))
			return (int)i;
	return GW_NO_RELAY;
}

static bool has_endpoint(const struct relay *relay, const struct tp_endpoint *endpoint)
{
	for (size_t i = 0; i < relay->n_endpoints; i++)
		if (tp_endpoint_equal(&relay->endpoints[i], endpoint))
			return true;
	return false;
}

int relays_at(const struct network *n, const struct tp_endpoint *endpoint)
{
	for (size_t i = 0; i < n->n_relays; i++)
		if (has_endpoint(&n->relays[i], endpoint))
			return (int)i;
	return GW_NO_RELAY;
}

size_t relays_through(const struct network *n, int relay)
{
	size_t count = 0;

	for (size_t i = 0; i < n->n_peers; i++)
		count += n->peers[i].choice.relay == relay;
	return count;
}

void relays_known(const struct network *n, struct gw_choice_relay out[GW_RELAYS_MAX])
{
	for (size_t i = 0; i < n->n_relays; i++) {
		const struct relay *r = &n->relays[i];

		out[i] = (struct gw_choice_relay){.state = r->rtt.state,
						  .rtt_us = r->rtt.rtt_us,
						  .drain = r->drain,
						  .assigned_only = r->is_peer};
		memcpy(out[i].public_key, r->public_key, WG_KEY_LEN);
	}
}

static const struct network *network_of(const struct gw_relays *r, const char *device)
{
	for (size_t i = 0; r && i < r->n_networks; i++)
		if (!strcmp(r->networks[i].device, device))
			return &r->networks[i];
	return NULL;
}

/* --- relays of a view ----------------------------------------------------------------------- */

static void take_relay(struct network *n, const struct tp_ncp_relay *from,
		       const struct network *old, uint64_t now)
{
	int before = old ? relays_place(old, from->public_key) : GW_NO_RELAY;
	struct relay *to = &n->relays[n->n_relays++];

	memcpy(to->public_key, from->public_key, WG_KEY_LEN);
	snprintf(to->name, sizeof(to->name), "%s", from->name);
	for (size_t i = 0; i < from->n_endpoints && i < RELAY_ENDPOINTS; i++)
		to->endpoints[to->n_endpoints++] = from->endpoints[i];
	to->service_address = from->service_address;
	to->drain = from->drain;
	if (before >= 0)
		to->rtt = old->relays[before].rtt;
	else
		gw_relay_rtt_init(&to->rtt, now);
	if (tp_addr_is_zero(&to->service_address))
		to->rtt.state = GW_RELAY_DEAD; /* as far as anybody can tell */
}

static void take_relays(struct network *n, const struct tp_ncp_network *from,
			const struct network *old, uint64_t now)
{
	for (size_t i = 0; i < from->n_relays; i++) {
		if (!from->relays[i].n_endpoints)
			continue;
		if (n->n_relays == GW_RELAYS_MAX) {
			tp_warn("%s: of %zu relays only %d are used", n->device, from->n_relays,
				GW_RELAYS_MAX);
			break;
		}
		take_relay(n, &from->relays[i], old, now);
	}
}

/* --- relay peers of a view ------------------------------------------------------------------- */

static bool is_assigned(const struct tp_ncp_peer *p)
{
	static const uint8_t none[WG_KEY_LEN];

	return p->via_relay && memcmp(p->relay, none, sizeof(none)) != 0;
}

/* The relay that a peer is assigned to. A relay peer may be where a relay is. */
static int place_assigned(const struct network *n, const struct tp_ncp_peer *p)
{
	int at = is_assigned(p) ? relays_place(n, p->relay) : GW_NO_RELAY;

	return at < 0 && is_assigned(p) ? relays_at(n, &p->endpoint) : at;
}

static const char *name_of(const struct tp_ncp_network *net, const uint8_t key[WG_KEY_LEN])
{
	for (size_t i = 0; i < net->n_peers; i++)
		if (!memcmp(net->peers[i].public_key, key, WG_KEY_LEN))
			return net->peers[i].name;
	return "(a relay peer)";
}

static void add_relay_peer(struct network *n, const struct tp_ncp_network *net,
			   const struct tp_ncp_peer *p)
{
	struct relay *to;

	if (n->n_relays == GW_RELAYS_MAX) {
		tp_warn("%s: too many relays: not through relay peer %s", n->device,
			name_of(net, p->relay));
		return;
	}
	to = &n->relays[n->n_relays++];
	to->is_peer = true;
	memcpy(to->public_key, p->relay, WG_KEY_LEN);
	snprintf(to->name, sizeof(to->name), "%s", name_of(net, p->relay));
	to->endpoints[to->n_endpoints++] = p->endpoint;
	to->rtt.state = GW_RELAY_DEAD;
}

static void take_relay_peers(struct network *n, const struct tp_ncp_network *net)
{
	for (size_t i = 0; i < net->n_peers; i++)
		if (is_assigned(&net->peers[i]) && place_assigned(n, &net->peers[i]) < 0)
			add_relay_peer(n, net, &net->peers[i]);
}

/* --- peers of a view ------------------------------------------------------------------------ */

/* Of two who are assigned to different relays the lower key decides, so both decide alike. */
static int pin_of(const struct network *n, const struct tp_ncp_peer *peer,
		  const uint8_t self[WG_KEY_LEN])
{
	int a = place_assigned(n, peer), b = relays_place(n, self);

	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return memcmp(peer->relay, self, WG_KEY_LEN) < 0 ? a : b;
}

static void take_paths(struct relayed *to, const struct network *n, const struct tp_ncp_peer *from)
{
	for (size_t i = 0; i < GW_RELAYS_MAX; i++)
		to->choice.rtt_us[i] = GW_NO_PATH;
	for (size_t i = 0; i < from->n_paths; i++) {
		int at = relays_place(n, from->paths[i].public_key);

		if (at >= 0)
			to->choice.rtt_us[at] = from->paths[i].rtt_us;
	}
}

/* What the device was given by an earlier run. */
static int earlier(const struct gw_relays *r, const struct network *n,
		   const uint8_t key[WG_KEY_LEN], struct tp_endpoint *endpoint)
{
	const json_t *all =
		json_object_get(json_object_get(r->state->wireguard, n->device), "endpoints");
	char text[TP_KEY_STRLEN];
	const char *at = json_string_value(json_object_get(all, tp_key_format(key, text)));

	return at && !tp_endpoint_parse(at, endpoint) ? relays_at(n, endpoint) : GW_NO_RELAY;
}

static void choose_first(const struct gw_relays *r, const struct network *n, struct relayed *p,
			 const struct tp_ncp_peer *from)
{
	struct gw_choice_relay known[GW_RELAYS_MAX];

	p->endpoint = from->endpoint;
	p->choice.relay = r->overlays ? GW_NO_RELAY : earlier(r, n, p->public_key, &p->endpoint);
	if (p->choice.relay < 0) {
		p->endpoint = from->endpoint;
		p->choice.relay = relays_at(n, &from->endpoint);
	}
	relays_known(n, known);
	p->choice.relay = gw_relay_choose(known, n->n_relays, &p->choice, &p->why);
	if (p->choice.relay >= 0 && relays_at(n, &p->endpoint) != p->choice.relay)
		p->endpoint = n->relays[p->choice.relay].endpoints[0];
}

/* Stays where it is, even if there is no such relay any more, or it was at its own endpoint: its
 * session goes on until it is moved. */
static void keep_place(const struct network *n, struct relayed *p, const struct relayed *was,
		       const struct network *old)
{
	int before = was->choice.relay;

	p->endpoint = was->endpoint;
	p->due = was->due;
	p->moved = was->moved;
	p->why = was->why;
	p->choice.relay =
		before < 0 ? GW_NO_RELAY : relays_place(n, old->relays[before].public_key);
	if (!p->due && p->choice.relay >= 0 &&
	    !has_endpoint(&n->relays[p->choice.relay], &p->endpoint))
		p->endpoint = n->relays[p->choice.relay].endpoints[0];
}

static void take_peer(const struct gw_relays *r, struct network *n,
		      const struct tp_ncp_network *net, const struct tp_ncp_peer *from,
		      const struct network *old)
{
	const struct relayed *was = old ? relays_peer(old, from->public_key) : NULL;
	struct relayed *p = &n->peers[n->n_peers++];

	memset(p, 0, sizeof(*p));
	memcpy(p->public_key, from->public_key, WG_KEY_LEN);
	snprintf(p->name, sizeof(p->name), "%s", from->name);
	take_paths(p, n, from);
	p->leads = !from->n_allowed_ips || memcmp(&net->address.addr, &from->allowed_ips[0].addr,
						  sizeof(net->address.addr)) < 0;
	p->direct = !from->via_relay;
	if (p->direct) {
		p->endpoint = from->endpoint;
		p->choice.relay = p->choice.pin = GW_NO_RELAY;
		return;
	}
	p->choice.pin = pin_of(n, from, net->relay);
	if (was)
		keep_place(n, p, was, old);
	else
		choose_first(r, n, p, from);
}

static int take_network(const struct gw_relays *r, struct network *n,
			const struct tp_ncp_network *from, uint64_t now)
{
	const struct network *old;

	gw_membership_device(from, n->device);
	old = network_of(r, n->device);
	take_relays(n, from, old, now);
	take_relay_peers(n, from);
	n->peers = calloc(from->n_peers + 1, sizeof(*n->peers));
	if (!n->peers)
		return -ENOMEM;
	for (size_t i = 0; n->n_relays && i < from->n_peers; i++)
		take_peer(r, n, from, &from->peers[i], old);
	qsort(n->peers, n->n_peers, sizeof(*n->peers), by_key);
	return 0;
}

static void free_networks(struct network *networks, size_t n)
{
	for (size_t i = 0; networks && i < n; i++)
		free(networks[i].peers);
	free(networks);
}

int gw_relays_take(struct gw_relays *r, const struct tp_ncp_view *view)
{
	struct network *networks = calloc(view->n_networks + 1, sizeof(*networks));
	uint64_t now = tp_now();
	int err = networks ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < view->n_networks; i++)
		err = take_network(r, &networks[i], &view->networks[i], now);
	if (err) {
		free_networks(networks, view->n_networks);
		return err;
	}
	free_networks(r->networks, r->n_networks);
	r->networks = networks;
	r->n_networks = view->n_networks;
	return 0;
}

/* --- into a device -------------------------------------------------------------------------- */

static void take_out(struct gw_peers *peers, size_t i)
{
	struct tp_wireguard_peer *last = &peers->peers[--peers->n];

	peers->peers[i] = *last;
	tp_wipe(last, sizeof(*last));
}

void gw_relays_shape(const struct gw_relays *r, const char *device, struct gw_peers *peers)
{
	const struct network *n = network_of(r, device);

	for (size_t i = 0; n && i < peers->n;) {
		const struct relayed *p = relays_peer(n, peers->peers[i].public_key);

		if (p && p->moving && r->step == STEP_OUT) {
			take_out(peers, i);
			continue;
		}
		if (p && !p->direct)
			peers->peers[i].endpoint = p->endpoint;
		if (p && p->kick && r->step == STEP_KICK && !peers->peers[i].keepalive)
			peers->peers[i].keepalive = 1;
		i++;
	}
}
