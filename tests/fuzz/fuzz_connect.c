// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a client may send to the API: requests read whole and byte by byte are the same, bounds
 * hold, and no token that was made up is good. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <sodium.h>

#include "control/connect_request.h"
#include "control/jwt.h"
#include "crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 64

static struct ctl_jwt_key key;

static enum connect_read feed(struct connect_reader *r, struct evbuffer *in)
{
	enum connect_read result = connect_reader_feed(r, in);

	if (result != CONNECT_HEAD)
		return result;
	r->body_max = BODY_MAX;
	return connect_reader_feed(r, in);
}

/* Requests until one is refused or there is no more, at most a few. */
struct outcome {
	enum connect_read last;
	int status;
	size_t n, body; /* whole requests, bytes of all bodies */
	struct connect_request request;
};

static void take(struct outcome *o, struct connect_reader *r)
{
	size_t len = evbuffer_get_length(r->body);

	if (len > BODY_MAX)
		abort();
	o->n++;
	o->body += len;
	o->request = r->request;
	connect_reader_reset(r);
}

static void read_all(const uint8_t *data, size_t size, size_t step, struct outcome *o)
{
	struct evbuffer *in = evbuffer_new();
	struct connect_reader r;

	memset(o, 0, sizeof(*o));
	if (!in || connect_reader_init(&r))
		abort();
	for (size_t at = 0; at < size && o->last != CONNECT_REFUSED; at += step) {
		evbuffer_add(in, data + at, size - at < step ? size - at : step);
		while ((o->last = feed(&r, in)) == CONNECT_DONE)
			take(o, &r);
	}
	o->status = o->last == CONNECT_REFUSED ? r.status : 0;
	if (o->last == CONNECT_REFUSED && (o->status < 400 || o->status > 505))
		abort();
	connect_reader_fini(&r);
	evbuffer_free(in);
}

static void check_token(const char *authorization)
{
	const char *token = strchr(authorization, ' ');
	struct ctl_claims claims;

	if (token && !ctl_jwt_verify(&key, token + 1, 1700000000, &claims))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;

	if (!key.secret[0] && !key.secret[1]) {
		if (tp_crypto_init())
			abort();
		crypto_sign_keypair(key.public, key.secret);
	}
	if (size > 20000)
		return 0;
	read_all(data, size, size ? size : 1, &whole);
	read_all(data, size, 1, &pieces);
	if (whole.last != pieces.last || whole.status != pieces.status || whole.n != pieces.n ||
	    whole.body != pieces.body ||
	    memcmp(&whole.request, &pieces.request, sizeof(whole.request)) != 0)
		abort();
	check_token(whole.request.authorization);
	return 0;
}
