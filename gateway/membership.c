/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/membership.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "gateway/daemon.h"
#include "gateway/relays.h"
#include "log.h"

#define AGENT		"turnpike-gateway/" TP_VERSION
#define RELAY_KEEPALIVE 25

/* --- from a view to settings: peers --- */

static json_t *prefix_json(const struct tp_prefix *p)
{
	char text[TP_ADDR_STRLEN], cidr[TP_ADDR_STRLEN + 4];

	snprintf(cidr, sizeof(cidr), "%s/%u", tp_addr_format(&p->addr, text), p->bits);
	return json_string(cidr);
}

static json_t *key_json(const uint8_t key[WG_KEY_LEN])
{
	char text[TP_KEY_STRLEN];

	return json_string(tp_key_format(key, text));
}

static void set_endpoint(json_t *peer, const struct tp_endpoint *e)
{
	char text[TP_ADDR_STRLEN];

	if (e->port)
		json_object_set_new(peer, "endpoint", json_string(tp_endpoint_format(e, text)));
}

/* What of a network becomes settings, and how its nodes and tags are called in a file that may have
 * several: with one network, as they are called. A tag of one network is none of another's. */
struct source {
	const struct tp_ncp_network *network;
	bool alone;
};

static void name_in(const struct source *s, const char *name, char out[160])
{
	if (s->alone)
		snprintf(out, 160, "%s", name);
	else
		snprintf(out, 160, "%s.%s", name, s->network->name);
}

/* A relay is a peer that keeps the way open; what answers there is its service address. */
static json_t *relay_json(const struct source *s, const struct tp_ncp_relay *r)
{
	struct tp_prefix service = {.addr = r->service_address, .bits = 32};
	json_t *allowed = json_array(), *peer;
	char label[80], name[160];

	snprintf(label, sizeof(label), "relay@%s", r->name);
	name_in(s, label, name);
	if (!tp_addr_is_zero(&r->service_address))
		json_array_append_new(allowed, prefix_json(&service));
	peer = json_pack("{s:s,s:o,s:o,s:i}", "name", name, "public_key", key_json(r->public_key),
			 "allowed_ips", allowed, "keepalive", RELAY_KEEPALIVE);
	set_endpoint(peer, &r->endpoints[0]);
	return peer;
}

static json_t *peer_json(const struct source *s, const struct tp_ncp_peer *p)
{
	json_t *allowed = json_array(), *tags = json_array(), *peer;
	char name[160];

	name_in(s, p->name, name);
	for (size_t i = 0; i < p->n_allowed_ips; i++)
		json_array_append_new(allowed, prefix_json(&p->allowed_ips[i]));
	for (size_t i = 0; i < p->n_tags; i++) {
		char tag[160];

		name_in(s, p->tags[i], tag);
		json_array_append_new(tags, json_string(tag));
	}
	peer = json_pack("{s:s,s:o,s:o,s:o,s:i}", "name", name, "public_key",
			 key_json(p->public_key), "allowed_ips", allowed, "tags", tags, "keepalive",
			 p->keepalive);
	set_endpoint(peer, &p->endpoint);
	return peer;
}

/* --- overlays --- */

/* The same whatever other networks there are. */
void gw_membership_device(const struct tp_ncp_network *n, char out[16])
{
	snprintf(out, 16, "tp-%.8s", n->network_id + strlen(n->network_id) - 8);
}

/* The port that the network wishes for, if no network before it has it. */
static uint16_t port_of(const struct tp_ncp_view *view, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (view->networks[i].listen_port == view->networks[at].listen_port)
			return 0;
	return view->networks[at].listen_port;
}

