/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of udp.h (udp.c, udp_recv.c, udp_send.c) share among themselves. */
#ifndef TP_UDP_SOCKET_H
#define TP_UDP_SOCKET_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "udp.h"

struct tp_udp_queue {
	unsigned int count;
	struct tp_udp_datagram datagrams[TP_UDP_QUEUE];
	struct iovec iov[TP_UDP_QUEUE]; /* their data */
};

struct tp_udp {
	int fd;
	int family;
	uint16_t port;	     /* network order */
	bool gso;	     /* until the kernel says that a device can't */
	unsigned int errors; /* taken off the error queue in a row */
	struct tp_udp_queue queue;
};

/* What a socket's error queue gave: fills out->to and out->mtu. False when it is no error to yield.
 */
bool tp_udp_error_parse(struct msghdr *m, struct tp_udp_error *out);

#endif
