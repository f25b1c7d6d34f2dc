/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemons' UDP sockets: bound to every local address, told which of them a datagram came to,
 * and sending from the one that the caller names. Non-blocking, in batches, with the kernel's
 * receive and send offloads where it has them, DSCP and ECN passed through.
 *
 * Datagrams are fragmented where they don't fit and never carry DF: IPv4 at the device's MTU,
 * whatever ICMP says (a forged frag-needed does nothing, IP_PMTUDISC_OMIT); IPv6 at the MTU the
 * path is known to have, since nobody downstream could fragment.
 *
 * An ICMP error for any peer shows up as an error of the whole socket. None of the calls here loses
 * a datagram to that; tp_udp_error_recv() says what was behind it.
 */
#ifndef TP_UDP_H
#define TP_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* The sockets that share one port. Which of them gets a datagram is decided in the kernel, so that
 * a flood of one kind leaves the others' buffers alone. That is about load and not about trust: a
 * datagram of any kind can arrive at any of them (merged by GRO, or while the group is opened). */
enum tp_udp_class {
	TP_UDP_CONTROL, /* handshakes, STUN and all else */
	TP_UDP_SESSION, /* WireGuard data whose receiver index has the tag in its last byte */
	TP_UDP_DATA,	/* other WireGuard data */
	TP_UDP_CLASSES,
};

#define TP_UDP_PAYLOAD_MAX 65507 /* IPv4's; IPv6 without jumbograms has 20 more */
#define TP_UDP_BATCH	   64	 /* reads (GRO: trains of datagrams) a batch, messages a flush */
#define TP_UDP_QUEUE	   1024	 /* datagrams that wait for a flush */
#define TP_UDP_ERRORS	   256	 /* ICMP errors taken before it's others' turn */
#define TP_UDP_QUOTE	   64	 /* bytes kept of a datagram that an ICMP error quotes */

struct tp_udp;
struct tp_udp_batch;

/* Received: peer sent it to local. To send: from local (all zero: the kernel chooses) to peer. */
struct tp_udp_datagram {
	struct tp_endpoint peer;
	struct tp_addr local;
	const uint8_t *data;
	size_t len;
	uint8_t tos; /* DSCP and ECN: IPv4's TOS byte, IPv6's traffic class */
};

/* Opens a socket on `port` (network order; 0: the kernel chooses) for family AF_INET or AF_INET6,
 * the latter without IPv4. 0 with *out set, or -errno with the reason logged; -EADDRINUSE when
 * another process has the port. Binding below port 1024 and buffers above the system's limit want
 * privilege, the latter are done without otherwise. */
int tp_udp_open(struct tp_udp **out, int family, uint16_t port);
/* The same for all classes; `tag` is byte 7 of the data messages of TP_UDP_SESSION. */
int tp_udp_open_group(struct tp_udp *out[TP_UDP_CLASSES], int family, uint16_t port, uint8_t tag);
void tp_udp_close(struct tp_udp *u); /* NULL is fine */

/* To wait on: readable when there are datagrams, or errors, to take. */
int tp_udp_fd(const struct tp_udp *u);
uint16_t tp_udp_port(const struct tp_udp *u); /* network order */

/* Room for one read from any socket: about 4 MiB, touched only as far as it's used. NULL: no
 * memory. */
struct tp_udp_batch *tp_udp_batch_new(void);
void tp_udp_batch_free(struct tp_udp_batch *batch);

/* Reads what is there, up to TP_UDP_BATCH reads, replacing the batch's contents. The number of
 * reads, 0 when there was nothing (left), or -errno. */
int tp_udp_recv(struct tp_udp *u, struct tp_udp_batch *batch);
/* The batch's next datagram, false after the last. Its data lives until the next tp_udp_recv(). */
bool tp_udp_next(struct tp_udp_batch *batch, struct tp_udp_datagram *out);

/* Sends now. 0 or -errno: -EAFNOSUPPORT for a peer of the other family, -EAGAIN when the send
 * buffer is full. */
int tp_udp_send(struct tp_udp *u, const struct tp_udp_datagram *d);

/* Queues for tp_udp_flush(). Copies *d but not the data, which must stay as it is until then. 0,
 * -ENOBUFS when a flush is due, -EAFNOSUPPORT, or -EMSGSIZE. */
int tp_udp_queue(struct tp_udp *u, const struct tp_udp_datagram *d);
/* Sends what is queued, in order; runs of datagrams between the same two ends and of one size (a
 * shorter one ends a run) go to the kernel as one. Calls failed() for each that could not be sent,
 * with its -errno; it may be NULL and must not queue. Returns how many were sent. */
unsigned int tp_udp_flush(struct tp_udp *u,
			  void (*failed)(void *arg, const struct tp_udp_datagram *d, int err),
			  void *arg);

/* An ICMP frag-needed or packet-too-big (RFC 1191, RFC 8201) as it came: anyone may have sent it,
 * so believe it only when the quote fits something that is being sent, and bound the MTU. */
struct tp_udp_error {
	struct tp_endpoint to;	     /* where the quoted datagram went */
	uint32_t mtu;		     /* IP bytes */
	size_t len;		     /* of the quote, which may be empty */
	uint8_t quote[TP_UDP_QUOTE]; /* the start of its UDP payload */
};

/* The next such error; others are skipped. To be called in a loop whenever any socket of a group is
 * readable: errors don't follow the group's split, and take room in the receive buffer. False when
 * there is none, which also ends the pending error that would keep the socket readable, or after
 * TP_UDP_ERRORS in a row, so that a flood of them can't keep the caller: the socket stays readable.
 */
bool tp_udp_error_recv(struct tp_udp *u, struct tp_udp_error *out);

#endif
