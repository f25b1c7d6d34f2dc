// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"
#include "netlink.h"
#include "netlink_parse.h"

#define RCVBUF	   (4 << 20)
#define DUMP_TRIES 8

static const int groups[] = {
	RTNLGRP_LINK,	     RTNLGRP_NEIGH,	 RTNLGRP_IPV4_IFADDR,
	RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP,
};

/* What was last reported of an object. Needed to tell, after a loss, what went unseen. */
struct known {
	struct tp_netlink_event event; /* zeroed before it is filled: compared whole */
	uint32_t generation;
	UT_hash_handle hh;
};

struct tp_netlink_monitor {
	struct mnl_socket *sock;
	struct tp_netlink *nl; /* its own: who gets an event may ask questions amid a dump */
	tp_netlink_event_fn *fn;
	void *ctx;
	struct known *known;
	uint32_t generation; /* of the newest dump */
	bool lost;	     /* a dump is due */
	_Alignas(NLMSG_ALIGNTO) char buf[TP_NETLINK_BUFFER];
};

static int subscribe(struct tp_netlink_monitor *mon)
{
	const int size = RCVBUF;
	size_t i;
	int fd;

	mon->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!mon->sock || mnl_socket_bind(mon->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* A larger buffer makes a dump rarer; one comes in any case, so failure does not matter. */
	fd = mnl_socket_get_fd(mon->sock);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(mon->sock, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

int tp_netlink_monitor_new(struct tp_netlink_monitor **out, tp_netlink_event_fn *fn, void *ctx)
{
	struct tp_netlink_monitor *mon;
	int err;

	*out = NULL;
	mon = calloc(1, sizeof(*mon));
	if (!mon)
		return -ENOMEM;
	mon->fn = fn;
	mon->ctx = ctx;
	err = tp_netlink_open(&mon->nl);
	if (!err)
		err = subscribe(mon);
	if (err) {
		tp_netlink_monitor_free(mon);
		return err;
	}
	*out = mon;
	return 0;
}

void tp_netlink_monitor_free(struct tp_netlink_monitor *mon)
{
	struct known *k, *next;

	if (!mon)
		return;
	HASH_ITER (hh, mon->known, k, next) {
		HASH_DEL(mon->known, k);
		free(k);
	}
	if (mon->sock)
		mnl_socket_close(mon->sock);
	tp_netlink_close(mon->nl);
	free(mon);
}

int tp_netlink_monitor_fd(const struct tp_netlink_monitor *mon)
{
	return mnl_socket_get_fd(mon->sock);
}

static void forget(struct tp_netlink_monitor *mon, struct known *k)
{
	struct tp_netlink_event event;

	memset(&event, 0, sizeof(event));
	event.key = k->event.key;
	event.gone = true;
	HASH_DEL(mon->known, k);
	free(k);
	mon->fn(mon->ctx, &event);
}

static struct known *remember(struct tp_netlink_monitor *mon, const struct tp_netlink_key *key)
{
	struct known *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->event.key = *key;
	HASH_ADD(hh, mon->known, event.key, sizeof(*key), k);
	if (!tp_hash_added(k)) {
		free(k);
		return NULL;
	}
	return k;
}

/* Passes an event on when it says something new. */
static void note(void *arg, const struct tp_netlink_event *event)
{
	struct tp_netlink_monitor *mon = arg;
	struct known *k;

	HASH_FIND(hh, mon->known, &event->key, sizeof(event->key), k);
	if (event->gone) {
		if (k)
			forget(mon, k);
		return;
	}
	if (k && !memcmp(&k->event, event, sizeof(*event))) {
		k->generation = mon->generation;
		return;
	}
	if (!k)
		k = remember(mon, &event->key);
	if (!k) {
		tp_log_limited(LOG_ERR, "netlink: no memory for an event");
		mon->lost = true;
		return;
	}
	memcpy(&k->event, event, sizeof(*event));
	k->generation = mon->generation;
	mon->fn(mon->ctx, event);
}

int tp_netlink_monitor_sync(struct tp_netlink_monitor *mon)
{
	struct known *k, *next;
	int err = -EINTR, i;

	mon->lost = false;
	mon->generation++;
	for (i = 0; i < DUMP_TRIES && err == -EINTR; i++)
		err = tp_netlink_dump(mon->nl, note, mon);
	if (err) {
		mon->lost = true;
		return err;
	}
	HASH_ITER (hh, mon->known, k, next) {
		if (k->generation != mon->generation)
			forget(mon, k);
	}
	return mon->lost ? -ENOMEM : 0;
}

static void report(struct tp_netlink_monitor *mon, enum tp_netlink_kind kind)
{
	struct tp_netlink_event event;

	memset(&event, 0, sizeof(event));
	event.key.kind = kind;
	mon->fn(mon->ctx, &event);
}

static void handle(struct tp_netlink_monitor *mon, int len)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)mon->buf;
	struct tp_netlink_event event;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (!tp_netlink_parse(nlh, &event))
			continue;
		if (event.key.kind == TP_NETLINK_ROUTES)
			mon->fn(mon->ctx, &event);
		else
			note(mon, &event);
	}
}

/* Reads until nothing is left. Once messages were lost, those still queued are older than the dump
 * that is to come, and are thrown away. */
static int drain(struct tp_netlink_monitor *mon)
{
	ssize_t len;

	for (;;) {
		len = mnl_socket_recvfrom(mon->sock, mon->buf, sizeof(mon->buf));
		if (len >= 0) {
			if (!mon->lost)
				handle(mon, (int)len);
		} else if (errno == ENOBUFS || errno == ENOSPC) {
			mon->lost = true;
		} else if (errno != EINTR) {
			return errno == EAGAIN ? 0 : -errno;
		}
	}
}

int tp_netlink_monitor_read(struct tp_netlink_monitor *mon)
{
	int err;

	err = drain(mon);
	if (err || !mon->lost)
		return err;
	tp_log_limited(LOG_INFO, "netlink: events were lost, reading everything again");
	err = tp_netlink_monitor_sync(mon);
	if (!err)
		report(mon, TP_NETLINK_RESYNC);
	return err;
}
