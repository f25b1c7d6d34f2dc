// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control relay. With --platform it is about the platform's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "control_live.h"

/* Nodes that are there of those it knows; what it has forwarded, and dropped. */
static void cell_traffic(struct table *t, const json_t *traffic)
{
	if (traffic)
		table_cell(t, PLAIN, "%" PRIu64 "/%" PRIu64, cli_num(traffic, "online"),
			   cli_num(traffic, "nodes"));
	else
		table_cell(t, DIM, "-");
	cell_count(t, traffic, "packets");
	cell_bytes(t, traffic, "bytes");
	cell_count(t, traffic, "dropped");
}

static void show_relays(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},	  {"SERVICE", false, 0}, {"ENDPOINTS", false, 0},
		{"STATE", false, 0},	  {"ONLINE", true, 3},	 {"PACKETS", true, 4},
		{"BYTES", true, 5},	  {"DROPPED", true, 6},	 {"DRAINING", false, 1},
		{"PUBLIC KEY", false, 7},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_str(t, row, "name");
		cell_str(t, row, "serviceAddress");
		cell_list(t, row, "endpoints");
		cell_state(t, row, *cli_str(row, "deviceId") ? "away" : "not joined");
		cell_traffic(t, json_object_get(row, "traffic"));
		cell_yes(t, row, "draining");
		cell_str(t, row, "publicKey");
	}
	table_finish(&c->cli, t);
}

/* The tenant's RPC or the platform's; before the first call, which forgets --platform. */
static const char *either(const struct control *c, const char *own, const char *platform)
{
	return c->platform ? platform : own;
}

int control_relay_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, either(c, "ListRelays", "ListPlatformRelays"), json_object(),
				 "relays", show_relays);
}

/* Allowed, since a relay may be meant for those in one place, but often a slip. */
static void warn_private(const json_t *relay)
{
	json_t *endpoint;
	size_t i;

	json_array_foreach(json_object_get(relay, "endpoints"), i, endpoint)
	{
		const char *text = json_string_value(endpoint);
		struct tp_endpoint e;

		if (!tp_endpoint_parse(text, &e) && tp_addr_is_private(&e.addr))
			cli_fail("relay %s: %s is a private address, at which only nodes in the "
				 "same place reach it",
				 cli_str(relay, "name"), text);
	}
}

int control_relay_create(struct control *c, int argc, char **argv)
{
	json_t *endpoints = json_array(), *reply;

	for (int i = 2; i < argc; i++)
		json_array_append_new(endpoints, json_string(argv[i]));
	reply = control_call(c, either(c, "CreateRelay", "CreatePlatformRelay"),
			     json_pack("{s:s,s:s,s:o}", "name", argv[0], "publicKey", argv[1],
				       "endpoints", endpoints));
	if (!reply)
		return CLI_FAILURE;
	warn_private(json_object_get(reply, "relay"));
	control_done(c, reply);
	return CLI_OK;
}

char *control_relay_id(struct control *c, const char *name)
{
	return control_find(c, either(c, "ListRelays", "ListPlatformRelays"), json_object(),
			    "relays", "name", "id", name);
}

/* {"relayId": …} */
static json_t *relay(struct control *c, const char *name)
{
	char *id = control_relay_id(c, name);
	json_t *in = id ? json_pack("{s:s}", "relayId", id) : NULL;

	free(id);
	return in;
}

int control_relay_delete(struct control *c, int argc, char **argv)
{
	const char *rpc = either(c, "DeleteRelay", "DeletePlatformRelay");
	json_t *in = relay(c, argv[0]);

	(void)argc;
	return in ? control_show(c, rpc, in, NULL) : CLI_FAILURE;
}

static int set_drain(struct control *c, const char *name, bool draining)
{
	json_t *in = relay(c, name);

	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "draining", json_boolean(draining));
	return control_show(c, "SetRelayDrain", in, NULL);
}

