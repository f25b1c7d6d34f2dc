// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control tenant. */
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"

static void show_list(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"NAME", false, 0},
		{"ID", false, 0},
		{"IN USE", false, 0},
		{"CREATED", false, 1},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		bool used = c->session.tenant && !strcmp(c->session.tenant, cli_str(row, "id"));

		cell_str(t, row, "name");
		cell_str(t, row, "id");
		table_cell(t, used ? GREEN : DIM, "%s", used ? "yes" : "-");
		cell_time(t, row, "createdAt");
	}
	table_finish(&c->cli, t);
}

int control_tenant_list(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show_list(c, "ListTenants", json_object(), "tenants", show_list);
}

int control_tenant_create(struct control *c, int argc, char **argv)
{
	json_t *reply = control_call(c, "CreateTenant", json_pack("{s:s}", "name", argv[0]));
	const char *id;
	int status;

	(void)argc;
	if (!reply)
		return CLI_FAILURE;
	id = cli_str(json_object_get(reply, "tenant"), "id");
	status = c->session.api_key ? CLI_OK : control_session_set_tenant(&c->session, NULL, id);
	if (c->cli.json)
		cli_print_json(reply);
	else
		puts(id);
	json_decref(reply);
	return status;
}

int control_tenant_use(struct control *c, int argc, char **argv)
{
	char *id;
	int status;

	(void)argc;
	if (c->session.api_key)
		return control_fail(c, "failed_precondition",
				    "an API key has no session to keep it in: say -t %s with each "
				    "command",
				    argv[0]);
	id = control_tenant_id(c, argv[0]);
	status = id ? control_session_set_tenant(&c->session, NULL, id) : CLI_FAILURE;
	if (!status)
		control_done(c, json_pack("{s:s}", "tenantId", id));
	free(id);
	return status;
}

/* Deleted is what the header names; none is in use if it was that. */
int control_tenant_delete(struct control *c, int argc, char **argv)
{
	char *id = control_tenant_id(c, argv[0]);
	int status;

	(void)argc;
	if (!id)
		return CLI_FAILURE;
	free(c->session.tenant);
	c->session.tenant = id;
	status = control_show(c, "DeleteTenant", json_object(), NULL);
	return status ?: control_session_set_tenant(&c->session, id, NULL);
}

static void setting_row(struct table *t, const char *key, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	table_cell(t, BOLD, "%s", key);
	table_cell(t, PLAIN, "%s", json_is_string(value) ? json_string_value(value) : text);
	free(text);
}

static void show_settings(struct control *c, const json_t *reply)
{
	static const struct column columns[] = {{"SETTING", false, 0}, {"VALUE", false, 0}};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *tenant = json_object_get(reply, "tenant"),
		     *wg = json_object_get(json_object_get(tenant, "config"), "wireGuardConfig");
	const char *key;
	json_t *value;

	setting_row(t, "name", json_object_get(tenant, "name"));
	setting_row(t, "id", json_object_get(tenant, "id"));
	json_object_foreach((json_t *)wg, key, value) setting_row(t, key, value);
	table_finish(&c->cli, t);
}

int control_tenant_show(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show(c, "GetTenant", json_object(), show_settings);
}

/* The value as JSON if it is, else as a string: port=51820, dns=1.1.1.1, servers=["a:1"]. */
static json_t *value_json(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);

	return j ? j : json_string(text);
}

/* The API would ignore one that it does not know. */
static bool is_setting(const char *known, const char *key)
{
	const size_t len = strlen(key);

	for (const char *at = known; len && (at = strstr(at, key)); at += len)
		if ((at == known || at[-1] == ' ') && (at[len] == ',' || !at[len]))
			return true;
	return false;
}

int control_add_settings(const struct control *c, json_t *to, const char *known, int argc,
			 char **argv)
{
	for (int i = 0; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals)
			return control_fail(c, "invalid_argument", "\"%s\" is no KEY=VALUE",
					    argv[i]);
		*equals = '\0';
		if (!is_setting(known, argv[i]))
			return control_fail(c, "invalid_argument", "\"%s\" is none of %s", argv[i],
					    known);
		json_object_set_new(to, argv[i], value_json(equals + 1));
	}
	return 0;
}

int control_tenant_set(struct control *c, int argc, char **argv)
{
	static const char known[] = "meshEnabled, ipRange, defaultListenPort, defaultDns,"
				    " defaultKeepalive, natTraversalEnabled, stunServers";
	json_t *wg = json_object();

	if (control_add_settings(c, wg, known, argc, argv)) {
		json_decref(wg);
		return CLI_FAILURE;
	}
	return control_show(c, "UpdateTenantConfig",
			    json_pack("{s:{s:o}}", "config", "wireGuardConfig", wg), show_settings);
}
