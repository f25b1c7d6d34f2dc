/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the netlink modules: families of generic netlink (linux/genetlink.h). */
#ifndef TP_NETLINK_GENERIC_H
#define TP_NETLINK_GENERIC_H

#include "netlink_talk.h"

/* Opens the bus and finds the family's number by its name; tp_netlink_close() ends it. 0, -ENOENT:
 * the kernel has no such family, or another -errno. */
int tp_netlink_generic_open(struct tp_netlink **out, const char *name, uint16_t *family);

/* A fresh message in buf, generic header included. */
struct nlmsghdr *tp_netlink_generic_request(char *buf, size_t size, uint16_t family, uint16_t flags,
					    uint8_t cmd, uint8_t version);

/* The attributes of an answer. False: it is too short to be one. */
bool tp_netlink_generic_attrs(struct tp_netlink_attrs *attrs, const struct nlmsghdr *nlh);

#endif
