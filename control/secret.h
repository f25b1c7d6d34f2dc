/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Secrets that we make and show once: 256 random bits, stored as a hash. No salt: there is nothing
 * to guess. */
#ifndef CONTROL_SECRET_H
#define CONTROL_SECRET_H

#include <stdint.h>

#define CTL_SECRET_LEN 48 /* a prefix of four and 43 characters of base64url */

void ctl_secret_new(const char prefix[4], char secret[CTL_SECRET_LEN]);
void ctl_secret_hash(const char *secret, uint8_t hash[32]);

#endif
