/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is told of relays: to control, to people, to monitoring. */
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
	struct tp_ncp_stats stats = {.paths = v.paths};
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
	stats.n_paths = v.n;
	if (tp_member_stats(r->member, &stats))
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
	json_t *rtt = r->rtt.rtt_us ? json_real(r->rtt.rtt_us / 1000.0) : json_null();

	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:b,s:i}", "name", r->name, "public_key",
			 tp_key_format(r->public_key, key), "endpoint",
			 tp_endpoint_format(&r->endpoints[0], endpoint), "service_address",
			 tp_addr_format(&r->service_address, addr), "state",
			 gw_relay_state_name(r->rtt.state), "rtt_ms", rtt, "drain", r->drain,
			 "peers", (int)relays_through(n, at));
}

static json_t *way_json(const struct network *n, const struct relayed *p)
{
	struct gw_choice_relay known[GW_RELAYS_MAX];
	int at = p->choice.relay;
	uint64_t us;

	relays_known(n, known);
	us = at < 0 ? 0 : gw_relay_way_us(known, &p->choice, at);
	return us ? json_real((double)us / 1000) : json_null();
}

static json_t *peer_json(const struct network *n, const struct relayed *p)
{
	int at = p->choice.relay;
	char key[TP_KEY_STRLEN], endpoint[TP_ADDR_STRLEN];

	return json_pack(
		"{s:s,s:s,s:s?,s:s,s:s,s:o,s:o}", "peer", p->name, "public_key",
		tp_key_format(p->public_key, key), "relay", at < 0 ? NULL : n->relays[at].name,
		"endpoint", tp_endpoint_format(&p->endpoint, endpoint), "why",
		gw_choice_why_name(p->why), "way_ms", way_json(n, p), "moved_s",
		p->moved ? json_integer((json_int_t)((tp_now() - p->moved) / TP_NS_PER_SEC))
			 : json_null());
}

json_t *gw_relays_report(const struct gw_relays *r, const char *device)
{
	json_t *relays, *via;

	for (size_t i = 0; r && i < r->n_networks; i++) {
		const struct network *n = &r->networks[i];

		if (strcmp(n->device, device))
			continue;
		relays = json_array();
		via = json_array();
		for (size_t j = 0; j < n->n_relays; j++)
			json_array_append_new(relays, relay_json(n, (int)j));
		for (size_t j = 0; j < n->n_peers; j++)
			json_array_append_new(via, peer_json(n, &n->peers[j]));
		return json_pack("{s:o,s:o}", "relays", relays, "via", via);
	}
	return NULL;
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
	tp_metrics_family(m, TP_COUNTER, "turnpike_gateway_relay_moves_total",
			  "Moves of a peer from a relay to another.");
	tp_metrics_u64(m, NULL, r->moves);
}
