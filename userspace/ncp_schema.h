/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * JSON objects described once, as a table of fields: from it come the strict reader, the writer and
 * the freeing of C structs. Members that a table does not name are ignored (a later version may
 * have more); those it names must be as it says.
 *
 * An optional member that is absent leaves zero in the struct, and zero is not written.
 */
#ifndef TP_NCP_SCHEMA_H
#define TP_NCP_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tp_ncp_kind {
	TP_NCP_BOOL,	 /* bool */
	TP_NCP_INT,	 /* unsigned, of `size` bytes, from min to max */
	TP_NCP_EPOCH,	 /* uint64_t as 16 hexadecimal digits, not zero */
	TP_NCP_TEXT,	 /* char[size], nonempty, without control characters */
	TP_NCP_NAME,	 /* char[size] of a-z, 0-9 and '-' */
	TP_NCP_ID,	 /* char[37], a UUID in lower case */
	TP_NCP_KEY,	 /* 32 bytes as base64, not all zero */
	TP_NCP_ADDRESS,	 /* struct tp_addr */
	TP_NCP_PREFIX,	 /* struct tp_prefix; bits below its length may be set */
	TP_NCP_ENDPOINT, /* struct tp_endpoint as "address:port" */
	TP_NCP_WORD,	 /* int: an index into `words` */
	TP_NCP_OBJECT,	 /* struct of `table`; never left out unless optional and all zero */
	TP_NCP_LIST,	 /* `element *` and, at `count`, size_t: objects of `table`, or scalars */
};

struct tp_ncp_table;

struct tp_ncp_field {
	const char *name;
	enum tp_ncp_kind kind;
	bool required;
	size_t offset, size;
	uint64_t min, max;	  /* INT; LIST: the most elements, 0: what fits a message */
	const char *const *words; /* up to NULL */
	const struct tp_ncp_table *table;
	enum tp_ncp_kind element; /* LIST: OBJECT, or a scalar in `size` bytes */
	size_t count;
};

struct tp_ncp_table {
	const struct tp_ncp_field *fields;
	size_t n, size;	 /* of the struct */
	const char *key; /* name of the member that tells its objects in a list apart, or NULL */
};

#define TP_NCP_MAX_INT (1ull << 53) /* what JSON's readers elsewhere take exactly */

/* What is wrong and where: "networks[2].peers[0].public_key: is not a key". */
struct tp_ncp_fault {
	char text[200];
};

/* Fills the struct; the caller frees its lists. 0, -EINVAL with *fault (may be NULL) filled, or
 * -ENOMEM; then nothing is left to free. */
int tp_ncp_decode(const struct tp_ncp_table *t, const json_t *object, void *out,
		  struct tp_ncp_fault *fault);
/* A new reference; NULL: no memory, or a text that is not UTF-8. */
json_t *tp_ncp_encode(const struct tp_ncp_table *t, const void *in);
void tp_ncp_free_lists(const struct tp_ncp_table *t, void *object);

const struct tp_ncp_field *tp_ncp_field_find(const struct tp_ncp_table *t, const char *name);

#endif
