// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "relay/stun.h"

#include <stdbool.h>
#include <string.h>

#include "bpf/lib/stun.h"

#define ERROR_RESPONSE	  0x0111
#define UNKNOWN_ATTRIBUTE "Unknown Attribute" /* RFC 8489, 14.8 */
#define UNKNOWN_LISTED	  16

/* Attributes that the request wants understood and that are unknown, each once. */
struct unknown {
	unsigned int count;
	uint16_t types[UNKNOWN_LISTED];
};

static void list_unknown(struct unknown *list, uint16_t type)
{
	for (unsigned int i = 0; i < list->count; i++) {
		if (list->types[i] == type)
			return;
	}
	if (list->count < UNKNOWN_LISTED)
		list->types[list->count++] = type;
}

/* As tp_stun_fingerprint(), for any length. */
static bool fingerprint_fits(const uint8_t *msg, uint32_t len)
{
	uint32_t crc = TP_CRC32_START;

	for (uint32_t i = 0; i < len - 8; i++)
		crc = tp_crc32_byte(crc, msg[i]);
	return tp_stun_get32(msg + len - 4) == (~crc ^ TP_STUN_FINGERPRINT_XOR);
}

/* Walks all attributes; false when the request is malformed. */
static bool parse(const uint8_t *msg, uint32_t len, struct tp_stun_request *req,
		  struct unknown *list)
{
	uint32_t wire;

	memset(req, 0, sizeof(*req));
	list->count = 0;
	if (!tp_stun_is_request(msg, len))
		return false;
	memcpy(req->txid, msg + 8, TP_STUN_TXID);
	for (uint32_t off = TP_STUN_HEADER; off < len; off += wire) {
		uint32_t type = tp_stun_get16(msg + off);

		if (tp_stun_is_unknown(req, type))
			list_unknown(list, (uint16_t)type);
		wire = tp_stun_take(req, (const void *)(msg + off), len - off);
		if (!wire)
			return false;
	}
	return !req->fingerprint || fingerprint_fits(msg, len);
}

/* Writes the attribute's type and size, and zeros over its padded value; returns where that is. */
static uint8_t *add(uint8_t *out, uint32_t *len, uint32_t type, uint32_t size)
{
	uint8_t *value = out + *len + 4;

	tp_stun_put16(out + *len, type);
	tp_stun_put16(out + *len + 2, size);
	memset(value, 0, (size + 3) & ~3u);
	*len += 4 + ((size + 3) & ~3u);
	return value;
}

static uint32_t write_error(uint8_t *out, const struct tp_stun_request *req,
			    const struct unknown *list)
{
	uint32_t len = TP_STUN_HEADER;
	uint8_t *value;

	value = add(out, &len, TP_STUN_ERROR_CODE, 4 + strlen(UNKNOWN_ATTRIBUTE));
	tp_stun_put16(value + 2, 4 << 8 | 20); /* 420 as hundreds and the rest */
	memcpy(value + 4, UNKNOWN_ATTRIBUTE, strlen(UNKNOWN_ATTRIBUTE));
	value = add(out, &len, TP_STUN_UNKNOWN_ATTRIBUTES, 2 * list->count);
	for (unsigned int i = 0; i < list->count; i++)
		tp_stun_put16(value + 2 * i, list->types[i]);
	tp_stun_write_header(out, req, ERROR_RESPONSE, req->fingerprint ? len + 8 : len);
	if (!req->fingerprint)
		return len;
	tp_stun_write_fingerprint(out, len);
	return len + 8;
}

size_t relay_stun_reply(const uint8_t *msg, size_t len, const struct tp_endpoint *from,
			uint8_t *out, size_t size)
{
	struct tp_stun_request req;
	struct unknown list;

	if (len > RELAY_STUN_LEN_MAX || size < RELAY_STUN_REPLY_MAX ||
	    !parse(msg, (uint32_t)len, &req, &list))
		return 0;
	if (req.unknown)
		return write_error(out, &req, &list);
	return tp_stun_answer(out, &req, from->addr.b, from->port);
}
