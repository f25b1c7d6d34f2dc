// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink_generic.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

struct nlmsghdr *tp_netlink_generic_request(char *buf, size_t size, uint16_t family, uint16_t flags,
					    uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh =
		tp_netlink_request(buf, size, family, flags, sizeof(struct genlmsghdr));
	struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

bool tp_netlink_generic_attrs(struct tp_netlink_attrs *attrs, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(struct genlmsghdr)))
		return false;
	tp_netlink_attrs(attrs, nlh, sizeof(struct genlmsghdr));
	return true;
}

static void found_family(void *arg, const struct nlmsghdr *nlh)
{
	struct tp_netlink_attrs attrs;

	if (tp_netlink_generic_attrs(&attrs, nlh))
		tp_netlink_attr_u16(attrs.at[CTRL_ATTR_FAMILY_ID], arg);
}

static int find_family(struct tp_netlink *nl, const char *name, uint16_t *family)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = tp_netlink_generic_request(buf, sizeof(buf), GENL_ID_CTRL, 0,
							  CTRL_CMD_GETFAMILY, 1);
	int err;

	*family = 0;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	err = tp_netlink_transact(nl, nlh, found_family, family);
	return !err && !*family ? -ENOENT : err;
}

int tp_netlink_generic_open(struct tp_netlink **out, const char *name, uint16_t *family)
{
	int err = tp_netlink_open_bus(out, NETLINK_GENERIC);

	if (!err)
		err = find_family(*out, name, family);
	if (err) {
		tp_netlink_close(*out);
		*out = NULL;
	}
	return err;
}
