/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * NCP's bytes on the wire, over evbuffers and without I/O (docs/ncp.md):
 *
 *	record	 u16 length | Noise message of that length
 *	message	 u32 length | JSON text, over the texts of as many records as it takes
 *
 * A message begins with a record, and ends with one.
 */
#ifndef TP_NCP_RECORD_H
#define TP_NCP_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "noise_ik.h"

struct evbuffer;

/* Adds a record. 0, -EMSGSIZE or -ENOMEM. */
int tp_ncp_record_add(struct evbuffer *out, const void *data, size_t len);
/* The record at the beginning of `in`: returns its length with *data at it, or 0 when not all of it
 * is there, or -EPROTO when it is empty or longer than max, which its first two bytes tell. */
int tp_ncp_record_peek(struct evbuffer *in, size_t max, const uint8_t **data);
void tp_ncp_record_drain(struct evbuffer *in, int len);

/* Seals a message into records. 0, -EMSGSIZE (empty, or longer than any message may be), -ENOMEM or
 * -EKEYEXPIRED; after the latter two the stream is broken. */
int tp_ncp_message_seal(struct tp_noise_cipher *c, const void *text, size_t len,
			struct evbuffer *out);
/* The bytes that a message takes on the wire. */
size_t tp_ncp_message_wire_size(size_t len);

/* Puts messages together. Memory grows with what has come, not with what was announced. */
struct tp_ncp_reader {
	uint8_t *data; /* the message's length, and its text as far as it is here */
	size_t len, room;
	size_t max; /* of a text */
};

void tp_ncp_reader_init(struct tp_ncp_reader *r, size_t max);
void tp_ncp_reader_fini(struct tp_ncp_reader *r);
/* Opens records from `in` up to the end of a message: 1 with *text and *len (until the next call),
 * 0 when more has to come, -EBADMSG (does not open), -EMSGSIZE (announces more than max),
 * -EPROTO (badly framed), -ENOMEM, -EKEYEXPIRED. After an error the stream is broken. *opened (may
 * be NULL) is increased by the records that opened. */
int tp_ncp_reader_next(struct tp_ncp_reader *r, struct tp_noise_cipher *c, struct evbuffer *in,
		       const char **text, size_t *len, unsigned int *opened);

#endif
