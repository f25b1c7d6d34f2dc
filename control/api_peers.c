// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about the devices in a network. */
#include "control/api_peer.h"

#include "control/address.h"
#include "control/api_call.h"
#include "control/json_text.h"
#include "control/api_device.h"
#include "control/api_trips.h"

json_t *api_peer_json(const struct ctl_peer *p)
{
	char ip[CTL_IP_LEN] = "";
	json_t *j;

	if (p->ip)
		ctl_ip_format(p->ip, ip);
	j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:i,s:s,s:b}", "id", p->id, "networkId",
		      p->network, "deviceId", p->device, "deviceName", p->device_name, "deviceKind",
		      ctl_kind_name((enum ctl_kind)p->device_kind), "publicKey",
		      p->ip ? ctl_key_json(p->public_key) : json_string(""), "allocatedIp", ip,
		      "listenPort", p->listen_port, "endpoint", p->endpoint, "endpointDeclared",
		      p->endpoint_declared);
	json_object_set_new(j, "isRelay", json_boolean(p->is_relay));
	json_object_set_new(j, "isEgressGateway", json_boolean(p->is_egress));
	json_object_set_new(j, "egressSubnets", api_list_json(p->egress_subnets));
	json_object_set_new(j, "tags", api_list_json(p->tags));
	json_object_set_new(j, "relayId", json_string(p->relay));
	json_object_set_new(j, "lastHandshakeAt", api_timestamp(p->last_handshake * 1000));
	json_object_set_new(j, "createdAt", api_timestamp(p->created));
	return j;
}

/* And what only its connection and its relays tell of it. */
static json_t *live_json(const struct api_trips *trips, const struct ctl_peer *p)
{
	json_t *j = api_peer_json(p), *state = api_node_state_json(trips->call, p->device);

	json_object_set_new(j, "roundTrips", api_trips_json(trips, p));
	if (state)
		json_object_set_new(j, "state", state);
	return j;
}

/* The network and the device that most of these calls name. */
static int read_peer(struct api_call *c, const char **network, const char **device)
{
	return api_id(c, "network_id", network) || api_id(c, "device_id", device) ? -1 : 0;
}

static int answer_peer(struct api_call *c, const char *network, const char *device, json_t **out)
{
	struct api_trips trips;
	struct ctl_peer p;
	int rc;

	if (ctl_peer_get(c->store, c->tenant, network, device, &p, &c->err))
		return -1;
	rc = api_trips_begin(c, network, &trips);
	if (!rc)
		rc = api_answer(c, json_pack("{s:o}", "peer", live_json(&trips, &p)), out);
	api_trips_end(&trips);
	return rc;
}

int api_peer_tags(struct api_call *c, char text[CTL_LIST_LEN])
{
	const json_t *tags;
	size_t n;

	if (api_texts(c, "tags", CTL_PEER_TAGS, &tags))
		return -1;
	n = tags ? json_dumpb(tags, text, CTL_LIST_LEN - 1, JSON_COMPACT) : 0;
	if (n >= CTL_LIST_LEN)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "tags: too long");
	text[n] = '\0';
	return 0;
}

static int add_device(struct api_call *c, json_t **out)
{
	const char *network, *device;
	char tags[CTL_LIST_LEN];
	struct ctl_peer p;

	if (read_peer(c, &network, &device) || api_peer_tags(c, tags) ||
	    ctl_peer_add(c->store, c->tenant, network, device, tags, &p, &c->err))
		return -1;
	return answer_peer(c, network, device, out);
}

