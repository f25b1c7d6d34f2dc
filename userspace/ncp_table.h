/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For files that define tables of ncp_schema.h: one line a member, whose name in JSON is that of
 * the struct's. A list `x` has its count in `n_x`. */
#ifndef TP_NCP_TABLE_H
#define TP_NCP_TABLE_H

#include "ncp_schema.h"

#define TP_NCP_SIZEOF(s, member) sizeof(((s *)0)->member)

#define SCALAR(s, member, kind_, required_)                                      \
	{                                                                        \
		.name = #member, .kind = kind_, .required = required_,           \
		.offset = offsetof(s, member), .size = TP_NCP_SIZEOF(s, member), \
	}
#define INTEGER(s, member, min_, max_, required_)                                             \
	{                                                                                     \
		.name = #member, .kind = TP_NCP_INT, .required = required_,                   \
		.offset = offsetof(s, member), .size = TP_NCP_SIZEOF(s, member), .min = min_, \
		.max = max_,                                                                  \
	}
#define WORD(s, member, words_, required_)                                   \
	{                                                                    \
		.name = #member, .kind = TP_NCP_WORD, .required = required_, \
		.offset = offsetof(s, member), .words = words_,              \
	}
#define OBJECT(s, member, table_, required_)                                   \
	{                                                                      \
		.name = #member, .kind = TP_NCP_OBJECT, .required = required_, \
		.offset = offsetof(s, member), .table = &(table_),             \
	}
#define SCALARS(s, member, kind_, required_)                                        \
	{                                                                           \
		.name = #member, .kind = TP_NCP_LIST, .required = required_,        \
		.offset = offsetof(s, member), .size = TP_NCP_SIZEOF(s, member[0]), \
		.element = kind_, .count = offsetof(s, n_##member),                 \
	}
#define OBJECTS(s, member, table_, required_)                                                \
	{                                                                                    \
		.name = #member, .kind = TP_NCP_LIST, .required = required_,                 \
		.offset = offsetof(s, member), .table = &(table_), .element = TP_NCP_OBJECT, \
		.count = offsetof(s, n_##member),                                            \
	}
#define TABLE(name_, s, fields_, key_)                                              \
	const struct tp_ncp_table name_ = {.fields = fields_,                       \
					   .n = sizeof(fields_) / sizeof(*fields_), \
					   .size = sizeof(s),                       \
					   .key = key_}

#endif
