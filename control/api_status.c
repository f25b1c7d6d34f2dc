// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How the control plane is, and who asks; what happened. */
#include <stdio.h>
#include <stdlib.h>

#include "control/api_call.h"
#include "control/audit.h"
#include "control/tenant.h"
#include "control/user.h"

static int status(struct api_call *c, json_t **out)
{
	struct ctl_tenant home = {0};

	if (*c->home && ctl_tenant_get(c->store, c->home, &home, &c->err))
		return -1;
	return api_answer(c,
			  json_pack("{s:s,s:o,s:o,s:o,s:s,s:s,s:s,s:s}", "version", TP_VERSION,
				    "epoch", api_int64(ctl_store_epoch(c->store)), "revision",
				    api_int64(ctl_store_revision(c->store)), "time",
				    api_timestamp(ctl_now(c->store)), "userId", c->user, "tenantId",
				    home.id, "tenantName", home.name, "role",
				    ctl_role_name(c->role)),
			  out);
}

/* --- the audit log -------------------------------------------------------------------------- */

static bool add(void *arg, const struct ctl_audit_record *r)
{
	char id[24], *details = json_dumps(r->details, JSON_COMPACT);
	bool more;

	snprintf(id, sizeof(id), "%lld", (long long)r->id);
	more = api_page_add(arg, id,
			    json_pack("{s:s,s:o,s:s,s:s,s:s,s:s,s:s}", "id", id, "time",
				      api_timestamp(r->time), "tenantId", r->tenant, "actor",
				      r->actor, "action", r->action, "object", r->object, "details",
				      details ? details : "{}"));
	free(details);
	return more;
}

/* The page's token is the id of the record that the page before ended with. */
static int audit(struct api_call *c, json_t **out)
{
	struct api_page page;
	int64_t before = INT64_MAX, since;

	if (api_time(c, "since", &since) || api_page_begin(c, &page) ||
	    (*page.after && api_number(c, "page_token", 1, INT64_MAX, &before)))
		return -1;
	return api_page_end(&page, "records",
			    ctl_audit_list(c->store, *c->tenant ? c->tenant : NULL, before, since,
					   (unsigned int)page.limit, add, &page, &c->err),
			    out);
}

const struct api_rpc api_status_rpcs[] = {
	{"GetStatus", status, CTL_VIEWER, 0},
	{"ListAudit", audit, CTL_TENANT_ADMIN, API_TENANT | API_PLATFORM},
	{0},
};
