/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ncp_schema.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "crypto.h"
#include "messages.h"

#define EPOCH_DIGITS 16
#define ID_LEN	     36

const struct tp_ncp_field *tp_ncp_field_find(const struct tp_ncp_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

/* --- faults: the innermost says what, those around it where ------------------------------------
 */

static int fault_here(struct tp_ncp_fault *fault, const char *what)
{
	if (fault)
		snprintf(fault->text, sizeof(fault->text), ": %s", what);
	return -EINVAL;
}

static void fault_in(struct tp_ncp_fault *fault, const char *name)
{
	char inner[sizeof(fault->text)];
	bool dot;

	if (!fault)
		return;
	memcpy(inner, fault->text, sizeof(inner));
	dot = inner[0] != ':' && inner[0] != '[';
	snprintf(fault->text, sizeof(fault->text), "%.40s%s%.150s", name, dot ? "." : "", inner);
}

static void fault_at(struct tp_ncp_fault *fault, size_t index)
{
	char name[32];

	snprintf(name, sizeof(name), "[%zu]", index);
	fault_in(fault, name);
}

/* --- reading scalars: each says what is wrong, or NULL -----------------------------------------
 */

static const char *read_int(const struct tp_ncp_field *f, const json_t *v, void *out)
{
	json_int_t n = json_integer_value(v);
	uint64_t u = (uint64_t)n;

	if (!json_is_integer(v) || n < 0 || u < f->min || u > f->max)
		return "is not an integer in range";
	switch (f->size) {
	case 2: *(uint16_t *)out = (uint16_t)u; break;
	case 4: *(uint32_t *)out = (uint32_t)u; break;
	default: *(uint64_t *)out = u; break;
	}
	return NULL;
}

static const char *read_epoch(const char *text, uint64_t *out)
{
	static const char digits[] = "0123456789abcdef";

	*out = 0;
	if (strlen(text) != EPOCH_DIGITS || text[strspn(text, digits)])
		return "is not an epoch";
	*out = strtoull(text, NULL, 16);
	return *out ? NULL : "is not an epoch";
}

static const char *read_text(const struct tp_ncp_field *f, const char *text, char *out)
{
	size_t len = strlen(text);

	if (!len || len >= f->size)
		return "is empty or too long";
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)text[i]))
			return "has a control character";
	memcpy(out, text, len + 1);
	return NULL;
}

static const char *read_name(const struct tp_ncp_field *f, const char *text, char *out)
{
	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return "is not a name";
	return read_text(f, text, out);
}

static const char *read_id(const char *text, char *out)
{
	for (size_t i = 0; i < ID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (!text[i] || !strchr(dash ? "-" : "0123456789abcdef", text[i]))
			return "is not a UUID";
	}
	if (text[ID_LEN])
		return "is not a UUID";
	memcpy(out, text, ID_LEN + 1);
	return NULL;
}

static const char *read_key(const char *text, uint8_t *out)
{
	static const uint8_t zero[WG_KEY_LEN];

	return tp_key_parse(text, out) || tp_equal(out, zero, WG_KEY_LEN) ? "is not a key" : NULL;
}

static const char *read_prefix(const char *text, struct tp_prefix *out)
{
	return strchr(text, '/') && !tp_addr_parse_cidr(text, &out->addr, &out->bits)
		       ? NULL
		       : "is not an address with a prefix length";
}

static const char *read_endpoint(const char *text, struct tp_endpoint *out)
{
	return tp_endpoint_parse(text, out) || !out->port ? "is not an address and port" : NULL;
}

static const char *read_word(const struct tp_ncp_field *f, const char *text, int *out)
{
	for (int i = 0; f->words[i]; i++)
		if (!strcmp(text, f->words[i])) {
			*out = i;
			return NULL;
		}
	return "is none of the words for it";
}

static const char *read_string(const struct tp_ncp_field *f, enum tp_ncp_kind kind,
			       const char *text, void *out)
{
	switch (kind) {
	case TP_NCP_EPOCH: return read_epoch(text, out);
	case TP_NCP_TEXT: return read_text(f, text, out);
	case TP_NCP_NAME: return read_name(f, text, out);
	case TP_NCP_ID: return read_id(text, out);
	case TP_NCP_KEY: return read_key(text, out);
	case TP_NCP_ADDRESS: return tp_addr_parse(text, out) ? "is not an address" : NULL;
	case TP_NCP_PREFIX: return read_prefix(text, out);
	case TP_NCP_ENDPOINT: return read_endpoint(text, out);
	default: return read_word(f, text, out);
	}
}

