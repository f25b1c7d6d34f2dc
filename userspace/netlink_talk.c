// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netlink_talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tp_netlink_open_bus(struct tp_netlink **out, int bus)
{
	struct tp_netlink *nl;
	int err;

	*out = NULL;
	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	/* The kernel has queued its answer when sendto returns, and makes the next part of a dump
	 * when the one before is read: waiting could only be for something that was lost. */
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		tp_netlink_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

int tp_netlink_open(struct tp_netlink **out)
{
	return tp_netlink_open_bus(out, NETLINK_ROUTE);
}

void tp_netlink_close(struct tp_netlink *nl)
{
	if (!nl)
		return;
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl);
}

struct nlmsghdr *tp_netlink_request(char *buf, size_t size, uint16_t type, uint16_t flags,
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

void tp_netlink_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct tp_addr *a)
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
static int replies(struct tp_netlink *nl, int len, tp_netlink_reply_fn *fn, void *arg,
		   bool *interrupted)
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
int tp_netlink_transact(struct tp_netlink *nl, struct nlmsghdr *nlh, tp_netlink_reply_fn *fn,
			void *arg)
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
