/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One request of HTTP/1.1 (RFC 9112) after another, read from a connection's bytes as they come: as
 * much of HTTP as calls of Connect need. No I/O. Everything is bounded: the head by
 * CONNECT_HEAD_MAX, the body by what the caller allows once it has seen the head.
 */
#ifndef CONTROL_CONNECT_REQUEST_H
#define CONTROL_CONNECT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct evbuffer;

#define CONNECT_HEAD_MAX 8192 /* request line and fields */

struct connect_request {
	char method[16];
	char path[128]; /* without the query */
	char content_type[64];
	char content_encoding[32];
	char protocol_version[16]; /* Connect-Protocol-Version */
	char timeout[16];	   /* Connect-Timeout-Ms */
	char authorization[1024];
	char tenant[64]; /* X-Tenant-ID */
	bool keep_alive;
	bool expect_continue;
};

enum connect_read {
	CONNECT_MORE,	 /* feed again when there is more */
	CONNECT_HEAD,	 /* the head is whole: look at it, set body_max, feed again */
	CONNECT_DONE,	 /* the body is whole */
	CONNECT_REFUSED, /* `status` says why; the connection cannot go on */
};

struct connect_reader {
	struct connect_request request;
	size_t body_max;       /* the caller's, from CONNECT_HEAD on */
	struct evbuffer *body; /* from CONNECT_DONE on */
	int status;	       /* of HTTP: 400, 411, 413, 414, 431, 501, 505 */
	int state;
	size_t left;	/* of the body, or of the chunk */
	size_t trailer; /* bytes of trailer fields passed over */
	bool chunked, has_length;
};

/* 0 or -ENOMEM. */
int connect_reader_init(struct connect_reader *r);
void connect_reader_fini(struct connect_reader *r);
/* Ready for the connection's next request. */
void connect_reader_reset(struct connect_reader *r);

/* Takes what it can use from `in`. */
enum connect_read connect_reader_feed(struct connect_reader *r, struct evbuffer *in);

/* Has a request begun, of which more is to come? */
bool connect_reader_busy(const struct connect_reader *r, const struct evbuffer *in);

#endif
