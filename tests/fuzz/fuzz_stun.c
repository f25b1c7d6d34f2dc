// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The parser that XDP runs and the daemon's must judge every datagram alike, as far as XDP's goes.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/stun.h"
#include "relay/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* Whatever is sent is a STUN message that fits the request, in bounds. */
static void check_reply(const uint8_t *data, size_t len, const uint8_t *reply, size_t n)
{
	demand(n >= TP_STUN_HEADER && n <= RELAY_STUN_REPLY_MAX && 2 * n <= 5 * len);
	demand(tp_stun_get16(reply + 2) == n - TP_STUN_HEADER);
	demand(!memcmp(reply + 4, data + 4, 4 + TP_STUN_TXID));
	demand(tp_stun_get16(reply) == 0x0101 || tp_stun_get16(reply) == 0x0111);
}

/* The request as XDP has it: in a buffer that others' bytes were in before. */
static int judge_as_xdp(const uint8_t *data, size_t len, struct tp_stun_request *req)
{
	uint8_t buf[TP_STUN_BUF];

	memset(buf, 0xff, sizeof(buf));
	memcpy(buf, data, len < sizeof(buf) ? len : sizeof(buf));
	return tp_stun_parse(buf, (uint32_t)len, req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tp_endpoint from = {.addr.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 1234};
	struct tp_stun_request req, again;
	uint8_t reply[RELAY_STUN_REPLY_MAX], answer[TP_STUN_ANSWER_MAX];
	size_t n = relay_stun_reply(data, len, &from, reply, sizeof(reply));
	int verdict = tp_stun_parse(data, (uint32_t)len, &req);

	demand(verdict == judge_as_xdp(data, len, &again));
	if (n)
		check_reply(data, len, reply, n);
	switch (verdict) {
	case TP_STUN_ANSWER:
		demand(n == tp_stun_answer(answer, &req, from.addr.b, from.port));
		demand(!memcmp(reply, answer, n));
		break;
	case TP_STUN_UNKNOWN: demand(n && tp_stun_get16(reply) == 0x0111); break;
	case TP_STUN_MALFORMED: demand(!n); break;
	default: demand(verdict == TP_STUN_COMPLEX);
	}
	return 0;
}
