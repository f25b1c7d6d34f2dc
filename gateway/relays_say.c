/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is told of relays: to control, to people, to monitoring. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "gateway/relays_internal.h"
#include "metrics.h"

#define SAY_S 5 /* between two reports of which none is about life and death */

/* --- to control ----------------------------------------------------------------------------- */

struct vector {
	struct tp_ncp_path paths[GW_RELAYS_MAX];
	size_t n;
};

static struct tp_ncp_path *path_to(struct vector *v, const uint8_t relay[WG_KEY_LEN])
{
	for (size_t i = 0; i < v->n; i++)
		if (!memcmp(v->paths[i].public_key, relay, WG_KEY_LEN))
			return &v->paths[i];
	return NULL;
}

/* A relay may serve several of our networks: the shortest way there. */
static void add_state(struct vector *v, const struct gw_relays *r, enum gw_relay_state state)
{
	for (size_t i = 0; i < r->n_networks; i++) {
		for (size_t j = 0; j < r->networks[i].n_relays; j++) {
			const struct relay *relay = &r->networks[i].relays[j];
			struct tp_ncp_path *path = path_to(v, relay->public_key);
			uint32_t us = relay->rtt.rtt_us;

			if (relay->rtt.state != state || !us)
				continue;
			if (!path && v->n < GW_RELAYS_MAX) {
				path = &v->paths[v->n++];
				memcpy(path->public_key, relay->public_key, WG_KEY_LEN);
				path->rtt_us = us;
			}
			if (path && us < path->rtt_us)
				path->rtt_us = us;
		}
	}
}

/* One that has just come back is nobody's reason to go there, unless there is no other. */
static void vector_of(const struct gw_relays *r, struct vector *v)
{
	v->n = 0;
	add_state(v, r, GW_RELAY_ALIVE);
	if (!v->n)
		add_state(v, r, GW_RELAY_RETURNING);
}

/* Whether a relay has come or gone; *changed: or anything else is different. */
static bool compare(struct vector *now, struct vector *said, bool *changed)
{
	bool urgent = now->n != said->n;

	*changed = urgent;
	for (size_t i = 0; i < now->n; i++) {
		const struct tp_ncp_path *p = path_to(said, now->paths[i].public_key);

		urgent = urgent || !p;
		*changed = *changed || !p || p->rtt_us != now->paths[i].rtt_us;
	}
	return urgent;
}

static bool any_unknown(const struct gw_relays *r)
{
	for (size_t i = 0; i < r->n_networks; i++)
		for (size_t j = 0; j < r->networks[i].n_relays; j++)
			if (r->networks[i].relays[j].rtt.state == GW_RELAY_UNKNOWN)
				return true;
	return false;
}

uint64_t relays_say(struct gw_relays *r, uint64_t now)
{
	struct vector v, said = {.n = r->n_said};
	bool urgent, changed;

	if (!r->member || any_unknown(r))
		return UINT64_MAX;
	memcpy(said.paths, r->said, sizeof(said.paths));
	vector_of(r, &v);
	urgent = compare(&v, &said, &changed);
	if (!changed && !r->unsaid)
		return UINT64_MAX;
	if (!urgent && !r->unsaid && now < r->said_at + TP_SEC(SAY_S))
		return r->said_at + TP_SEC(SAY_S);
	if (tp_member_paths(r->member, v.paths, v.n))
		return now + TP_SEC(1);
	memcpy(r->said, v.paths, sizeof(v.paths));
	r->n_said = v.n;
	r->unsaid = false;
	r->said_at = now;
	return UINT64_MAX;
}

/* --- to people ------------------------------------------------------------------------------ */

static json_t *relay_json(const struct network *n, int at)
{
	const struct relay *r = &n->relays[at];
	char addr[TP_ADDR_STRLEN], endpoint[TP_ADDR_STRLEN], key[TP_KEY_STRLEN];
	json_t *rtt = r->rtt.rtt_us ? json_integer(r->rtt.rtt_us) : json_null();

	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:b,s:i}", "name", r->name, "public_key",
			 tp_key_format(r->public_key, key), "endpoint",
			 tp_endpoint_format(&r->endpoints[0], endpoint), "service_address",
			 tp_addr_format(&r->service_address, addr), "state",
			 r->is_peer ? "not asked" : gw_relay_state_name(r->rtt.state), "rtt_us",
			 rtt, "drain", r->drain, "peers", (int)relays_through(n, at));
}

static json_t *way_json(const struct network *n, const struct relayed *p)
{
	struct gw_choice_relay known[GW_RELAYS_MAX];
	int at = p->choice.relay;
	uint64_t us;

	relays_known(n, known);
	us = at < 0 ? 0 : gw_relay_way_us(known, &p->choice, at);
	return us ? json_integer((json_int_t)us) : json_null();
}

/* Where its device has a peer, and when it had a handshake: it may have followed the other side to
 * another relay. */
