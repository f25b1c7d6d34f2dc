/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel knows of devices, addresses, neighbours and routes (rtnetlink(7)): questions are
 * asked on one socket and answered at once; changes arrive at a monitor on another. The sockets are
 * non-blocking and nothing here waits. After opening, only sendto and recvmsg are called.
 */
#ifndef TP_NETLINK_H
#define TP_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

enum tp_netlink_kind {
	TP_NETLINK_LINK,
	TP_NETLINK_ADDRESS,   /* of this host */
	TP_NETLINK_NEIGHBOUR, /* gone: also when merely unresolved */
	TP_NETLINK_ROUTES,    /* something about routes or rules changed; no more is said */
	TP_NETLINK_RESYNC,    /* events were lost; what they had said follows, this comes last */
};

/* What an event is about. */
struct tp_netlink_key {
	uint32_t kind; /* enum tp_netlink_kind */
	int32_t ifindex;
	struct tp_addr addr; /* LINK: zero */
};

struct tp_netlink_link {
	char name[16];
	bool up;       /* administratively and by carrier */
	uint32_t mtu;  /* bytes of IP */
	int32_t lower; /* device below a VLAN device; 0: no VLAN device; -1: in another namespace */
	uint16_t vlan;
	uint16_t vlan_proto; /* 0x8100 or 0x88a8, host order */
};

struct tp_netlink_event {
	struct tp_netlink_key key;
	bool gone;
	uint8_t mac[6]; /* LINK, NEIGHBOUR; zero for a device that is not Ethernet-like */
	struct tp_netlink_link link; /* LINK */
};

typedef void tp_netlink_event_fn(void *ctx, const struct tp_netlink_event *event);

/* --- questions --- */

struct tp_netlink;

/* 0 or -errno. */
int tp_netlink_open(struct tp_netlink **out);
void tp_netlink_close(struct tp_netlink *nl);

/* Calls fn for every link, then address, then resolved neighbour; fn may not use nl. 0; -EINTR when
 * the kernel's tables changed meanwhile, so that entries may be missing; or -errno. */
int tp_netlink_dump(struct tp_netlink *nl, tp_netlink_event_fn *fn, void *ctx);

/* The way of packets from src (a local address; zero: any) to dst. *gateway is the neighbour to
 * send to: a router, which may be an IPv6 one for an IPv4 destination (RFC 8950), or dst itself. 0;
 * -ENETUNREACH, -EHOSTUNREACH, -EACCES (prohibit), -EINVAL (blackhole, or src is not local), or
 * another -errno. */
int tp_netlink_route(struct tp_netlink *nl, const struct tp_addr *dst, const struct tp_addr *src,
		     int *ifindex, struct tp_addr *gateway);

/* Has the kernel resolve a neighbour, or confirm it before its state grows old. Entries that an
 * administrator, another daemon or the kernel itself keeps are left alone. 0 or -errno; what comes
 * of it arrives at a monitor. */
int tp_netlink_probe(struct tp_netlink *nl, int ifindex, const struct tp_addr *addr);

/* --- changes --- */

struct tp_netlink_monitor;

/* Subscribes; nothing is reported before the first tp_netlink_monitor_sync(). fn may ask questions,
 * but not call the monitor. 0 or -errno. */
int tp_netlink_monitor_new(struct tp_netlink_monitor **out, tp_netlink_event_fn *fn, void *ctx);
void tp_netlink_monitor_free(struct tp_netlink_monitor *mon);

/* Becomes readable when there are changes. */
int tp_netlink_monitor_fd(const struct tp_netlink_monitor *mon);

/* Reports all that is there, as far as it was not reported before, and as gone what is there no
 * more. 0; or -errno, and then the next tp_netlink_monitor_read() tries again. */
int tp_netlink_monitor_sync(struct tp_netlink_monitor *mon);

/* Reports the changes that are waiting, each object only when something above has changed for it.
 * When the socket overflowed, syncs and ends with RESYNC. 0 or -errno. */
int tp_netlink_monitor_read(struct tp_netlink_monitor *mon);

#endif
