/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uthash as this project uses it. Keys are hashed under a secret, since strangers choose many of
 * them (addresses, indices). Running out of memory does not end the process: after HASH_ADD,
 * tp_hash_added() says whether the element is in the table. A module that could not go on without
 * it defines TP_HASH_OR_DIE first; uthash_fatal() is then there for its other allocations, too.
 */
#ifndef TP_HASH_H
#define TP_HASH_H

#include "crypto.h"

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned int)tp_siphash(keyptr, keylen))

#ifdef TP_HASH_OR_DIE
#include <stdlib.h>

#include "log.h"

#define uthash_fatal(why)          \
	do {                       \
		tp_err("%s", why); \
		abort();           \
	} while (0)
#else
#define HASH_NONFATAL_OOM  1
#define tp_hash_added(elt) ((elt)->hh.tbl != NULL)
#endif

#include <uthash.h>

#endif
