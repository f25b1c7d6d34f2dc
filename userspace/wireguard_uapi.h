/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text that wireguard-go speaks on its socket (www.wireguard.com/xplatform): lines of
 * key=value, keys and secrets in hex, an empty line at the end.
 */
#ifndef TP_WIREGUARD_UAPI_H
#define TP_WIREGUARD_UAPI_H

#include "wireguard_backend.h"

/* The set operation for a plan, of *len bytes. It holds secrets: tp_wireguard_uapi_free() it. NULL:
 * out of memory. */
char *tp_wireguard_uapi_text(const struct tp_wireguard_plan *plan, size_t *len);
void tp_wireguard_uapi_free(char *text, size_t len);

/* An answer, read piece by piece as it comes. */
struct tp_wireguard_uapi_reader {
	const struct tp_wireguard_sink
		*sink; /* NULL: the answer to a set, which has nothing in it */
	char line[256];
	size_t len;   /* of the line so far */
	size_t total; /* bytes of the answer so far */
	bool device_told, in_peer, has_status;
	int64_t status;
	struct tp_wireguard_seen_device device;
	struct tp_wireguard_seen_peer peer;
	uint64_t handshake_s, handshake_ns;
};

void tp_wireguard_uapi_init(struct tp_wireguard_uapi_reader *reader,
			    const struct tp_wireguard_sink *sink);
void tp_wireguard_uapi_fini(struct tp_wireguard_uapi_reader *reader); /* wipes */

/* 1: more has to come. 0: the answer is complete, and the operation succeeded. -EBADMSG: this is no
 * such answer, or longer than any; another -errno: the one that it tells, or the sink's. */
int tp_wireguard_uapi_feed(struct tp_wireguard_uapi_reader *reader, const char *data, size_t len);

#endif
