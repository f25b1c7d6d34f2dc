// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Messages as proto3's JSON mapping has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/api_call.h"
#include "crypto.h"

#define FIELD_NAME_MAX 64
#define PAGE_PRESET    100
#define PAGE_MAX       1000

/* --- reading -------------------------------------------------------------------------------- */

static void to_camel(const char *name, char camel[FIELD_NAME_MAX])
{
	size_t n = 0;
	bool up = false;

	for (; *name && n < FIELD_NAME_MAX - 1; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		camel[n++] = up ? (char)(*name - 'a' + 'A') : *name;
		up = false;
	}
	camel[n] = '\0';
}

/* NULL when absent or null. */
static const json_t *field(const struct api_call *c, const char *name)
{
	char camel[FIELD_NAME_MAX];
	const json_t *j = json_object_get(c->in, name);

	if (!j) {
		to_camel(name, camel);
		j = json_object_get(c->in, camel);
	}
	return json_is_null(j) ? NULL : j;
}

bool api_has(const struct api_call *c, const char *name)
{
	return field(c, name);
}

static int wrong(struct api_call *c, const char *name, const char *want)
{
	return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "%s: %s", name, want);
}

int api_text(struct api_call *c, const char *name, const char **out)
{
	const json_t *j = field(c, name);

	*out = j ? json_string_value(j) : "";
	return *out ? 0 : wrong(c, name, "must be a string");
}

int api_need_text(struct api_call *c, const char *name, const char **out)
{
	if (api_text(c, name, out))
		return -1;
	return **out ? 0 : wrong(c, name, "is missing");
}

int api_optional_id(struct api_call *c, const char *name, const char **out)
{
	if (api_text(c, name, out))
		return -1;
	return !**out || ctl_id_valid(*out) ? 0 : wrong(c, name, "must be a UUID in lower case");
}

int api_id(struct api_call *c, const char *name, const char **out)
{
	if (api_optional_id(c, name, out))
		return -1;
	return **out ? 0 : wrong(c, name, "is missing");
}

int api_bool(struct api_call *c, const char *name, bool *out)
{
	const json_t *j = field(c, name);

	*out = json_is_true(j);
	return !j || json_is_boolean(j) ? 0 : wrong(c, name, "must be true or false");
}

/* 64-bit integers may be strings in JSON, as proto3 says. */
static bool integer_of(const json_t *j, int64_t *out)
{
	const char *text = json_string_value(j);
	char *end;

	*out = json_integer_value(j);
	if (!text)
		return json_is_integer(j);
	errno = 0;
	*out = strtoll(text, &end, 10);
	return !errno && end != text && !*end && strchr("-0123456789", *text);
}

int api_number(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t *out)
{
	const json_t *j = field(c, name);

	*out = 0;
	if (!j)
		return 0;
	if (!integer_of(j, out))
		return wrong(c, name, "must be an integer");
	if (*out < min || *out > max)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "%s: must be between %lld and %lld",
				name, (long long)min, (long long)max);
	return 0;
}

/* "Z", "+02:00": minutes east of UTC. */
static bool parse_offset(const char *text, int *minutes)
{
	bool east = *text == '+';
	const char *t = text + 1;

	*minutes = 0;
	if (!strcmp(text, "Z"))
		return true;
	if ((!east && *text != '-') || strlen(text) != 6 || strspn(t, "0123456789") != 2 ||
	    t[2] != ':' || strspn(t + 3, "0123456789") != 2 || atoi(t) > 23 || atoi(t + 3) > 59)
		return false;
	*minutes = (atoi(t) * 60 + atoi(t + 3)) * (east ? 1 : -1);
	return true;
}

/* "2026-01-31T12:00:00.5Z", or with an offset from UTC in place of the Z. */
static bool parse_time(const char *text, int64_t *ms)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int minutes, day, scale = 100;

	if (!rest)
		return false;
	day = tm.tm_mday;
	*ms = (int64_t)timegm(&tm) * 1000;
	if (tm.tm_mday != day)
		return false; /* of no month: it was made one of the next */
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
			*ms += (*rest - '0') * scale;
	if (!parse_offset(rest, &minutes))
		return false;
	*ms -= minutes * 60000LL;
	return true;
}

