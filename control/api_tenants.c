// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about tenants. */
#include "control/api_call.h"
#include "control/tenant.h"

/* --- as messages ---------------------------------------------------------------------------- */

static json_t *config_json(const struct ctl_tenant *t)
{
	json_t *wg = json_pack(
		"{s:b,s:s,s:i,s:s,s:i,s:b,s:o}", "meshEnabled", t->mesh_enabled, "ipRange",
		t->ip_range, "defaultListenPort", t->default_listen_port, "defaultDns",
		t->default_dns, "defaultKeepalive", t->default_keepalive, "natTraversalEnabled",
		t->nat_traversal_enabled, "stunServers", api_list_json(t->stun_servers));

	return json_pack("{s:o}", "wireGuardConfig", wg);
}

static json_t *tenant_json(const struct ctl_tenant *t)
{
	return json_pack("{s:s,s:s,s:o,s:o}", "id", t->id, "name", t->name, "config",
			 config_json(t), "createdAt", api_timestamp(t->created));
}

static int answer_tenant(struct api_call *c, const struct ctl_tenant *t, json_t **out)
{
	return api_answer(c, json_pack("{s:o}", "tenant", tenant_json(t)), out);
}

/* --- changing the settings: only those that are there ---------------------------------------- */

/* c->in is the TenantWireGuardConfig here. */
static int read_settings(struct api_call *c, struct ctl_tenant *t)
{
	if (api_set_bool(c, "mesh_enabled", &t->mesh_enabled) ||
	    api_set_text(c, "ip_range", t->ip_range, sizeof(t->ip_range)) ||
	    api_set_u16(c, "default_listen_port", 1, &t->default_listen_port) ||
	    api_set_text(c, "default_dns", t->default_dns, sizeof(t->default_dns)) ||
	    api_set_u16(c, "default_keepalive", 0, &t->default_keepalive) ||
	    api_set_bool(c, "nat_traversal_enabled", &t->nat_traversal_enabled) ||
	    api_set_texts(c, "stun_servers", CTL_SERVERS_MAX, t->stun_servers,
			  sizeof(t->stun_servers)))
		return -1;
	return 0;
}

/* Goes down into config.wire_guard_config; NULL when there is none. */
static int find_settings(struct api_call *c, const json_t **settings)
{
	const json_t *whole = c->in, *config;
	int result;

	if (api_object(c, "config", &config))
		return -1;
	c->in = config;
	result = api_object(c, "wire_guard_config", settings);
	c->in = whole;
	return result;
}

static int update(struct api_call *c, json_t **out)
{
	const json_t *whole = c->in, *settings;
	struct ctl_tenant t;
	int result;

	if (find_settings(c, &settings) || ctl_tenant_get(c->store, c->tenant, &t, &c->err))
		return -1;
	c->in = settings;
	result = read_settings(c, &t);
	c->in = whole;
	if (result || ctl_tenant_update(c->store, &t, &c->err))
		return -1;
	return answer_tenant(c, &t, out);
}

/* --- the others ----------------------------------------------------------------------------- */

static int create(struct api_call *c, json_t **out)
{
	struct ctl_tenant t;
	const char *name;

	if (api_need_text(c, "name", &name) || ctl_tenant_create(c->store, name, &t, &c->err))
		return -1;
	return answer_tenant(c, &t, out);
}

static int get(struct api_call *c, json_t **out)
{
	struct ctl_tenant t;

	if (ctl_tenant_get(c->store, c->tenant, &t, &c->err))
		return -1;
	return answer_tenant(c, &t, out);
}

static bool add(void *arg, const struct ctl_tenant *t)
{
	return api_page_add(arg, t->id, tenant_json(t));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "tenants",
			    ctl_tenant_list(c->store, page.after, (unsigned int)page.limit, add,
					    &page, &c->err),
			    out);
}

static int delete (struct api_call *c, json_t **out)
{
	if (ctl_tenant_delete(c->store, c->tenant, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

const struct api_rpc api_tenant_rpcs[] = {
	{"CreateTenant", create, CTL_SUPER_ADMIN, API_WRITE},
	{"ListTenants", list, CTL_SUPER_ADMIN, 0},
	{"GetTenant", get, CTL_VIEWER, API_TENANT},
	{"UpdateTenantConfig", update, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"DeleteTenant", delete, CTL_SUPER_ADMIN, API_TENANT | API_WRITE},
	{0},
};
