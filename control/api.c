// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From a call to its handler: which RPC, who calls, for which tenant, in which transaction. */
#include "control/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api_call.h"
#include "control/api_watch.h"
#include "control/password.h"

#define SERVICE	     "turnpike.v1.AdminService"
#define BODY_MAX     (1u << 20)
#define STRANGER_MAX 4096 /* bytes of a body from whom we don't know: a login */

static const struct api_rpc *const tables[] = {
	api_login_rpcs,	 api_tenant_rpcs,  api_user_rpcs,   api_key_rpcs,   api_group_rpcs,
	api_device_rpcs, api_network_rpcs, api_peer_rpcs,   api_stock_rpcs, api_auth_key_rpcs,
	api_policy_rpcs, api_relay_rpcs,   api_status_rpcs, api_watch_rpcs,
};

static const struct api_rpc *find_rpc(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct api_rpc *r = tables[i]; r->name; r++)
			if (!strcmp(r->name, name))
				return r;
	return NULL;
}

static bool knows(const char *name)
{
	return find_rpc(name);
}

static size_t body_max(void *arg, const struct connect_request *head, const char *name)
{
	struct ctl_api *api = arg;
	struct api_call c = {.api = api, .store = api->setup.store};

	(void)name;
	return api_authenticate(&c, head->authorization) ? STRANGER_MAX : BODY_MAX;
}

/* --- may it? -------------------------------------------------------------------------------- */

static int authorize(struct api_call *c, const struct api_rpc *rpc)
{
	const struct connect_request *q = connect_exchange_request(c->x);

	if (rpc->role == CTL_NOBODY)
		return 0;
	if (api_authenticate(c, q->authorization))
		return -1;
	if (c->role < rpc->role)
		return ctl_fail(&c->err, CTL_PERMISSION_DENIED, "%s needs another role", rpc->name);
	return api_choose_tenant(c, q->tenant, rpc->flags);
}

/* --- does it -------------------------------------------------------------------------------- */

static int run_in_transaction(struct api_call *c, api_handler *run, json_t **out)
{
	int result;

	if (ctl_begin(c->store, c->actor, &c->err))
		return -1;
	result = run(c, out);
	if (!result)
		result = ctl_commit(c->store, &c->err);
	if (result) {
		ctl_rollback(c->store);
		json_decref(*out);
		*out = NULL;
	}
	return result;
}

static void count(struct ctl_api_stats *stats, int result, enum ctl_code code)
{
	stats->calls++;
	if (result >= 0)
		return;
	if (code == CTL_UNAUTHENTICATED || code == CTL_PERMISSION_DENIED)
		stats->refused++;
	else
		stats->failed++;
}

static void answer(struct api_call *c, int result, json_t *out)
{
	if (result == API_LATER)
		return;
	count(&c->api->stats, result, c->err.code);
	if (result < 0)
		connect_fail(c->x, &c->err);
	else
		connect_reply(c->x, out);
}

static void call(void *arg, struct connect_exchange *x, const char *name, const json_t *in)
{
	struct ctl_api *api = arg;
	struct api_call c = {.api = api, .store = api->setup.store, .x = x, .in = in, .tenant = ""};
	const struct api_rpc *rpc = find_rpc(name);
	json_t *out = NULL;
	int result = authorize(&c, rpc);

	if (!result)
		result = rpc->flags & API_WRITE ? run_in_transaction(&c, rpc->run, &out)
						: rpc->run(&c, &out);
	answer(&c, result, out);
}

/* --- calls that wait ------------------------------------------------------------------------ */

struct waiting {
	struct api_call call;
	api_handler *run;
	json_t *in;
};

static void go_on(void *arg, bool good, const char *hash)
{
	struct waiting *w = arg;
	json_t *out = NULL;
	int result;

	w->call.good = good;
	w->call.hash = hash;
	result = run_in_transaction(&w->call, w->run, &out);
	answer(&w->call, result, out);
	json_decref(w->in);
	free(w);
}

static struct waiting *waiting_new(const struct api_call *c, api_handler *run)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->call = *c;
	w->run = run;
	w->in = json_incref((json_t *)c->in);
	return w;
}

static int await(struct api_call *c, const char *password, const char *hash, api_handler *run)
{
	struct ctl_passwords *p = c->api->setup.passwords;
	struct waiting *w = waiting_new(c, run);
	int err = w ? 0 : -ENOMEM;

	if (!err)
		err = hash ? ctl_passwords_verify(p, password, hash, go_on, w)
			   : ctl_passwords_hash(p, password, go_on, w);
	if (!err)
		return API_LATER;
	if (w)
		json_decref(w->in);
	free(w);
	return ctl_fail(&c->err, CTL_UNAVAILABLE, "too many passwords wait already");
}

int api_await_hash(struct api_call *c, const char *password, api_handler *run)
{
	return await(c, password, NULL, run);
}

int api_await_verify(struct api_call *c, const char *password, const char *hash, api_handler *run)
{
	return await(c, password, hash, run);
}

/* --- life ----------------------------------------------------------------------------------- */

int ctl_api_new(struct ctl_api **out, const struct ctl_api_setup *setup)
{
	static const struct connect_service service = {SERVICE, knows, body_max, call};
	struct ctl_api *api = calloc(1, sizeof(*api));
	int err = -ENOMEM;

	*out = NULL;
	if (!api)
		return -ENOMEM;
	api->setup = *setup;
	api->logins = api_logins_new();
	api->watch = api_watch_new(api);
	if (api->logins && api->watch)
		err = connect_new(&api->connect, setup->base, setup->listen_fd, setup->tls,
				  &connect_default_limits, &service, api);
	if (err) {
		ctl_api_free(api);
		return err;
	}
	*out = api;
	return 0;
}

void ctl_api_stop(struct ctl_api *api)
{
	if (!api)
		return;
	api_watch_free(api->watch);
	api->watch = NULL;
	connect_free(api->connect);
	api->connect = NULL;
}

void ctl_api_free(struct ctl_api *api)
{
	if (!api)
		return;
	ctl_api_stop(api);
	api_logins_free(api->logins);
	free(api);
}

void ctl_api_stats(const struct ctl_api *api, struct ctl_api_stats *out)
{
	*out = api->stats;
	out->connections = api->connect ? connect_connections(api->connect) : 0;
}
