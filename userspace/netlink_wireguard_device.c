// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's WireGuard as a backend. */
#include <errno.h>
#include <linux/wireguard.h>
#include <stdlib.h>

#include "crypto.h"
#include "netlink_generic.h"
#include "netlink_wireguard.h"

struct kernel {
	struct tp_netlink *nl;
	uint16_t family;
	int ifindex;
};

/* --- opening --- */

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
	err = tp_netlink_generic_open(&kernel->nl, WG_GENL_NAME, &kernel->family);
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
	struct nlmsghdr *nlh = tp_netlink_generic_request(
		buf, sizeof(buf), kernel->family, NLM_F_DUMP, WG_CMD_GET_DEVICE, WG_GENL_VERSION);
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
