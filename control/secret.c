// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/secret.h"

#include <sodium.h>
#include <string.h>

#include "crypto.h"

void ctl_secret_new(const char prefix[4], char secret[CTL_SECRET_LEN])
{
	uint8_t bytes[32];

	tp_random(bytes, sizeof(bytes));
	memcpy(secret, prefix, 4);
	sodium_bin2base64(secret + 4, CTL_SECRET_LEN - 4, bytes, sizeof(bytes),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	tp_wipe(bytes, sizeof(bytes));
}

void ctl_secret_hash(const char *secret, uint8_t hash[32])
{
	const struct tp_span span = {secret, strlen(secret)};

	tp_hash(hash, &span, 1);
}
