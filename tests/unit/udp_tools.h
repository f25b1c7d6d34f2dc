/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of the UDP sockets share: a network namespace of their own, whose loopback has an
 * MTU of 1500 and fd00::2, and sockets on it. Where no namespace can be made, the host's loopback
 * serves, and what wants more is skipped.
 */
#ifndef TESTS_UNIT_UDP_TOOLS_H
#define TESTS_UNIT_UDP_TOOLS_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "userspace/udp.h"

#define WAIT_MS 10000 /* long enough to mean "never" */
#define TAG	0xa5
#define MTU	1500

static bool isolated;

/* The kernel accepts a new IPv6 address when its own work queue gets to it. */
static inline int await_address(int fd, const struct in6_addr *addr)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = *addr};

	for (int ms = 0; ms < WAIT_MS; ms++) {
		if (!bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
			return 0;
		usleep(1000);
	}
	return -1;
}

static inline int set_loopback(void)
{
	struct ifreq flags = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK};
	struct ifreq mtu = {.ifr_name = "lo", .ifr_mtu = MTU};
	struct in6_ifreq addr = {.ifr6_prefixlen = 128, .ifr6_ifindex = 1};
	int v4 = socket(AF_INET, SOCK_DGRAM, 0), v6 = socket(AF_INET6, SOCK_DGRAM, 0);
	int err;

	inet_pton(AF_INET6, "fd00::2", &addr.ifr6_addr);
	err = ioctl(v4, SIOCSIFFLAGS, &flags) || ioctl(v4, SIOCSIFMTU, &mtu) ||
	      ioctl(v6, SIOCSIFADDR, &addr) || await_address(v6, &addr.ifr6_addr);
	close(v4);
	close(v6);
	return err;
}

static inline void isolate(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET))
		printf("# no network namespace to be had: %s\n", strerror(errno));
	else if (set_loopback())
		printf("# no loopback in the new namespace: %s\n", strerror(errno));
	else
		isolated = true;
}

static inline void want_isolation(void)
{
	if (isolated)
		return;
	print_message("needs a network namespace\n");
	skip();
}

static inline struct tp_addr addr(const char *s)
{
	struct tp_addr a;

	assert_int_equal(tp_addr_parse(s, &a), 0);
	return a;
}

static inline struct tp_addr loopback(int family)
{
	return addr(family == AF_INET ? "127.0.0.1" : "::1");
}

static inline struct tp_addr second(int family)
{
	return addr(family == AF_INET ? "127.0.0.2" : "fd00::2");
}

static inline struct tp_udp *open_one(int family)
{
	struct tp_udp *u;

	assert_int_equal(tp_udp_open(&u, family, 0), 0);
	return u;
}

static inline struct tp_udp_batch *new_batch(void)
{
	struct tp_udp_batch *b = tp_udp_batch_new();

	assert_non_null(b);
	return b;
}

/* A datagram for u, whom it reaches over the loopback address. */
static inline struct tp_udp_datagram to(const struct tp_udp *u, int family, const void *data,
					size_t len)
{
	return (struct tp_udp_datagram){
		.peer = {.addr = loopback(family), .port = tp_udp_port(u)},
		.data = data,
		.len = len,
	};
}

static inline short wait_for(const struct tp_udp *u, short events)
{
	struct pollfd p = {.fd = tp_udp_fd(u), .events = events};

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	return p.revents;
}

static inline bool idle(const struct tp_udp *u)
{
	struct pollfd p = {.fd = tp_udp_fd(u), .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* The next datagram, whether of the batch or yet to come. Adds to *reads what it took. */
static inline struct tp_udp_datagram next(struct tp_udp *u, struct tp_udp_batch *b, int *reads)
{
	struct tp_udp_datagram d;

	while (!tp_udp_next(b, &d)) {
		int n;

		wait_for(u, POLLIN);
		n = tp_udp_recv(u, b);
		assert_true(n >= 0);
		*reads += n;
	}
	return d;
}

static inline struct tp_udp_datagram receive(struct tp_udp *u, struct tp_udp_batch *b)
{
	int reads = 0;

	return next(u, b, &reads);
}

static inline void count_failed(void *arg, const struct tp_udp_datagram *d, int err)
{
	unsigned int *failed = arg;

	assert_non_null(d);
	assert_true(err < 0);
	(*failed)++;
}

#endif
