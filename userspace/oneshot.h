/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A server for one request and one answer per connection: what the control socket and the metrics
 * page have in common. Everything that a client can make it spend is bounded: clients at once
 * (further ones wait in the kernel's backlog), bytes and time of a request, bytes of unsent answers
 * over all clients, and the time a client may take to read.
 */
#ifndef TP_ONESHOT_H
#define TP_ONESHOT_H

#include <stddef.h>

struct event_base;
struct evbuffer;
struct tp_oneshot;

enum tp_oneshot_status {
	TP_ONESHOT_REQUEST,  /* a whole request */
	TP_ONESHOT_TOO_LONG, /* it has no end within request_max bytes */
	TP_ONESHOT_BUSY,     /* unsent answers fill unsent_max */
};

struct tp_oneshot_ops {
	const char *end;    /* what a request ends with, not handed on */
	size_t request_max; /* bytes before it */
	size_t unsent_max;  /* bytes of answers; one more answer may still go over it */
	unsigned int clients_max;
	unsigned int request_ms; /* from connecting to the end of the request */
	unsigned int answer_ms;	 /* from there until everything has been read */
	/* Adds the answer to `reply`. `request` is NUL-terminated, writable, gone afterwards, and
	 * empty unless the status is TP_ONESHOT_REQUEST. Must not free the server. What fits into
	 * the socket's buffer has been sent when the event loop gets control back. */
	void (*answer)(void *arg, enum tp_oneshot_status status, char *request, size_t len,
		       struct evbuffer *reply);
};

/* Serves a listening, non-blocking stream socket, which it owns once 0 is returned; else -ENOMEM.
 * `ops` is kept by reference. Ignores SIGPIPE for the whole process. */
int tp_oneshot_new(struct tp_oneshot **out, struct event_base *base, int listen_fd,
		   const struct tp_oneshot_ops *ops, void *arg);
/* Closes the listening socket and drops all clients. NULL is fine. */
void tp_oneshot_free(struct tp_oneshot *s);

#endif
