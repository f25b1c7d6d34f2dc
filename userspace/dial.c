/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#define ADDRESSES_MAX 8
#define STAGGER_MS    250 /* between addresses, RFC 8305, 5: a dead one holds no other up */

/* A question to the resolver, which answers even when nobody wants to know any more. */
struct lookup {
	struct tp_dial *dial; /* NULL: given up */
	struct event_base *base;
	struct evdns_base *dns;
};

struct attempt {
	struct tp_dial *dial;
	struct bufferevent *bev; /* NULL: not begun, or failed */
};

struct tp_dial {
	struct event_base *base;
	struct event *timer; /* of the lookup, the next address, the end; fires at once to begin */
	struct attempt attempts[ADDRESSES_MAX];
	struct lookup *lookup; /* under way */
	struct evdns_getaddrinfo_request *request;
	struct sockaddr_storage addresses[ADDRESSES_MAX];
	int lengths[ADDRESSES_MAX];
	size_t n, tried;
	bool begun;
	unsigned int timeout_ms;
	void (*done)(void *arg, struct bufferevent *bev, const char *why);
	void *arg;
	char port[8];
	char why[128];
	char host[];
};

/* --- the end -----------------------------------------------------------------------------------
 */

static void drop(struct attempt *a)
{
	if (a->bev)
		bufferevent_free(a->bev);
	a->bev = NULL;
}

void tp_dial_free(struct tp_dial *d)
{
	if (!d)
		return;
	if (d->lookup)
		d->lookup->dial = NULL;
	if (d->request)
		evdns_getaddrinfo_cancel(d->request);
	for (size_t i = 0; i < d->tried; i++)
		drop(&d->attempts[i]);
	event_free(d->timer);
	free(d);
}

static void finish(struct tp_dial *d, struct bufferevent *bev)
{
	void (*done)(void *arg, struct bufferevent *bev, const char *why) = d->done;
	void *arg = d->arg;
	char why[sizeof(d->why)];

	strcpy(why, d->why);
	tp_dial_free(d);
	done(arg, bev, bev ? NULL : why);
}

static void set_timer(struct tp_dial *d, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_add(d->timer, &tv);
}

/* --- connecting --------------------------------------------------------------------------------
 */

static void try_next(struct tp_dial *d);

static void hand_over(struct attempt *a)
{
	struct bufferevent *bev = a->bev;

	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	a->bev = NULL;
	finish(a->dial, bev);
}

static void failed(struct attempt *a)
{
	snprintf(a->dial->why, sizeof(a->dial->why), "cannot connect: %s",
		 evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	drop(a);
}

static void on_connect(struct bufferevent *bev, short what, void *arg)
{
	struct attempt *a = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		hand_over(a);
		return;
	}
	failed(a);
	try_next(a->dial);
}

/* False when not even that can be begun. */
static bool try_address(struct tp_dial *d, size_t i)
{
	struct attempt *a = &d->attempts[i];

	a->dial = d;
	a->bev = bufferevent_socket_new(d->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!a->bev)
		return false;
	if (bufferevent_socket_connect(a->bev, (struct sockaddr *)&d->addresses[i], d->lengths[i]))
		return false;
	bufferevent_setcb(a->bev, NULL, NULL, on_connect, a); /* not before: it may call */
	return true;
}

static bool any_under_way(const struct tp_dial *d)
{
	for (size_t i = 0; i < d->tried; i++)
		if (d->attempts[i].bev)
			return true;
	return false;
}

/* One more address, beside those under way; when there is none left, these have their time. */
static void try_next(struct tp_dial *d)
{
	while (d->tried < d->n) {
		size_t i = d->tried++;

		if (try_address(d, i)) {
			set_timer(d, d->tried < d->n && d->timeout_ms > STAGGER_MS ? STAGGER_MS
										   : d->timeout_ms);
			return;
		}
		failed(&d->attempts[i]);
	}
	if (!any_under_way(d))
		finish(d, NULL);
}

