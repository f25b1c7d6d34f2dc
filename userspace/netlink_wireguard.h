/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* WireGuard's generic netlink messages (linux/wireguard.h), made and read. */
#ifndef TP_NETLINK_WIREGUARD_H
#define TP_NETLINK_WIREGUARD_H

#include <libmnl/libmnl.h>

#include "wireguard_backend.h"

/* Of one message to the kernel. Nested attributes are told 64 KiB long at most. */
#define TP_NETLINK_WIREGUARD_MESSAGE 16384

typedef int tp_netlink_wireguard_send_fn(void *ctx, struct nlmsghdr *nlh);

/* Sends a plan in as many messages as it takes; a peer with many prefixes goes on in the next. 0,
 * or the first error that send returns. */
int tp_netlink_wireguard_pack(uint16_t family, int ifindex, const struct tp_wireguard_plan *plan,
			      tp_netlink_wireguard_send_fn *send, void *ctx);

/* A dump, whose peers may go on from one message to the next. */
struct tp_netlink_wireguard_dump {
	const struct tp_wireguard_sink *sink;
	bool device_told, peer_told;
	uint8_t peer[WG_KEY_LEN]; /* told last */
	int err;		  /* the first one; what comes after it is skipped */
};

/* Takes one message: a dump that is not well-formed ends in -EBADMSG. */
void tp_netlink_wireguard_read(struct tp_netlink_wireguard_dump *dump, const struct nlmsghdr *nlh);

#endif
