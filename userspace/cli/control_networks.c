// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control network, group and device. */
#include <stdlib.h>
#include <string.h>

#include "control_live.h"

/* --- networks ------------------------------------------------------------------------------- */

static void show_networks(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},    {"SUBNET", false, 0}, {"PORT", true, 1},
		{"CREATED", false, 3}, {"ID", false, 2},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_str(t, row, "name");
		cell_str(t, row, "subnetCidr");
		cell_number(t, row, "listenPort");
		cell_time(t, row, "createdAt");
		cell_str(t, row, "id");
	}
	table_finish(&c->cli, t);
}

int control_network_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListWireGuardNetworks", json_object(), "networks",
				 show_networks);
}

static void show_network(struct control *c, const json_t *reply)
{
	const json_t *n = json_object_get(reply, "network");

	printf("%s %s, port %llu\n", cli_str(n, "name"), cli_str(n, "subnetCidr"),
	       (unsigned long long)cli_num(n, "listenPort"));
	if (cli_has(reply, "enrolledCount"))
		cli_line(&c->cli, "invited", "%llu devices",
			 (unsigned long long)cli_num(reply, "enrolledCount"));
}

static json_t *new_network(const struct control *c, const char *name, const char *subnet)
{
	return json_pack("{s:s,s:s,s:i}", "name", name, "subnetCidr", subnet ? subnet : "",
			 "listenPort", (int)c->port);
}

int control_network_create(struct control *c, int argc, char **argv)
{
	return control_show(c, "CreateWireGuardNetwork",
			    new_network(c, argv[0], argc > 1 ? argv[1] : NULL), show_network);
}

int control_network_set(struct control *c, int argc, char **argv)
{
	static const char known[] = "listenPort, keepalive, dns, stunServers, name, subnetCidr";
	json_t *in;

	c->network = argv[0];
	in = control_in_network(c);
	if (!in)
		return CLI_FAILURE;
	if (control_add_settings(c, in, known, argc - 1, argv + 1)) {
		json_decref(in);
		return CLI_FAILURE;
	}
	return control_show(c, "UpdateWireGuardNetwork", in, show_network);
}

int control_network_delete(struct control *c, int argc, char **argv)
{
	json_t *in;

	(void)argc;
	c->network = argv[0];
	in = control_in_network(c);
	return in ? control_show(c, "DeleteWireGuardNetwork", in, NULL) : CLI_FAILURE;
}

static char *find_group(struct control *c, const char *name)
{
	return control_find(c, "ListGroups", json_object(), "groups", "name", "id", name);
}

int control_network_enroll(struct control *c, int argc, char **argv)
{
	char *group = find_group(c, argv[1]);
	json_t *in;

	if (!group)
		return CLI_FAILURE;
	in = new_network(c, argv[0], argc > 2 ? argv[2] : NULL);
	json_object_set_new(in, "groupId", json_string(group));
	free(group);
	return control_show(c, "EnrollGroupInNetwork", in, show_network);
}

/* --- devices -------------------------------------------------------------------------------- */

static void show_devices(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},	 {"KIND", false, 0},	{"STATE", false, 0},
		{"LAST SEEN", false, 1}, {"CREATED", false, 2}, {"ID", false, 3},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_str(t, row, "name");
		cell_str(t, row, "kind");
		cell_state(t, row, control_away(cli_str(row, "kind")));
		cell_time(t, row, "lastSeenAt");
		cell_time(t, row, "createdAt");
		cell_str(t, row, "id");
	}
	table_finish(&c->cli, t);
}

int control_device_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListDevices", json_object(), "devices", show_devices);
}

static char *find_device(struct control *c, const char *name)
{
	return control_find(c, "ListDevices", json_object(), "devices", "name", "id", name);
}

int control_device_delete(struct control *c, int argc, char **argv)
{
	char *id = find_device(c, argv[0]);
	json_t *in = id ? json_pack("{s:s}", "deviceId", id) : NULL;

	(void)argc;
	free(id);
	return in ? control_show(c, "DeleteDevice", in, NULL) : CLI_FAILURE;
}

/* --- groups --------------------------------------------------------------------------------- */

static void show_groups(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0}, {"MEMBERS", true, 0}, {"CREATED", false, 1}, {"ID", false, 2}};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_str(t, row, "name");
		cell_number(t, row, "memberCount");
		cell_time(t, row, "createdAt");
		cell_str(t, row, "id");
	}
	table_finish(&c->cli, t);
}

int control_group_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListGroups", json_object(), "groups", show_groups);
}

int control_group_create(struct control *c, int argc, char **argv)
{
	(void)argc;
	return control_show(c, "CreateGroup", json_pack("{s:s}", "name", argv[0]), NULL);
}

/* {"groupId": …}, with a device also {"deviceId": …}. */
static json_t *member(struct control *c, const char *group, const char *device)
{
	char *group_id = find_group(c, group), *device_id = NULL;
	json_t *in = NULL;

	if (group_id && device)
		device_id = find_device(c, device);
	if (group_id && (!device || device_id))
		in = json_pack("{s:s,s:s*}", "groupId", group_id, "deviceId", device_id);
	free(group_id);
	free(device_id);
	return in;
}

int control_group_delete(struct control *c, int argc, char **argv)
{
	json_t *in = member(c, argv[0], NULL);

	(void)argc;
	return in ? control_show(c, "DeleteGroup", in, NULL) : CLI_FAILURE;
}

int control_group_rename(struct control *c, int argc, char **argv)
{
	json_t *in = member(c, argv[0], NULL);

	(void)argc;
	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "name", json_string(argv[1]));
	return control_show(c, "RenameGroup", in, NULL);
}

int control_group_members(struct control *c, int argc, char **argv)
{
	json_t *in = member(c, argv[0], NULL);

	(void)argc;
	return in ? control_show_list(c, "ListGroupMembers", in, "devices", show_devices)
		  : CLI_FAILURE;
}

int control_group_add(struct control *c, int argc, char **argv)
{
	json_t *in = member(c, argv[0], argv[1]);

	(void)argc;
	return in ? control_show(c, "AddGroupMember", in, NULL) : CLI_FAILURE;
}

int control_group_remove(struct control *c, int argc, char **argv)
{
	json_t *in = member(c, argv[0], argv[1]);

	(void)argc;
	return in ? control_show(c, "RemoveGroupMember", in, NULL) : CLI_FAILURE;
}
