/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uthash as this project uses it. Keys are hashed under a secret, since strangers choose many of
 * them (addresses, indices); and running out of memory does not end the process: after HASH_ADD,
 * tp_hash_added() says whether the element is in the table.
 */
#ifndef TP_HASH_H
#define TP_HASH_H

#include "crypto.h"

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned int)tp_siphash(keyptr, keylen))
#define HASH_NONFATAL_OOM		     1
#include <uthash.h>

#define tp_hash_added(elt) ((elt)->hh.tbl != NULL)

#endif
