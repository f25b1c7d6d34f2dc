// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes of our own: known by their protocol number, in the main table. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink_change.h"
#include "netlink_talk.h"

#define METRIC_V6 1024 /* what the kernel makes of none */

/* Room for a message with a handful of attributes. */
struct message {
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 256];
};

static uint32_t metric_of(const struct tp_netlink_own_route *route)
{
	return route->metric || tp_addr_is_v4(&route->dst) ? route->metric : METRIC_V6;
}

static struct nlmsghdr *route_request(struct message *m, uint16_t type, uint16_t flags,
				      const struct tp_netlink_own_route *route)
{
	struct nlmsghdr *nlh =
		tp_netlink_request(m->buf, sizeof(m->buf), type, flags, sizeof(struct rtmsg));
	struct tp_addr dst = tp_addr_prefix(&route->dst, route->bits);
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	rtm->rtm_family = tp_addr_is_v4(&route->dst) ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = (uint8_t)route->bits;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = TP_NETLINK_PROTOCOL;
	rtm->rtm_scope = RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	tp_netlink_put_addr(nlh, RTA_DST, &dst);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)route->ifindex);
	if (metric_of(route))
		mnl_attr_put_u32(nlh, RTA_PRIORITY, metric_of(route));
	return nlh;
}

static int put_route(struct tp_netlink *nl, const struct tp_netlink_own_route *route, uint16_t how)
{
	struct nlmsghdr *nlh;
	struct message m;

	nlh = route_request(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_ACK | how, route);
	if (!tp_addr_is_zero(&route->source))
		tp_netlink_put_addr(nlh, RTA_PREFSRC, &route->source);
	return tp_netlink_transact(nl, nlh, NULL, NULL);
}

/* --- what is there --- */

struct route_dump {
	tp_netlink_own_route_fn *fn;
	void *ctx;
};

static bool is_own(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_type == RTM_NEWROUTE && nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*rtm)) &&
	       rtm->rtm_protocol == TP_NETLINK_PROTOCOL && rtm->rtm_table == RT_TABLE_MAIN &&
	       !(rtm->rtm_flags & RTM_F_CLONED);
}

static void dumped_route(void *arg, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_own_route route = {0};
	const struct route_dump *dump = arg;
	struct tp_netlink_attrs attrs;
	uint32_t ifindex = 0;

	if (!is_own(nlh))
		return;
	tp_netlink_attrs(&attrs, nlh, sizeof(*rtm));
	if (!tp_netlink_attr_addr(attrs.at[RTA_DST], rtm->rtm_family, &route.dst) &&
	    rtm->rtm_family == AF_INET) /* a default route names none; IPv6's is all zero */
		route.dst = tp_addr_from_v4((struct in_addr){0});
	tp_netlink_attr_u32(attrs.at[RTA_OIF], &ifindex);
	tp_netlink_attr_u32(attrs.at[RTA_PRIORITY], &route.metric);
	tp_netlink_attr_addr(attrs.at[RTA_PREFSRC], rtm->rtm_family, &route.source);
	route.ifindex = (int)ifindex;
	route.bits = rtm->rtm_dst_len;
	dump->fn(dump->ctx, &route);
}

int tp_netlink_own_route_dump(struct tp_netlink *nl, tp_netlink_own_route_fn *fn, void *ctx)
{
	struct route_dump dump = {fn, ctx};
	struct nlmsghdr *nlh;
	struct message m;

	nlh = tp_netlink_request(m.buf, sizeof(m.buf), RTM_GETROUTE, NLM_F_DUMP,
				 sizeof(struct rtmsg));
	return tp_netlink_transact(nl, nlh, dumped_route, &dump);
}

/* --- changes --- */

struct search {
	const struct tp_netlink_own_route *wanted;
	struct tp_netlink_own_route found;
	bool is_there, is_same;
};

static bool same_source(const struct tp_netlink_own_route *a, const struct tp_netlink_own_route *b)
{
	/* Without a wish the kernel may still name its choice. */
	return tp_addr_is_zero(&b->source) || tp_addr_equal(&a->source, &b->source);
}

static void compare(void *ctx, const struct tp_netlink_own_route *route)
{
	struct search *search = ctx;
	struct tp_addr dst = tp_addr_prefix(&search->wanted->dst, search->wanted->bits);

	if (search->is_same || route->bits != search->wanted->bits ||
	    !tp_addr_equal(&route->dst, &dst) || metric_of(route) != metric_of(search->wanted))
		return;
	search->is_there = true;
	search->found = *route;
	search->is_same =
		route->ifindex == search->wanted->ifindex && same_source(route, search->wanted);
}

/* The kernel replaces whatever has the prefix and metric, so only what was seen to be ours is
 * replaced. */
int tp_netlink_own_route_replace(struct tp_netlink *nl, const struct tp_netlink_own_route *route)
{
	struct search search = {.wanted = route};
	int err;

	err = put_route(nl, route, NLM_F_EXCL);
	if (err != -EEXIST)
		return err;
	err = tp_netlink_own_route_dump(nl, compare, &search);
	if (search.is_same)
		return 0;
	if (err && err != -EINTR)
		return err;
	if (!search.is_there)
		return -EEXIST;
	return put_route(nl, route, NLM_F_REPLACE);
}

int tp_netlink_own_route_delete(struct tp_netlink *nl, const struct tp_netlink_own_route *route)
{
	struct message m;
	int err;

	err = tp_netlink_transact(nl, route_request(&m, RTM_DELROUTE, NLM_F_ACK, route), NULL,
				  NULL);
	return err == -ESRCH || err == -ENODEV ? 0 : err;
}
