/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `turnpike control`: what its subcommands share. */
#ifndef TP_CLI_CONTROL_CLI_H
#define TP_CLI_CONTROL_CLI_H

#include "cells.h"
#include "control_failure.h"

#define CONTROL_TAGS 16

/* Who one is, kept between commands in a file of mode 0600. */
struct control_session {
	char *path;
	char *server; /* "https://control.example:8443" */
	char *ca;     /* NULL: the system's */
	char *token;
	char *tenant;	 /* id; NULL: none chosen */
	char *user;	 /* who logged in */
	int64_t expires; /* the token, in unix seconds; 0: never, or not known */
	bool api_key;	 /* the token is one, and not from the file */
};

struct control {
	struct cli cli; /* json, colour, width */
	struct control_session session;

	/* options */
	const char *session_path, *server, *ca, *credentials;
	const char *tenant, *network;		    /* name or id */
	const char *role, *expires, *name, *subnet; /* of what is made */
	const char *tags[CONTROL_TAGS];
	size_t n_tags;
	unsigned int uses, position, port, limit;
	const char *since;
	bool reusable, ephemeral, platform, qr, all;
};

/* --- control_session.c --- */

/* Reads the file; what the options say comes before what it says. 0 or CLI_FAILURE, told. An absent
 * file is fine unless `needed`. */
int control_session_load(struct control *c, bool needed);
int control_session_save(const struct control_session *s);
/* The file's tenant is `to` (NULL: none) from now on, if it was `from` (NULL: whichever). The rest
 * of the file stays as it is. 0 or CLI_FAILURE, told. */
int control_session_set_tenant(const struct control_session *s, const char *from, const char *to);
void control_session_fini(struct control_session *s);
/* No token, and nobody whose it is. */
void control_session_forget(struct control_session *s);
/* What Login and RefreshToken answer. */
void control_session_take(struct control_session *s, const json_t *reply);
/* A token that is past its half is exchanged for a new one. -1 with *why when the login is over. */
int control_session_renew(struct control_session *s, struct control_failure *why);
/* A password: from the terminal without echo, else the first line of stdin. 0 or -1. */
int control_read_password(const char *prompt, char *buf, size_t size);

/* --- control_http.c --- */

/* Calls the RPC; takes over `in` (NULL: out of memory). The answer, a new reference, or NULL with
 * *why. */
json_t *control_post(const struct control_session *s, const char *rpc, json_t *in,
		     struct control_failure *why);

/* --- control_call.c --- */

/* The same, with the tenant and the token as they should be. */
json_t *control_try(struct control *c, const char *rpc, json_t *in, struct control_failure *why);
/* The same, and a failure is told. */
json_t *control_call(struct control *c, const char *rpc, json_t *in);
/* Calls, and prints the answer: as JSON, or through `show` (NULL: nothing). An enum cli_exit. */
int control_show(struct control *c, const char *rpc, json_t *in,
		 void (*show)(struct control *c, const json_t *reply));
/* All pages of a list, its items in one array under `items`. */
json_t *control_list(struct control *c, const char *rpc, json_t *in, const char *items);
/* The first `limit` items of it; 0: all. */
json_t *control_list_some(struct control *c, const char *rpc, json_t *in, const char *items,
			  size_t limit);
int control_show_list(struct control *c, const char *rpc, json_t *in, const char *items,
		      void (*show)(struct control *c, const json_t *rows));

/* The id of what has this name (or already is an id) in such a list: `items[].key`. A new string,
 * or NULL, told. */
char *control_find(struct control *c, const char *rpc, json_t *in, const char *items,
		   const char *key, const char *id_key, const char *name);
/* The same of tenants. Who is of a tenant knows that one alone. */
char *control_tenant_id(struct control *c, const char *name);
/* The network that -n names, or the only one there is. */
char *control_network(struct control *c);
/* {"networkId": that network}, and {…, "deviceId": the device of this name in it}. NULL, told. */
json_t *control_in_network(struct control *c);
json_t *control_peer(struct control *c, const char *name);
json_t *control_tags(const struct control *c);
/* KEY=VALUE words as members, if the keys are among the `known` ("a, b"). 0, or told. */
int control_add_settings(const struct control *c, json_t *to, const char *known, int argc,
			 char **argv);
/* With --json the answer of a command that calls nothing; takes it over. */
void control_done(const struct control *c, json_t *answer);

/* A time of the API as people see it: "2026-01-31 12:00", "-". */
void cell_time(struct table *t, const json_t *row, const char *key);

/* --- subcommands: argv holds their arguments alone --- */
typedef int control_command(struct control *c, int argc, char **argv);

control_command control_login, control_logout, control_status, control_daemon, control_audit,
	control_watch, control_tenant_list, control_tenant_create, control_tenant_show,
	control_tenant_set, control_tenant_use, control_tenant_delete, control_user_list,
	control_user_create, control_user_password, control_user_disable, control_user_enable,
	control_user_delete, control_api_key_list, control_api_key_create, control_api_key_revoke,
	control_group_list, control_group_create, control_group_delete, control_group_add,
	control_group_remove, control_group_members, control_group_rename, control_network_set,
	control_node_relay, control_device_list, control_device_delete, control_network_list,
	control_network_create, control_network_delete, control_network_enroll, control_node_list,
	control_node_add, control_node_remove, control_node_tag, control_node_endpoint,
	control_egress_set, control_auth_key_list, control_auth_key_create, control_auth_key_revoke,
	control_policy_list, control_policy_apply, control_policy_test, control_policy_delete,
	control_relay_list, control_relay_create, control_relay_delete, control_relay_drain,
	control_relay_undrain, control_relay_assign, control_relay_unassign, control_relay_serve,
	control_relay_unserve, control_peer_add, control_peer_export, control_peer_stale;

#endif
