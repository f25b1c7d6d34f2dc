// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who calls, and for which tenant. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "control/api_call.h"
#include "control/tenant.h"
#include "control/token.h"
#include "control/user.h"

static int strange(struct api_call *c, const char *why)
{
	return ctl_fail(&c->err, CTL_UNAUTHENTICATED, "%s", why);
}

/* The user is asked for at each call, so that one who is deleted, disabled or has another role now
 * does not go on for an hour. */
static int by_jwt(struct api_call *c, const char *token)
{
	struct ctl_user user;

	if (ctl_jwt_verify(c->api->setup.key, token, ctl_now(c->store) / 1000, &c->claims))
		return strange(c, "the token is not valid, or has expired");
	if (ctl_user_get(c->store, NULL, c->claims.sub, &user, &c->err) || user.disabled)
		return strange(c, "the token's user is not there any more, or disabled");
	snprintf(c->user, sizeof(c->user), "%s", user.id);
	snprintf(c->home, sizeof(c->home), "%s", user.tenant);
	snprintf(c->actor, sizeof(c->actor), "user:%s", user.name);
	c->role = user.role;
	return 0;
}

static int by_api_key(struct api_call *c, const char *secret)
{
	struct ctl_token key;

	if (ctl_token_check(c->store, secret, &key, &c->err))
		return strange(c, "the API key is not known, revoked, or has expired");
	snprintf(c->home, sizeof(c->home), "%s", key.tenant);
	snprintf(c->actor, sizeof(c->actor), "api-key:%s", key.name);
	c->role = key.role;
	return 0;
}

int api_authenticate(struct api_call *c, const char *authorization)
{
	const char *token = authorization + strcspn(authorization, " ");

	if (strncasecmp(authorization, "Bearer ", 7))
		return strange(c, "Authorization: Bearer TOKEN is needed");
	token += strspn(token, " ");
	/* A JWT has two dots, a key of ours none. */
	return strchr(token, '.') ? by_jwt(c, token) : by_api_key(c, token);
}

static int check_tenant(struct api_call *c, const char *tenant)
{
	struct ctl_tenant t;

	if (!ctl_id_valid(tenant))
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT,
				"X-Tenant-ID must be a UUID in lower case");
	if (*c->home && strcmp(c->home, tenant))
		return ctl_fail(&c->err, CTL_PERMISSION_DENIED, "not your tenant");
	return *c->home ? 0 : ctl_tenant_get(c->store, tenant, &t, &c->err);
}

int api_choose_tenant(struct api_call *c, const char *tenant, unsigned int flags)
{
	bool platform = flags & API_PLATFORM && c->role == CTL_SUPER_ADMIN;
	const char *named;

	if (!(flags & API_TENANT))
		return 0;
	if (!*tenant && !platform)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "X-Tenant-ID is missing");
	if ((*tenant && check_tenant(c, tenant)) || api_text(c, "tenant_id", &named))
		return -1;
	if (*named && strcmp(named, tenant))
		return ctl_fail(&c->err, CTL_PERMISSION_DENIED,
				"tenant_id is not that of X-Tenant-ID");
	c->tenant = tenant;
	return 0;
}
