/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"
#include "relay/forward.h"
#include "relay/sockets.h"
#include "udp.h"

#define READS_PER_WAKE 4 /* batches before the other sockets get their turn */

enum { V4, V6, FAMILIES };

/* One socket and its event. */
struct source {
	struct sockets *owner;
	struct tp_udp *udp;
	struct event *event;
	bool stun_only;
};

struct sockets {
	struct relay *relay;
	struct tp_udp_batch *batch;
	struct source wireguard[FAMILIES][TP_UDP_CLASSES];
	struct source stun[FAMILIES];
};

static struct tp_udp *udp_for(const struct sockets *s, const struct tp_addr *peer, int class)
{
	return s->wireguard[tp_addr_is_v4(peer) ? V4 : V6][class].udp;
}

/* --- relay_ops --- */

static void send_failed(struct sockets *s, size_t len)
{
	relay_count(s->relay, TP_DROP_send_failed, len);
}

static void op_send(void *ctx, const struct tp_addr *local, const struct tp_endpoint *to,
		    const void *data, size_t len)
{
	struct sockets *s = ctx;
	struct tp_udp *udp = udp_for(s, &to->addr, TP_UDP_CONTROL);
	struct tp_udp_datagram d = {*to, *local, data, len, 0};

	if (!udp || tp_udp_send(udp, &d))
		send_failed(s, len);
}

static void op_answer(void *ctx, const struct packet *p, const void *data, size_t len)
{
	struct source *from = p->via;
	struct tp_udp_datagram d = {*p->from, *p->local, data, len, 0};

	if (tp_udp_send(from->udp, &d))
		send_failed(ctx, len);
}

/* A data packet was counted as forwarded when it was queued. */
static void forward_failed(struct sockets *s, size_t len)
{
	s->relay->stats.forwarded.packets--;
	s->relay->stats.forwarded.bytes -= len;
	send_failed(s, len);
}

static void not_sent(void *arg, const struct tp_udp_datagram *d, int err)
{
	(void)err;
	forward_failed(arg, d->len);
}

static void flush(struct sockets *s)
{
	for (int f = 0; f < FAMILIES; f++)
		if (s->wireguard[f][TP_UDP_DATA].udp)
			tp_udp_flush(s->wireguard[f][TP_UDP_DATA].udp, not_sent, s);
}

static void op_forward(void *ctx, const struct tp_addr *local, const struct tp_endpoint *to,
		       const void *data, size_t len, uint8_t tos)
{
	struct sockets *s = ctx;
	struct tp_udp *udp = udp_for(s, &to->addr, TP_UDP_DATA);
	struct tp_udp_datagram d = {*to, *local, data, len, tos};
	int err = udp ? tp_udp_queue(udp, &d) : -EAFNOSUPPORT;

	if (err == -ENOBUFS) {
		tp_udp_flush(udp, not_sent, s);
		err = tp_udp_queue(udp, &d);
	}
	if (err)
		forward_failed(s, len);
}

const struct relay_ops sockets_ops = {
	.send = op_send,
	.answer = op_answer,
	.forward = op_forward,
};

/* --- receiving --- */

static void take_errors(struct source *src, uint64_t now)
{
	struct tp_udp_error e;

	while (tp_udp_error_recv(src->udp, &e))
		forward_path_mtu(src->owner->relay, &e.to, e.mtu, e.quote, e.len, now);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct source *src = arg;
	struct sockets *s = src->owner;
	uint64_t now = tp_now();

	(void)fd;
	(void)what;
	take_errors(src, now);
	for (int i = 0; i < READS_PER_WAKE && tp_udp_recv(src->udp, s->batch) > 0; i++) {
		struct tp_udp_datagram d;

		while (tp_udp_next(s->batch, &d)) {
			struct packet p = {
				.from = &d.peer,
				.local = &d.local,
				.data = d.data,
				.len = d.len,
				.tos = d.tos,
				.stun_only = src->stun_only,
				.via = src,
				.now = now,
			};

			relay_receive(s->relay, &p);
		}
		/* What was queued points into the batch. */
		flush(s);
	}
}

static int watch(struct sockets *s, struct source *src, struct event_base *base)
{
	src->owner = s;
	if (!src->udp)
		return 0;
	src->event = event_new(base, tp_udp_fd(src->udp), EV_READ | EV_PERSIST, on_readable, src);
	return src->event && !event_add(src->event, NULL) ? 0 : -ENOMEM;
}

int sockets_start(struct sockets *s, struct event_base *base, struct relay *r)
{
	int err = 0;

	s->relay = r;
	for (int f = 0; f < FAMILIES && !err; f++) {
		for (int c = 0; c < TP_UDP_CLASSES && !err; c++)
			err = watch(s, &s->wireguard[f][c], base);
		if (!err)
			err = watch(s, &s->stun[f], base);
	}
	return err;
}

/* --- life --- */

static int open_family(struct sockets *s, int f, int family, const struct relay_config *config,
		       uint8_t tag)
{
	struct tp_udp *group[TP_UDP_CLASSES];
	int err = tp_udp_open_group(group, family, htons(config->listen_port), tag);

	if (err)
		return err;
	for (int c = 0; c < TP_UDP_CLASSES; c++)
		s->wireguard[f][c].udp = group[c];
	if (!config->stun_port)
		return 0;
	s->stun[f].stun_only = true;
	return tp_udp_open(&s->stun[f].udp, family, htons(config->stun_port));
}

static bool family_missing(int err)
{
	return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL;
}

int sockets_new(struct sockets **out, const struct relay_config *config, uint8_t index_tag)
{
	static const int families[FAMILIES] = {AF_INET, AF_INET6};
	struct sockets *s = calloc(1, sizeof(*s));
	unsigned int open = 0;
	int err = -ENOMEM;

	*out = NULL;
	if (!s)
		return err;
	s->batch = tp_udp_batch_new();
	if (!s->batch)
		goto out;
	for (int f = 0; f < FAMILIES; f++) {
		err = open_family(s, f, families[f], config, index_tag);
		if (err && !family_missing(err))
			goto out;
		open += !err;
	}
	if (!open)
		goto out;
	*out = s;
	return 0;
out:
	sockets_free(s);
	return err;
}

static void source_close(struct source *src)
{
	if (src->event)
		event_free(src->event);
	tp_udp_close(src->udp);
}

void sockets_free(struct sockets *s)
{
	if (!s)
		return;
	for (int f = 0; f < FAMILIES; f++) {
		for (int c = 0; c < TP_UDP_CLASSES; c++)
			source_close(&s->wireguard[f][c]);
		source_close(&s->stun[f]);
	}
	tp_udp_batch_free(s->batch);
	free(s);
}
