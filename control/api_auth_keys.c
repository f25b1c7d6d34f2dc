// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about the keys that devices join by. */
#include <stdio.h>

#include "control/api_call.h"
#include "control/auth_key.h"
#include "crypto.h"

static json_t *key_json(const struct ctl_auth_key *k)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:b,s:I,s:I,s:o,s:o,s:o}", "id", k->id,
			 "tenantId", k->tenant, "networkId", k->network, "networkName",
			 k->network_name, "name", k->name, "role", ctl_kind_name(k->kind), "tags",
			 api_list_json(k->tags), "ephemeral", k->ephemeral, "useLimit",
			 (json_int_t)k->use_limit, "uses", (json_int_t)k->uses, "expiresAt",
			 api_timestamp(k->expires), "revokedAt", api_timestamp(k->revoked),
			 "createdAt", api_timestamp(k->created));
}

/* `reusable` as the operators say it, `use_limit` where a number is meant. */
static int read_uses(struct api_call *c, struct ctl_auth_key_new *in)
{
	bool reusable;
	int64_t limit;

	if (api_bool(c, "reusable", &reusable) || api_number(c, "use_limit", 0, INT32_MAX, &limit))
		return -1;
	in->use_limit = limit ? (uint32_t)limit : reusable ? 0 : 1;
	return 0;
}

static int read_new(struct api_call *c, struct ctl_auth_key_new *in, char tags[1024])
{
	const json_t *list;
	const char *role;
	size_t n;

	*in = (struct ctl_auth_key_new){.tenant = *c->tenant ? c->tenant : NULL, .tags = tags};
	if (api_text(c, "name", &in->name) || api_optional_id(c, "network_id", &in->network) ||
	    api_need_text(c, "role", &role) || api_texts(c, "tags", 16, &list) ||
	    api_bool(c, "ephemeral", &in->ephemeral) || api_time(c, "expires_at", &in->expires) ||
	    read_uses(c, in))
		return -1;
	in->kind = ctl_kind_parse(role);
	if (in->kind == CTL_KIND_NONE || in->kind == CTL_STOCK)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT,
				"role: must be node, gateway or relay");
	if (!*in->network)
		in->network = NULL;
	n = list ? json_dumpb(list, tags, 1023, JSON_COMPACT) : 0;
	if (n > 1023)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "tags: too long");
	tags[n] = '\0';
	return 0;
}

static int create(struct api_call *c, json_t **out)
{
	char tags[1024], secret[CTL_SECRET_LEN];
	struct ctl_auth_key_new in;
	struct ctl_auth_key key;
	int result;

	if (read_new(c, &in, tags) || ctl_auth_key_create(c->store, &in, &key, secret, &c->err))
		return -1;
	result = api_answer(c, json_pack("{s:o,s:s}", "authKey", key_json(&key), "secret", secret),
			    out);
	tp_wipe(secret, sizeof(secret));
	return result;
}

static bool add(void *arg, const struct ctl_auth_key *k)
{
	return api_page_add(arg, k->id, key_json(k));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "authKeys",
			    ctl_auth_key_list(c->store, *c->tenant ? c->tenant : NULL, page.after,
					      (unsigned int)page.limit, add, &page, &c->err),
			    out);
}

static int revoke(struct api_call *c, json_t **out)
{
	const char *id;

	if (api_id(c, "auth_key_id", &id) ||
	    ctl_auth_key_revoke(c->store, *c->tenant ? c->tenant : NULL, id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

const struct api_rpc api_auth_key_rpcs[] = {
	{"CreateAuthKey", create, CTL_OPERATOR, API_TENANT | API_PLATFORM | API_WRITE},
	{"ListAuthKeys", list, CTL_OPERATOR, API_TENANT | API_PLATFORM},
	{"RevokeAuthKey", revoke, CTL_OPERATOR, API_TENANT | API_PLATFORM | API_WRITE},
	{0},
};
