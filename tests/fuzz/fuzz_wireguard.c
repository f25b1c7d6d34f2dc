/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What wireguard-go answers, in pieces of any size: the first byte says of which. However it is
 * cut, the outcome is the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "crypto.h"
#include "wireguard_plan.h"
#include "wireguard_uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_in_pieces(const char *text, size_t len, size_t piece)
{
	struct tp_wireguard_state *state = tp_wireguard_state_new();
	struct tp_wireguard_sink sink = tp_wireguard_state_sink(state);
	struct tp_wireguard_uapi_reader reader;
	size_t at = 0, n;
	int err = 1;

	tp_wireguard_uapi_init(&reader, &sink);
	for (; at < len && err == 1; at += n) {
		n = len - at < piece ? len - at : piece;
		err = tp_wireguard_uapi_feed(&reader, text + at, n);
	}
	tp_wireguard_uapi_fini(&reader);
	tp_wireguard_state_free(state);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	int whole, cut;

	if (tp_crypto_init())
		abort();
	if (!size)
		return 0;
	whole = read_in_pieces(text, size - 1, size);
	cut = read_in_pieces(text, size - 1, data[0] % 64 + 1u);
	/* What follows a complete answer is an error only to who gets it together with that. */
	if (whole != cut && cut != 0)
		abort();
	return 0;
}