int control_relay_drain(struct control *c, int argc, char **argv)
{
	(void)argc;
	return set_drain(c, argv[0], true);
}

int control_relay_undrain(struct control *c, int argc, char **argv)
{
	(void)argc;
	return set_drain(c, argv[0], false);
}

/* --- which nodes, which networks ------------------------------------------------------------ */

/* {"networkId": …, "peerDeviceId": …} */
static json_t *assignment(struct control *c, const char *node)
{
	json_t *in = control_peer(c, node);

	if (!in)
		return NULL;
	json_object_set(in, "peerDeviceId", json_object_get(in, "deviceId"));
	json_object_del(in, "deviceId");
	return in;
}

/* {"relayDeviceId": …}; NULL: that name is no relay peer's in this network. */
static json_t *relay_peer(struct control *c, const json_t *in, const char *name)
{
	json_t *found = NULL, *rows, *row;
	size_t i;

	rows = control_list(c, "ListWireGuardPeers",
			    json_pack("{s:O}", "networkId", json_object_get(in, "networkId")),
			    "peers");
	json_array_foreach(rows, i, row)
	{
		bool is_relay = json_is_true(json_object_get(row, "isRelay"));

		if (!found && is_relay && !strcmp(cli_str(row, "deviceName"), name))
			found = json_pack("{s:O}", "relayDeviceId",
					  json_object_get(row, "deviceId"));
	}
	json_decref(rows);
	return found;
}

int control_relay_assign(struct control *c, int argc, char **argv)
{
	json_t *in = assignment(c, argv[0]), *r = in ? relay_peer(c, in, argv[1]) : NULL;

	(void)argc;
	if (in && !r)
		r = relay(c, argv[1]);
	if (!r) {
		json_decref(in);
		return CLI_FAILURE;
	}
	json_object_update(in, r);
	json_decref(r);
	return control_show(c, "AssignRelay", in, NULL);
}

int control_relay_unassign(struct control *c, int argc, char **argv)
{
	json_t *in = assignment(c, argv[0]);

	(void)argc;
	return in ? control_show(c, "RemoveRelayAssignment", in, NULL) : CLI_FAILURE;
}

/* {"networkId": …, "relayId": …}. The network first, which needs the tenant; a platform relay's
 * call is of none. */
static json_t *service(struct control *c, const char *name)
{
	bool of_platform = c->platform;
	json_t *in, *r;

	c->platform = false;
	in = control_in_network(c);
	c->platform = of_platform;
	r = in ? relay(c, name) : NULL;
	if (!r) {
		json_decref(in);
		return NULL;
	}
	json_object_update(in, r);
	json_decref(r);
	return in;
}

static void warn_private_of(struct control *c, const char *list, const char *id)
{
	json_t *rows = control_list(c, list, json_object(), "relays"), *row;
	size_t i;

	json_array_foreach(rows, i, row) if (!strcmp(cli_str(row, "id"), id)) warn_private(row);
	json_decref(rows);
}

int control_relay_serve(struct control *c, int argc, char **argv)
{
	const char *rpc = either(c, "AssignRelayToNetwork", "AssignPlatformRelayToNetwork");
	const char *list = either(c, "ListRelays", "ListPlatformRelays");
	json_t *in = service(c, argv[0]);
	int status = CLI_FAILURE;

	(void)argc;
	if (in)
		status = control_show(c, rpc, json_incref(in), NULL);
	if (!status)
		warn_private_of(c, list, cli_str(in, "relayId"));
	json_decref(in);
	return status;
}

int control_relay_unserve(struct control *c, int argc, char **argv)
{
	const char *rpc = either(c, "RemoveRelayFromNetwork", "RemovePlatformRelayFromNetwork");
	json_t *in = service(c, argv[0]);

	(void)argc;
	return in ? control_show(c, rpc, in, NULL) : CLI_FAILURE;
}
