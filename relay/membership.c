/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "log.h"
#include "relay/daemon.h"
#include "relay/flows.h"
#include "relay/groups.h"
#include "relay/node.h"
#include "relay/report.h"

#define TRIPS_EVERY	 TP_SEC(5)
#define HANDSHAKES_EVERY TP_SEC(15)
#define TRAFFIC_EVERY	 TP_SEC(30) /* counting walks along all flows */

/* --- from a view to settings --- */

/* Unique among all tenants' networks, and still to be read: "office@018f3c2a". */
static void network_name(const struct tp_ncp_served_network *n, char out[80])
{
	snprintf(out, 80, "%.63s@%.8s", n->name, n->network_id + strlen(n->network_id) - 8);
}

static json_t *node_json(const struct tp_ncp_served_node *node, const char *network)
{
	char name[160], group[16], key[TP_KEY_STRLEN], address[TP_ADDR_STRLEN], cidr[64];
	json_t *j;

	snprintf(name, sizeof(name), "%s.%s", node->name, network);
	snprintf(group, sizeof(group), "c%u", node->class);
	j = json_pack("{s:s,s:s,s:s}", "name", name, "public_key",
		      tp_key_format(node->public_key, key), "group", group);
	if (!tp_addr_is_zero(&node->address.addr)) {
		snprintf(cidr, sizeof(cidr), "%s/%u", tp_addr_format(&node->address.addr, address),
			 node->address.bits);
		json_object_set_new(j, "address", json_string(cidr));
	}
	return j;
}

/* The classes that have nodes, each once, in order. */
struct classes {
	uint32_t *list;
	size_t n;
};

static int compare_classes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int classes_of(const struct tp_ncp_served_network *n, struct classes *c)
{
	c->n = 0;
	c->list = calloc(n->n_nodes + 1, sizeof(*c->list));
	if (!c->list)
		return -ENOMEM;
	for (size_t i = 0; i < n->n_nodes; i++)
		c->list[i] = n->nodes[i].class;
	qsort(c->list, n->n_nodes, sizeof(*c->list), compare_classes);
	for (size_t i = 0; i < n->n_nodes; i++)
		if (!c->n || c->list[c->n - 1] != c->list[i])
			c->list[c->n++] = c->list[i];
	return 0;
}

static bool has_class(const struct classes *c, uint32_t class)
{
	return bsearch(&class, c->list, c->n, sizeof(class), compare_classes);
}

static json_t *admit_json(const struct tp_ncp_served_network *n, const struct classes *c)
{
	json_t *admit = json_array();
	char pair[32];

	for (size_t i = 0; i < n->n_admits; i++) {
		const struct tp_ncp_admission *a = &n->admits[i];

		if (!has_class(c, a->a) || !has_class(c, a->b))
			continue;
		snprintf(pair, sizeof(pair), "c%u c%u", a->a, a->b);
		json_array_append_new(admit, json_string(pair));
	}
	return admit;
}

/* A network with more classes than the relay can tell apart is served to nobody. Refusing the view
 * for it would leave all others, of other tenants too, with what was in force before. */
static json_t *network_json(const struct tp_ncp_served_network *n)
{
	json_t *nodes = json_array(), *network;
	struct classes c;
	char name[80];

	network_name(n, name);
	if (classes_of(n, &c)) {
		json_decref(nodes);
		return NULL;
	}
	if (c.n > GROUPS_MAX)
		tp_err("network %s has %zu classes of nodes, more than %u: not served", name, c.n,
		       GROUPS_MAX);
	for (size_t i = 0; c.n <= GROUPS_MAX && i < n->n_nodes; i++)
		json_array_append_new(nodes, node_json(&n->nodes[i], name));
	network = json_pack("{s:s,s:o,s:o}", "name", name, "nodes", nodes, "admit",
			    c.n <= GROUPS_MAX ? admit_json(n, &c) : json_array());
	free(c.list);
	return network;
}

json_t *relay_member_settings(const struct tp_ncp_view *view)
{
	json_t *networks = json_array(), *out = json_pack("{s:o}", "networks", networks);
	char address[TP_ADDR_STRLEN];

	for (size_t i = 0; i < view->n_serves; i++)
		if (json_array_append_new(networks, network_json(&view->serves[i]))) {
			json_decref(out);
			return NULL;
		}
	if (!tp_addr_is_zero(&view->service_address))
		json_object_set_new(out, "service_address",
				    json_string(tp_addr_format(&view->service_address, address)));
	return out;
}

/* --- at the start --- */

static struct tp_member_files files_of(const struct relay_config *c)
{
	return (struct tp_member_files){c->state_dir, c->instance};
}

static json_t *saved_settings(const json_t *saved)
{
	struct tp_ncp_view view;
	json_t *settings;

	if (tp_member_saved_view(saved, &view))
		return NULL;
	settings = relay_member_settings(&view);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
	return settings;
}

int relay_member_load(const char *path, struct relay_config **out, json_t **saved, FILE *errors)
{
	struct relay_config *alone;
	json_t *settings;
	int err = relay_config_load(path, &alone, NULL, errors);

	*saved = NULL;
	*out = alone;
	if (err || !alone->control.server)
		return err;
	*saved = tp_member_saved(files_of(alone));
	relay_config_free(alone);
	*out = NULL;
	settings = saved_settings(*saved);
	err = settings ? relay_config_load(path, out, settings, errors) : -ENOMEM;
	json_decref(settings);
	return err;
}

/* --- what control is to know of nodes --- */

#define TOLD_AT_ONCE 64 /* the others next time */

