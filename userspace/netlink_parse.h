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

/* Those inside another; none when it is NULL. */
void tp_netlink_attrs_nested(struct tp_netlink_attrs *attrs, const struct nlattr *parent);

/* Single attributes: false, or nothing written, when absent or of another length. A name is cut to
 * what fits. */
bool tp_netlink_attr_u16(const struct nlattr *attr, uint16_t *out);
bool tp_netlink_attr_u32(const struct nlattr *attr, uint32_t *out);
bool tp_netlink_attr_u64(const struct nlattr *attr, uint64_t *out);
void tp_netlink_attr_name(const struct nlattr *attr, char *out, size_t size);

/* An IPv4 or IPv6 address attribute. False when it is absent or of another length. */
bool tp_netlink_attr_addr(const struct nlattr *attr, int family, struct tp_addr *out);

/* False when the message says nothing that an event tells. */
bool tp_netlink_parse(const struct nlmsghdr *nlh, struct tp_netlink_event *event);

#endif