struct seen {
	struct tp_endpoint endpoint;
	uint64_t last_handshake;
};

struct looking {
	const struct network *n;
	struct seen *seen; /* as the network's peers */
};

static void look(void *ctx, const struct tp_wireguard_stats *peer)
{
	const struct looking *l = ctx;
	const struct relayed *p = relays_peer(l->n, peer->public_key);

	if (p)
		l->seen[p - l->n->peers] = (struct seen){peer->endpoint, peer->last_handshake};
}

static json_t *seconds_since(uint64_t then, uint64_t now)
{
	return then ? json_integer(now > then ? (json_int_t)((now - then) / TP_NS_PER_SEC) : 0)
		    : json_null();
}

static json_t *peer_json(const struct network *n, const struct relayed *p, const struct seen *seen)
{
	int at = p->choice.relay;
	char key[TP_KEY_STRLEN], endpoint[TP_ADDR_STRLEN];

	return json_pack(
		"{s:s,s:s,s:s?,s:s,s:o,s:o,s:s?,s:o}", "peer", p->name, "public_key",
		tp_key_format(p->public_key, key), "relay", at < 0 ? NULL : n->relays[at].name,
		"why", gw_choice_why_name(p->why), "way_us", way_json(n, p), "moved_s",
		seconds_since(p->moved, tp_now()), "endpoint",
		seen->endpoint.port ? tp_endpoint_format(&seen->endpoint, endpoint) : NULL,
		"handshake_s", seconds_since(seen->last_handshake, tp_clock(CLOCK_REALTIME)));
}

static json_t *peers_json(const struct gw_relays *r, const struct network *n)
{
	struct looking l = {n, calloc(n->n_peers + 1, sizeof(*l.seen))};
	json_t *list = json_array();

	if (l.seen && r->overlays)
		gw_overlays_peers(r->overlays, n->device, look, &l);
	for (size_t i = 0; l.seen && i < n->n_peers; i++)
		if (!n->peers[i].direct)
			json_array_append_new(list, peer_json(n, &n->peers[i], &l.seen[i]));
	free(l.seen);
	return list;
}

json_t *gw_relays_list(const struct gw_relays *r, const char *device)
{
	json_t *list = json_array();

	for (size_t i = 0; r && i < r->n_networks; i++)
		for (size_t j = 0; j < r->networks[i].n_relays; j++)
			if (!strcmp(r->networks[i].device, device))
				json_array_append_new(list, relay_json(&r->networks[i], (int)j));
	return list;
}

json_t *gw_relays_report(const struct gw_relays *r)
{
	json_t *all = json_array();

	for (size_t i = 0; r && i < r->n_networks; i++) {
		const struct network *n = &r->networks[i];

		json_array_append_new(all, json_pack("{s:s,s:o,s:o}", "overlay", n->device,
						     "relays", gw_relays_list(r, n->device),
						     "peers", peers_json(r, n)));
	}
	return all;
}

/* --- to monitoring -------------------------------------------------------------------------- */

typedef void write_fn(struct tp_metrics *m, const struct tp_metric_label *labels,
		      const struct network *n, int relay);

static void write_each(const struct gw_relays *r, struct tp_metrics *m, write_fn *fn)
{
	for (size_t i = 0; i < r->n_networks; i++) {
		const struct network *n = &r->networks[i];

		for (size_t j = 0; j < n->n_relays; j++)
			fn(m, TP_LABELS({"network_id", n->device}, {"relay", n->relays[j].name}), n,
			   (int)j);
	}
}

static void write_rtt(struct tp_metrics *m, const struct tp_metric_label *labels,
		      const struct network *n, int relay)
{
	uint32_t us = n->relays[relay].rtt.rtt_us;

	if (us)
		tp_metrics_real(m, labels, us / 1e6);
}

static void write_up(struct tp_metrics *m, const struct tp_metric_label *labels,
		     const struct network *n, int relay)
{
	if (!n->relays[relay].is_peer)
		tp_metrics_u64(m, labels, n->relays[relay].rtt.state == GW_RELAY_ALIVE);
}

static void write_peers(struct tp_metrics *m, const struct tp_metric_label *labels,
			const struct network *n, int relay)
{
	tp_metrics_u64(m, labels, relays_through(n, relay));
}

void gw_relays_metrics(const struct gw_relays *r, struct tp_metrics *m)
{
	if (!r)
		return;
	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_relay_rtt_seconds",
			  "Round trip to a relay, inside the tunnel; of one that answers.");
	write_each(r, m, write_rtt);
	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_relay_up",
			  "1: the relay answers, and has for long enough to be chosen.");
	write_each(r, m, write_up);
	tp_metrics_family(m, TP_GAUGE, "turnpike_gateway_relay_peers",
			  "Peers that are reached through a relay.");
	write_each(r, m, write_peers);
	tp_metrics_one(m, TP_COUNTER, "turnpike_gateway_relay_moves_total", r->moves,
		       "Moves of a peer from a relay to another.");
}