/* Who connects anew says all anew. */
static void forget_told(struct relay *r)
{
	struct node *n, *tmp;

	HASH_ITER (hh_key, r->nodes->by_key, n, tmp) {
		n->trip_told = 0;
		n->handshake_told = 0;
		n->endpoint_told = (struct tp_endpoint){0};
	}
}

static bool is_news(const struct node *n)
{
	uint32_t us = tp_round_trip_least(&n->trips);

	return us && (!n->trip_told || tp_round_trip_notable(n->trip_told, us));
}

static void tell_trips(struct daemon *d)
{
	struct tp_ncp_path paths[TOLD_AT_ONCE];
	struct node *n, *tmp, *told[TOLD_AT_ONCE];
	size_t count = 0;

	HASH_ITER (hh_key, d->relay->nodes->by_key, n, tmp) {
		if (count == TOLD_AT_ONCE)
			break;
		if (!is_news(n))
			continue;
		memcpy(paths[count].public_key, n->public_key, WG_KEY_LEN);
		paths[count].rtt_us = tp_round_trip_least(&n->trips);
		told[count++] = n;
	}
	if (!count || tp_member_paths(d->member, paths, count))
		return;
	for (size_t i = 0; i < count; i++)
		told[i]->trip_told = paths[i].rtt_us;
}

static void tell_endpoints(struct daemon *d)
{
	struct node *n, *tmp;
	size_t count = 0;

	HASH_ITER (hh_key, d->relay->nodes->by_key, n, tmp) {
		if (!n->site || tp_endpoint_equal(&n->endpoint, &n->endpoint_told))
			continue;
		if (count++ == TOLD_AT_ONCE ||
		    tp_member_node_endpoint(d->member, n->public_key, &n->endpoint))
			return;
		n->endpoint_told = n->endpoint;
	}
}

/* Returns whether all were told. */
static bool tell_handshakes(struct daemon *d, uint64_t now)
{
	struct tp_ncp_handshake list[TOLD_AT_ONCE] = {0};
	struct tp_ncp_handshakes all = {.handshakes = list};
	uint64_t unix_ms = (uint64_t)time(NULL) * 1000;
	struct node *n, *tmp, *told[TOLD_AT_ONCE];

	HASH_ITER (hh_key, d->relay->nodes->by_key, n, tmp) {
		if (all.n_handshakes == TOLD_AT_ONCE)
			break;
		if (n->last_handshake == n->handshake_told)
			continue;
		memcpy(list[all.n_handshakes].public_key, n->public_key, WG_KEY_LEN);
		list[all.n_handshakes].time = unix_ms - (now - n->last_handshake) / TP_NS_PER_MS;
		told[all.n_handshakes++] = n;
	}
	if (tp_member_handshakes(d->member, &all))
		return false;
	for (size_t i = 0; i < all.n_handshakes; i++)
		told[i]->handshake_told = told[i]->last_handshake;
	return all.n_handshakes < TOLD_AT_ONCE;
}

static void tell_traffic(struct daemon *d)
{
	struct tp_ncp_traffic traffic = {.time = (uint64_t)time(NULL) * 1000};
	struct relay_totals t;

	report_totals(d, &t);
	traffic.nodes = t.known;
	traffic.online = t.online;
	traffic.flows = flows_total(d->relay);
	traffic.packets = t.xdp.packets + t.user.packets;
	traffic.bytes = t.xdp.bytes + t.user.bytes;
	traffic.dropped = t.dropped;
	tp_member_traffic(d->member, &traffic);
}

void relay_member_tick(struct daemon *d, uint64_t now)
{
	if (!d->member)
		return;
	tell_endpoints(d);
	if (now >= d->trips_told + TRIPS_EVERY) {
		d->trips_told = now;
		tell_trips(d);
	}
	if (now >= d->handshakes_told + HANDSHAKES_EVERY && tell_handshakes(d, now))
		d->handshakes_told = now;
	if (now >= d->traffic_told + TRAFFIC_EVERY) {
		d->traffic_told = now;
		tell_traffic(d);
	}
}

/* --- while it runs --- */

static void say_hello(void *arg, struct tp_ncp_hello *hello)
{
	struct daemon *d = arg;

	forget_told(d->relay);
	d->traffic_told = 0;
	memcpy(hello->public_key, d->relay->identity.public_key, WG_KEY_LEN);
	hello->endpoints = d->config->public_endpoints;
	hello->n_endpoints = d->config->n_public_endpoints;
}

static int put_in_force(void *arg, const struct tp_ncp_view *view)
{
	json_t *settings = relay_member_settings(view);

	return settings ? daemon_take_settings(arg, settings) : -ENOMEM;
}

static const struct tp_member_ops ops = {
	.agent = "turnpike-relay/" TP_VERSION,
	.hello = say_hello,
	.apply = put_in_force,
};

/* What nodes everywhere are going to be told. */
static void warn_private(const struct relay_config *c)
{
	char text[TP_ADDR_STRLEN];

	for (size_t i = 0; i < c->n_public_endpoints; i++)
		if (tp_addr_is_private(&c->public_endpoints[i].addr))
			tp_warn("public_endpoints: %s is a private address, at which only nodes in "
				"the same place reach this relay",
				tp_endpoint_format(&c->public_endpoints[i], text));
}

int relay_member_start(struct tp_member **out, struct daemon *d)
{
	*out = NULL;
	if (!d->config->control.server)
		return 0;
	warn_private(d->config);
	return tp_member_new(out, d->base, &d->config->control, files_of(d->config),
			     d->options->saved, TP_NCP_RELAY, &ops, d);
}
