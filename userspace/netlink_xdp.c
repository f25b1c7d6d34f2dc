// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink_xdp.h"

#include <errno.h>
#include <stdlib.h>

#include "netlink_generic.h"

/* Of linux/netdev.h, which the headers of Linux 6.1 (Debian 12) lack. */
#define FAMILY_NAME	   "netdev"
#define FAMILY_VERSION	   1
#define CMD_DEV_GET	   1
#define A_DEV_IFINDEX	   1
#define A_DEV_XDP_FEATURES 3
#define XDP_ACT_BASIC	   (1u << 0)
#define XDP_ACT_REDIRECT   (1u << 1)
#define XDP_ACT_NDO_XMIT   (1u << 2)

struct tp_netlink_xdp {
	struct tp_netlink *nl;
	uint16_t family;
};

int tp_netlink_xdp_open(struct tp_netlink_xdp **out)
{
	struct tp_netlink_xdp *xdp = calloc(1, sizeof(*xdp));
	int err;

	*out = NULL;
	if (!xdp)
		return -ENOMEM;
	err = tp_netlink_generic_open(&xdp->nl, FAMILY_NAME, &xdp->family);
	if (err) {
		tp_netlink_xdp_close(xdp);
		return err == -ENOENT ? -EOPNOTSUPP : err;
	}
	*out = xdp;
	return 0;
}

void tp_netlink_xdp_close(struct tp_netlink_xdp *xdp)
{
	if (!xdp)
		return;
	tp_netlink_close(xdp->nl);
	free(xdp);
}

struct features {
	bool told;
	uint64_t bits;
};

static void told_features(void *arg, const struct nlmsghdr *nlh)
{
	struct features *features = arg;
	struct tp_netlink_attrs attrs;

	if (tp_netlink_generic_attrs(&attrs, nlh))
		features->told = tp_netlink_attr_u64(attrs.at[A_DEV_XDP_FEATURES], &features->bits);
}

/* Has the device all of these? */
static int has(struct tp_netlink_xdp *xdp, int ifindex, uint64_t wanted)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = tp_netlink_generic_request(buf, sizeof(buf), xdp->family, 0,
							  CMD_DEV_GET, FAMILY_VERSION);
	struct features features = {0};
	int err;

	mnl_attr_put_u32(nlh, A_DEV_IFINDEX, (uint32_t)ifindex);
	err = tp_netlink_transact(xdp->nl, nlh, told_features, &features);
	if (err)
		return err;
	if (!features.told)
		return -EBADMSG;
	return (features.bits & wanted) == wanted;
}

int tp_netlink_xdp_takes(struct tp_netlink_xdp *xdp, int ifindex)
{
	return has(xdp, ifindex, XDP_ACT_NDO_XMIT);
}

int tp_netlink_xdp_redirects(struct tp_netlink_xdp *xdp, int ifindex)
{
	return has(xdp, ifindex, XDP_ACT_BASIC | XDP_ACT_REDIRECT);
}
