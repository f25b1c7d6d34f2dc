// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about relays: a tenant's own, and the platform's. */
#include "control/address.h"
#include "control/api_call.h"
#include "control/json_text.h"
#include "control/api_device.h"
#include "control/network.h"
#include "control/nodes.h"
#include "control/relay.h"

/* NULL: it has not said. What a platform's relay does for others is none of a tenant's business. */
static json_t *traffic_json(const struct api_call *c, const struct ctl_relay *r)
{
	const struct ctl_nodes *nodes = c->api->setup.nodes;
	const struct tp_ncp_traffic *t;
	struct ctl_node_state s;

	if (!nodes || (*c->tenant && !*r->tenant) || !ctl_nodes_find(nodes, r->device, &s) ||
	    !s.traffic.time)
		return NULL;
	t = &s.traffic;
	return json_pack("{s:o,s:I,s:I,s:o,s:o,s:o,s:o}", "countedAt",
			 api_timestamp((int64_t)t->time), "nodes", (json_int_t)t->nodes, "online",
			 (json_int_t)t->online, "flows", api_int64(t->flows), "packets",
			 api_int64(t->packets), "bytes", api_int64(t->bytes), "dropped",
			 api_int64(t->dropped));
}

static json_t *relay_json(const struct api_call *c, const struct ctl_relay *r)
{
	json_t *state = *r->device ? api_node_state_json(c, r->device) : NULL, *traffic, *j;
	char ip[CTL_IP_LEN];

	ctl_ip_format(r->service_ip, ip);
	j = json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:s,s:b,s:o}", "id", r->id, "tenantId", r->tenant,
		      "name", r->name, "deviceId", r->device, "publicKey",
		      r->has_key ? ctl_key_json(r->public_key) : json_string(""), "endpoints",
		      api_list_json(r->endpoints), "serviceAddress", ip, "draining", r->draining,
		      "createdAt", api_timestamp(r->created));
	if (state)
		json_object_set_new(j, "state", state);
	traffic = state ? traffic_json(c, r) : NULL;
	if (traffic)
		json_object_set_new(j, "traffic", traffic);
	return j;
}

static int answer_relay(struct api_call *c, const struct ctl_relay *r, json_t **out)
{
	return api_answer(c, json_pack("{s:o}", "relay", relay_json(c, r)), out);
}

/* `tenant` NULL: the platform's. */
static int create(struct api_call *c, const char *tenant, json_t **out)
{
	const char *endpoints[CTL_RELAY_ENDPOINTS], *key_text;
	struct ctl_relay_new in = {.tenant = tenant, .endpoints = endpoints};
	const json_t *list;
	struct ctl_relay r;
	uint8_t key[32];

	if (api_need_text(c, "name", &in.name) || api_text(c, "public_key", &key_text) ||
	    api_texts(c, "endpoints", CTL_RELAY_ENDPOINTS, &list))
		return -1;
	if (*key_text) {
		if (api_key(c, "public_key", key))
			return -1;
		in.public_key = key;
	}
	in.n_endpoints = json_array_size(list);
	for (size_t i = 0; i < in.n_endpoints; i++)
		endpoints[i] = json_string_value(json_array_get(list, i));
	if (ctl_relay_create(c->store, &in, &r, &c->err))
		return -1;
	return answer_relay(c, &r, out);
}

static bool add(void *arg, const struct ctl_relay *r)
{
	struct api_page *page = arg;

	return api_page_add(page, r->id, relay_json(page->call, r));
}

static int list_of(struct api_call *c, bool platform, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "relays",
			    ctl_relay_list(c->store, platform ? NULL : c->tenant, platform,
					   page.after, (unsigned int)page.limit, add, &page,
					   &c->err),
			    out);
}

/* The relay that the message names: the tenant's, or the platform's. */
static int read_relay(struct api_call *c, struct ctl_relay *r)
{
	const char *id;

	if (api_id(c, "relay_id", &id) ||
	    ctl_relay_get(c->store, *c->tenant ? c->tenant : NULL, id, r, &c->err))
		return -1;
	if (!*c->tenant && *r->tenant)
		return ctl_fail(&c->err, CTL_NOT_FOUND, "no platform relay %s", id);
	return 0;
}

/* With its network, which a tenant has itself. */
static int read_pair(struct api_call *c, struct ctl_relay *r, struct ctl_network *n)
{
	const char *id;

	if (read_relay(c, r) || api_id(c, "network_id", &id))
		return -1;
	return ctl_network_get(c->store, *c->tenant ? c->tenant : NULL, id, n, &c->err);
}

/* --- a tenant's ----------------------------------------------------------------------------- */

static int create_own(struct api_call *c, json_t **out)
{
	return create(c, c->tenant, out);
}

static int list_own(struct api_call *c, json_t **out)
{
	return list_of(c, false, out);
}

/* --- either's: c->tenant is "" for the platform's -------------------------------------------- */

static int delete (struct api_call *c, json_t **out)
{
	struct ctl_relay r;

	if (read_relay(c, &r) ||
	    ctl_relay_delete(c->store, *c->tenant ? c->tenant : NULL, r.id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static int set_drain(struct api_call *c, json_t **out)
{
	struct ctl_relay r;
	bool draining;

	if (read_relay(c, &r) || api_bool(c, "draining", &draining) ||
	    ctl_relay_set_drain(c->store, *c->tenant ? c->tenant : NULL, r.id, draining, &c->err) ||
	    read_relay(c, &r))
		return -1;
	return answer_relay(c, &r, out);
}

static int attach(struct api_call *c, json_t **out)
{
	struct ctl_network n;
	struct ctl_relay r;

	if (read_pair(c, &r, &n) || ctl_relay_attach(c->store, r.id, n.id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static int detach(struct api_call *c, json_t **out)
{
	struct ctl_network n;
	struct ctl_relay r;

	if (read_pair(c, &r, &n) || ctl_relay_detach(c->store, r.id, n.id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

/* --- the platform's ------------------------------------------------------------------------- */

static int create_platform(struct api_call *c, json_t **out)
{
	return create(c, NULL, out);
}

static int list_platform(struct api_call *c, json_t **out)
{
	return list_of(c, true, out);
}

const struct api_rpc api_relay_rpcs[] = {
	{"CreateRelay", create_own, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"ListRelays", list_own, CTL_VIEWER, API_TENANT},
	{"DeleteRelay", delete, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"SetRelayDrain", set_drain, CTL_OPERATOR, API_TENANT | API_PLATFORM | API_WRITE},
	{"AssignRelayToNetwork", attach, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"RemoveRelayFromNetwork", detach, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"CreatePlatformRelay", create_platform, CTL_SUPER_ADMIN, API_WRITE},
	{"ListPlatformRelays", list_platform, CTL_SUPER_ADMIN, 0},
	{"DeletePlatformRelay", delete, CTL_SUPER_ADMIN, API_WRITE},
	{"AssignPlatformRelayToNetwork", attach, CTL_SUPER_ADMIN, API_WRITE},
	{"RemovePlatformRelayFromNetwork", detach, CTL_SUPER_ADMIN, API_WRITE},
	{0},
};
