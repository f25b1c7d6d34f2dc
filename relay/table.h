/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hash tables of the relay: uthash under SipHash, because strangers choose many of the keys. */
#ifndef RELAY_TABLE_H
#define RELAY_TABLE_H

#include <stdlib.h>

#include "crypto.h"
#include "log.h"

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned int)tp_siphash(keyptr, keylen))
#define uthash_fatal(msg)                      \
	do {                                   \
		tp_err("hash table: %s", msg); \
		abort();                       \
	} while (0)

#include <uthash.h>

#endif
