// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "oneshot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "acceptor.h"

#define LINGER_MS    2000  /* for the client to close after the answer */
#define LINGER_BYTES 65536 /* of its left-over input */

enum client_state { RECEIVING, SENDING, LINGERING };

struct client {
	LIST_ENTRY(client) entry;
	struct tp_oneshot *server;
	struct bufferevent *bev;
	struct event *deadline;
	enum client_state state;
	size_t discarded;
	bool eof; /* nothing more will come from it */
};

struct tp_oneshot {
	struct event_base *base;
	struct tp_acceptor *acceptor;
	const struct tp_oneshot_ops *ops;
	void *arg;
	LIST_HEAD(, client) clients;
	unsigned int n_clients;
};

static void set_timer(struct event *e, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(e, &tv);
}

static void accept_if_room(struct tp_oneshot *s)
{
	tp_acceptor_want(s->acceptor, s->n_clients < s->ops->clients_max);
}

static void client_free(struct client *c)
{
	struct tp_oneshot *s = c->server;

	LIST_REMOVE(c, entry);
	event_free(c->deadline);
	bufferevent_free(c->bev);
	free(c);
	s->n_clients--;
	accept_if_room(s);
}

/* Closing a socket with unread input resets the connection and can take the answer with it. So
 * only our direction is shut, and the client closes. */
static void client_linger(struct client *c)
{
	if (c->eof) {
		client_free(c);
		return;
	}
	c->state = LINGERING;
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	set_timer(c->deadline, LINGER_MS);
}

static void client_send(struct client *c, struct evbuffer *reply)
{
	int sent = evbuffer_write(reply, bufferevent_getfd(c->bev));

	c->state = SENDING;
	if (evbuffer_get_length(reply) == 0) {
		client_linger(c);
	} else if ((sent < 0 && errno != EAGAIN && errno != EINTR) ||
		   bufferevent_write_buffer(c->bev, reply) < 0) {
		client_free(c);
	} else {
		set_timer(c->deadline, c->server->ops->answer_ms);
	}
}

static size_t unsent_bytes(const struct tp_oneshot *s)
{
	const struct client *c;
	size_t n = 0;

	LIST_FOREACH (c, &s->clients, entry)
		n += evbuffer_get_length(bufferevent_get_output(c->bev));
	return n;
}

/* `len`: bytes of the request before its end mark. */
static void client_answer(struct client *c, enum tp_oneshot_status status, size_t len)
{
	struct tp_oneshot *s = c->server;
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer *reply = evbuffer_new();
	char empty[1] = "", *request = empty;

	if (status == TP_ONESHOT_REQUEST && unsent_bytes(s) > s->ops->unsent_max)
		status = TP_ONESHOT_BUSY;
	if (status == TP_ONESHOT_REQUEST) {
		request = (char *)evbuffer_pullup(in, (ev_ssize_t)(len + strlen(s->ops->end)));
		if (request)
			request[len] = '\0'; /* over the end mark */
	}
	if (!reply || !request) {
		client_free(c);
	} else {
		s->ops->answer(s->arg, status, request, request == empty ? 0 : len, reply);
		evbuffer_drain(in, evbuffer_get_length(in));
		client_send(c, reply);
	}
	if (reply)
		evbuffer_free(reply);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;
	const struct tp_oneshot_ops *ops = c->server->ops;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_ptr end;

	if (c->state != RECEIVING) {
		c->discarded += evbuffer_get_length(in);
		evbuffer_drain(in, evbuffer_get_length(in));
		if (c->discarded > LINGER_BYTES)
			client_free(c);
		return;
	}
	end = evbuffer_search(in, ops->end, strlen(ops->end), NULL);
	if (end.pos >= 0 && (size_t)end.pos <= ops->request_max)
		client_answer(c, TP_ONESHOT_REQUEST, (size_t)end.pos);
	else if (evbuffer_get_length(in) >= ops->request_max + strlen(ops->end))
		client_answer(c, TP_ONESHOT_TOO_LONG, 0);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	if (c->state == SENDING && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		client_linger(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	c->eof = what & BEV_EVENT_EOF;
	/* A client may shut its sending side and still wait for the answer. */
	if (c->eof && c->state == SENDING)
		return;
	client_free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_free(arg);
}

static int client_new(struct tp_oneshot *s, evutil_socket_t fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->server = s;
	c->deadline = evtimer_new(s->base, on_deadline, c);
	c->bev = c->deadline ? bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!c->bev) {
		if (c->deadline)
			event_free(c->deadline);
		free(c);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&s->clients, c, entry);
	s->n_clients++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, s->ops->request_max + strlen(s->ops->end));
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	set_timer(c->deadline, s->ops->request_ms);
	return 0;
}

static void on_accept(void *arg, int fd, const struct sockaddr *from)
{
	struct tp_oneshot *s = arg;

	(void)from;
	if (client_new(s, fd))
		evutil_closesocket(fd);
	accept_if_room(s);
}

int tp_oneshot_new(struct tp_oneshot **out, struct event_base *base, int listen_fd,
		   const struct tp_oneshot_ops *ops, void *arg)
{
	struct tp_oneshot *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->base = base;
	s->ops = ops;
	s->arg = arg;
	LIST_INIT(&s->clients);
	if (tp_acceptor_new(&s->acceptor, base, listen_fd, on_accept, s)) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void tp_oneshot_free(struct tp_oneshot *s)
{
	if (!s)
		return;
	while (!LIST_EMPTY(&s->clients))
		client_free(LIST_FIRST(&s->clients));
	tp_acceptor_free(s->acceptor);
	free(s);
}
