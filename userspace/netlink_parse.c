// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink_parse.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* States in which the kernel itself sends to a neighbour. */
#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

static int collect(const struct nlattr *attr, void *data)
{
	struct tp_netlink_attrs *attrs = data;
	unsigned int type = mnl_attr_get_type(attr);

	if (type < TP_NETLINK_ATTRS)
		attrs->at[type] = attr;
	return MNL_CB_OK;
}

void tp_netlink_attrs(struct tp_netlink_attrs *attrs, const struct nlmsghdr *nlh, size_t header)
{
	memset(attrs, 0, sizeof(*attrs));
	mnl_attr_parse(nlh, header, collect, attrs);
}

void tp_netlink_attrs_nested(struct tp_netlink_attrs *attrs, const struct nlattr *parent)
{
	memset(attrs, 0, sizeof(*attrs));
	if (parent)
		mnl_attr_parse_nested(parent, collect, attrs);
}

bool tp_netlink_attr_addr(const struct nlattr *attr, int family, struct tp_addr *out)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (!attr)
		return false;
	if (family == AF_INET && mnl_attr_get_payload_len(attr) == sizeof(v4)) {
		memcpy(&v4, mnl_attr_get_payload(attr), sizeof(v4));
		*out = tp_addr_from_v4(v4);
		return true;
	}
	if (family == AF_INET6 && mnl_attr_get_payload_len(attr) == sizeof(v6)) {
		memcpy(&v6, mnl_attr_get_payload(attr), sizeof(v6));
		*out = tp_addr_from_v6(&v6);
		return true;
	}
	return false;
}

bool tp_netlink_attr_u16(const struct nlattr *attr, uint16_t *out)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_U16) < 0)
		return false;
	*out = mnl_attr_get_u16(attr);
	return true;
}

bool tp_netlink_attr_u32(const struct nlattr *attr, uint32_t *out)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*out = mnl_attr_get_u32(attr);
	return true;
}

bool tp_netlink_attr_u64(const struct nlattr *attr, uint64_t *out)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_U64) < 0)
		return false;
	*out = mnl_attr_get_u64(attr);
	return true;
}

static bool attr_mac(const struct nlattr *attr, uint8_t mac[6])
{
	static const uint8_t none[6];

	if (!attr || mnl_attr_get_payload_len(attr) != 6)
		return false;
	memcpy(mac, mnl_attr_get_payload(attr), 6);
	return memcmp(mac, none, 6) != 0;
}

void tp_netlink_attr_name(const struct nlattr *attr, char *out, size_t size)
{
	size_t len;

	if (!attr)
		return;
	len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	if (len >= size)
		len = size - 1;
	memcpy(out, mnl_attr_get_payload(attr), len);
	out[len] = '\0';
}

static bool kind_is(const struct nlattr *attr, const char *kind)
{
	size_t len = strlen(kind);

	return attr && mnl_attr_get_payload_len(attr) >= len &&
	       strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)) == len &&
	       !memcmp(mnl_attr_get_payload(attr), kind, len);
}

/* IFLA_LINK also names the other end of a veth and the device below a macvlan: only a VLAN device
 * sends what it is given through its lower device with a tag before it. */
static void parse_vlan(const struct tp_netlink_attrs *attrs, struct tp_netlink_link *link)
{
	struct tp_netlink_attrs info, data;
	uint16_t proto = htons(0x8100);
	uint32_t lower;

	tp_netlink_attrs_nested(&info, attrs->at[IFLA_LINKINFO]);
	if (!kind_is(info.at[IFLA_INFO_KIND], "vlan"))
		return;
	tp_netlink_attrs_nested(&data, info.at[IFLA_INFO_DATA]);
	link->lower = -1;
	if (!attrs->at[IFLA_LINK_NETNSID] && tp_netlink_attr_u32(attrs->at[IFLA_LINK], &lower) &&
	    lower)
		link->lower = (int)lower;
	tp_netlink_attr_u16(data.at[IFLA_VLAN_ID], &link->vlan);
	tp_netlink_attr_u16(data.at[IFLA_VLAN_PROTOCOL], &proto);
	link->vlan_proto = ntohs(proto);
}

