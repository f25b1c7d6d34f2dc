/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What applying a delta and making one have in common: how lists are told apart by their tables. */
#ifndef TP_NCP_MERGE_H
#define TP_NCP_MERGE_H

#include "ncp_schema.h"

#define TP_NCP_REMOVED "removed_" /* before a list's name: keys that left it */

/* The table of a list's objects if they are told apart by a key, else NULL. */
const struct tp_ncp_table *tp_ncp_keyed(const struct tp_ncp_table *t, const char *name);
/* Objects with keyed lists in them are merged; the others come whole. */
bool tp_ncp_is_merged(const struct tp_ncp_table *t);
/* NULL: it has none. */
const char *tp_ncp_key_of(const struct tp_ncp_table *t, const json_t *object);

#endif
