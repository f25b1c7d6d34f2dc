/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/relay_probe.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/icmp.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto.h"
#include "log.h"

#define PACKET_MAX 256 /* of an answer; what is longer is none of ours */
#define BATCH	   64  /* at a time, then others have their turn */

struct gw_relay_probe {
	int socket;
	uint16_t id;
	struct event *readable;
	gw_relay_answer_fn *fn;
	void *ctx;
};

/* --- packets -------------------------------------------------------------------------------- */

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

void gw_relay_echo_make(uint8_t out[GW_ECHO_LEN], uint16_t id, uint16_t seq)
{
	struct icmphdr h = {.type = ICMP_ECHO};

	h.un.echo.id = htons(id);
	h.un.echo.sequence = htons(seq);
	memset(out, 0, GW_ECHO_LEN);
	memcpy(out, &h, sizeof(h));
	h.checksum = checksum(out, GW_ECHO_LEN);
	memcpy(out, &h, sizeof(h));
}

int gw_relay_echo_read(const uint8_t *packet, size_t len, uint16_t id, uint16_t *seq)
{
	size_t head = len ? (size_t)(packet[0] & 15) * 4 : 0;
	struct icmphdr h;

	if (head < sizeof(struct iphdr) || len < head + sizeof(h))
		return -EINVAL;
	memcpy(&h, packet + head, sizeof(h));
	if (h.type != ICMP_ECHOREPLY || h.un.echo.id != htons(id))
		return -EINVAL;
	*seq = ntohs(h.un.echo.sequence);
	return 0;
}

/* --- sending and hearing -------------------------------------------------------------------- */

union control {
	char buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct cmsghdr align;
};

int gw_relay_probe_send(struct gw_relay_probe *p, int ifindex, const struct tp_addr *to,
			uint16_t seq)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = tp_addr_to_v4(to)};
	const struct in_pktinfo info = {.ipi_ifindex = ifindex};
	uint8_t echo[GW_ECHO_LEN];
	struct iovec iov = {echo, sizeof(echo)};
	union control control = {0};
	struct msghdr msg = {&sin, sizeof(sin), &iov, 1, control.buf, sizeof(control.buf), 0};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	gw_relay_echo_make(echo, p->id, seq);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return sendmsg(p->socket, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int ifindex_of(struct msghdr *msg)
{
	struct in_pktinfo info = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
	return info.ipi_ifindex;
}

static bool hear_one(struct gw_relay_probe *p)
{
	uint8_t packet[PACKET_MAX];
	struct sockaddr_in from;
	union control control;
	struct iovec iov = {packet, sizeof(packet)};
	struct msghdr msg = {&from, sizeof(from), &iov, 1, control.buf, sizeof(control.buf), 0};
	ssize_t len = recvmsg(p->socket, &msg, MSG_DONTWAIT);
	struct tp_addr addr;
	uint16_t seq;

	if (len < 0)
		return false;
	if (gw_relay_echo_read(packet, (size_t)len, p->id, &seq))
		return true;
	addr = tp_addr_from_v4(from.sin_addr);
	p->fn(p->ctx, ifindex_of(&msg), &addr, seq);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BATCH && hear_one(arg); i++)
		;
}

/* --- life ----------------------------------------------------------------------------------- */

/* Answers alone; those to other programs' pings come as well, and have another id. */
static int open_socket(struct gw_relay_probe *p)
{
	const struct icmp_filter answers = {~(1u << ICMP_ECHOREPLY)};
	const int on = 1;

	p->socket = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
	if (p->socket < 0 ||
	    setsockopt(p->socket, SOL_RAW, ICMP_FILTER, &answers, sizeof(answers)) ||
	    setsockopt(p->socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)))
		return -errno;
	return 0;
}

int gw_relay_probe_open(struct gw_relay_probe **out, struct event_base *base,
			gw_relay_answer_fn *fn, void *ctx)
{
	struct gw_relay_probe *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->fn = fn;
	p->ctx = ctx;
	tp_random(&p->id, sizeof(p->id));
	err = open_socket(p);
	if (!err) {
		p->readable = event_new(base, p->socket, EV_READ | EV_PERSIST, on_readable, p);
		err = p->readable && !event_add(p->readable, NULL) ? 0 : -ENOMEM;
	}
	if (err) {
		tp_err("relays cannot be pinged: %s", strerror(-err));
		gw_relay_probe_close(p);
		return err;
	}
	*out = p;
	return 0;
}

void gw_relay_probe_close(struct gw_relay_probe *p)
{
	if (!p)
		return;
	if (p->readable)
		event_free(p->readable);
	if (p->socket >= 0)
		close(p->socket);
	free(p);
}
