/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One NCP connection, either end of it, over a libevent bufferevent: handshake, messages,
 * keepalive, a bound for what waits to be sent, and an end with a reason.
 *
 * A node initiates and control responds. Messages are JSON objects with a "type"; of the types only
 * ping, pong and bye are handled here. The first message of a node is its hello.
 */
#ifndef TP_NCP_SESSION_H
#define TP_NCP_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noise.h"

struct bufferevent;
struct tp_ncp_session;

enum tp_ncp_end {
	TP_NCP_END_PEER,     /* it closed, or the connection broke */
	TP_NCP_END_BYE,	     /* it said so first */
	TP_NCP_END_HERE,     /* tp_ncp_session_close() */
	TP_NCP_END_LATE,     /* no handshake in time */
	TP_NCP_END_SILENT,   /* nothing heard */
	TP_NCP_END_SLOW,     /* it doesn't take what is sent */
	TP_NCP_END_CRYPTO,   /* a handshake or a record did not open */
	TP_NCP_END_TOO_LONG, /* a message above the limit */
	TP_NCP_END_PROTOCOL, /* anything else that docs/ncp.md does not allow */
	TP_NCP_END_REFUSED,  /* accept() said so */
	TP_NCP_END_INTERNAL, /* no memory */
	TP_NCP_N_ENDS,
};

/* All are called from the event loop, none from within a call of this header; they may call
 * anything of it. `arg` is what tp_ncp_session_new() got; JSON is the caller's. */
struct tp_ncp_session_ops {
	/* Responder: a first message has opened. It may be a replay: look, change nothing. 0, or
	 * else the connection ends without an answer. */
	int (*accept)(void *arg, struct tp_ncp_session *s, const uint8_t key[WG_KEY_LEN],
		      const json_t *payload);
	/* The other has proved that it is there now. Responder: its hello is the next message.
	 * Initiator: with the payload of the answer; to be answered with a hello. */
	void (*established)(void *arg, struct tp_ncp_session *s, const json_t *payload);
	void (*message)(void *arg, struct tp_ncp_session *s, const char *type, const json_t *msg);
	/* May be NULL: all that was sent has left this process. */
	void (*drained)(void *arg, struct tp_ncp_session *s);
	/* The last call: the session is freed right after. */
	void (*closed)(void *arg, struct tp_ncp_session *s, enum tp_ncp_end end);
};

struct tp_ncp_session_config {
	const struct tp_noise_identity *id;
	const struct tp_ncp_session_ops *ops;
	size_t receive_max, send_max; /* of one message */
	size_t unsent_max;	      /* of all that waits; above it the peer is too slow */
	unsigned int handshake_ms, ping_ms, dead_ms, linger_ms;
	unsigned long *ends; /* TP_NCP_N_ENDS counters, or NULL */
};

/* The limits and times of ncp.h for a node or for control; the rest is left empty. */
void tp_ncp_session_config_node(struct tp_ncp_session_config *c);
void tp_ncp_session_config_control(struct tp_ncp_session_config *c);

/* Begin on a connected bufferevent, which is the session's from here on, also on failure. The
 * config has to outlive the session. Initiator: `key` is control's, `payload` that of the first
 * message. 0 with *out set, -EINVAL (a key of small order), -EMSGSIZE (payload) or -ENOMEM. */
int tp_ncp_session_initiate(struct tp_ncp_session **out, struct bufferevent *bev,
			    const struct tp_ncp_session_config *c, const uint8_t key[WG_KEY_LEN],
			    const json_t *payload, void *arg);
int tp_ncp_session_respond(struct tp_ncp_session **out, struct bufferevent *bev,
			   const struct tp_ncp_session_config *c, void *arg);

/* Queues a message. 0; -ENOTCONN before it is established or after its end began; -EMSGSIZE: longer
 * than send_max, and not sent; -ENOBUFS: the peer is too slow, the session ends soon (closed()
 * comes from the loop); -ENOMEM likewise. */
int tp_ncp_session_send(struct tp_ncp_session *s, const json_t *msg);
int tp_ncp_session_send_text(struct tp_ncp_session *s, const char *text, size_t len);
/* Bytes that wait to be sent. */
size_t tp_ncp_session_unsent(const struct tp_ncp_session *s);
/* The initiator's static key, for the responder since accept(); the responder's, for the initiator.
 */
const uint8_t *tp_ncp_session_key(const struct tp_ncp_session *s);
bool tp_ncp_session_is_open(const struct tp_ncp_session *s);

/* Ends it politely: `last` (may be NULL) and what waits is sent, for linger_ms at most; then
 * closed(END_HERE). No message comes any more. */
void tp_ncp_session_close(struct tp_ncp_session *s, const json_t *last);
/* At once and without closed(). May be called from any callback but closed(). */
void tp_ncp_session_free(struct tp_ncp_session *s);

/* "slow", …, for logs and metrics. */
const char *tp_ncp_end_name(enum tp_ncp_end end);

#endif
