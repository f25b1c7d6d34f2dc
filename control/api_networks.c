// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about networks. */
#include <string.h>

#include "control/api_call.h"
#include "control/group.h"

static json_t *network_json(const struct ctl_network *n)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:s,s:o,s:o}", "id", n->id, "tenantId",
			 n->tenant, "name", n->name, "subnetCidr", n->subnet, "listenPort",
			 n->listen_port, "keepalive", n->keepalive, "dns", n->dns, "groupId",
			 n->group, "stunServers", api_list_json(n->stun_servers), "createdAt",
			 api_timestamp(n->created));
}

static int answer_network(struct api_call *c, const struct ctl_network *n, json_t **out)
{
	return api_answer(c, json_pack("{s:o}", "network", network_json(n)), out);
}

/* What CreateWireGuardNetwork and EnrollGroupInNetwork share. */
static int read_new(struct api_call *c, struct ctl_network_new *in)
{
	int64_t port;

	*in = (struct ctl_network_new){.tenant = c->tenant};
	if (api_need_text(c, "name", &in->name) || api_text(c, "subnet_cidr", &in->subnet) ||
	    api_optional_id(c, "group_id", &in->group) ||
	    api_number(c, "listen_port", 0, UINT16_MAX, &port))
		return -1;
	in->listen_port = (uint32_t)port;
	return 0;
}

static int create(struct api_call *c, json_t **out)
{
	struct ctl_network_new in;
	struct ctl_network n;

	if (read_new(c, &in) || ctl_network_create(c->store, &in, &n, &c->err))
		return -1;
	return answer_network(c, &n, out);
}

static int get(struct api_call *c, json_t **out)
{
	struct ctl_network n;
	const char *id;

	if (api_id(c, "network_id", &id) || ctl_network_get(c->store, c->tenant, id, &n, &c->err))
		return -1;
	return answer_network(c, &n, out);
}

/* What addresses, files and names were given out by stays as it is. */
static int refuse_fixed(struct api_call *c, const struct ctl_network *n)
{
	const char *name, *subnet;

	if (api_text(c, "name", &name) || api_text(c, "subnet_cidr", &subnet))
		return -1;
	if (*subnet && strcmp(subnet, n->subnet))
		return ctl_fail(&c->err, CTL_FAILED_PRECONDITION,
				"subnet_cidr: cannot be changed, peers have their addresses of %s;"
				" make another network",
				n->subnet);
	if (*name && strcmp(name, n->name))
		return ctl_fail(&c->err, CTL_FAILED_PRECONDITION,
				"name: cannot be changed, nodes and relays know the network by it");
	return 0;
}

static int update(struct api_call *c, json_t **out)
{
	struct ctl_network n;
	const char *id;

	if (api_id(c, "network_id", &id) || ctl_network_get(c->store, c->tenant, id, &n, &c->err) ||
	    refuse_fixed(c, &n) || api_set_u16(c, "listen_port", 1, &n.listen_port) ||
	    api_set_u16(c, "keepalive", 0, &n.keepalive) ||
	    api_set_text(c, "dns", n.dns, sizeof(n.dns)) ||
	    api_set_texts(c, "stun_servers", CTL_SERVERS_MAX, n.stun_servers,
			  sizeof(n.stun_servers)) ||
	    ctl_network_update(c->store, &n, &c->err))
		return -1;
	return answer_network(c, &n, out);
}

static bool add(void *arg, const struct ctl_network *n)
{
	return api_page_add(arg, n->id, network_json(n));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "networks",
			    ctl_network_list(c->store, c->tenant, page.after,
					     (unsigned int)page.limit, add, &page, &c->err),
			    out);
}

static int delete (struct api_call *c, json_t **out)
{
	const char *id;

	if (api_id(c, "network_id", &id) || ctl_network_delete(c->store, c->tenant, id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static int enroll(struct api_call *c, json_t **out)
{
	struct ctl_network_new in;
	struct ctl_network n;
	unsigned int enrolled;

	if (read_new(c, &in))
		return -1;
	if (!*in.group)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "group_id: is missing");
	if (ctl_group_enroll(c->store, &in, &n, &enrolled, &c->err))
		return -1;
	return api_answer(
		c,
		json_pack("{s:o,s:i}", "network", network_json(&n), "enrolledCount", (int)enrolled),
		out);
}

const struct api_rpc api_network_rpcs[] = {
	{"CreateWireGuardNetwork", create, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"GetWireGuardNetwork", get, CTL_VIEWER, API_TENANT},
	{"ListWireGuardNetworks", list, CTL_VIEWER, API_TENANT},
	{"UpdateWireGuardNetwork", update, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"DeleteWireGuardNetwork", delete, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{"EnrollGroupInNetwork", enroll, CTL_TENANT_ADMIN, API_TENANT | API_WRITE},
	{0},
};
