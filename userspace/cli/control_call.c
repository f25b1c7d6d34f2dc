// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Calls of the API, and names in place of ids. */
#include <stdlib.h>
#include <string.h>

#include "control_cli.h"

#define PAGE_MAX 1000 /* of the API */

static bool is_id(const char *s)
{
	return strlen(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-';
}

/* --- the tenant ----------------------------------------------------------------------------- */

/* An API key is of one tenant, or of none. */
static void ask_tenant(struct control_session *s)
{
	struct control_failure why;
	json_t *reply = control_post(s, "GetStatus", json_object(), &why);
	const char *id = json_string_value(json_object_get(reply, "tenantId"));

	if (id && *id)
		s->tenant = strdup(id);
	json_decref(reply);
}

static int choose_tenant(struct control *c)
{
	struct control_session *s = &c->session;
	const char *name = c->tenant;
	char *id;

	if (c->platform) {
		free(s->tenant);
		s->tenant = NULL;
		c->platform = false;
	} else if (!name && s->api_key && !s->tenant) {
		ask_tenant(s);
	}
	if (!name)
		return 0;
	c->tenant = NULL; /* for the look-up, and done */
	id = control_tenant_id(c, name);
	if (!id)
		return -1;
	free(s->tenant);
	s->tenant = id;
	return 0;
}

/* --- calls ---------------------------------------------------------------------------------- */

json_t *control_try(struct control *c, const char *rpc, json_t *in, struct control_failure *why)
{
	*why = (struct control_failure){0};
	if (control_session_renew(&c->session, why) || choose_tenant(c)) {
		json_decref(in);
		return NULL;
	}
	return control_post(&c->session, rpc, in, why);
}

json_t *control_call(struct control *c, const char *rpc, json_t *in)
{
	struct control_failure why;
	json_t *reply = control_try(c, rpc, in, &why);

	if (!reply)
		control_tell(c, &why);
	return reply;
}

int control_show(struct control *c, const char *rpc, json_t *in,
		 void (*show)(struct control *c, const json_t *reply))
{
	json_t *reply = control_call(c, rpc, in);

	if (!reply)
		return CLI_FAILURE;
	if (c->cli.json)
		cli_print_json(reply);
	else if (show)
		show(c, reply);
	json_decref(reply);
	return CLI_OK;
}

void control_done(const struct control *c, json_t *answer)
{
	if (c->cli.json)
		cli_print_json(answer);
	json_decref(answer);
}

/* Adds a page to `all` and puts the next one's token into `in`: 1, 0 at the end, or -1. */
static int add_page(struct control *c, const char *rpc, json_t *in, const char *items, json_t *all)
{
	json_t *reply = control_call(c, rpc, json_incref(in)), *next;
	int more;

	if (!reply)
		return -1;
	json_array_extend(all, json_object_get(reply, items));
	next = json_object_get(reply, "nextPageToken");
	more = json_string_length(next) > 0;
	if (more)
		json_object_set(in, "pageToken", next);
	json_decref(reply);
	return more;
}

json_t *control_list_some(struct control *c, const char *rpc, json_t *in, const char *items,
			  size_t limit)
{
	json_t *all = json_array();
	int more;

	do {
		size_t left = limit - json_array_size(all);

		json_object_set_new(in, "pageSize",
				    json_integer(limit && left < PAGE_MAX ? (int)left : PAGE_MAX));
		more = add_page(c, rpc, in, items, all);
	} while (more > 0 && (!limit || json_array_size(all) < limit));
	json_decref(in);
	if (more >= 0)
		return all;
	json_decref(all);
	return NULL;
}

json_t *control_list(struct control *c, const char *rpc, json_t *in, const char *items)
{
	return control_list_some(c, rpc, in, items, 0);
}

int control_show_list(struct control *c, const char *rpc, json_t *in, const char *items,
		      void (*show)(struct control *c, const json_t *rows))
{
	json_t *rows = control_list(c, rpc, in, items);

	if (!rows)
		return CLI_FAILURE;
	if (c->cli.json)
		cli_print_json(rows);
	else
		show(c, rows);
	json_decref(rows);
	return CLI_OK;
}

/* --- names ---------------------------------------------------------------------------------- */

static void tell_not_one(const struct control *c, const char *items, const char *name, size_t n)
{
	if (n)
		control_fail(c, "failed_precondition",
			     "%zu of the %s are \"%s\": say which by its id", n, items, name);
	else
		control_fail(c, "not_found", "no \"%s\" among the %s", name, items);
}

/* Keys may have one name; those that are revoked are not meant. */
char *control_find(struct control *c, const char *rpc, json_t *in, const char *items,
		   const char *key, const char *id_key, const char *name)
{
	json_t *rows, *row;
	char *id = NULL;
	size_t i, n = 0;

	if (is_id(name)) {
		json_decref(in);
		return strdup(name);
	}
	rows = control_list(c, rpc, in, items);
	if (!rows)
		return NULL;
	json_array_foreach(rows, i, row)
	{
		if (strcmp(cli_str(row, key), name) != 0 || cli_has(row, "revokedAt"))
			continue;
		n++;
		free(id);
		id = strdup(cli_str(row, id_key));
	}
	if (n != 1) {
		free(id);
		id = NULL;
		tell_not_one(c, items, name, n);
	}
	json_decref(rows);
	return id;
}

char *control_tenant_id(struct control *c, const char *name)
{
	json_t *who = is_id(name) ? NULL : control_call(c, "GetStatus", json_object());
	const char *home = cli_str(who, "tenantId"), *home_name = cli_str(who, "tenantName");
	char *id = NULL;

	if (is_id(name))
		return strdup(name);
	if (who && !*home)
		id = control_find(c, "ListTenants", json_object(), "tenants", "name", "id", name);
	else if (who && !strcmp(name, home_name))
		id = strdup(home);
	else if (who)
		control_fail(c, "permission_denied",
			     "you are of the tenant \"%s\" and may act for no other", home_name);
	json_decref(who);
	return id;
}

char *control_network(struct control *c)
{
	json_t *rows;
	char *id = NULL;

	if (c->network)
		return control_find(c, "ListWireGuardNetworks", json_object(), "networks", "name",
				    "id", c->network);
	rows = control_list(c, "ListWireGuardNetworks", json_object(), "networks");
	if (!rows)
		return NULL;
	if (json_array_size(rows) == 1)
		id = strdup(cli_str(json_array_get(rows, 0), "id"));
	else
		control_fail(c, "invalid_argument", "there are %zu networks: say which with -n",
			     json_array_size(rows));
	json_decref(rows);
	return id;
}

json_t *control_in_network(struct control *c)
{
	char *id = control_network(c);
	json_t *in = id ? json_pack("{s:s}", "networkId", id) : NULL;

	free(id);
	return in;
}

json_t *control_peer(struct control *c, const char *name)
{
	json_t *in = control_in_network(c);
	char *device = in ? control_find(c, "ListWireGuardPeers", json_deep_copy(in), "peers",
					 "deviceName", "deviceId", name)
			  : NULL;

	if (device) {
		json_object_set_new(in, "deviceId", json_string(device));
	} else {
		json_decref(in);
		in = NULL;
	}
	free(device);
	return in;
}

json_t *control_tags(const struct control *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_tags; i++)
		json_array_append_new(list, json_string(c->tags[i]));
	return list;
}

void cell_time(struct table *t, const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	if (text && strlen(text) >= 16)
		table_cell(t, PLAIN, "%.10s %.5s", text, text + 11);
	else
		table_cell(t, DIM, "-");
}