static const char *read_scalar(const struct tp_ncp_field *f, enum tp_ncp_kind kind, const json_t *v,
			       void *out)
{
	if (kind == TP_NCP_BOOL) {
		*(bool *)out = json_is_true(v);
		return json_is_boolean(v) ? NULL : "is not a boolean";
	}
	if (kind == TP_NCP_INT)
		return read_int(f, v, out);
	if (!json_is_string(v))
		return "is not a string";
	return read_string(f, kind, json_string_value(v), out);
}

/* --- reading objects and lists -----------------------------------------------------------------
 */

static size_t element_size(const struct tp_ncp_field *f)
{
	return f->element == TP_NCP_OBJECT ? f->table->size : f->size;
}

static int decode_element(const struct tp_ncp_field *f, const json_t *v, void *out,
			  struct tp_ncp_fault *fault)
{
	const char *wrong;

	if (f->element == TP_NCP_OBJECT)
		return tp_ncp_decode(f->table, v, out, fault);
	wrong = read_scalar(f, f->element, v, out);
	return wrong ? fault_here(fault, wrong) : 0;
}

/* *count grows with the elements that are to be freed. */
static int decode_list(const struct tp_ncp_field *f, const json_t *v, void *object,
		       struct tp_ncp_fault *fault)
{
	size_t n = json_array_size(v), size = element_size(f),
	       *count = (size_t *)((char *)object + f->count);
	char *list;
	int err = 0;

	if (!json_is_array(v))
		return fault_here(fault, "is not a list");
	if (f->max && n > f->max)
		return fault_here(fault, "is too long");
	if (!n)
		return 0;
	list = calloc(n, size);
	if (!list)
		return -ENOMEM;
	memcpy((char *)object + f->offset, &list, sizeof(list));
	for (*count = 0; *count < n && !err; ++*count) {
		err = decode_element(f, json_array_get(v, *count), list + *count * size, fault);
		if (err)
			fault_at(fault, *count);
	}
	return err;
}

static int decode_field(const struct tp_ncp_field *f, const json_t *v, void *object,
			struct tp_ncp_fault *fault)
{
	void *out = (char *)object + f->offset;
	const char *wrong;

	if (f->kind == TP_NCP_LIST)
		return decode_list(f, v, object, fault);
	if (f->kind == TP_NCP_OBJECT)
		return tp_ncp_decode(f->table, v, out, fault);
	wrong = read_scalar(f, f->kind, v, out);
	return wrong ? fault_here(fault, wrong) : 0;
}

static int decode_member(const struct tp_ncp_field *f, const json_t *object, void *out,
			 struct tp_ncp_fault *fault)
{
	const json_t *v = json_object_get(object, f->name);
	int err;

	if (!v && !f->required)
		return 0;
	err = v ? decode_field(f, v, out, fault) : fault_here(fault, "is missing");
	if (err)
		fault_in(fault, f->name);
	return err;
}

int tp_ncp_decode(const struct tp_ncp_table *t, const json_t *object, void *out,
		  struct tp_ncp_fault *fault)
{
	int err = 0;

	memset(out, 0, t->size);
	if (fault)
		fault->text[0] = '\0';
	if (!json_is_object(object))
		return fault_here(fault, "is not an object");
	for (size_t i = 0; i < t->n && !err; i++)
		err = decode_member(&t->fields[i], object, out, fault);
	if (err)
		tp_ncp_free_lists(t, out);
	return err;
}

/* --- freeing -----------------------------------------------------------------------------------
 */

static void free_list(const struct tp_ncp_field *f, void *object)
{
	size_t *count = (size_t *)((char *)object + f->count);
	char *list;

	memcpy(&list, (char *)object + f->offset, sizeof(list));
	for (size_t i = 0; f->element == TP_NCP_OBJECT && i < *count; i++)
		tp_ncp_free_lists(f->table, list + i * f->table->size);
	free(list);
	list = NULL;
	memcpy((char *)object + f->offset, &list, sizeof(list));
	*count = 0;
}

void tp_ncp_free_lists(const struct tp_ncp_table *t, void *object)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tp_ncp_field *f = &t->fields[i];

		if (f->kind == TP_NCP_LIST)
			free_list(f, object);
		else if (f->kind == TP_NCP_OBJECT)
			tp_ncp_free_lists(f->table, (char *)object + f->offset);
	}
}

