// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Login: a password for a token, at a bounded rate. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "control/api_call.h"
#include "control/api_user.h"
#include "control/jwt.h"
#include "control/password.h"
#include "crypto.h"
#include "log.h"

/* A host may try so often, and each user may be tried so often by all hosts together: then one a
 * interval. Slots are shared by what hashes alike, so that nobody gets a fresh one by making others
 * forget theirs; the hash's key is secret. */
#define SLOTS	      4096
#define HOST_BURST    10
#define HOST_INTERVAL TP_SEC(3)
#define USER_BURST    30
#define USER_INTERVAL TP_SEC(10)

struct api_logins {
	uint64_t host[SLOTS], user[SLOTS]; /* when all that was tried will be paid for */
};

struct api_logins *api_logins_new(void)
{
	return calloc(1, sizeof(struct api_logins));
}

void api_logins_free(struct api_logins *logins)
{
	free(logins);
}

/* Takes one from the budget that `key` has (GCRA). */
static bool take(uint64_t slots[SLOTS], const void *key, size_t len, uint64_t burst,
		 uint64_t interval)
{
	uint64_t *paid = &slots[tp_siphash(key, len) % SLOTS], now = tp_now();

	if (*paid < now)
		*paid = now;
	if (*paid + interval > now + burst * interval)
		return false;
	*paid += interval;
	return true;
}

static int check_rate(struct api_call *c, const char *name)
{
	struct api_logins *l = c->api->logins;
	struct tp_addr host = tp_addr_host_prefix(&connect_exchange_peer(c->x)->addr);

	if (take(l->host, host.b, sizeof(host.b), HOST_BURST, HOST_INTERVAL) &&
	    take(l->user, name, strlen(name), USER_BURST, USER_INTERVAL))
		return 0;
	return ctl_fail(&c->err, CTL_RESOURCE_EXHAUSTED, "too many logins, wait a little");
}

/* --- the token ------------------------------------------------------------------------------ */

/* Of a password's hash: another password, or the same one set again, has another. */
static void password_proof(const struct ctl_user *user, char proof[20])
{
	const struct tp_span hash = {user->password, strlen(user->password)};
	uint8_t digest[WG_HASH_LEN];

	tp_hash(digest, &hash, 1);
	for (size_t i = 0; i < 8; i++)
		snprintf(proof + 2 * i, 3, "%02x", digest[i]);
}

/* `since`: when the password was given. */
static int make_token(struct api_call *c, const struct ctl_user *user, int64_t since,
		      struct ctl_claims *claims, char token[CTL_JWT_STRLEN])
{
	*claims = (struct ctl_claims){.iat = ctl_now(c->store) / 1000, .auth_time = since};
	claims->exp = claims->iat + CTL_JWT_SECONDS;
	if (claims->exp > since + CTL_LOGIN_SECONDS)
		claims->exp = since + CTL_LOGIN_SECONDS;
	password_proof(user, claims->password);
	strcpy(claims->sub, user->id);
	strcpy(claims->tenant, user->tenant);
	strcpy(claims->role, ctl_role_name(user->role));
	ctl_id_new(c->store, claims->jti);
	return ctl_jwt_sign(c->api->setup.key, claims, token, CTL_JWT_STRLEN)
		       ? ctl_fail(&c->err, CTL_INTERNAL, "no token could be made")
		       : 0;
}

static int answer_token(struct api_call *c, const struct ctl_user *user, int64_t since,
			json_t **out)
{
	char token[CTL_JWT_STRLEN];
	struct ctl_claims claims;

	if (make_token(c, user, since, &claims, token))
		return -1;
	return api_answer(c,
			  json_pack("{s:s,s:o,s:o}", "token", token, "expiresAt",
				    api_timestamp(claims.exp * 1000), "user", api_user_json(user)),
			  out);
}

static int refuse(struct api_call *c, const char *name)
{
	c->api->stats.bad_logins++;
	tp_log_limited(LOG_NOTICE, "a login as \"%.32s\" failed", name);
	return ctl_fail(&c->err, CTL_UNAUTHENTICATED, "wrong user name or password");
}

/* The password is right, or not. The user may have gone meanwhile. */
static int finish(struct api_call *c, json_t **out)
{
	struct ctl_user user;
	const char *name;

	if (api_need_text(c, "username", &name))
		return -1;
	if (!c->good || ctl_user_by_name(c->store, name, &user, &c->err) || user.disabled ||
	    strcmp(user.password, c->hash))
		return refuse(c, name);
	if (ctl_audit(c->store, *user.tenant ? user.tenant : NULL, "user.login", user.id, NULL,
		      &c->err))
		return -1;
	c->api->stats.logins++;
	return answer_token(c, &user, ctl_now(c->store) / 1000, out);
}

static int login(struct api_call *c, json_t **out)
{
	const char *name, *password;
	struct ctl_user user;

	(void)out;
	if (api_need_text(c, "username", &name) || api_need_text(c, "password", &password) ||
	    check_rate(c, name))
		return -1;
	if (strlen(password) > CTL_PASSWORD_MAX || strlen(name) >= CTL_NAME_LEN)
		return refuse(c, name);
	/* Also without such a user: it takes as long. */
	if (ctl_user_by_name(c->store, name, &user, &c->err))
		user = (struct ctl_user){0};
	snprintf(c->actor, sizeof(c->actor), "user:%s", name);
	return api_await_verify(c, password, user.password, finish);
}

/* For whoever still has a good token of a login, but not for ever: a stolen one must come to an
 * end, at the latest when the password is another. */
static int refresh(struct api_call *c, json_t **out)
{
	struct ctl_user user;
	char proof[20];

	if (!*c->user)
		return ctl_fail(&c->err, CTL_FAILED_PRECONDITION,
				"an API key needs no renewal: it is good until it expires");
	if (ctl_user_get(c->store, NULL, c->user, &user, &c->err))
		return -1;
	password_proof(&user, proof);
	if (strcmp(proof, c->claims.password))
		return ctl_fail(&c->err, CTL_UNAUTHENTICATED,
				"the password is another since this login: log in again");
	if (ctl_now(c->store) / 1000 >= c->claims.auth_time + CTL_LOGIN_SECONDS)
		return ctl_fail(&c->err, CTL_UNAUTHENTICATED, "this login is over: log in again");
	return answer_token(c, &user, c->claims.auth_time, out);
}

const struct api_rpc api_login_rpcs[] = {
	{"RefreshToken", refresh, CTL_VIEWER, 0},
	{"Login", login, CTL_NOBODY, 0},
	{0},
};
