// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control auth-key. */
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"
#include "control_time.h"

#define PRESET_ROLE "node"

static const char *state_of(const json_t *row)
{
	uint64_t limit = cli_num(row, "useLimit");

	if (cli_has(row, "revokedAt"))
		return "revoked";
	return limit && cli_num(row, "uses") >= limit ? "used up" : "good";
}

static void show_keys(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0}, {"ROLE", false, 0}, {"NETWORK", false, 1}, {"STATE", false, 0},
		{"USES", true, 2},  {"TAGS", false, 4}, {"EXPIRES", false, 3}, {"ID", false, 0},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *state = state_of(row);
		uint64_t limit = cli_num(row, "useLimit"), uses = cli_num(row, "uses");

		cell_str(t, row, "name");
		cell_str(t, row, "role");
		cell_str(t, row, "networkName");
		table_cell(t, strcmp(state, "good") != 0 ? YELLOW : GREEN, "%s", state);
		if (limit)
			table_cell(t, PLAIN, "%llu/%llu", (unsigned long long)uses,
				   (unsigned long long)limit);
		else
			table_cell(t, PLAIN, "%llu", (unsigned long long)uses);
		cell_list(t, row, "tags");
		cell_time(t, row, "expiresAt");
		cell_str(t, row, "id");
	}
	table_finish(&c->cli, t);
}

int control_auth_key_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListAuthKeys", json_object(), "authKeys", show_keys);
}

static void show_secret(struct control *c, const json_t *reply)
{
	(void)c;
	puts(cli_str(reply, "secret"));
}

/* Relays are of no network. */
int control_auth_key_create(struct control *c, int argc, char **argv)
{
	const char *role = c->role ? c->role : PRESET_ROLE;
	json_t *in = strcmp(role, "relay") != 0 ? control_in_network(c) : json_object();

	if (!in)
		return CLI_FAILURE;
	if (control_add_expiry(c, in, c->expires)) {
		json_decref(in);
		return CLI_FAILURE;
	}
	json_object_set_new(in, "name", json_string(argc ? argv[0] : role));
	json_object_set_new(in, "role", json_string(role));
	json_object_set_new(in, "tags", control_tags(c));
	json_object_set_new(in, "reusable", json_boolean(c->reusable));
	json_object_set_new(in, "useLimit", json_integer(c->uses));
	json_object_set_new(in, "ephemeral", json_boolean(c->ephemeral));
	return control_show(c, "CreateAuthKey", in, show_secret);
}

int control_auth_key_revoke(struct control *c, int argc, char **argv)
{
	char *id =
		control_find(c, "ListAuthKeys", json_object(), "authKeys", "name", "id", argv[0]);
	json_t *in = id ? json_pack("{s:s}", "authKeyId", id) : NULL;

	(void)argc;
	free(id);
	return in ? control_show(c, "RevokeAuthKey", in, NULL) : CLI_FAILURE;
}
