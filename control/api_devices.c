// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about devices. They come by joining; here they are seen and deleted. */
#include "control/api_call.h"
#include "control/api_device.h"

json_t *api_device_json(const struct ctl_device *d)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:o,s:b,s:o,s:o}", "id", d->id, "tenantId", d->tenant,
			 "name", d->name, "kind", ctl_kind_name(d->kind), "publicKey",
			 d->has_key ? api_key_json(d->key) : json_string(""), "ephemeral",
			 d->ephemeral, "lastSeenAt", api_timestamp(d->last_seen), "createdAt",
			 api_timestamp(d->created));
}

static int get(struct api_call *c, json_t **out)
{
	struct ctl_device d;
	const char *id;

	if (api_id(c, "device_id", &id) || ctl_device_get(c->store, c->tenant, id, &d, &c->err))
		return -1;
	return api_answer(c, json_pack("{s:o}", "device", api_device_json(&d)), out);
}

static bool add(void *arg, const struct ctl_device *d)
{
	return api_page_add(arg, d->id, api_device_json(d));
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
