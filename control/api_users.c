// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about users. A tenant_admin manages those of its tenant; a super_admin without X-Tenant-ID
 * the other super_admins. */
#include <string.h>

#include "control/api_call.h"
#include "control/api_user.h"
#include "control/password.h"

json_t *api_user_json(const struct ctl_user *u)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:o}", "id", u->id, "tenantId", u->tenant,
			 "username", u->name, "role", ctl_role_name(u->role), "disabled",
			 u->disabled, "createdAt", api_timestamp(u->created));
}

static const char *tenant_of(const struct api_call *c)
{
	return *c->tenant ? c->tenant : NULL;
}

static int answer_user(struct api_call *c, const struct ctl_user *u, json_t **out)
{
	return api_answer(c, json_pack("{s:o}", "user", api_user_json(u)), out);
}

static int check_password(struct api_call *c, const char **password)
{
	size_t len;

	if (api_need_text(c, "password", password))
		return -1;
	len = strlen(*password);
	return len >= CTL_PASSWORD_MIN && len <= CTL_PASSWORD_MAX
		       ? 0
		       : ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "password: %d to %d bytes",
				  CTL_PASSWORD_MIN, CTL_PASSWORD_MAX);
}

int api_role(struct api_call *c, enum ctl_role *role)
{
	const char *text;

	if (api_need_text(c, "role", &text))
		return -1;
	*role = ctl_role_parse(text);
	if (*role == CTL_NOBODY)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT,
				"role: must be viewer, operator, tenant_admin or super_admin");
	if (*role > c->role)
		return ctl_fail(&c->err, CTL_PERMISSION_DENIED, "role: above your own");
	if ((*role == CTL_SUPER_ADMIN) == (*c->tenant != '\0'))
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT,
				"a super_admin has no X-Tenant-ID, others have one");
	return 0;
}

static int finish_create(struct api_call *c, json_t **out)
{
	struct ctl_user_new in = {.tenant = tenant_of(c), .password = c->hash};
	struct ctl_user user;

	if (!c->good)
		return ctl_fail(&c->err, CTL_INTERNAL, "the password could not be hashed");
	if (api_need_text(c, "username", &in.name) || api_role(c, &in.role) ||
	    ctl_user_create(c->store, &in, &user, &c->err))
		return -1;
	return answer_user(c, &user, out);
}

static int create(struct api_call *c, json_t **out)
{
	const char *name, *password;
	enum ctl_role role;

	(void)out;
	if (api_need_text(c, "username", &name) || ctl_name_check(name, "username", &c->err) ||
	    api_role(c, &role) || check_password(c, &password))
		return -1;
	return api_await_hash(c, password, finish_create);
}

static bool add(void *arg, const struct ctl_user *u)
{
	return api_page_add(arg, u->id, api_user_json(u));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "users",
			    ctl_user_list(c->store, tenant_of(c), page.after,
					  (unsigned int)page.limit, add, &page, &c->err),
			    out);
}

static int update(struct api_call *c, json_t **out)
{
	struct ctl_user user;
	const char *id;

	if (api_id(c, "user_id", &id) || ctl_user_get(c->store, tenant_of(c), id, &user, &c->err))
		return -1;
	if (api_has(c, "role") && api_role(c, &user.role))
		return -1;
	if (api_has(c, "disabled") && api_bool(c, "disabled", &user.disabled))
		return -1;
	if (ctl_user_update(c->store, tenant_of(c), id, user.role, user.disabled, &c->err))
		return -1;
	return answer_user(c, &user, out);
}

static int finish_password(struct api_call *c, json_t **out)
{
	const char *id;

	if (!c->good)
		return ctl_fail(&c->err, CTL_INTERNAL, "the password could not be hashed");
	if (api_optional_id(c, "user_id", &id) ||
	    ctl_user_set_password(c->store, *id ? tenant_of(c) : NULL, *id ? id : c->user, c->hash,
				  &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

/* One's own by anyone, others' by an admin. */
static int set_password(struct api_call *c, json_t **out)
{
	const char *id, *password;
	struct ctl_user user;

	(void)out;
	if (api_optional_id(c, "user_id", &id) || check_password(c, &password))
		return -1;
	if (!*id && !*c->user)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "user_id: is missing");
	if (*id && strcmp(id, c->user)) {
		if (c->role < CTL_TENANT_ADMIN)
			return ctl_fail(&c->err, CTL_PERMISSION_DENIED, "not your password");
		if (ctl_user_get(c->store, tenant_of(c), id, &user, &c->err))
			return -1;
	}
	return api_await_hash(c, password, finish_password);
}

static int delete (struct api_call *c, json_t **out)
{
	const char *id;

	if (api_id(c, "user_id", &id) || ctl_user_delete(c->store, tenant_of(c), id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

#define OF_TENANT (API_TENANT | API_PLATFORM)

const struct api_rpc api_user_rpcs[] = {
	{"CreateUser", create, CTL_TENANT_ADMIN, OF_TENANT},
	{"ListUsers", list, CTL_TENANT_ADMIN, OF_TENANT},
	{"UpdateUser", update, CTL_TENANT_ADMIN, OF_TENANT | API_WRITE},
	{"SetPassword", set_password, CTL_VIEWER, OF_TENANT},
	{"DeleteUser", delete, CTL_TENANT_ADMIN, OF_TENANT | API_WRITE},
	{0},
};
