// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about policies. */
#include <string.h>

#include "control/api_call.h"
#include "control/network.h"
#include "control/policy.h"

static json_t *policy_json(const struct ctl_policy *p)
{
	return json_pack("{s:s,s:s,s:s,s:I,s:O,s:o}", "id", p->id, "networkId", p->network, "name",
			 p->name, "position", (json_int_t)p->position, "rules", p->rules,
			 "createdAt", api_timestamp(p->created));
}

static bool add(void *arg, const struct ctl_policy *p)
{
	json_array_append_new(arg, policy_json(p));
	return true;
}

static int list_into(struct api_call *c, const char *network, json_t **out)
{
	json_t *policies = json_array();

	if (ctl_policy_list(c->store, c->tenant, network, add, policies, &c->err)) {
		json_decref(policies);
		return -1;
	}
	return api_answer(c, json_pack("{s:o}", "policies", policies), out);
}

static int list(struct api_call *c, json_t **out)
{
	struct ctl_network n;
	const char *network;

	if (api_id(c, "network_id", &network) ||
	    ctl_network_get(c->store, c->tenant, network, &n, &c->err))
		return -1;
	return list_into(c, network, out);
}

static int apply(struct api_call *c, json_t **out)
{
	const char *network, *name;
	const json_t *rules;
	int64_t position;

	if (api_id(c, "network_id", &network) || api_need_text(c, "name", &name) ||
	    api_number(c, "position", 0, INT32_MAX, &position) || api_list(c, "rules", &rules))
		return -1;
	if (ctl_policy_apply(c->store, c->tenant, network, name, position, rules, &c->err))
		return -1;
	return list_into(c, network, out);
}

static int delete (struct api_call *c, json_t **out)
{
	const char *network, *name;

	if (api_id(c, "network_id", &network) || api_need_text(c, "name", &name) ||
	    ctl_policy_delete(c->store, c->tenant, network, name, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static int need_port(struct api_call *c, const char *protocol, int64_t *port)
{
	if (api_number(c, "port", 0, UINT16_MAX, port))
		return -1;
	if (!*port && (!strcmp(protocol, "tcp") || !strcmp(protocol, "udp")))
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "port: %s needs one", protocol);
	return 0;
}

static int test(struct api_call *c, json_t **out)
{
	const char *network, *from, *to, *protocol;
	char rule[CTL_NAME_LEN] = "";
	bool allowed = false;
	int64_t port;

	if (api_id(c, "network_id", &network) || api_need_text(c, "from", &from) ||
	    api_need_text(c, "to", &to) || api_need_text(c, "protocol", &protocol) ||
	    need_port(c, protocol, &port) ||
	    ctl_policy_test(c->store, c->tenant, network, from, to, protocol, (uint16_t)port,
			    &allowed, rule, &c->err))
		return -1;
	return api_answer(c, json_pack("{s:b,s:s}", "allowed", allowed, "rule", rule), out);
}

const struct api_rpc api_policy_rpcs[] = {
	{"ListPolicies", list, CTL_VIEWER, API_TENANT},
	{"ApplyPolicy", apply, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"DeletePolicy", delete, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"TestPolicy", test, CTL_VIEWER, API_TENANT},
	{0},
};
