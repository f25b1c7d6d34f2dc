// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control node and egress: devices in a network. */
#include <stdlib.h>
#include <string.h>

#include "control_live.h"

static void show_nodes(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},	     {"KIND", false, 1},       {"ADDRESS", false, 0},
		{"ENDPOINT", false, 3},	     {"EGRESS", false, 2},     {"TAGS", false, 4},
		{"RELAY", false, 7},	     {"HANDSHAKE", false, 6},  {"STATE", false, 0},
		{"NEAREST RELAY", false, 5}, {"PUBLIC KEY", false, 8},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *ip = cli_str(row, "allocatedIp");

		cell_str(t, row, "deviceName");
		cell_str(t, row, "deviceKind");
		table_cell(t, *ip ? PLAIN : YELLOW, "%s", *ip ? ip : "invited");
		cell_str(t, row, "endpoint");
		cell_list(t, row, "egressSubnets");
		cell_list(t, row, "tags");
		cell_yes(t, row, "isRelay");
		cell_time(t, row, "lastHandshakeAt");
		cell_state(t, row, control_away(cli_str(row, "deviceKind")));
		cell_nearest(t, row);
		cell_str(t, row, "publicKey");
	}
	table_finish(&c->cli, t);
}

int control_node_list(struct control *c, int argc, char **argv)
{
	json_t *in = control_in_network(c);

	(void)argc;
	(void)argv;
	return in ? control_show_list(c, "ListWireGuardPeers", in, "peers", show_nodes)
		  : CLI_FAILURE;
}

int control_node_add(struct control *c, int argc, char **argv)
{
	json_t *in = control_in_network(c);
	char *device =
		in ? control_find(c, "ListDevices", json_object(), "devices", "name", "id", argv[0])
		   : NULL;

	(void)argc;
	if (!device) {
		json_decref(in);
		return CLI_FAILURE;
	}
	json_object_set_new(in, "deviceId", json_string(device));
	json_object_set_new(in, "tags", control_tags(c));
	free(device);
	return control_show(c, "AddDeviceToNetwork", in, NULL);
}

int control_node_remove(struct control *c, int argc, char **argv)
{
	json_t *in = control_peer(c, argv[0]);

	(void)argc;
	return in ? control_show(c, "RemoveDeviceFromNetwork", in, NULL) : CLI_FAILURE;
}

static json_t *words(int argc, char **argv)
{
	json_t *list = json_array();

	for (int i = 0; i < argc; i++)
		json_array_append_new(list, json_string(argv[i]));
	return list;
}

int control_node_tag(struct control *c, int argc, char **argv)
{
	json_t *in = control_peer(c, argv[0]);

	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "tags", words(argc - 1, argv + 1));
	return control_show(c, "SetPeerTags", in, NULL);
}

int control_node_endpoint(struct control *c, int argc, char **argv)
{
	json_t *in = control_peer(c, argv[0]);

	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "endpoint", json_string(argc > 1 ? argv[1] : ""));
	return control_show(c, "SetPeerEndpoint", in, NULL);
}

/* --- roles: SetPeerRole sets all at once, a command here only one ----------------------------- */

/* A SetPeerRole that changes nothing; NULL, told. */
static json_t *present_role(struct control *c, const char *name)
{
	static const char *const roles[] = {"isRelay", "isEgressGateway", "egressSubnets"};
	json_t *in = control_peer(c, name), *rows;

	if (!in)
		return NULL;
	rows = control_list(c, "ListWireGuardPeers", json_deep_copy(in), "peers");
	if (!rows) {
		json_decref(in);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		json_object_set(in, roles[i], json_object_get(json_array_get(rows, 0), roles[i]));
	json_decref(rows);
	return in;
}

int control_egress_set(struct control *c, int argc, char **argv)
{
	json_t *in = present_role(c, argv[0]);

	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "isEgressGateway", json_boolean(argc > 1));
	json_object_set_new(in, "egressSubnets", words(argc - 1, argv + 1));
	return control_show(c, "SetPeerRole", in, NULL);
}

int control_node_relay(struct control *c, int argc, char **argv)
{
	bool yes = !strcmp(argv[1], "yes");
	json_t *in;

	(void)argc;
	if (!yes && strcmp(argv[1], "no") != 0)
		return control_fail(c, "invalid_argument", "\"%s\" is neither yes nor no", argv[1]);
	in = present_role(c, argv[0]);
	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "isRelay", json_boolean(yes));
	return control_show(c, "SetPeerRole", in, NULL);
}
