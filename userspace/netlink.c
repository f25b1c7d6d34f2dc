// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink_parse.h"
#include "netlink_talk.h"

#ifndef NTF_EXT_MANAGED
#define NTF_EXT_MANAGED (1 << 0)
#endif

/* --- dumps --- */

struct dump {
	tp_netlink_event_fn *fn;
	void *ctx;
};

static void dumped(void *arg, const struct nlmsghdr *nlh)
{
	const struct dump *dump = arg;
	struct tp_netlink_event event;

	if (tp_netlink_parse(nlh, &event) && !event.gone)
		dump->fn(dump->ctx, &event);
}

static int dump_one(struct tp_netlink *nl, uint16_t type, size_t header, struct dump *dump)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = tp_netlink_request(buf, sizeof(buf), type, NLM_F_DUMP, header);

	if (type == RTM_GETLINK)
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return tp_netlink_transact(nl, nlh, dumped, dump);
}

int tp_netlink_dump(struct tp_netlink *nl, tp_netlink_event_fn *fn, void *ctx)
{
	struct dump dump = {fn, ctx};
	int err;

	err = dump_one(nl, RTM_GETLINK, sizeof(struct ifinfomsg), &dump);
	if (!err)
		err = dump_one(nl, RTM_GETADDR, sizeof(struct ifaddrmsg), &dump);
	if (!err)
		err = dump_one(nl, RTM_GETNEIGH, sizeof(struct ndmsg), &dump);
	return err;
}

/* --- routes --- */

struct way {
	struct tp_addr gateway;
	int ifindex; /* 0: none was named */
};

static bool attr_via(const struct nlattr *attr, struct tp_addr *out)
{
	const struct rtvia *via;
	struct in6_addr v6;

	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(*via) + sizeof(v6))
		return false;
	via = mnl_attr_get_payload(attr);
	if (via->rtvia_family != AF_INET6)
		return false;
	memcpy(&v6, via->rtvia_addr, sizeof(v6));
	*out = tp_addr_from_v6(&v6);
	return true;
}

static void routed(void *arg, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_attrs attrs;
	struct way *way = arg;

	if (nlh->nlmsg_type != RTM_NEWROUTE || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*rtm)))
		return;
	tp_netlink_attrs(&attrs, nlh, sizeof(*rtm));
	if (!attrs.at[RTA_OIF] || mnl_attr_validate(attrs.at[RTA_OIF], MNL_TYPE_U32) < 0)
		return;
	way->ifindex = (int)mnl_attr_get_u32(attrs.at[RTA_OIF]);
	if (!tp_netlink_attr_addr(attrs.at[RTA_GATEWAY], rtm->rtm_family, &way->gateway))
		attr_via(attrs.at[RTA_VIA], &way->gateway);
}

int tp_netlink_route(struct tp_netlink *nl, const struct tp_addr *dst, const struct tp_addr *src,
		     int *ifindex, struct tp_addr *gateway)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh =
		tp_netlink_request(buf, sizeof(buf), RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct way way = {.gateway = *dst};
	bool v4 = tp_addr_is_v4(dst);
	int err;

	*ifindex = 0;
	memset(gateway, 0, sizeof(*gateway));
	rtm->rtm_family = v4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = v4 ? 32 : 128;
	tp_netlink_put_addr(nlh, RTA_DST, dst);
	if (!tp_addr_is_zero(src)) {
		if (tp_addr_is_v4(src) != v4)
			return -EAFNOSUPPORT;
		rtm->rtm_src_len = rtm->rtm_dst_len;
		tp_netlink_put_addr(nlh, RTA_SRC, src);
	}
	/* Routes that refuse (prohibit, blackhole, unreachable) make the lookup itself fail. */
	err = tp_netlink_transact(nl, nlh, routed, &way);
	if (!err && !way.ifindex)
		err = -ENETUNREACH;
	if (err)
		return err;
	*ifindex = way.ifindex;
	*gateway = way.gateway;
	return 0;
}

/* --- neighbours --- */

static void put_neighbour(struct nlmsghdr *nlh, int ifindex, const struct tp_addr *addr)
{
	struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

	ndm->ndm_family = tp_addr_is_v4(addr) ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = ifindex;
	tp_netlink_put_addr(nlh, NDA_DST, addr);
}

static void neighbour_kept(void *arg, const struct nlmsghdr *nlh)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct tp_netlink_attrs attrs;
	const struct nlattr *ext;
	bool *kept = arg;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ndm)))
		return;
	tp_netlink_attrs(&attrs, nlh, sizeof(*ndm));
	ext = attrs.at[NDA_FLAGS_EXT];
	*kept = (ndm->ndm_state & (NUD_PERMANENT | NUD_NOARP)) ||
		(ndm->ndm_flags & NTF_EXT_LEARNED) ||
		(ext && mnl_attr_validate(ext, MNL_TYPE_U32) == 0 &&
		 (mnl_attr_get_u32(ext) & NTF_EXT_MANAGED));
}

/* NTF_USE takes PERMANENT, EXT_LEARNED and MANAGED off an entry (since Linux 5.16), and then asks
 * for what an administrator has already said. So look before. */
int tp_netlink_probe(struct tp_netlink *nl, int ifindex, const struct tp_addr *addr)
{
	_Alignas(NLMSG_ALIGNTO) char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh;
	struct ndmsg *ndm;
	bool kept = false;
	int err;

	nlh = tp_netlink_request(buf, sizeof(buf), RTM_GETNEIGH, 0, sizeof(*ndm));
	put_neighbour(nlh, ifindex, addr);
	err = tp_netlink_transact(nl, nlh, neighbour_kept, &kept);
	if (kept || (err && err != -ENOENT))
		return err;

	nlh = tp_netlink_request(buf, sizeof(buf), RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK,
				 sizeof(*ndm));
	put_neighbour(nlh, ifindex, addr);
	ndm = mnl_nlmsg_get_payload(nlh);
	ndm->ndm_flags = NTF_USE;
	return tp_netlink_transact(nl, nlh, NULL, NULL);
}
