/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a read from rtnetlink may hold: messages in a row, each to be told as an event or not. */
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netlink_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static bool is_zero(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len)
		if (p[--len])
			return false;
	return true;
}

static void check_link(const struct nlmsghdr *nlh, const struct tp_netlink_event *e)
{
	demand(nlh->nlmsg_type == RTM_NEWLINK || nlh->nlmsg_type == RTM_DELLINK);
	demand(e->gone == (nlh->nlmsg_type == RTM_DELLINK));
	demand(is_zero(&e->key.addr, sizeof(e->key.addr)));
	demand(memchr(e->link.name, '\0', sizeof(e->link.name)));
	demand(e->link.lower || (!e->link.vlan && !e->link.vlan_proto));
}

static void check(const struct nlmsghdr *nlh, const struct tp_netlink_event *e)
{
	switch (e->key.kind) {
	case TP_NETLINK_LINK: check_link(nlh, e); break;
	case TP_NETLINK_ADDRESS:
		demand(nlh->nlmsg_type == RTM_NEWADDR || e->gone);
		demand(is_zero(e->mac, sizeof(e->mac)));
		break;
	case TP_NETLINK_NEIGHBOUR:
		demand(nlh->nlmsg_type == RTM_NEWNEIGH || e->gone);
		demand(e->gone == is_zero(e->mac, sizeof(e->mac)));
		break;
	case TP_NETLINK_ROUTES: demand(!e->key.ifindex && !e->gone); break;
	default: abort();
	}
}

/* mnl_nlmsg_ok() takes a length of 2^31 and more for a negative one, which the kernel never sends.
 */
static bool whole(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *buf = calloc(1, NLMSG_ALIGN(len)); /* padded like the kernel's; its end is guarded */
	const struct nlmsghdr *nlh = (const void *)buf;
	int left = (int)len;
	struct tp_netlink_event event, again;

	if (len && !buf)
		abort();
	memcpy(buf, data, len);
	for (; whole(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		memset(&again, 0xff, sizeof(again));
		if (!tp_netlink_parse(nlh, &event))
			continue;
		check(nlh, &event);
		demand(tp_netlink_parse(nlh, &again) && !memcmp(&event, &again, sizeof(event)));
	}
	free(buf);
	return 0;
}