int api_time(struct api_call *c, const char *name, int64_t *out)
{
	const char *text;

	*out = 0;
	if (api_text(c, name, &text))
		return -1;
	return !*text || parse_time(text, out)
		       ? 0
		       : wrong(c, name, "must be a time as 2026-01-31T12:00:00Z");
}

int api_texts(struct api_call *c, const char *name, size_t max, const json_t **out)
{
	const json_t *j = *out = field(c, name);

	if (j && !json_is_array(j))
		return wrong(c, name, "must be a list");
	if (json_array_size(j) > max)
		return ctl_fail(&c->err, CTL_INVALID_ARGUMENT, "%s: at most %zu", name, max);
	for (size_t i = 0; i < json_array_size(j); i++)
		if (!json_is_string(json_array_get(j, i)))
			return wrong(c, name, "must be a list of strings");
	return 0;
}

int api_list(struct api_call *c, const char *name, const json_t **out)
{
	*out = field(c, name);
	return json_is_array(*out) ? 0 : wrong(c, name, "must be a list");
}

int api_key(struct api_call *c, const char *name, uint8_t key[32])
{
	const char *text;

	if (api_need_text(c, name, &text))
		return -1;
	return tp_key_parse(text, key) ? wrong(c, name, "must be a key as wg pubkey prints it") : 0;
}

int api_object(struct api_call *c, const char *name, const json_t **out)
{
	*out = field(c, name);
	return !*out || json_is_object(*out) ? 0 : wrong(c, name, "must be an object");
}

/* --- settings: only what is there is changed ------------------------------------------------- */

int api_set_text(struct api_call *c, const char *name, char *to, size_t size)
{
	const char *text;

	if (!api_has(c, name))
		return 0;
	if (api_text(c, name, &text))
		return -1;
	if (strlen(text) >= size)
		return wrong(c, name, "too long");
	strcpy(to, text);
	return 0;
}

int api_set_u16(struct api_call *c, const char *name, int64_t min, uint16_t *to)
{
	int64_t value;

	if (!api_has(c, name))
		return 0;
	if (api_number(c, name, min, UINT16_MAX, &value))
		return -1;
	*to = (uint16_t)value;
	return 0;
}

int api_set_bool(struct api_call *c, const char *name, bool *to)
{
	return api_has(c, name) ? api_bool(c, name, to) : 0;
}

int api_set_texts(struct api_call *c, const char *name, size_t max, char *to, size_t size)
{
	const json_t *list;
	size_t n;

	if (!api_has(c, name))
		return 0;
	if (api_texts(c, name, max, &list))
		return -1;
	n = json_dumpb(list, to, size - 1, JSON_COMPACT);
	if (n >= size)
		return wrong(c, name, "too long");
	to[n] = '\0';
	return 0;
}

/* --- pages ---------------------------------------------------------------------------------- */

int api_page_begin(struct api_call *c, struct api_page *page)
{
	*page = (struct api_page){.call = c};
	if (api_number(c, "page_size", 0, INT32_MAX, &page->limit) ||
	    api_text(c, "page_token", &page->after))
		return -1;
	if (!page->limit)
		page->limit = PAGE_PRESET;
	if (page->limit > PAGE_MAX)
		page->limit = PAGE_MAX;
	page->items = json_array();
	return 0;
}

bool api_page_add(struct api_page *page, const char *id, json_t *item)
{
	json_array_append_new(page->items, item);
	snprintf(page->last, sizeof(page->last), "%s", id);
	return true;
}

int api_page_end(struct api_page *page, const char *name, int result, json_t **out)
{
	bool full = json_array_size(page->items) == (size_t)page->limit;

	if (result)
		json_decref(page->items);
	else
		*out = json_pack("{s:o,s:s}", name, page->items, "nextPageToken",
				 full ? page->last : "");
	return result;
}

/* --- writing -------------------------------------------------------------------------------- */

json_t *api_timestamp(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[40];
	size_t n;

	if (!ms || !gmtime_r(&seconds, &tm))
		return json_null();
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
	return json_string(text);
}

json_t *api_int64(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return json_string(text);
}

json_t *api_list_json(const char *list)
{
	json_t *j = json_loads(list, 0, NULL);

	return j ? j : json_array();
}

int api_answer(struct api_call *c, json_t *j, json_t **out)
{
	*out = j;
	return j ? 0 : ctl_fail(&c->err, CTL_INTERNAL, "out of memory");
}
