/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A node's standing connection to control: it is made, kept, and made again for as long as the
 * client exists, with waits that grow and are never in step with those of other nodes.
 */
#ifndef TP_NCP_CLIENT_H
#define TP_NCP_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ncp_messages.h"
#include "ncp_session.h"

struct event_base;
struct tp_ncp_client;

/* All are called from the event loop and may call anything of this header but tp_ncp_client_free().
 */
struct tp_ncp_client_ops {
	/* What to say of the node this time; `hello` is all zero. Lists in it stay the owner's. */
	void (*hello)(void *arg, struct tp_ncp_hello *hello);
	void (*connected)(void *arg);
	void (*message)(void *arg, const char *type, const json_t *msg);
	/* A connection has ended, or an attempt has failed: why, and when the next begins. */
	void (*disconnected)(void *arg, const char *why, bool was_connected, unsigned int retry_ms);
};

struct tp_ncp_client_config {
	const char *host; /* name, or address without brackets */
	uint16_t port;
	uint8_t control_key[WG_KEY_LEN];
	const char *key_file; /* the device's; made if it is not there */
	const char *auth_key; /* NULL: none; the node is known already */
	const char *agent;    /* "turnpike-gateway/0.1.0" */
	const struct tp_ncp_client_ops *ops;
	void *arg;
	unsigned int connect_ms;		 /* for a name, and for each of its addresses */
	unsigned int retry_min_ms, retry_max_ms; /* between attempts */
	unsigned int stable_ms; /* a connection that lasted so long makes the waits short again */
	struct tp_ncp_session_config session; /* limits and times; id and ops are the client's */
};

/* Limits and times as docs/ncp.md has them; the rest is left empty. */
void tp_ncp_client_config_init(struct tp_ncp_client_config *c);

/* Copies what it needs of the config. The first attempt begins with the event loop. 0; what
 * tp_key_file_get() says; -EINVAL: no key to connect to; -ENOMEM. */
int tp_ncp_client_new(struct tp_ncp_client **out, struct event_base *base,
		      const struct tp_ncp_client_config *config);
/* At once, without disconnected(). */
void tp_ncp_client_free(struct tp_ncp_client *c);

bool tp_ncp_client_is_connected(const struct tp_ncp_client *c);
/* As tp_ncp_session_send(); -ENOTCONN: say it after the next connected(). */
int tp_ncp_client_send(struct tp_ncp_client *c, const json_t *msg);
int tp_ncp_client_send_message(struct tp_ncp_client *c, const struct tp_ncp_message *m);
/* The view here does not fit control's deltas: asks for a snapshot, by a hello with neither epoch
 * nor revision. */
int tp_ncp_client_resync(struct tp_ncp_client *c);
/* Ends this connection, with a bye, and begins another after the usual wait. */
void tp_ncp_client_reconnect(struct tp_ncp_client *c);

/* The device's public key. */
const uint8_t *tp_ncp_client_key(const struct tp_ncp_client *c);

#endif
