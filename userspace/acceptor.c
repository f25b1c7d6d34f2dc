// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "acceptor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "log.h"

#define PAUSE_MS 500

struct tp_acceptor {
	struct evconnlistener *listener;
	struct event *pause; /* pending: it pauses */
	bool wanted;
	void (*fn)(void *arg, int fd, const struct sockaddr *from);
	void *arg;
};

static void go_on(struct tp_acceptor *a)
{
	if (a->wanted && !event_pending(a->pause, EV_TIMEOUT, NULL))
		evconnlistener_enable(a->listener);
	else
		evconnlistener_disable(a->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
		      int len, void *arg)
{
	struct tp_acceptor *a = arg;

	(void)listener;
	(void)len;
	a->fn(a->arg, fd, from);
}

static void pause_for(struct tp_acceptor *a, unsigned int ms)
{
	struct timeval tv = {.tv_usec = (suseconds_t)ms * 1000};

	evtimer_add(a->pause, &tv);
	go_on(a);
}

static void on_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	tp_log_limited(LOG_WARNING, "can't accept a connection: %s", strerror(errno));
	pause_for(arg, PAUSE_MS);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg);
}

void tp_acceptor_yield(struct tp_acceptor *a)
{
	/* A timer that is due is looked at after the sockets that were ready with it. */
	if (!event_pending(a->pause, EV_TIMEOUT, NULL))
		pause_for(a, 0);
}

void tp_acceptor_want(struct tp_acceptor *a, bool more)
{
	if (!a)
		return;
	a->wanted = more;
	go_on(a);
}

int tp_acceptor_new(struct tp_acceptor **out, struct event_base *base, int listen_fd,
		    void (*fn)(void *arg, int fd, const struct sockaddr *from), void *arg)
{
	struct tp_acceptor *a = calloc(1, sizeof(*a));

	*out = NULL;
	if (!a)
		return -ENOMEM;
	*a = (struct tp_acceptor){.wanted = true, .fn = fn, .arg = arg};
	a->pause = evtimer_new(base, on_pause_over, a);
	if (a->pause)
		a->listener = evconnlistener_new(base, on_accept, a,
						 LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0,
						 listen_fd);
	if (!a->listener) {
		tp_acceptor_free(a);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(a->listener, on_error);
	signal(SIGPIPE, SIG_IGN);
	*out = a;
	return 0;
}

void tp_acceptor_free(struct tp_acceptor *a)
{
	if (!a)
		return;
	if (a->listener)
		evconnlistener_free(a->listener);
	if (a->pause)
		event_free(a->pause);
	free(a);
}
