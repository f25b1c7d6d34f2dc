// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "log.h"
#include "udp.h"
#include "udp_socket.h"

#define SEGMENTS_MAX 64 /* UDP_SEGMENT's limit in the oldest kernel supported */

/* Sends tried again because an ICMP error that was pending may have failed them. */
#define TRIES 4

/* One message for the kernel: `count` datagrams that go the same way. */
struct run {
	const struct tp_udp_datagram *first;
	struct iovec *iov;
	unsigned int count;
	struct sockaddr_storage to;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
					      CMSG_SPACE(sizeof(int)) +
					      CMSG_SPACE(sizeof(uint16_t))];
};

struct flush {
	struct tp_udp *u;
	void (*failed)(void *arg, const struct tp_udp_datagram *d, int err);
	void *arg;
	unsigned int sent;
};

static void add_control(struct msghdr *m, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *c = (void *)((char *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), value, size);
	m->msg_controllen += CMSG_SPACE(size);
}

static void add_v4(struct msghdr *m, const struct tp_udp_datagram *d)
{
	struct in_pktinfo info = {.ipi_spec_dst = tp_addr_to_v4(&d->local)};
	int tos = d->tos;

	if (!tp_addr_is_zero(&d->local))
		add_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	add_control(m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static void add_v6(struct msghdr *m, const struct tp_udp_datagram *d)
{
	struct in6_pktinfo info = {0};
	int tclass = d->tos;

	memcpy(&info.ipi6_addr, d->local.b, sizeof(info.ipi6_addr));
	if (!tp_addr_is_zero(&d->local))
		add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	add_control(m, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
}

/* Describes a run to the kernel, in storage of the run. */
static void fill(struct tp_udp *u, struct run *r, struct msghdr *m)
{
	uint16_t segment = (uint16_t)r->first->len;

	memset(r->control, 0, sizeof(r->control)); /* the padding between its parts */
	*m = (struct msghdr){
		.msg_name = &r->to,
		.msg_namelen = tp_endpoint_to_sockaddr(&r->first->peer, &r->to),
		.msg_iov = r->iov,
		.msg_iovlen = r->count,
		.msg_control = r->control,
	};
	if (u->family == AF_INET)
		add_v4(m, r->first);
	else
		add_v6(m, r->first);
	if (r->count > 1)
		add_control(m, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
}

static bool family_fits(const struct tp_udp *u, const struct tp_udp_datagram *d)
{
	bool v4 = u->family == AF_INET;

	return tp_addr_is_v4(&d->peer.addr) == v4 &&
	       (tp_addr_is_zero(&d->local) || tp_addr_is_v4(&d->local) == v4);
}

int tp_udp_send(struct tp_udp *u, const struct tp_udp_datagram *d)
{
	struct iovec iov = {(void *)d->data, d->len};
	struct run r = {.first = d, .iov = &iov, .count = 1};
	struct msghdr m;

	if (!family_fits(u, d))
		return -EAFNOSUPPORT;
	fill(u, &r, &m);
	for (int i = 0; i < TRIES; i++) {
		if (sendmsg(u->fd, &m, MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EAGAIN)
			break;
	}
	return -errno;
}

int tp_udp_queue(struct tp_udp *u, const struct tp_udp_datagram *d)
{
	struct tp_udp_queue *q = &u->queue;

	if (!family_fits(u, d))
		return -EAFNOSUPPORT;
	if (d->len > TP_UDP_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (q->count == TP_UDP_QUEUE)
		return -ENOBUFS;
	q->datagrams[q->count] = *d;
	q->iov[q->count++] = (struct iovec){(void *)d->data, d->len};
	return 0;
}

static bool same_way(const struct tp_udp_datagram *a, const struct tp_udp_datagram *b)
{
	return a->tos == b->tos && tp_endpoint_equal(&a->peer, &b->peer) &&
	       tp_addr_equal(&a->local, &b->local);
}

/* How many of the n datagrams at d the kernel can take as one. */
static unsigned int run_length(const struct tp_udp *u, const struct tp_udp_datagram *d,
			       unsigned int n)
{
	size_t total = d->len;
	unsigned int i;

	if (!u->gso || !d->len)
		return 1;
	for (i = 1; i < n && i < SEGMENTS_MAX; i++) {
		bool ended = d[i - 1].len < d->len;

		total += d[i].len;
		if (ended || !d[i].len || d[i].len > d->len || total > TP_UDP_PAYLOAD_MAX ||
		    !same_way(d, &d[i]))
			break;
	}
	return i;
}

static void report(struct flush *f, const struct tp_udp_datagram *d, int err)
{
	if (!err)
		f->sent++;
	else if (f->failed)
		f->failed(f->arg, d, err);
}

/* The kernel refused a run with `err`. Maybe because of an ICMP error that was pending, or because
 * segments larger than the MTU must be fragmented, which it does for single datagrams only. */
static void send_singly(struct flush *f, const struct run *r, int err)
{
	if (err == -EIO && r->count > 1) {
		tp_debug("udp: no segmentation offload, sending singly");
		f->u->gso = false;
	}
	for (unsigned int i = 0; i < r->count; i++)
		report(f, &r->first[i], err == -EAGAIN ? err : tp_udp_send(f->u, &r->first[i]));
}

static void send_runs(struct flush *f, struct mmsghdr *msgs, const struct run *runs, unsigned int n)
{
	unsigned int at = 0;

	while (at < n) {
		int sent = sendmmsg(f->u->fd, msgs + at, n - at, MSG_DONTWAIT);

		if (sent <= 0) {
			send_singly(f, &runs[at++], -errno);
			continue;
		}
		while (sent--)
			f->sent += runs[at++].count;
	}
}

unsigned int tp_udp_flush(struct tp_udp *u,
			  void (*failed)(void *arg, const struct tp_udp_datagram *d, int err),
			  void *arg)
{
	struct flush f = {.u = u, .failed = failed, .arg = arg};
	struct mmsghdr msgs[TP_UDP_BATCH];
	struct run runs[TP_UDP_BATCH];
	unsigned int at = 0;

	while (at < u->queue.count) {
		unsigned int n = 0;

		for (; n < TP_UDP_BATCH && at < u->queue.count; n++) {
			const struct tp_udp_datagram *d = &u->queue.datagrams[at];

			runs[n].first = d;
			runs[n].iov = &u->queue.iov[at];
			runs[n].count = run_length(u, d, u->queue.count - at);
			fill(u, &runs[n], &msgs[n].msg_hdr);
			at += runs[n].count;
		}
		send_runs(&f, msgs, runs, n);
	}
	u->queue.count = 0;
	return f.sent;
}
