// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about API keys. */
#include "control/api_call.h"
#include "control/api_user.h"
#include "control/token.h"
#include "crypto.h"

static json_t *key_json(const struct ctl_token *k)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o}", "id", k->id, "tenantId", k->tenant,
			 "name", k->name, "role", ctl_role_name(k->role), "expiresAt",
			 api_timestamp(k->expires), "revokedAt", api_timestamp(k->revoked),
			 "createdAt", api_timestamp(k->created));
}

static const char *tenant_of(const struct api_call *c)
{
	return *c->tenant ? c->tenant : NULL;
}

static int create(struct api_call *c, json_t **out)
{
	struct ctl_token_new in = {.tenant = tenant_of(c)};
	char secret[CTL_SECRET_LEN];
	struct ctl_token key;
	int result;

	if (api_need_text(c, "name", &in.name) || api_role(c, &in.role) ||
	    api_time(c, "expires_at", &in.expires) ||
	    ctl_token_create(c->store, &in, &key, secret, &c->err))
		return -1;
	result = api_answer(c, json_pack("{s:o,s:s}", "apiKey", key_json(&key), "secret", secret),
			    out);
	tp_wipe(secret, sizeof(secret));
	return result;
}

static bool add(void *arg, const struct ctl_token *k)
{
	return api_page_add(arg, k->id, key_json(k));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "apiKeys",
			    ctl_token_list(c->store, tenant_of(c), page.after,
					   (unsigned int)page.limit, add, &page, &c->err),
			    out);
}

static int revoke(struct api_call *c, json_t **out)
{
	const char *id;

	if (api_id(c, "api_key_id", &id) || ctl_token_revoke(c->store, tenant_of(c), id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

#define OF_TENANT (API_TENANT | API_PLATFORM)

const struct api_rpc api_key_rpcs[] = {
	{"CreateApiKey", create, CTL_TENANT_ADMIN, OF_TENANT | API_WRITE},
	{"ListApiKeys", list, CTL_TENANT_ADMIN, OF_TENANT},
	{"RevokeApiKey", revoke, CTL_TENANT_ADMIN, OF_TENANT | API_WRITE},
	{0},
};
