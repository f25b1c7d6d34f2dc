// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about devices. They come by joining; here they are seen and deleted. */
#include "control/api_call.h"
#include "control/json_text.h"
#include "control/api_device.h"
#include "control/nodes.h"

json_t *api_node_state_json(const struct api_call *c, const char *device)
{
	const struct ctl_nodes *nodes = c->api->setup.nodes;
	struct ctl_node_state s;

	if (!nodes || !ctl_nodes_find(nodes, device, &s))
		return NULL;
	return json_pack("{s:o,s:o,s:o,s:s}", "connectedSince", api_timestamp(s.since),
			 "toldRevision", api_int64(s.told), "acknowledgedRevision",
			 api_int64(s.acknowledged), "failure", s.failed ? s.reason : "");
}

json_t *api_device_json(const struct api_call *c, const struct ctl_device *d)
{
	json_t *state = api_node_state_json(c, d->id), *j;
	int64_t seen = state ? ctl_now(c->store) : d->last_seen;

	j = json_pack("{s:s,s:s,s:s,s:s,s:o,s:b,s:o,s:o}", "id", d->id, "tenantId", d->tenant,
		      "name", d->name, "kind", ctl_kind_name(d->kind), "publicKey",
		      d->has_key ? ctl_key_json(d->key) : json_string(""), "ephemeral",
		      d->ephemeral, "lastSeenAt", api_timestamp(seen), "createdAt",
		      api_timestamp(d->created));
	if (state)
		json_object_set_new(j, "state", state);
	return j;
}

static int get(struct api_call *c, json_t **out)
{
	struct ctl_device d;
	const char *id;

	if (api_id(c, "device_id", &id) || ctl_device_get(c->store, c->tenant, id, &d, &c->err))
		return -1;
	return api_answer(c, json_pack("{s:o}", "device", api_device_json(c, &d)), out);
}

static bool add(void *arg, const struct ctl_device *d)
{
	struct api_page *page = arg;

	return api_page_add(page, d->id, api_device_json(page->call, d));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "devices",
			    ctl_device_list(c->store, c->tenant, page.after,
					    (unsigned int)page.limit, add, &page, &c->err),
			    out);
}

static int delete (struct api_call *c, json_t **out)
{
	const char *id;

	if (api_id(c, "device_id", &id) || ctl_device_delete(c->store, c->tenant, id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

const struct api_rpc api_device_rpcs[] = {
	{"GetDevice", get, CTL_VIEWER, API_TENANT},
	{"ListDevices", list, CTL_VIEWER, API_TENANT},
	{"DeleteDevice", delete, CTL_OPERATOR, API_TENANT | API_WRITE},
	{0},
};