static json_t *overlay_json(const struct tp_ncp_view *view, size_t at, struct tp_member_files files)
{
	const struct tp_ncp_network *n = &view->networks[at];
	const struct source s = {n, view->n_networks == 1};
	char *key_file = tp_member_key_file(files, n->network_id), name[16];
	json_t *peers = json_array(), *overlay = NULL;

	for (size_t i = 0; i < n->n_relays; i++)
		if (n->relays[i].n_endpoints)
			json_array_append_new(peers, relay_json(&s, &n->relays[i]));
	for (size_t i = 0; i < n->n_peers; i++)
		json_array_append_new(peers, peer_json(&s, &n->peers[i]));
	gw_membership_device(n, name);
	if (key_file)
		overlay = json_pack("{s:s,s:o,s:i,s:s,s:O}", "name", name, "address",
				    prefix_json(&n->address), "listen_port", port_of(view, at),
				    "private_key_file", key_file, "peers", peers);
	json_decref(peers);
	free(key_file);
	return overlay;
}

/* --- rules --- */

/* "any" of one network is not any of another. */
static void add_any(json_t *to, const struct source *s)
{
	struct tp_prefix subnet = s->network->address;

	if (s->alone) {
		json_array_append_new(to, json_string("any"));
		return;
	}
	for (unsigned int bit = 96 + subnet.bits; bit < 128; bit++) /* IPv4, mapped */
		subnet.addr.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	json_array_append_new(to, prefix_json(&subnet));
	for (size_t i = 0; i < s->network->n_egress_subnets; i++)
		json_array_append_new(to, prefix_json(&s->network->egress_subnets[i]));
}

static bool is_peer(const struct tp_ncp_network *n, const char *name)
{
	for (size_t i = 0; i < n->n_peers; i++)
		if (!strcmp(n->peers[i].name, name))
			return true;
	return false;
}

/* Whether a selector means the node that this is. */
static bool is_self(const struct tp_ncp_network *n, const char *word)
{
	if (strncmp(word, "tag:", 4))
		return !strcmp(word, n->node);
	for (size_t i = 0; i < n->n_tags; i++)
		if (!strcmp(word + 4, n->tags[i]))
			return true;
	return false;
}

static void add_self(json_t *to, const struct source *s)
{
	struct tp_prefix own = {.addr = s->network->address.addr, .bits = 32};

	json_array_append_new(to, prefix_json(&own));
}

static void add_named(json_t *to, const struct source *s, const char *kind, const char *word)
{
	char name[160];

	name_in(s, word, name);
	json_array_append_new(to, json_sprintf("%s:%s", kind, name));
}

/* Of names only those of peers, and this node's own, which is its address: who is not to reach it
 * is none here. */
static json_t *side_json(const struct source *s, char (*words)[TP_NCP_WORD_SIZE], size_t n)
{
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++) {
		if (is_self(s->network, words[i]))
			add_self(out, s);
		if (!strcmp(words[i], "any"))
			add_any(out, s);
		else if (!strncmp(words[i], "tag:", 4))
			add_named(out, s, "tag", words[i] + 4);
		else if (strpbrk(words[i], ":./"))
			json_array_append_new(out, json_string(words[i]));
		else if (is_peer(s->network, words[i]))
			add_named(out, s, "node", words[i]);
	}
	return out;
}

static json_t *rule_json(const struct source *s, const struct tp_ncp_rule *r)
{
	json_t *from = side_json(s, r->from, r->n_from), *to = side_json(s, r->to, r->n_to);
	json_t *ports = json_array(), *rule = NULL;
	char name[160];

	name_in(s, r->name, name);
	for (size_t i = 0; i < r->n_ports; i++)
		json_array_append_new(ports, json_string(r->ports[i]));
	if (json_array_size(from) && json_array_size(to))
		rule = json_pack("{s:s,s:O,s:O,s:s}", "name", name, "from", from, "to", to,
				 "protocol", tp_ncp_protocols[r->protocol]);
	if (rule && json_array_size(ports))
		json_object_set(rule, "ports", ports);
	json_decref(from);
	json_decref(to);
	json_decref(ports);
	return rule;
}

static void add_rules(json_t *rules, const struct source *s)
{
	for (size_t i = 0; i < s->network->n_rules; i++) {
		json_t *rule = rule_json(s, &s->network->rules[i]);

		if (rule)
			json_array_append_new(rules, rule);
	}
}

