/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a peer that has the keys may put into NCP's records. The input is a list of records, each
 * {kind, u16 length, bytes}: sealed as they should be, or raw bytes behind a record's length, or
 * raw bytes on the wire. A plain model of docs/ncp.md says what messages come of it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "crypto.h"
#include "ncp_record.h"

#define MAX 3000 /* of a message, here */

enum kind { SEALED, FOREIGN, RAW, N_KINDS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where a plain reader stands: the text so far, and whether it has given up. */
struct model {
	uint8_t text[4 + MAX];
	size_t len;
	bool broken, raw;
};

static struct tp_noise_cipher start;

static void must(bool so)
{
	if (!so)
		abort();
}

static size_t model_announced(const struct model *m)
{
	return (size_t)m->text[0] << 24 | (size_t)m->text[1] << 16 | (size_t)m->text[2] << 8 |
	       m->text[3];
}

/* Returns whether a message ends with this record. */
static bool model_take(struct model *m, const uint8_t *text, size_t len)
{
	if (m->len && m->len == 4 + model_announced(m))
		m->len = 0;
	if (m->broken || !len || m->len + len > sizeof(m->text)) {
		m->broken = true;
		return false;
	}
	memcpy(m->text + m->len, text, len);
	m->len += len;
	m->broken = m->len < 4 || !model_announced(m) || model_announced(m) > MAX ||
		    m->len > 4 + model_announced(m);
	return !m->broken && m->len == 4 + model_announced(m);
}

static void write_record(struct tp_noise_cipher *c, struct evbuffer *wire, enum kind kind,
			 const uint8_t *bytes, size_t len)
{
	uint8_t *sealed = malloc(len + WG_TAG_LEN);

	must(sealed);
	if (kind == SEALED) {
		int n = tp_noise_cipher_seal(c, bytes, len, sealed);

		must(n > 0 && !tp_ncp_record_add(wire, sealed, (size_t)n));
	} else if (kind == FOREIGN) {
		tp_ncp_record_add(wire, bytes, len);
	} else {
		evbuffer_add(wire, bytes, len);
	}
	free(sealed);
}

/* One step of the reader beside one of the model. */
static int step(struct tp_ncp_reader *r, struct tp_noise_cipher *c, struct evbuffer *wire,
		struct model *m, bool whole)
{
	const char *text;
	size_t len;
	int got = tp_ncp_reader_next(r, c, wire, &text, &len, NULL);

	must(r->room <= 2 * (4 + MAX + 65536));
	if (m->raw)
		return got; /* what raw bytes are is the reader's to say */
	must((got < 0) == m->broken);
	must((got == 1) == whole);
	must(got != 1 || (len == model_announced(m) && !memcmp(text, m->text + 4, len)));
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tp_noise_cipher send, recv;
	struct evbuffer *wire = evbuffer_new();
	struct model m = {.len = 0};
	struct tp_ncp_reader r;
	int got = 0;

	must(!tp_crypto_init());
	send = recv = start;
	tp_ncp_reader_init(&r, MAX);
	while (size >= 3 && got >= 0) {
		enum kind kind = data[0] % N_KINDS;
		size_t len = (size_t)data[1] << 8 | data[2];
		bool whole = false;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		write_record(&send, wire, kind, data, len);
		if (kind == SEALED)
			whole = model_take(&m, data, len);
		else if (len)
			m.raw = true;
		got = step(&r, &recv, wire, &m, whole);
		data += len;
		size -= len;
	}
	tp_ncp_reader_fini(&r);
	evbuffer_free(wire);
	return 0;
}
