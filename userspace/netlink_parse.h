/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the netlink modules: rtnetlink messages to events. */
#ifndef TP_NETLINK_PARSE_H
#define TP_NETLINK_PARSE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

#include "netlink.h"

/* Large enough for a link with many virtual functions. */
#define TP_NETLINK_BUFFER 65536

/* Room for any attribute of rtnetlink that is looked at, by number. */
#define TP_NETLINK_ATTRS 64
struct tp_netlink_attrs {
	const struct nlattr *at[TP_NETLINK_ATTRS];
};

/* Collects the attributes behind the family's header of `header` bytes. */
void tp_netlink_attrs(struct tp_netlink_attrs *attrs, const struct nlmsghdr *nlh, size_t header);

/* An IPv4 or IPv6 address attribute. False when it is absent or of another length. */
bool tp_netlink_attr_addr(const struct nlattr *attr, int family, struct tp_addr *out);

/* False when the message says nothing that an event tells. */
bool tp_netlink_parse(const struct nlmsghdr *nlh, struct tp_netlink_event *event);

#endif