/* --- writing -----------------------------------------------------------------------------------
 */

static size_t field_size(const struct tp_ncp_field *f)
{
	switch (f->kind) {
	case TP_NCP_BOOL: return sizeof(bool);
	case TP_NCP_EPOCH: return sizeof(uint64_t);
	case TP_NCP_ID:
	case TP_NCP_TEXT:
	case TP_NCP_NAME: return 1; /* the first character */
	case TP_NCP_KEY: return WG_KEY_LEN;
	case TP_NCP_ADDRESS: return sizeof(struct tp_addr);
	case TP_NCP_PREFIX: return sizeof(struct tp_prefix);
	case TP_NCP_ENDPOINT: return sizeof(struct tp_endpoint);
	case TP_NCP_WORD: return sizeof(int);
	case TP_NCP_OBJECT: return f->table->size;
	default: return f->size;
	}
}

static bool is_zero(const struct tp_ncp_field *f, const void *object)
{
	const uint8_t *at = (const uint8_t *)object + f->offset;
	size_t n = field_size(f), count;

	if (f->kind == TP_NCP_LIST) {
		memcpy(&count, (const char *)object + f->count, sizeof(count));
		return !count;
	}
	for (size_t i = 0; i < n; i++)
		if (at[i])
			return false;
	return true;
}

static json_t *write_int(const struct tp_ncp_field *f, const void *at)
{
	switch (f->size) {
	case 2: return json_integer(*(const uint16_t *)at);
	case 4: return json_integer(*(const uint32_t *)at);
	default: return json_integer((json_int_t) * (const uint64_t *)at);
	}
}

static json_t *write_address(enum tp_ncp_kind kind, const void *at)
{
	char buf[TP_ADDR_STRLEN], whole[TP_ADDR_STRLEN + 8];
	const struct tp_prefix *p = at;

	if (kind == TP_NCP_ADDRESS)
		return json_string(tp_addr_format(at, buf));
	if (kind == TP_NCP_ENDPOINT)
		return json_string(tp_endpoint_format(at, buf));
	snprintf(whole, sizeof(whole), "%s/%u", tp_addr_format(&p->addr, buf), p->bits);
	return json_string(whole);
}

static json_t *write_scalar(const struct tp_ncp_field *f, enum tp_ncp_kind kind, const void *at)
{
	char key[TP_KEY_STRLEN], epoch[EPOCH_DIGITS + 1];

	switch (kind) {
	case TP_NCP_BOOL: return json_boolean(*(const bool *)at);
	case TP_NCP_INT: return write_int(f, at);
	case TP_NCP_EPOCH:
		snprintf(epoch, sizeof(epoch), "%016" PRIx64, *(const uint64_t *)at);
		return json_string(epoch);
	case TP_NCP_KEY: return json_string(tp_key_format(at, key));
	case TP_NCP_ADDRESS:
	case TP_NCP_PREFIX:
	case TP_NCP_ENDPOINT: return write_address(kind, at);
	case TP_NCP_WORD: return json_string(f->words[*(const int *)at]);
	default: return json_string(at);
	}
}

static json_t *write_list(const struct tp_ncp_field *f, const void *object)
{
	json_t *list = json_array();
	const char *at;
	size_t n;

	memcpy(&at, (const char *)object + f->offset, sizeof(at));
	memcpy(&n, (const char *)object + f->count, sizeof(n));
	for (size_t i = 0; i < n; i++, at += element_size(f)) {
		json_t *v = f->element == TP_NCP_OBJECT ? tp_ncp_encode(f->table, at)
							: write_scalar(f, f->element, at);

		if (json_array_append_new(list, v)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *write_field(const struct tp_ncp_field *f, const void *object)
{
	const void *at = (const char *)object + f->offset;

	if (f->kind == TP_NCP_LIST)
		return write_list(f, object);
	if (f->kind == TP_NCP_OBJECT)
		return tp_ncp_encode(f->table, at);
	return write_scalar(f, f->kind, at);
}

json_t *tp_ncp_encode(const struct tp_ncp_table *t, const void *in)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < t->n; i++) {
		const struct tp_ncp_field *f = &t->fields[i];

		if (!f->required && is_zero(f, in))
			continue;
		if (json_object_set_new(object, f->name, write_field(f, in))) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}
