// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "netlink_parse.h"

#ifndef NTF_EXT_MANAGED
#define NTF_EXT_MANAGED (1 << 0)
#endif

struct tp_netlink {
	struct mnl_socket *sock;
	uint32_t seq;
	_Alignas(NLMSG_ALIGNTO) char buf[TP_NETLINK_BUFFER];
};

typedef void reply_fn(void *arg, const struct nlmsghdr *nlh);

int tp_netlink_open(struct tp_netlink **out)
{
	struct tp_netlink *nl;
	int err;

	*out = NULL;
	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	/* The kernel has queued its answer when sendto returns, and makes the next part of a dump
	 * when the one before is read: waiting could only be for something that was lost. */
	nl->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		tp_netlink_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

void tp_netlink_close(struct tp_netlink *nl)
{
	if (!nl)
		return;
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl);
}

/* A fresh message, header of the family included. */
static struct nlmsghdr *request(char *buf, size_t size, uint16_t type, uint16_t flags,
				size_t header)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, size);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	mnl_nlmsg_put_extra_header(nlh, header);
	return nlh;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct tp_addr *a)
{
	struct in_addr v4;

	if (tp_addr_is_v4(a)) {
		v4 = tp_addr_to_v4(a);
		mnl_attr_put(nlh, type, sizeof(v4), &v4);
	} else {
		mnl_attr_put(nlh, type, sizeof(a->b), a->b);
	}
}

static int status(const struct nlmsghdr *nlh)
{
	int err;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(err)))
		return -EBADMSG;
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	return err;
}

/* Handles a datagram's messages. 1: more will come, 0: that was all, or -errno. */
static int replies(struct tp_netlink *nl, int len, reply_fn *fn, void *arg, bool *interrupted)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)nl->buf;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_seq != nl->seq)
			continue; /* left over from a request that failed half-way */
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
			return status(nlh);
		if (fn)
			fn(arg, nlh);
		if (!(nlh->nlmsg_flags & NLM_F_MULTI))
			return 0;
	}
	return 1;
}

/* A dump is read to its end even when interrupted: the kernel runs one a socket. */
static int transact(struct tp_netlink *nl, struct nlmsghdr *nlh, reply_fn *fn, void *arg)
{
	bool interrupted = false;
	ssize_t len;
	int err = 1;

	nlh->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (err == 1) {
		len = mnl_socket_recvfrom(nl->sock, nl->buf, sizeof(nl->buf));
		if (len < 0)
			return -errno;
		err = replies(nl, (int)len, fn, arg, &interrupted);
	}
	return !err && interrupted ? -EINTR : err;
}

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
	struct nlmsghdr *nlh = request(buf, sizeof(buf), type, NLM_F_DUMP, header);

	if (type == RTM_GETLINK)
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return transact(nl, nlh, dumped, dump);
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
	struct nlmsghdr *nlh = request(buf, sizeof(buf), RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct way way = {.gateway = *dst};
	bool v4 = tp_addr_is_v4(dst);
	int err;

	*ifindex = 0;
	memset(gateway, 0, sizeof(*gateway));
	rtm->rtm_family = v4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = v4 ? 32 : 128;
	put_addr(nlh, RTA_DST, dst);
	if (!tp_addr_is_zero(src)) {
		if (tp_addr_is_v4(src) != v4)
			return -EAFNOSUPPORT;
		rtm->rtm_src_len = rtm->rtm_dst_len;
		put_addr(nlh, RTA_SRC, src);
	}
	/* Routes that refuse (prohibit, blackhole, unreachable) make the lookup itself fail. */
	err = transact(nl, nlh, routed, &way);
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
	put_addr(nlh, NDA_DST, addr);
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

	nlh = request(buf, sizeof(buf), RTM_GETNEIGH, 0, sizeof(*ndm));
	put_neighbour(nlh, ifindex, addr);
	err = transact(nl, nlh, neighbour_kept, &kept);
	if (kept || (err && err != -ENOENT))
		return err;

	nlh = request(buf, sizeof(buf), RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, sizeof(*ndm));
	put_neighbour(nlh, ifindex, addr);
	ndm = mnl_nlmsg_get_payload(nlh);
	ndm->ndm_flags = NTF_USE;
	return transact(nl, nlh, NULL, NULL);
}
