// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's WireGuard as a backend. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>

#include "crypto.h"
#include "netlink_talk.h"
#include "netlink_wireguard.h"

struct kernel {
	struct tp_netlink *nl;
	uint16_t family;
	int ifindex;
};

static struct nlmsghdr *genl_request(char *buf, size_t size, uint16_t type, uint16_t flags,
				     uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh =
		tp_netlink_request(buf, size, type, flags, sizeof(struct genlmsghdr));
	struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

/* --- opening --- */

static void found_family(void *arg, const struct nlmsghdr *nlh)
{
	struct tp_netlink_attrs attrs;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(struct genlmsghdr)))
		return;
	tp_netlink_attrs(&attrs, nlh, sizeof(struct genlmsghdr));
	tp_netlink_attr_u16(attrs.at[CTRL_ATTR_FAMILY_ID], arg);
}

static int find_family(struct kernel *kernel)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh =
		genl_request(buf, sizeof(buf), GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 1);
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	err = tp_netlink_transact(kernel->nl, nlh, found_family, &kernel->family);
	return !err && !kernel->family ? -ENOENT : err;
}

static void kernel_close(void *backend)
{
	struct kernel *kernel = backend;

	tp_netlink_close(kernel->nl);
	free(kernel);
}

int tp_wireguard_kernel_open(void **backend, int ifindex)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	*backend = NULL;
	if (!kernel)
		return -ENOMEM;
	kernel->ifindex = ifindex;
	err = tp_netlink_open_bus(&kernel->nl, NETLINK_GENERIC);
	if (!err)
		err = find_family(kernel);
	if (err) {
		kernel_close(kernel);
		return err;
	}
	*backend = kernel;
	return 0;
}

/* --- operations --- */

static int send_message(void *ctx, struct nlmsghdr *nlh)
{
	struct kernel *kernel = ctx;

	return tp_netlink_transact(kernel->nl, nlh, NULL, NULL);
}

static int kernel_set(void *backend, const struct tp_wireguard_plan *plan)
{
	struct kernel *kernel = backend;

	return tp_netlink_wireguard_pack(kernel->family, kernel->ifindex, plan, send_message,
					 kernel);
}

static void read_message(void *arg, const struct nlmsghdr *nlh)
{
	tp_netlink_wireguard_read(arg, nlh);
}

static int kernel_get(void *backend, const struct tp_wireguard_sink *sink)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 64];
	struct tp_netlink_wireguard_dump dump = {.sink = sink};
	struct kernel *kernel = backend;
	struct nlmsghdr *nlh = genl_request(buf, sizeof(buf), kernel->family, NLM_F_DUMP,
					    WG_CMD_GET_DEVICE, WG_GENL_VERSION);
	int err;

	mnl_attr_put_u32(nlh, WGDEVICE_A_IFINDEX, (uint32_t)kernel->ifindex);
	err = tp_netlink_transact(kernel->nl, nlh, read_message, &dump);
	tp_wipe(kernel->nl->buf, sizeof(kernel->nl->buf));
	return err ?: dump.err;
}

const struct tp_wireguard_ops tp_wireguard_kernel_ops = {
	.set = kernel_set,
	.get = kernel_get,
	.close = kernel_close,
};
