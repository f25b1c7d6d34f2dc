// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/json_write.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 1024

struct text {
	char *at; /* NULL: there was no memory */
	size_t len, room;
	json_malloc_t allocate;
	json_free_t release;
};

/* --- the text so far --- */

static void grow(struct text *t, size_t room)
{
	char *grown = t->allocate(room);

	if (grown)
		memcpy(grown, t->at, t->len);
	t->release(t->at);
	t->at = grown;
	t->room = room;
}

/* Makes room for so many bytes, and always for one more. */
static bool reserve(struct text *t, size_t n)
{
	if (t->at && t->room - t->len <= n)
		grow(t, 2 * t->room > t->len + n ? 2 * t->room : t->len + n + 1);
	return t->at;
}

static void put(struct text *t, const char *bytes, size_t n)
{
	if (!reserve(t, n))
		return;
	memcpy(t->at + t->len, bytes, n);
	t->len += n;
}

static void put_char(struct text *t, char c)
{
	put(t, &c, 1);
}

/* --- values --- */

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c != '"' && c != '\\';
}

static void put_escaped(struct text *t, unsigned char c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: it, and its letter */
	char text[8];

	for (const char *l = letters; *l; l += 2)
		if ((unsigned char)*l == c) {
			put(t, (const char[]){'\\', l[1]}, 2);
			return;
		}
	put(t, text, (size_t)snprintf(text, sizeof(text), "\\u%04X", c));
}

static void put_string(struct text *t, const char *s, size_t len)
{
	const char *end = s + len, *plain = s;

	put_char(t, '"');
	for (; s < end; s++) {
		if (is_plain((unsigned char)*s))
			continue;
		put(t, plain, (size_t)(s - plain));
		put_escaped(t, (unsigned char)*s);
		plain = s + 1;
	}
	put(t, plain, (size_t)(end - plain));
	put_char(t, '"');
}

static void put_integer(struct text *t, json_int_t n)
{
	char text[24];

	put(t, text, (size_t)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, n));
}

static void put_real(struct text *t, const json_t *value)
{
	char text[64];

	put(t, text, json_dumpb(value, text, sizeof(text), JSON_ENCODE_ANY));
}

static void put_value(struct text *t, const json_t *value);

static void put_array(struct text *t, const json_t *list)
{
	put_char(t, '[');
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i)
			put_char(t, ',');
		put_value(t, json_array_get(list, i));
	}
	put_char(t, ']');
}

static void put_object(struct text *t, const json_t *object)
{
	bool first = true;
	const char *key;
	json_t *value;

	put_char(t, '{');
	json_object_foreach((json_t *)object, key, value)
	{
		if (!first)
			put_char(t, ',');
		first = false;
		put_string(t, key, strlen(key));
		put_char(t, ':');
		put_value(t, value);
	}
	put_char(t, '}');
}

static void put_value(struct text *t, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: put_object(t, value); break;
	case JSON_ARRAY: put_array(t, value); break;
	case JSON_STRING: put_string(t, json_string_value(value), json_string_length(value)); break;
	case JSON_INTEGER: put_integer(t, json_integer_value(value)); break;
	case JSON_REAL: put_real(t, value); break;
	case JSON_TRUE: put(t, "true", 4); break;
	case JSON_FALSE: put(t, "false", 5); break;
	case JSON_NULL: put(t, "null", 4); break;
	}
}

char *ctl_json_write(const json_t *value, size_t *len)
{
	struct text t = {.room = ROOM_MIN};

	*len = 0;
	if (!value)
		return NULL;
	json_get_alloc_funcs(&t.allocate, &t.release);
	t.at = t.allocate(t.room);
	put_value(&t, value);
	if (!t.at)
		return NULL;
	t.at[t.len] = '\0';
	*len = t.len;
	return t.at;
}
