/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The connections that calls come on: HTTP/1.1 with keep-alive, optionally over TLS. Not evhttp: it
 * bounds neither the number of connections nor the time that a request may take in all. What a
 * client can make it spend is bounded here: connections in all and from one host (a full server
 * closes the one that has been idle longest), the bytes and the time of a request, the time to read
 * an answer.
 */
#ifndef CONTROL_CONNECT_SERVER_H
#define CONTROL_CONNECT_SERVER_H

#include "addr.h"
#include "control/connect_request.h"

struct event_base;
struct evbuffer;
struct tp_tls;
struct connect_server;
struct connect_exchange; /* one request, until it is answered */

struct connect_limits {
	unsigned int connections;
	unsigned int per_host;	 /* loopback, where a proxy may be, is not counted */
	unsigned int idle_ms;	 /* between requests */
	unsigned int request_ms; /* from its first byte to its last */
	unsigned int answer_ms;	 /* until all of it is taken */
};

extern const struct connect_limits connect_default_limits;

struct connect_answer {
	int status;
	const char *type;      /* Content-Type; NULL: there is no body */
	const char *fields;    /* more header fields, each with its CRLF; NULL: none */
	struct evbuffer *body; /* its bytes are moved away */
};

struct connect_ops {
	/* Bytes that the body of this request may have. */
	size_t (*body_max)(void *arg, const struct connect_request *head);
	/* A whole request. It is answered by one connect_respond(), here or later. */
	void (*request)(void *arg, struct connect_exchange *x);
	/* A request that HTTP refuses: what to say with this status. Answered at once. */
	void (*refused)(void *arg, struct connect_exchange *x, int status);
};

/* Serves a listening, non-blocking stream socket, which it owns once 0 is returned; else -ENOMEM.
 * tls (NULL: none), limits and ops are kept by reference. */
int connect_server_new(struct connect_server **out, struct event_base *base, int listen_fd,
		       struct tp_tls *tls, const struct connect_limits *limits,
		       const struct connect_ops *ops, void *arg);
/* Drops all connections. Exchanges that are not answered yet still are to be, to nobody. */
void connect_server_free(struct connect_server *s);
unsigned int connect_server_connections(const struct connect_server *s);

const struct connect_request *connect_exchange_request(const struct connect_exchange *x);
/* The body; empty once the client is gone. */
struct evbuffer *connect_exchange_body(const struct connect_exchange *x);
/* The client has closed, or will at least send nothing more. */
bool connect_exchange_gone(const struct connect_exchange *x);
/* Whom it is from. */
const struct tp_endpoint *connect_exchange_peer(const struct connect_exchange *x);

/* Answers, and frees the exchange. */
void connect_respond(struct connect_exchange *x, const struct connect_answer *answer);

#endif
