// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One value of a config file: is it what the table wants, and into the struct with it. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "config_internal.h"
#include "crypto.h"

#define STRING_MAX 255

static const char *const kind_names[] = {
	[TP_KIND_BOOL] = "true or false", [TP_KIND_INTEGER] = "an integer",
	[TP_KIND_FLOAT] = "a fraction",	  [TP_KIND_STRING] = "a string",
	[TP_KIND_LIST] = "a list",	  [TP_KIND_GROUP] = "a group",
};

static const struct {
	const char *name;
	enum tp_config_kind kind;
} types[] = {
	[TP_CONFIG_BOOL] = {"boolean", TP_KIND_BOOL},
	[TP_CONFIG_ENUM] = {"word", TP_KIND_STRING},
	[TP_CONFIG_INT] = {"integer", TP_KIND_INTEGER},
	[TP_CONFIG_QUANTITY] = {"quantity", TP_KIND_INTEGER},
	[TP_CONFIG_STRING] = {"string", TP_KIND_STRING},
	[TP_CONFIG_PATH] = {"path", TP_KIND_STRING},
	[TP_CONFIG_KEY] = {"key", TP_KIND_STRING},
	[TP_CONFIG_ADDR] = {"address", TP_KIND_STRING},
	[TP_CONFIG_CIDR] = {"address/bits", TP_KIND_STRING},
	[TP_CONFIG_ENDPOINT] = {"address:port", TP_KIND_STRING},
	[TP_CONFIG_LIST] = {"list", TP_KIND_LIST},
	[TP_CONFIG_GROUP] = {"group", TP_KIND_GROUP},
	[TP_CONFIG_GROUPS] = {"list of groups", TP_KIND_LIST},
};

const char *tp_config_type_name(enum tp_config_type type)
{
	return types[type].name;
}

bool tp_config_is_string(enum tp_config_type type)
{
	return type == TP_CONFIG_STRING || type == TP_CONFIG_PATH;
}

size_t tp_config_element_size(enum tp_config_type type)
{
	if (tp_config_is_string(type))
		return sizeof(char *);
	if (type == TP_CONFIG_CIDR)
		return sizeof(struct tp_prefix);
	return type == TP_CONFIG_ENDPOINT ? sizeof(struct tp_endpoint) : sizeof(struct tp_addr);
}

__attribute__((format(printf, 2, 3))) static int wrong(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, TP_CONFIG_WHY, fmt, args);
	va_end(args);
	return -EINVAL;
}

static int store_integer(const struct tp_config_field *f, uint64_t value, void *member)
{
	switch (f->size) {
	case 2: *(uint16_t *)member = (uint16_t)value; break;
	case 4: *(uint32_t *)member = (uint32_t)value; break;
	default: *(uint64_t *)member = value;
	}
	return 0;
}

static int store_in_range(const struct tp_config_field *f, long long value, void *member, char *why)
{
	if (value < 0 || (uint64_t)value < f->min || (uint64_t)value > f->max)
		return wrong(why, "%lld is not between %llu and %llu", value,
			     (unsigned long long)f->min, (unsigned long long)f->max);
	return store_integer(f, (uint64_t)value, member);
}

/* Factors are decimal, as in the rates and counts that they are written for. */
static bool take_factor(const char **p, long long *value)
{
	static const struct {
		char letter;
		long long factor;
	} factors[] = {{'k', 1000ll},
		       {'K', 1000ll},
		       {'M', 1000000ll},
		       {'G', 1000000000ll},
		       {'T', 1000000000000ll}};

	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		if (**p != factors[i].letter)
			continue;
		++*p;
		return !__builtin_mul_overflow(*value, factors[i].factor, value);
	}
	return true;
}

static int store_quantity(const struct tp_config_field *f, const char *text, void *member,
			  char *why)
{
	const char *p = text;
	long long value;

	errno = 0;
	value = strtoll(text, (char **)&p, 10);
	if (p == text || *text < '0' || *text > '9')
		return wrong(why, "\"%.40s\" is not a number with k, M, G or T", text);
	if (errno || !take_factor(&p, &value))
		return wrong(why, "\"%.40s\" is too large", text);
	if (f->unit && strcmp(p, f->unit) == 0)
		p += strlen(p);
	if (*p)
		return wrong(why, "\"%.40s\" has an unknown unit \"%.20s\"", text, p);
	return store_in_range(f, value, member, why);
}

static int store_enum(const struct tp_config_field *f, const char *text, void *member, char *why)
{
	char known[TP_CONFIG_WHY / 2] = "";
	size_t used = 0;

	for (int i = 0; f->names[i]; i++) {
		if (strcmp(f->names[i], text) == 0) {
			memcpy(member, &i, sizeof(i));
			return 0;
		}
		used += (size_t)snprintf(known + used,
					 used < sizeof(known) ? sizeof(known) - used : 0, "%s%s",
					 i ? ", " : "", f->names[i]);
	}
	return wrong(why, "\"%.40s\" is not one of %s", text, known);
}