/* --- looking up --------------------------------------------------------------------------------
 */

static void take_addresses(struct tp_dial *d, const struct evutil_addrinfo *list)
{
	for (; list && d->n < ADDRESSES_MAX; list = list->ai_next) {
		memcpy(&d->addresses[d->n], list->ai_addr, list->ai_addrlen);
		d->lengths[d->n++] = (int)list->ai_addrlen;
	}
}

/* Not from within the resolver's own callback. */
static void free_lookup(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;

	(void)fd;
	(void)what;
	evdns_base_free(l->dns, 0);
	free(l);
}

static void on_answer(int error, struct evutil_addrinfo *list, void *arg)
{
	struct lookup *l = arg;
	struct tp_dial *d = l->dial;

	if (d) {
		d->lookup = NULL;
		d->request = NULL;
		take_addresses(d, list);
		if (error)
			snprintf(d->why, sizeof(d->why), "cannot resolve the name: %s",
				 evutil_gai_strerror(error));
	}
	if (list)
		evutil_freeaddrinfo(list);
	l->dial = NULL;
	event_base_once(l->base, -1, EV_TIMEOUT, free_lookup, l, NULL);
	if (d)
		try_next(d);
}

static struct evdns_base *make_resolver(struct event_base *base)
{
	struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);

	if (!dns)
		return NULL;
	evdns_base_resolv_conf_parse(dns, DNS_OPTIONS_ALL & ~DNS_OPTION_HOSTSFILE,
				     "/etc/resolv.conf");
	evdns_base_load_hosts(dns, "/etc/hosts");
	return dns;
}

static void look_up(struct tp_dial *d, const struct evutil_addrinfo *hints)
{
	struct evdns_getaddrinfo_request *request;
	struct lookup *l = calloc(1, sizeof(*l));

	strcpy(d->why, "no memory");
	if (l)
		l->dns = make_resolver(d->base);
	if (!l || !l->dns) {
		free(l);
		finish(d, NULL);
		return;
	}
	l->base = d->base;
	l->dial = d;
	d->lookup = l;
	set_timer(d, d->timeout_ms);
	request = evdns_getaddrinfo(l->dns, d->host, d->port, hints, on_answer, l);
	if (request) /* else the answer has been taken, and `d` may be gone */
		d->request = request;
}

static void begin(struct tp_dial *d)
{
	struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_protocol = IPPROTO_TCP,
					.ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV};
	struct evutil_addrinfo *list = NULL;

	d->begun = true;
	if (evutil_getaddrinfo(d->host, d->port, &hints, &list)) {
		hints.ai_flags = EVUTIL_AI_NUMERICSERV;
		look_up(d, &hints);
		return;
	}
	take_addresses(d, list);
	evutil_freeaddrinfo(list);
	try_next(d);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tp_dial *d = arg;

	(void)fd;
	(void)what;
	if (!d->begun) {
		begin(d);
		return;
	}
	if (d->tried < d->n) {
		try_next(d);
		return;
	}
	snprintf(d->why, sizeof(d->why), "%s", d->lookup ? "no answer for the name" : "no answer");
	finish(d, NULL);
}

int tp_dial_new(struct tp_dial **out, struct event_base *base, const char *host, uint16_t port,
		unsigned int timeout_ms,
		void (*done)(void *arg, struct bufferevent *bev, const char *why), void *arg)
{
	struct tp_dial *d = calloc(1, sizeof(*d) + strlen(host) + 1);

	*out = NULL;
	if (!d)
		return -ENOMEM;
	strcpy(d->host, host);
	snprintf(d->port, sizeof(d->port), "%u", port);
	d->base = base;
	d->timeout_ms = timeout_ms;
	d->done = done;
	d->arg = arg;
	d->timer = evtimer_new(base, on_timer, d);
	if (!d->timer) {
		free(d);
		return -ENOMEM;
	}
	event_active(d->timer, EV_TIMEOUT, 0);
	*out = d;
	return 0;
}
