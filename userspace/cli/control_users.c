// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control user and api-key. */
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"
#include "control_time.h"
#include "crypto.h"

#define PRESET_ROLE "viewer"

/* --- users ---------------------------------------------------------------------------------- */

static void show_users(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},    {"ROLE", false, 0}, {"DISABLED", false, 1},
		{"CREATED", false, 2}, {"ID", false, 3},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_str(t, row, "username");
		cell_str(t, row, "role");
		cell_yes(t, row, "disabled");
		cell_time(t, row, "createdAt");
		cell_str(t, row, "id");
	}
	table_finish(&c->cli, t);
}

int control_user_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListUsers", json_object(), "users", show_users);
}

/* Adds "password", asked for. 0 or -1. */
static int add_password(json_t *in)
{
	char password[512];

	if (control_read_password("new password", password, sizeof(password)))
		return -1;
	json_object_set_new(in, "password", json_string(password));
	tp_wipe(password, sizeof(password));
	return 0;
}

int control_user_create(struct control *c, int argc, char **argv)
{
	json_t *in = json_pack("{s:s,s:s}", "username", argv[0], "role",
			       c->role ? c->role : PRESET_ROLE);

	(void)argc;
	if (add_password(in)) {
		json_decref(in);
		return CLI_FAILURE;
	}
	return control_show(c, "CreateUser", in, NULL);
}

/* {"userId": …}, or NULL, told. */
static json_t *user(struct control *c, const char *name)
{
	char *id = control_find(c, "ListUsers", json_object(), "users", "username", "id", name);
	json_t *in = id ? json_pack("{s:s}", "userId", id) : NULL;

	free(id);
	return in;
}

int control_user_password(struct control *c, int argc, char **argv)
{
	json_t *in = argc ? user(c, argv[0]) : json_object();

	if (!in || add_password(in)) {
		json_decref(in);
		return CLI_FAILURE;
	}
	return control_show(c, "SetPassword", in, NULL);
}

static int set_disabled(struct control *c, const char *name, bool disabled)
{
	json_t *in = user(c, name);

	if (!in)
		return CLI_FAILURE;
	json_object_set_new(in, "disabled", json_boolean(disabled));
	return control_show(c, "UpdateUser", in, NULL);
}

int control_user_disable(struct control *c, int argc, char **argv)
{
	(void)argc;
	return set_disabled(c, argv[0], true);
}

int control_user_enable(struct control *c, int argc, char **argv)
{
	(void)argc;
	return set_disabled(c, argv[0], false);
}

int control_user_delete(struct control *c, int argc, char **argv)
{
	json_t *in = user(c, argv[0]);

	(void)argc;
	return in ? control_show(c, "DeleteUser", in, NULL) : CLI_FAILURE;
}

/* --- API keys ------------------------------------------------------------------------------- */

static void show_keys(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},    {"ROLE", false, 0},    {"EXPIRES", false, 1},
		{"REVOKED", false, 0}, {"CREATED", false, 2}, {"ID", false, 3},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_str(t, row, "name");
		cell_str(t, row, "role");
		cell_time(t, row, "expiresAt");
		cell_time(t, row, "revokedAt");
		cell_time(t, row, "createdAt");
		cell_str(t, row, "id");
	}
	table_finish(&c->cli, t);
}

int control_api_key_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListApiKeys", json_object(), "apiKeys", show_keys);
}

static void show_secret(struct control *c, const json_t *reply)
{
	(void)c;
	puts(cli_str(reply, "secret"));
}

int control_api_key_create(struct control *c, int argc, char **argv)
{
	json_t *in =
		json_pack("{s:s,s:s}", "name", argv[0], "role", c->role ? c->role : PRESET_ROLE);

	(void)argc;
	if (control_add_expiry(c, in, c->expires)) {
		json_decref(in);
		return CLI_FAILURE;
	}
	return control_show(c, "CreateApiKey", in, show_secret);
}

int control_api_key_revoke(struct control *c, int argc, char **argv)
{
	char *id = control_find(c, "ListApiKeys", json_object(), "apiKeys", "name", "id", argv[0]);
	json_t *in = id ? json_pack("{s:s}", "apiKeyId", id) : NULL;

	(void)argc;
	free(id);
	return in ? control_show(c, "RevokeApiKey", in, NULL) : CLI_FAILURE;
}
