// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* turnpike control login, logout, status, daemon and audit. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_cli.h"
#include "control_time.h"
#include "crypto.h"

#define SOCKET	     "/run/turnpike/control.sock"
#define AUDIT_PRESET 100 /* records */

/* --- login ---------------------------------------------------------------------------------- */

/* Both from the file that the daemon's first start makes. */
static json_t *read_credentials(const struct control *c, const char *path)
{
	json_t *j = json_load_file(path, 0, NULL);

	if (!json_is_string(json_object_get(j, "username")) ||
	    !json_is_string(json_object_get(j, "password"))) {
		control_fail(c, "invalid_argument",
			     "%s: cannot be read, or has no username and password", path);
		json_decref(j);
		return NULL;
	}
	return j;
}

static json_t *ask_credentials(const struct control *c, const char *user)
{
	char password[512];
	json_t *j;

	if (!user) {
		control_fail(c, "invalid_argument", "who? login USER, or --credentials FILE");
		return NULL;
	}
	if (control_read_password("password", password, sizeof(password)))
		return NULL;
	j = json_pack("{s:s,s:s}", "username", user, "password", password);
	tp_wipe(password, sizeof(password));
	return j;
}

static int finish_login(struct control *c, const json_t *reply)
{
	const json_t *user = json_object_get(reply, "user");
	int status;

	control_session_take(&c->session, reply);
	status = control_session_save(&c->session);
	if (status)
		return status;
	if (c->cli.json)
		cli_print_json(user);
	else
		printf("logged in as %s, %s, until %.16s UTC unless it is renewed by use\n",
		       cli_str(user, "username"), cli_str(user, "role"),
		       cli_str(reply, "expiresAt"));
	return CLI_OK;
}

int control_login(struct control *c, int argc, char **argv)
{
	json_t *in = c->credentials ? read_credentials(c, c->credentials)
				    : ask_credentials(c, argc ? argv[0] : NULL);
	json_t *reply;
	int status;

	if (!in)
		return CLI_FAILURE;
	control_session_forget(&c->session);
	reply = control_call(c, "Login", in);
	status = reply ? finish_login(c, reply) : CLI_FAILURE;
	json_decref(reply);
	return status;
}

int control_logout(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	control_session_forget(&c->session);
	if (control_session_save(&c->session))
		return CLI_FAILURE;
	control_done(c, json_object());
	return CLI_OK;
}

/* --- how it is ------------------------------------------------------------------------------ */

/* The one in use, which somebody else may have deleted. */
static void print_tenant(struct control *c)
{
	const char *id = c->session.tenant ? c->session.tenant : "-";
	struct control_failure why = {0};
	json_t *reply = c->session.tenant ? control_try(c, "GetTenant", json_object(), &why) : NULL;

	if (reply)
		cli_line(&c->cli, "tenant", "%s",
			 cli_str(json_object_get(reply, "tenant"), "name"));
	else if (!strcmp(why.code, "not_found"))
		cli_line(&c->cli, "tenant",
			 "%s is not there any more: turnpike control tenant use NAME", id);
	else
		cli_line(&c->cli, "tenant", "%s", id);
	json_decref(reply);
}

static void show_status(struct control *c, const json_t *reply)
{
	cli_line(&c->cli, "server", "%s, version %s", c->session.server, cli_str(reply, "version"));
	cli_line(&c->cli, "revision", "%s of epoch %s", cli_str(reply, "revision"),
		 cli_str(reply, "epoch"));
	cli_line(&c->cli, "role", "%s", cli_str(reply, "role"));
	print_tenant(c);
}

int control_status(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return control_show(c, "GetStatus", json_object(), show_status);
}

static void show_daemon(struct cli *cli, const json_t *reply)
{
	const json_t *ncp = json_object_get(reply, "ncp");

	cli_line(cli, "version", "%s", cli_str(reply, "version"));
	cli_line(cli, "API", "http%s://%s", json_is_true(json_object_get(reply, "tls")) ? "s" : "",
		 cli_str(reply, "listen"));
	cli_line(cli, "nodes", "%s, %llu connected", cli_str(ncp, "listen"),
		 (unsigned long long)cli_num(ncp, "connected"));
	cli_line(cli, "key", "%s", cli_str(ncp, "public_key"));
	cli_line(cli, "up", "%llu s", (unsigned long long)cli_num(reply, "uptime_s"));
	cli_line(cli, "revision", "%llu", (unsigned long long)cli_num(reply, "revision"));
	cli_line(cli, "calls", "%llu, %llu refused, %llu failed",
		 (unsigned long long)cli_num(reply, "calls"),
		 (unsigned long long)cli_num(reply, "refused"),
		 (unsigned long long)cli_num(reply, "failed"));
	cli_line(cli, "logins", "%llu, %llu refused", (unsigned long long)cli_num(reply, "logins"),
		 (unsigned long long)cli_num(reply, "bad_logins"));
}

/* --server is the socket here. */
int control_daemon(struct control *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	c->cli.daemon = "control plane";
	c->cli.socket = c->server ? c->server : SOCKET;
	return cli_show(&c->cli, cli_command("status"), show_daemon);
}

/* --- the audit log -------------------------------------------------------------------------- */

static void show_audit(struct control *c, const json_t *rows)
{
	static const struct column columns[] = {
		{"TIME", false, 0},   {"ACTOR", false, 0},   {"ACTION", false, 0},
		{"OBJECT", false, 1}, {"DETAILS", false, 2},
	};
	struct table *t = table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		cell_time(t, row, "time");
		cell_str(t, row, "actor");
		cell_str(t, row, "action");
		cell_str(t, row, "object");
		cell_str(t, row, "details");
	}
	table_finish(&c->cli, t);
}

int control_audit(struct control *c, int argc, char **argv)
{
	size_t limit = c->all ? 0 : c->limit ? c->limit : c->since ? 0 : AUDIT_PRESET;
	json_t *in = json_object(), *rows;

	(void)argc;
	(void)argv;
	control_add_since(in, c->since);
	rows = control_list_some(c, "ListAudit", in, "records", limit);
	if (!rows)
		return CLI_FAILURE;
	if (c->cli.json)
		cli_print_json(rows);
	else
		show_audit(c, rows);
	json_decref(rows);
	return CLI_OK;
}
