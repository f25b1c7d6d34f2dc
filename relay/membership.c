/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "ncp_document.h"
#include "relay/daemon.h"

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

static bool has_class(const struct tp_ncp_served_network *n, uint32_t class)
{
	for (size_t i = 0; i < n->n_nodes; i++)
		if (n->nodes[i].class == class)
			return true;
	return false;
}

static json_t *network_json(const struct tp_ncp_served_network *n)
{
	json_t *nodes = json_array(), *admit = json_array();
	char name[80], pair[32];

	network_name(n, name);
	for (size_t i = 0; i < n->n_nodes; i++)
		json_array_append_new(nodes, node_json(&n->nodes[i], name));
	for (size_t i = 0; i < n->n_admits; i++) {
		const struct tp_ncp_admission *a = &n->admits[i];

		if (!has_class(n, a->a) || !has_class(n, a->b))
			continue;
		snprintf(pair, sizeof(pair), "c%u c%u", a->a, a->b);
		json_array_append_new(admit, json_string(pair));
	}
	return json_pack("{s:s,s:o,s:o}", "name", name, "nodes", nodes, "admit", admit);
}

json_t *relay_member_settings(const struct tp_ncp_view *view)
{
	json_t *networks = json_array(), *out = json_pack("{s:o}", "networks", networks);
	char address[TP_ADDR_STRLEN];

	for (size_t i = 0; i < view->n_serves; i++)
		json_array_append_new(networks, network_json(&view->serves[i]));
	if (!tp_addr_is_zero(&view->service_address))
		json_object_set_new(out, "service_address",
				    json_string(tp_addr_format(&view->service_address, address)));
	return out;
}

/* --- at the start --- */

static json_t *saved_settings(const json_t *saved)
{
	struct tp_ncp_document doc = {0};
	struct tp_ncp_view view = {0};
	json_t *settings = NULL;

	if (!saved ||
	    (!tp_ncp_document_apply(&doc, saved, NULL) && !tp_ncp_document_view(&doc, &view)))
		settings = relay_member_settings(&view);
	tp_ncp_free_lists(&tp_ncp_view_table, &view);
	tp_ncp_document_fini(&doc);
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
	*saved = tp_member_saved(alone->state_dir);
	relay_config_free(alone);
	*out = NULL;
	settings = saved_settings(*saved);
	err = settings ? relay_config_load(path, out, settings, errors) : -ENOMEM;
	json_decref(settings);
	return err;
}

/* --- while it runs --- */

static void say_hello(void *arg, struct tp_ncp_hello *hello)
{
	struct daemon *d = arg;

	memcpy(hello->public_key, d->relay->identity.public_key, WG_KEY_LEN);
	hello->endpoints = d->config->public_endpoints;
	hello->n_endpoints = d->config->n_public_endpoints;
}

static int put_in_force(void *arg, const struct tp_ncp_view *view, char why[TP_MEMBER_WHY])
{
	json_t *settings = relay_member_settings(view);
	int err = settings ? daemon_take_settings(arg, settings) : -ENOMEM;

	if (err)
		snprintf(why, TP_MEMBER_WHY, "%s; the relay's log has more", strerror(-err));
	return err;
}

static const struct tp_member_ops ops = {
	.agent = "turnpike-relay/" TP_VERSION,
	.hello = say_hello,
	.apply = put_in_force,
};

int relay_member_start(struct tp_member **out, struct daemon *d)
{
	*out = NULL;
	if (!d->config->control.server)
		return 0;
	return tp_member_new(out, d->base, &d->config->control, d->config->state_dir,
			     d->options->saved, TP_NCP_RELAY, &ops, d);
}
