/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_record.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#define LENGTH_LEN 2	 /* of a record */
#define HEADER_LEN 4	 /* of a message */
#define KEPT_ROOM  65536 /* a reader with more gives it back between messages */

/* --- records ---------------------------------------------------------------------------------- */

static void put_length(uint8_t *at, size_t len)
{
	uint16_t be = htobe16((uint16_t)len);

	memcpy(at, &be, sizeof(be));
}

int tp_ncp_record_add(struct evbuffer *out, const void *data, size_t len)
{
	uint8_t length[LENGTH_LEN];

	if (!len || len > TP_IK_MESSAGE_MAX)
		return -EMSGSIZE;
	put_length(length, len);
	if (evbuffer_expand(out, LENGTH_LEN + len) || evbuffer_add(out, length, LENGTH_LEN) ||
	    evbuffer_add(out, data, len))
		return -ENOMEM;
	return 0;
}

int tp_ncp_record_peek(struct evbuffer *in, size_t max, const uint8_t **data)
{
	const uint8_t *at;
	uint16_t be;
	size_t len;

	*data = NULL;
	if (evbuffer_copyout(in, &be, sizeof(be)) < (ev_ssize_t)sizeof(be))
		return 0;
	len = be16toh(be);
	if (!len || len > max)
		return -EPROTO;
	if (evbuffer_get_length(in) < LENGTH_LEN + len)
		return 0;
	at = evbuffer_pullup(in, (ev_ssize_t)(LENGTH_LEN + len));
	if (!at)
		return -ENOMEM;
	*data = at + LENGTH_LEN;
	return (int)len;
}

void tp_ncp_record_drain(struct evbuffer *in, int len)
{
	evbuffer_drain(in, LENGTH_LEN + (size_t)len);
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* One record of the text head || body, sealed where it will be sent from. */
static int seal_record(struct tp_noise_cipher *c, const void *head, size_t head_len,
		       const void *body, size_t body_len, struct evbuffer *out)
{
	size_t len = head_len + body_len;
	struct evbuffer_iovec space;
	uint8_t *at;
	int sealed;

	if (evbuffer_reserve_space(out, (ev_ssize_t)(LENGTH_LEN + len + WG_TAG_LEN), &space, 1) < 1)
		return -ENOMEM;
	at = space.iov_base;
	memcpy(at + LENGTH_LEN, head, head_len);
	memcpy(at + LENGTH_LEN + head_len, body, body_len);
	sealed = tp_noise_cipher_seal(c, at + LENGTH_LEN, len, at + LENGTH_LEN);
	if (sealed < 0)
		return sealed;
	put_length(at, (size_t)sealed);
	space.iov_len = LENGTH_LEN + (size_t)sealed;
	return evbuffer_commit_space(out, &space, 1) ? -ENOMEM : 0;
}

int tp_ncp_message_seal(struct tp_noise_cipher *c, const void *text, size_t len,
			struct evbuffer *out)
{
	uint32_t be = htobe32((uint32_t)len);
	const uint8_t *at = text, *end = at + len;
	size_t head = HEADER_LEN;
	int err = 0;

	if (!len || len > UINT32_MAX)
		return -EMSGSIZE;
	while (at < end && !err) {
		size_t n = (size_t)(end - at);

		if (n > TP_IK_TEXT_MAX - head)
			n = TP_IK_TEXT_MAX - head;
		err = seal_record(c, &be, head, at, n, out);
		at += n;
		head = 0;
	}
	return err;
}

size_t tp_ncp_message_wire_size(size_t len)
{
	size_t text = HEADER_LEN + len;
	size_t records = (text + TP_IK_TEXT_MAX - 1) / TP_IK_TEXT_MAX;

	return text + records * (LENGTH_LEN + WG_TAG_LEN);
}

/* --- opening ---------------------------------------------------------------------------------- */

void tp_ncp_reader_init(struct tp_ncp_reader *r, size_t max)
{
	*r = (struct tp_ncp_reader){.max = max};
}

static void drop_data(struct tp_ncp_reader *r)
{
	free(r->data);
	r->data = NULL;
	r->len = r->room = 0;
}

void tp_ncp_reader_fini(struct tp_ncp_reader *r)
{
	drop_data(r);
}

/* The length that the message announces; needs the header. */
static size_t announced(const struct tp_ncp_reader *r)
{
	uint32_t be;

	memcpy(&be, r->data, sizeof(be));
	return be32toh(be);
}

static bool is_whole(const struct tp_ncp_reader *r)
{
	return r->len > HEADER_LEN && r->len == HEADER_LEN + announced(r);
}

static int make_room(struct tp_ncp_reader *r, size_t more)
{
	size_t room = r->room;
	uint8_t *data;

	if (r->len + more <= room)
		return 0;
	room = r->len + more > 2 * room ? r->len + more : 2 * room;
	data = realloc(r->data, room);
	if (!data)
		return -ENOMEM;
	r->data = data;
	r->room = room;
	return 0;
}

/* After a record's text was appended. */
static int check_framing(const struct tp_ncp_reader *r)
{
	if (r->len < HEADER_LEN || !announced(r))
		return -EPROTO;
	if (announced(r) > r->max)
		return -EMSGSIZE;
	return r->len > HEADER_LEN + announced(r) ? -EPROTO : 0;
}

static int open_record(struct tp_ncp_reader *r, struct tp_noise_cipher *c, const uint8_t *record,
		       int len)
{
	int opened, err;

	if (len < WG_TAG_LEN)
		return -EBADMSG;
	err = make_room(r, (size_t)len);
	if (err)
		return err;
	opened = tp_noise_cipher_open(c, record, (size_t)len, r->data + r->len);
	if (opened < 0)
		return opened;
	if (opened == 0)
		return -EPROTO; /* would be free of charge */
	r->len += (size_t)opened;
	return check_framing(r);
}

/* The message before this one has been read. */
static void begin_message(struct tp_ncp_reader *r)
{
	if (!is_whole(r))
		return;
	r->len = 0;
	if (r->room > KEPT_ROOM)
		drop_data(r);
}

int tp_ncp_reader_next(struct tp_ncp_reader *r, struct tp_noise_cipher *c, struct evbuffer *in,
		       const char **text, size_t *len, unsigned int *opened)
{
	const uint8_t *record;
	int n, err;

	*text = NULL;
	*len = 0;
	begin_message(r);
	while ((n = tp_ncp_record_peek(in, TP_IK_MESSAGE_MAX, &record)) > 0) {
		err = open_record(r, c, record, n);
		tp_ncp_record_drain(in, n);
		if (err)
			return err;
		if (opened)
			++*opened;
		if (is_whole(r)) {
			*text = (const char *)r->data + HEADER_LEN;
			*len = r->len - HEADER_LEN;
			return 1;
		}
	}
	return n;
}