static int remove_device(struct api_call *c, json_t **out)
{
	const char *network, *device;

	if (read_peer(c, &network, &device) ||
	    ctl_peer_remove(c->store, c->tenant, network, device, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

struct listing {
	struct api_page page;
	struct api_trips trips;
};

static bool add(void *arg, const struct ctl_peer *p)
{
	struct listing *l = arg;

	return api_page_add(&l->page, p->id, live_json(&l->trips, p));
}

static int list(struct api_call *c, json_t **out)
{
	const char *network, *device;
	struct ctl_network n;
	struct listing l;
	int rc;

	if (api_id(c, "network_id", &network) || api_optional_id(c, "device_id", &device) ||
	    ctl_network_get(c->store, c->tenant, network, &n, &c->err) ||
	    api_page_begin(c, &l.page))
		return -1;
	rc = api_trips_begin(c, network, &l.trips);
	if (!rc)
		rc = ctl_peer_list(c->store, c->tenant, network, *device ? device : NULL,
				   l.page.after, (unsigned int)l.page.limit, add, &l, &c->err);
	api_trips_end(&l.trips);
	return api_page_end(&l.page, "peers", rc, out);
}

static int set_role(struct api_call *c, json_t **out)
{
	const char *network, *device, *subnets[CTL_PEER_SUBNETS];
	struct ctl_peer_role role = {.subnets = subnets};
	const json_t *list_of;
	struct ctl_peer p;

	if (read_peer(c, &network, &device) || api_bool(c, "is_relay", &role.is_relay) ||
	    api_bool(c, "is_egress_gateway", &role.is_egress) ||
	    api_texts(c, "egress_subnets", CTL_PEER_SUBNETS, &list_of))
		return -1;
	role.n_subnets = json_array_size(list_of);
	for (size_t i = 0; i < role.n_subnets; i++)
		subnets[i] = json_string_value(json_array_get(list_of, i));
	if (ctl_peer_set_role(c->store, c->tenant, network, device, &role, &p, &c->err))
		return -1;
	return answer_peer(c, network, device, out);
}

static int set_tags(struct api_call *c, json_t **out)
{
	const char *network, *device;
	char tags[CTL_LIST_LEN];

	if (read_peer(c, &network, &device) || api_peer_tags(c, tags) ||
	    ctl_peer_set_tags(c->store, c->tenant, network, device, tags, &c->err))
		return -1;
	return answer_peer(c, network, device, out);
}

static int set_endpoint(struct api_call *c, json_t **out)
{
	const char *network, *device, *endpoint;
	struct ctl_peer p;

	if (read_peer(c, &network, &device) || api_text(c, "endpoint", &endpoint) ||
	    ctl_peer_get(c->store, c->tenant, network, device, &p, &c->err) ||
	    ctl_peer_endpoint(c->store, network, device, endpoint, true, &c->err))
		return -1;
	return answer_peer(c, network, device, out);
}

/* The seed's names: who is relayed, and by which device of the network; or by a relay. */
static int assign_relay(struct api_call *c, json_t **out)
{
	const char *network, *device, *relay, *relay_device;

	if (api_id(c, "network_id", &network) || api_id(c, "peer_device_id", &device) ||
	    api_optional_id(c, "relay_device_id", &relay_device) ||
	    api_optional_id(c, "relay_id", &relay))
		return -1;
	if (!*relay == !*relay_device)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT,
				"one of relay_device_id and relay_id is needed");
	if (ctl_peer_assign_relay(c->store, c->tenant, network, device,
				  *relay ? relay : relay_device, &c->err))
		return -1;
	return answer_peer(c, network, device, out);
}

static int remove_relay(struct api_call *c, json_t **out)
{
	const char *network, *device;

	if (api_id(c, "network_id", &network) || api_id(c, "peer_device_id", &device) ||
	    ctl_peer_assign_relay(c->store, c->tenant, network, device, NULL, &c->err))
		return -1;
	return answer_peer(c, network, device, out);
}

const struct api_rpc api_peer_rpcs[] = {
	{"AddDeviceToNetwork", add_device, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"RemoveDeviceFromNetwork", remove_device, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"ListWireGuardPeers", list, CTL_VIEWER, API_TENANT},
	{"SetPeerRole", set_role, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"SetPeerTags", set_tags, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"SetPeerEndpoint", set_endpoint, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"AssignRelay", assign_relay, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"RemoveRelayAssignment", remove_relay, CTL_OPERATOR, API_TENANT | API_WRITE},
	{0},
};
