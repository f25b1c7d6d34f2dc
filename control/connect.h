/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connect's unary calls with JSON (https://connectrpc.com/docs/protocol), over connect_server.h:
 * what is a call, which codec, what errors look like. Knows no RPC by name.
 */
#ifndef CONTROL_CONNECT_H
#define CONTROL_CONNECT_H

#include <jansson.h>

#include "control/connect_server.h"
#include "control/store.h"

struct connect;

struct connect_service {
	const char *name; /* "turnpike.v1.AdminService" */
	/* Is there such an RPC? */
	bool (*knows)(const char *rpc);
	/* Bytes that a call's body may have. */
	size_t (*body_max)(void *arg, const struct connect_request *head, const char *rpc);
	/* A call with its message, a JSON object that is gone afterwards. It is answered by one
	 * connect_reply() or connect_fail(), here or later. */
	void (*call)(void *arg, struct connect_exchange *x, const char *rpc, const json_t *in);
};

/* As connect_server_new(). `service` is kept by reference. */
int connect_new(struct connect **out, struct event_base *base, int listen_fd, struct tp_tls *tls,
		const struct connect_limits *limits, const struct connect_service *service,
		void *arg);
void connect_free(struct connect *c);
unsigned int connect_connections(const struct connect *c);

/* Each answers and frees the exchange; connect_reply takes `out` over (NULL: out of memory). */
void connect_reply(struct connect_exchange *x, json_t *out);
void connect_fail(struct connect_exchange *x, const struct ctl_error *err);

#endif