json_t *gw_membership_settings(const struct tp_ncp_view *view, struct tp_member_files files)
{
	json_t *overlays = json_array(), *subnets = json_array(), *rules = json_array();
	bool good = true;

	for (size_t i = 0; i < view->n_networks; i++) {
		const struct tp_ncp_network *n = &view->networks[i];
		const struct source s = {n, view->n_networks == 1};
		json_t *overlay = overlay_json(view, i, files);

		good = good && overlay && !json_array_append_new(overlays, overlay);
		for (size_t k = 0; n->is_egress && k < n->n_egress_subnets; k++)
			json_array_append_new(subnets, prefix_json(&n->egress_subnets[k]));
		add_rules(rules, &s);
	}
	if (good)
		return json_pack("{s:o,s:{s:o},s:{s:s,s:o}}", "overlays", overlays, "egress",
				 "subnets", subnets, "acl", "default", "deny", "rules", rules);
	json_decref(overlays);
	json_decref(subnets);
	json_decref(rules);
	return NULL;
}

/* --- at the start --- */

static struct tp_member_files files_of(const struct gw_config *c)
{
	return (struct tp_member_files){c->state_dir, c->instance};
}

static json_t *saved_settings(const json_t *saved, struct tp_member_files files)
{
	struct tp_ncp_view view;
	json_t *settings;

	if (tp_member_saved_view(saved, &view))
		return NULL;
	settings = gw_membership_settings(&view, files);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
	return settings;
}

int gw_membership_load(const char *path, struct gw_config **out, json_t **saved, FILE *errors)
{
	struct gw_config *alone;
	json_t *settings;
	int err = gw_config_load(path, &alone, NULL, errors);

	*saved = NULL;
	*out = alone;
	if (err || !alone->control.server)
		return err;
	*saved = tp_member_saved(files_of(alone));
	settings = saved_settings(*saved, files_of(alone));
	gw_config_free(alone);
	*out = NULL;
	err = settings ? gw_config_load(path, out, settings, errors) : -ENOMEM;
	json_decref(settings);
	return err;
}

/* --- joining: nothing else is open yet --- */

struct joining {
	struct event_base *base;
	bool joined, stopped;
};

static int take_first(void *arg, const struct tp_ncp_view *view)
{
	struct joining *j = arg;

	j->joined = view->n_networks != 0;
	if (!j->joined)
		return 0; /* of no network, all is in force */
	event_base_loopexit(j->base, NULL);
	return TP_MEMBER_LATER;
}

static void stop_joining(evutil_socket_t sig, short what, void *arg)
{
	struct joining *j = arg;

	(void)sig;
	(void)what;
	j->stopped = true;
	event_base_loopexit(j->base, NULL);
}

int gw_membership_join(const struct gw_config *config)
{
	static const struct tp_member_ops ops = {.agent = AGENT, .apply = take_first};
	struct joining j = {.base = event_base_new()};
	struct tp_member *member = NULL;
	struct event *stop = NULL;
	int err = j.base ? 0 : -ENOMEM;

	if (!err) {
		stop = evsignal_new(j.base, SIGTERM, stop_joining, &j);
		err = stop && !event_add(stop, NULL) ? 0 : -ENOMEM;
	}
	err = err
		      ?: tp_member_new(&member, j.base, &config->control, files_of(config), NULL,
				       TP_NCP_GATEWAY, &ops, &j);
	if (!err) {
		tp_info("joining the control plane at %s", config->control.server);
		event_base_dispatch(j.base);
		err = j.stopped ? -ECANCELED : 0;
	}
	tp_member_free(member);
	if (stop)
		event_free(stop);
	if (j.base)
		event_base_free(j.base);
	return err;
}

/* --- while it runs --- */

/* Round trips come all the time, and are no settings. */
static int take_settings(struct gw_daemon *d, json_t *settings)
{
	if (!settings)
		return -ENOMEM;
	if (!json_equal(settings, d->settings))
		return gw_daemon_take_settings(d, settings);
	json_decref(settings);
	return TP_MEMBER_SAME;
}