static bool parse_link(const struct nlmsghdr *nlh, struct tp_netlink_event *event)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_attrs attrs;

	/* AF_BRIDGE tells of a port's membership: a "deleted" port is a device that lives on. */
	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)) || ifi->ifi_family != AF_UNSPEC)
		return false;
	event->key.kind = TP_NETLINK_LINK;
	event->key.ifindex = ifi->ifi_index;
	event->gone = nlh->nlmsg_type == RTM_DELLINK;
	if (event->gone)
		return true;

	tp_netlink_attrs(&attrs, nlh, sizeof(*ifi));
	tp_netlink_attr_name(attrs.at[IFLA_IFNAME], event->link.name, sizeof(event->link.name));
	tp_netlink_attr_u32(attrs.at[IFLA_MTU], &event->link.mtu);
	event->link.up = (ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_LOWER_UP);
	if (ifi->ifi_type == ARPHRD_ETHER)
		attr_mac(attrs.at[IFLA_ADDRESS], event->mac);
	parse_vlan(&attrs, &event->link);
	return true;
}

static bool parse_address(const struct nlmsghdr *nlh, struct tp_netlink_event *event)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_attrs attrs;
	uint32_t flags;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ifa)))
		return false;
	tp_netlink_attrs(&attrs, nlh, sizeof(*ifa));
	/* Where IFA_LOCAL is there, IFA_ADDRESS is the far end of a point-to-point link. */
	if (!tp_netlink_attr_addr(attrs.at[IFA_LOCAL], ifa->ifa_family, &event->key.addr) &&
	    !tp_netlink_attr_addr(attrs.at[IFA_ADDRESS], ifa->ifa_family, &event->key.addr))
		return false;
	event->key.kind = TP_NETLINK_ADDRESS;
	event->key.ifindex = (int)ifa->ifa_index;
	if (!tp_netlink_attr_u32(attrs.at[IFA_FLAGS], &flags))
		flags = ifa->ifa_flags;
	/* An address that turned out to be someone else's (RFC 4862, 5.4) is not this host's. */
	event->gone = nlh->nlmsg_type == RTM_DELADDR || (flags & IFA_F_DADFAILED);
	return true;
}

static bool parse_neighbour(const struct nlmsghdr *nlh, struct tp_netlink_event *event)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_attrs attrs;

	/* AF_BRIDGE entries are of a switch's forwarding table, proxy entries name no neighbour. */
	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ndm)) || (ndm->ndm_flags & NTF_PROXY))
		return false;
	tp_netlink_attrs(&attrs, nlh, sizeof(*ndm));
	if (!tp_netlink_attr_addr(attrs.at[NDA_DST], ndm->ndm_family, &event->key.addr))
		return false;
	event->key.kind = TP_NETLINK_NEIGHBOUR;
	event->key.ifindex = ndm->ndm_ifindex;
	event->gone = nlh->nlmsg_type == RTM_DELNEIGH || !(ndm->ndm_state & NUD_USABLE) ||
		      !attr_mac(attrs.at[NDA_LLADDR], event->mac);
	if (event->gone)
		memset(event->mac, 0, sizeof(event->mac));
	return true;
}

static bool parse_route(const struct nlmsghdr *nlh, struct tp_netlink_event *event)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	/* Clones are cached path MTUs and redirects, not routes. */
	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*rtm)) || (rtm->rtm_flags & RTM_F_CLONED))
		return false;
	event->key.kind = TP_NETLINK_ROUTES;
	return true;
}

bool tp_netlink_parse(const struct nlmsghdr *nlh, struct tp_netlink_event *event)
{
	memset(event, 0, sizeof(*event));
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: return parse_link(nlh, event);
	case RTM_NEWADDR:
	case RTM_DELADDR: return parse_address(nlh, event);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH: return parse_neighbour(nlh, event);
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return parse_route(nlh, event);
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP: event->key.kind = TP_NETLINK_ROUTES; return true;
	default: return false;
	}
}
