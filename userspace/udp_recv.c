// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/errqueue.h> /* wants time.h before it */

#include "udp.h"
#include "udp_socket.h"

#define READ_BYTES 65536 /* the most that GRO merges */

/* Reads tried again because of pending ICMP errors. Each try takes one off the socket. */
#define TRIES 64

/* Address, traffic class and segment size, or an extended error and the router it came from. */
struct control {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
					    2 * CMSG_SPACE(sizeof(int)) +
					    CMSG_SPACE(sizeof(struct sock_extended_err) +
						       sizeof(struct sockaddr_in6))];
};

struct tp_udp_batch {
	unsigned int count, next; /* reads: there, and taken so far */
	/* The read being taken apart: head.data is the next datagram, `left` bytes with those after
	 * it, all but the last `segment` long. */
	struct tp_udp_datagram head;
	size_t left, segment;
	struct mmsghdr msgs[TP_UDP_BATCH];
	struct iovec iov[TP_UDP_BATCH];
	struct sockaddr_storage peers[TP_UDP_BATCH];
	struct control controls[TP_UDP_BATCH];
	uint8_t bytes[TP_UDP_BATCH][READ_BYTES];
};

struct tp_udp_batch *tp_udp_batch_new(void)
{
	struct tp_udp_batch *b = malloc(sizeof(*b));

	if (b)
		memset(b, 0, offsetof(struct tp_udp_batch, bytes));
	return b;
}

void tp_udp_batch_free(struct tp_udp_batch *batch)
{
	free(batch);
}

static void clear(struct tp_udp_batch *b)
{
	b->count = b->next = 0;
	b->left = 0;
	for (int i = 0; i < TP_UDP_BATCH; i++) {
		b->iov[i] = (struct iovec){b->bytes[i], READ_BYTES};
		b->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &b->peers[i],
			.msg_namelen = sizeof(b->peers[i]),
			.msg_iov = &b->iov[i],
			.msg_iovlen = 1,
			.msg_control = &b->controls[i],
			.msg_controllen = sizeof(b->controls[i]),
		};
	}
}

int tp_udp_recv(struct tp_udp *u, struct tp_udp_batch *batch)
{
	int n = -1;

	clear(batch);
	for (int i = 0; i < TRIES && n < 0; i++) {
		n = recvmmsg(u->fd, batch->msgs, TP_UDP_BATCH, MSG_DONTWAIT, NULL);
		if (n < 0 && errno == EAGAIN)
			return 0;
	}
	if (n < 0)
		return -errno;
	batch->count = (unsigned int)n;
	return n;
}

static int control_int(const struct cmsghdr *c)
{
	int v;

	memcpy(&v, CMSG_DATA(c), sizeof(v));
	return v;
}

static struct tp_addr pktinfo_v4(const struct cmsghdr *c)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	return tp_addr_from_v4(info.ipi_addr);
}

static struct tp_addr pktinfo_v6(const struct cmsghdr *c)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	return tp_addr_from_v6(&info.ipi6_addr);
}

static void take_control(struct tp_udp_batch *b, const struct cmsghdr *c)
{
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
		b->head.local = pktinfo_v4(c);
	else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
		b->head.local = pktinfo_v6(c);
	else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
		b->head.tos = *CMSG_DATA(c);
	else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
		b->head.tos = (uint8_t)control_int(c);
	else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
		b->segment = (size_t)control_int(c);
}

static void begin_read(struct tp_udp_batch *b, unsigned int i)
{
	struct msghdr *m = &b->msgs[i].msg_hdr;

	b->head = (struct tp_udp_datagram){.data = b->bytes[i]};
	if (tp_endpoint_from_sockaddr(m->msg_name, &b->head.peer))
		return;
	b->left = b->segment = b->msgs[i].msg_len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		take_control(b, c);
	if (!b->segment)
		b->segment = b->left;
}

bool tp_udp_next(struct tp_udp_batch *batch, struct tp_udp_datagram *out)
{
	while (!batch->left) {
		if (batch->next == batch->count)
			return false;
		begin_read(batch, batch->next++);
	}
	*out = batch->head;
	out->len = batch->left < batch->segment ? batch->left : batch->segment;
	batch->head.data += out->len;
	batch->left -= out->len;
	return true;
}

static bool is_too_big(const struct sock_extended_err *e)
{
	if (e->ee_origin == SO_EE_ORIGIN_ICMP)
		return e->ee_type == ICMP_DEST_UNREACH && e->ee_code == ICMP_FRAG_NEEDED;
	return e->ee_origin == SO_EE_ORIGIN_ICMP6 && e->ee_type == ICMP6_PACKET_TOO_BIG;
}

static bool holds(const struct msghdr *m, const struct cmsghdr *c, size_t bytes)
{
	size_t room = (size_t)((char *)m->msg_control + m->msg_controllen - (char *)c);

	return c->cmsg_len >= CMSG_LEN(bytes) && c->cmsg_len <= room;
}

static bool extended_error(struct msghdr *m, struct sock_extended_err *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;

		if ((!v4 && !v6) || !holds(m, c, sizeof(*out)))
			continue;
		memcpy(out, CMSG_DATA(c), sizeof(*out));
		return true;
	}
	return false;
}

bool tp_udp_error_parse(struct msghdr *m, struct tp_udp_error *out)
{
	struct sock_extended_err e;

	if (!extended_error(m, &e) || !is_too_big(&e))
		return false;
	if (tp_endpoint_from_sockaddr(m->msg_name, &out->to))
		return false;
	out->mtu = e.ee_info;
	return true;
}

/* Takes one error off the queue: 1 when it is one to yield, 0 when not, -errno when there is none.
 */
static int take_error(struct tp_udp *u, struct tp_udp_error *out)
{
	struct control control;
	struct sockaddr_storage to;
	struct iovec iov = {out->quote, sizeof(out->quote)};
	struct msghdr m = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);

	if (len < 0)
		return -errno;
	out->len = (size_t)len;
	return tp_udp_error_parse(&m, out);
}

bool tp_udp_error_recv(struct tp_udp *u, struct tp_udp_error *out)
{
	socklen_t size = sizeof(int);
	int got = 0, pending;

	for (; u->errors < TP_UDP_ERRORS && !got; u->errors++)
		got = take_error(u, out);
	if (got > 0)
		return true;
	u->errors = 0;
	/* Reading the pending error is what clears it; which one it was doesn't matter. */
	getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &pending, &size);
	return false;
}
