/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Devices and addresses of this host at one moment. */
#ifndef GATEWAY_SNAPSHOT_H
#define GATEWAY_SNAPSHOT_H

#include <stddef.h>

#include "netlink.h"

struct gw_snapshot_link {
	int ifindex;
	uint8_t mac[6];
	struct tp_netlink_link link;
};

struct gw_snapshot_addr {
	int ifindex;
	struct tp_addr addr;
};

struct gw_snapshot {
	struct gw_snapshot_link *links;
	struct gw_snapshot_addr *addrs;
	size_t n_links, n_addrs;
	bool out_of_memory;
};

/* 0 or -errno. To be released with fini either way. */
int gw_snapshot_take(struct gw_snapshot *s, struct tp_netlink *nl);
void gw_snapshot_fini(struct gw_snapshot *s);
/* NULL: there is no device of that name. */
const struct gw_snapshot_link *gw_snapshot_link(const struct gw_snapshot *s, const char *name);

#endif
