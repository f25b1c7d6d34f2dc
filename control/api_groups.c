// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about groups of devices. */
#include "control/api_call.h"
#include "control/api_device.h"
#include "control/group.h"

static json_t *group_json(const struct ctl_group *g)
{
	return json_pack("{s:s,s:s,s:s,s:I,s:o}", "id", g->id, "tenantId", g->tenant, "name",
			 g->name, "memberCount", (json_int_t)g->members, "createdAt",
			 api_timestamp(g->created));
}

static int answer_group(struct api_call *c, const char *id, json_t **out)
{
	struct ctl_group g;

	if (ctl_group_get(c->store, c->tenant, id, &g, &c->err))
		return -1;
	return api_answer(c, json_pack("{s:o}", "group", group_json(&g)), out);
}

static int create(struct api_call *c, json_t **out)
{
	struct ctl_group g;
	const char *name;

	if (api_need_text(c, "name", &name) ||
	    ctl_group_create(c->store, c->tenant, name, &g, &c->err))
		return -1;
	return answer_group(c, g.id, out);
}

static bool add_group(void *arg, const struct ctl_group *g)
{
	return api_page_add(arg, g->id, group_json(g));
}

static int list(struct api_call *c, json_t **out)
{
	struct api_page page;

	if (api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "groups",
			    ctl_group_list(c->store, c->tenant, page.after,
					   (unsigned int)page.limit, add_group, &page, &c->err),
			    out);
}

static int rename_group(struct api_call *c, json_t **out)
{
	const char *id, *name;

	if (api_id(c, "group_id", &id) || api_need_text(c, "name", &name) ||
	    ctl_group_rename(c->store, c->tenant, id, name, &c->err))
		return -1;
	return answer_group(c, id, out);
}

static int delete (struct api_call *c, json_t **out)
{
	const char *id;

	if (api_id(c, "group_id", &id) || ctl_group_delete(c->store, c->tenant, id, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static int add_member(struct api_call *c, json_t **out)
{
	const char *id, *device;

	if (api_id(c, "group_id", &id) || api_id(c, "device_id", &device) ||
	    ctl_group_add(c->store, c->tenant, id, device, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static int remove_member(struct api_call *c, json_t **out)
{
	const char *id, *device;

	if (api_id(c, "group_id", &id) || api_id(c, "device_id", &device) ||
	    ctl_group_remove(c->store, c->tenant, id, device, &c->err))
		return -1;
	return api_answer(c, json_object(), out);
}

static bool add_device(void *arg, const struct ctl_device *d)
{
	struct api_page *page = arg;

	return api_page_add(page, d->id, api_device_json(page->call, d));
}

static int members(struct api_call *c, json_t **out)
{
	struct api_page page;
	const char *id;

	if (api_id(c, "group_id", &id) || api_page_begin(c, &page))
		return -1;
	return api_page_end(&page, "devices",
			    ctl_group_members(c->store, c->tenant, id, page.after,
					      (unsigned int)page.limit, add_device, &page, &c->err),
			    out);
}

const struct api_rpc api_group_rpcs[] = {
	{"CreateGroup", create, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"ListGroups", list, CTL_VIEWER, API_TENANT},
	{"RenameGroup", rename_group, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"DeleteGroup", delete, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"AddGroupMember", add_member, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"RemoveGroupMember", remove_member, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"ListGroupMembers", members, CTL_VIEWER, API_TENANT},
	{0},
};