static int put_in_force(void *arg, const struct tp_ncp_view *view)
{
	struct gw_daemon *d = arg;
	int err = gw_relays_take(d->relays, view);

	err = err ?: take_settings(d, gw_membership_settings(view, files_of(d->config)));
	if (err >= 0)
		gw_relays_settle(d->relays);
	return err;
}

static uint16_t port_in_use(void *arg, const char *network_id)
{
	struct gw_daemon *d = arg;
	struct tp_ncp_network n;
	char name[16];

	snprintf(n.network_id, sizeof(n.network_id), "%s", network_id);
	gw_membership_device(&n, name);
	return gw_overlays_port(d->overlays, name);
}

static void say_again(void *arg, struct tp_ncp_hello *hello)
{
	const struct gw_daemon *d = arg;

	(void)hello;
	gw_relays_say_again(d->relays);
}

static const struct tp_member_ops ops = {
	.agent = AGENT,
	.hello = say_again,
	.apply = put_in_force,
	.port = port_in_use,
};

int gw_membership_relays(struct gw_relays **out, struct gw_daemon *d)
{
	struct tp_ncp_view view;
	int err;

	*out = NULL;
	if (!d->config->control.server)
		return 0;
	err = gw_relays_new(out, d->base, &d->state);
	err = err ?: tp_member_saved_view(d->options->saved, &view);
	if (err)
		return err;
	err = gw_relays_take(*out, &view);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
	return err;
}

int gw_membership_start(struct tp_member **out, struct gw_daemon *d)
{
	int err;

	*out = NULL;
	if (!d->config->control.server)
		return 0;
	err = tp_member_new(out, d->base, &d->config->control, files_of(d->config),
			    d->options->saved, TP_NCP_GATEWAY, &ops, d);
	if (!err)
		gw_relays_start(d->relays, d->overlays, *out);
	return err;
}

/* --- handshakes --- */

struct gathering {
	const char *network_id;
	uint64_t since, newest;
	struct tp_ncp_handshakes found;
	size_t room;
};

static void gather(void *ctx, const struct tp_wireguard_stats *peer)
{
	struct gathering *g = ctx;
	struct tp_ncp_handshake *list = g->found.handshakes;

	if (peer->last_handshake <= g->since)
		return;
	if (g->found.n_handshakes == g->room) {
		list = realloc(list, (2 * g->room + 16) * sizeof(*list));
		if (!list)
			return; /* next time */
		g->found.handshakes = list;
		g->room = 2 * g->room + 16;
	}
	list += g->found.n_handshakes++;
	*list = (struct tp_ncp_handshake){.time = peer->last_handshake / TP_NS_PER_MS};
	snprintf(list->network_id, sizeof(list->network_id), "%s", g->network_id);
	memcpy(list->public_key, peer->public_key, sizeof(list->public_key));
	g->newest = peer->last_handshake > g->newest ? peer->last_handshake : g->newest;
}

/* Of the overlay at this place; "" when it is no network's. */
static void network_id_of(const struct gw_config_overlay *o, char id[TP_NCP_ID_SIZE])
{
	const char *file = o->private_key_file ? strrchr(o->private_key_file, '/') : NULL;

	id[0] = '\0';
	if (file && strlen(file + 1) == TP_NCP_ID_SIZE - 1 + strlen(".key"))
		snprintf(id, TP_NCP_ID_SIZE, "%.*s", TP_NCP_ID_SIZE - 1, file + 1);
}

void gw_membership_tick(struct gw_daemon *d)
{
	struct gathering g = {.since = d->handshakes_told, .newest = d->handshakes_told};
	char id[TP_NCP_ID_SIZE];

	for (size_t i = 0; i < d->config->n_overlays; i++) {
		network_id_of(&d->config->overlays[i], id);
		g.network_id = id;
		if (id[0])
			gw_overlays_stats(d->overlays, i, NULL, gather, &g);
	}
	if (!tp_member_handshakes(d->member, &g.found))
		d->handshakes_told = g.newest;
	free(g.found.handshakes);
}