/* The bounds of a list are those of its length, not of its elements. */
static size_t string_min(const struct tp_config_field *f)
{
	return f->min && f->type != TP_CONFIG_LIST ? f->min : 1;
}

static size_t string_max(const struct tp_config_field *f)
{
	return f->max && f->type != TP_CONFIG_LIST ? f->max : STRING_MAX;
}

static int store_string(const struct tp_config_field *f, enum tp_config_type type, const char *text,
			void *member, char *why)
{
	size_t len = strlen(text);
	char *copy;

	if (len == 0)
		return wrong(why, "must not be empty");
	if (len < string_min(f) || len > string_max(f))
		return wrong(why, "has %zu characters, %zu to %zu are allowed", len, string_min(f),
			     string_max(f));
	if (type == TP_CONFIG_PATH && text[0] != '/')
		return wrong(why, "\"%.60s\" is not an absolute path", text);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*(char **)member = copy;
	return 0;
}

static int store_key(const char *text, uint8_t *key, char *why)
{
	static const uint8_t zero[WG_KEY_LEN];

	if (tp_key_parse(text, key) == 0 && memcmp(key, zero, sizeof(zero)) != 0)
		return 0;
	memset(key, 0, sizeof(zero));
	return wrong(why, "not a WireGuard key (44 characters of base64)");
}

static int store_addr(const char *text, struct tp_addr *addr, char *why)
{
	if (tp_addr_parse(text, addr) == 0)
		return 0;
	memset(addr, 0, sizeof(*addr));
	return wrong(why, "\"%.60s\" is not an IP address", text);
}

static int store_cidr(const char *text, struct tp_addr *addr, unsigned int *bits, char *why)
{
	if (tp_addr_parse_cidr(text, addr, bits) == 0)
		return 0;
	memset(addr, 0, sizeof(*addr));
	*bits = 0;
	return wrong(why, "\"%.60s\" is not an IP address with an optional prefix length", text);
}

static int store_endpoint(const struct tp_config_field *f, const char *text,
			  struct tp_endpoint *endpoint, char *why)
{
	if (f->or_off && strcmp(text, "off") == 0)
		return 0;
	if (tp_endpoint_parse(text, endpoint) == 0 && endpoint->port)
		return 0;
	memset(endpoint, 0, sizeof(*endpoint));
	return wrong(why, "\"%.60s\" is not an IP address and port%s", text,
		     f->or_off ? ", nor \"off\"" : "");
}

static int store_text(const struct tp_config_field *f, enum tp_config_type type, const char *text,
		      void *member, void *second, char *why)
{
	switch (type) {
	case TP_CONFIG_ENUM: return store_enum(f, text, member, why);
	case TP_CONFIG_QUANTITY: return store_quantity(f, text, member, why);
	case TP_CONFIG_KEY: return store_key(text, member, why);
	case TP_CONFIG_ADDR: return store_addr(text, member, why);
	case TP_CONFIG_CIDR: return store_cidr(text, member, second, why);
	case TP_CONFIG_ENDPOINT: return store_endpoint(f, text, member, why);
	default: return store_string(f, type, text, member, why);
	}
}

static bool kind_fits(enum tp_config_type type, enum tp_config_kind kind)
{
	return kind == types[type].kind || (type == TP_CONFIG_QUANTITY && kind == TP_KIND_STRING);
}

int tp_config_store(const struct tp_config_field *f, enum tp_config_type type,
		    const struct tp_config_value *value, void *member, void *second, char *why)
{
	const char *complaint;
	int err = 0;

	if (!kind_fits(type, value->kind))
		return wrong(why, "must be %s%s, not %s", kind_names[types[type].kind],
			     type == TP_CONFIG_QUANTITY ? " or a string with a unit" : "",
			     kind_names[value->kind]);
	if (value->kind == TP_KIND_STRING)
		err = store_text(f, type, value->text, member, second, why);
	else if (type == TP_CONFIG_BOOL)
		*(bool *)member = value->number != 0;
	else
		err = store_in_range(f, value->number, member, why);
	if (err || !f->check)
		return err;
	complaint = f->check(member);
	return complaint ? wrong(why, "%s", complaint) : 0;
}

int tp_config_store_preset(const struct tp_config_field *f, void *object, char *why)
{
	struct tp_config_value value = {.kind = types[f->type].kind, .text = f->preset};

	if (!f->preset)
		return 0;
	if (value.kind == TP_KIND_BOOL)
		value.number = strcmp(f->preset, "true") == 0;
	else if (f->type == TP_CONFIG_QUANTITY)
		value.kind = TP_KIND_STRING;
	else if (value.kind == TP_KIND_INTEGER)
		value.number = strtoll(f->preset, NULL, 10);
	return tp_config_store(f, f->type, &value, (char *)object + f->offset,
			       (char *)object + f->second, why);
}
