/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the netlink modules: one question and its answers. */
#ifndef TP_NETLINK_TALK_H
#define TP_NETLINK_TALK_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "netlink.h"
#include "netlink_parse.h"

struct tp_netlink {
	struct mnl_socket *sock;
	uint32_t seq;
	_Alignas(NLMSG_ALIGNTO) char buf[TP_NETLINK_BUFFER];
};

/* Of another bus than tp_netlink_open()'s; tp_netlink_close() is for all. 0 or -errno. */
int tp_netlink_open_bus(struct tp_netlink **out, int bus);

/* A fresh message in buf, header of the family included. */
struct nlmsghdr *tp_netlink_request(char *buf, size_t size, uint16_t type, uint16_t flags,
				    size_t header);
void tp_netlink_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct tp_addr *a);

typedef void tp_netlink_reply_fn(void *arg, const struct nlmsghdr *nlh);

/* Sends, and calls fn (may be NULL) for every message of the answer. 0, the kernel's -errno; -EINTR
 * when a dump may have missed something. */
int tp_netlink_transact(struct tp_netlink *nl, struct nlmsghdr *nlh, tp_netlink_reply_fn *fn,
			void *arg);

#endif
