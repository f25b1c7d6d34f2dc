// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink_change.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink_talk.h"

/* Room for a message with a handful of attributes. */
struct message {
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 256];
};

static int acknowledged(struct tp_netlink *nl, struct nlmsghdr *nlh)
{
	return tp_netlink_transact(nl, nlh, NULL, NULL);
}

/* --- links --- */

static struct nlmsghdr *link_request(struct message *m, uint16_t type, uint16_t flags, int ifindex,
				     struct ifinfomsg **ifi)
{
	struct nlmsghdr *nlh =
		tp_netlink_request(m->buf, sizeof(m->buf), type, flags, sizeof(**ifi));

	*ifi = mnl_nlmsg_get_payload(nlh);
	(*ifi)->ifi_index = ifindex;
	return nlh;
}

static void found_link(void *arg, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_device *out = arg;
	struct tp_netlink_attrs attrs, info;

	if (nlh->nlmsg_type != RTM_NEWLINK || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)))
		return;
	tp_netlink_attrs(&attrs, nlh, sizeof(*ifi));
	tp_netlink_attrs_nested(&info, attrs.at[IFLA_LINKINFO]);
	out->ifindex = ifi->ifi_index;
	out->up = ifi->ifi_flags & IFF_UP;
	tp_netlink_attr_u32(attrs.at[IFLA_MTU], &out->mtu);
	tp_netlink_attr_name(info.at[IFLA_INFO_KIND], out->kind, sizeof(out->kind));
}

int tp_netlink_link_find(struct tp_netlink *nl, const char *name, struct tp_netlink_device *out)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	struct message m;
	int err;

	memset(out, 0, sizeof(*out));
	if (!*name || strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	nlh = link_request(&m, RTM_GETLINK, 0, 0, &ifi);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = tp_netlink_transact(nl, nlh, found_link, out);
	return !err && !out->ifindex ? -ENODEV : err;
}

static int make_link(struct tp_netlink *nl, const char *name, const char *kind)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	struct nlattr *info;
	struct message m;

	nlh = link_request(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 0, &ifi);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
	return acknowledged(nl, nlh);
}

int tp_netlink_link_create(struct tp_netlink *nl, const char *name, const char *kind, int *ifindex)
{
	struct tp_netlink_device link;
	int err;

	*ifindex = 0;
	err = tp_netlink_link_find(nl, name, &link);
	if (err == -ENODEV)
		err = make_link(nl, name, kind) ?: tp_netlink_link_find(nl, name, &link);
	if (err)
		return err;
	if (strcmp(link.kind, kind))
		return -EEXIST;
	*ifindex = link.ifindex;
	return 0;
}

int tp_netlink_link_delete(struct tp_netlink *nl, int ifindex)
{
	struct ifinfomsg *ifi;
	struct message m;
	int err;

	err = acknowledged(nl, link_request(&m, RTM_DELLINK, NLM_F_ACK, ifindex, &ifi));
	return err == -ENODEV ? 0 : err;
}

int tp_netlink_link_set_up(struct tp_netlink *nl, int ifindex, bool up)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	struct message m;

	nlh = link_request(&m, RTM_NEWLINK, NLM_F_ACK, ifindex, &ifi);
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return acknowledged(nl, nlh);
}

int tp_netlink_link_set_mtu(struct tp_netlink *nl, int ifindex, uint32_t mtu)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	struct message m;

	nlh = link_request(&m, RTM_NEWLINK, NLM_F_ACK, ifindex, &ifi);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return acknowledged(nl, nlh);
}

/* --- addresses --- */

static struct nlmsghdr *address_request(struct message *m, uint16_t type, uint16_t flags,
					const struct tp_netlink_address *address)
{
	struct nlmsghdr *nlh =
		tp_netlink_request(m->buf, sizeof(m->buf), type, flags, sizeof(struct ifaddrmsg));
	struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);

	ifa->ifa_family = tp_addr_is_v4(&address->addr) ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = (uint8_t)address->bits;
	ifa->ifa_index = (uint32_t)address->ifindex;
	tp_netlink_put_addr(nlh, IFA_LOCAL, &address->addr);
	tp_netlink_put_addr(nlh, IFA_ADDRESS, &address->addr);
	return nlh;
}

int tp_netlink_address_add(struct tp_netlink *nl, const struct tp_netlink_address *address)
{
	uint32_t flags = address->no_route ? IFA_F_NOPREFIXROUTE : 0;
	struct nlmsghdr *nlh;
	struct message m;

	if (!tp_addr_is_v4(&address->addr))
		flags |= IFA_F_NODAD;
	nlh = address_request(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, address);
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	return acknowledged(nl, nlh);
}

int tp_netlink_address_delete(struct tp_netlink *nl, const struct tp_netlink_address *address)
{
	struct message m;
	int err;

	err = acknowledged(nl, address_request(&m, RTM_DELADDR, NLM_F_ACK, address));
	return err == -EADDRNOTAVAIL || err == -ENODEV ? 0 : err;
}

struct address_dump {
	tp_netlink_address_fn *fn;
	void *ctx;
	int ifindex;
};

static void dumped_address(void *arg, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct address_dump *dump = arg;
	struct tp_netlink_address address = {.ifindex = dump->ifindex};
	struct tp_netlink_attrs attrs;
	uint32_t flags = 0;

	if (nlh->nlmsg_type != RTM_NEWADDR || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ifa)) ||
	    ifa->ifa_index != (uint32_t)dump->ifindex || ifa->ifa_scope == RT_SCOPE_LINK)
		return;
	tp_netlink_attrs(&attrs, nlh, sizeof(*ifa));
	if (!tp_netlink_attr_addr(attrs.at[IFA_LOCAL], ifa->ifa_family, &address.addr) &&
	    !tp_netlink_attr_addr(attrs.at[IFA_ADDRESS], ifa->ifa_family, &address.addr))
		return;
	tp_netlink_attr_u32(attrs.at[IFA_FLAGS], &flags);
	address.bits = ifa->ifa_prefixlen;
	address.no_route = flags & IFA_F_NOPREFIXROUTE;
	dump->fn(dump->ctx, &address);
}

int tp_netlink_address_dump(struct tp_netlink *nl, int ifindex, tp_netlink_address_fn *fn,
			    void *ctx)
{
	struct address_dump dump = {fn, ctx, ifindex};
	struct nlmsghdr *nlh;
	struct message m;

	nlh = tp_netlink_request(m.buf, sizeof(m.buf), RTM_GETADDR, NLM_F_DUMP,
				 sizeof(struct ifaddrmsg));
	return tp_netlink_transact(nl, nlh, dumped_address, &dump);
}
