// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "config_thing.h"

#define AT(member)   .offset = offsetof(struct thing, member)
#define CIDR(member) AT(member), .second = offsetof(struct thing, member##_bits)
#define LIST(member) AT(member), .second = offsetof(struct thing, n_##member)

static const char *no_spaces(const void *member)
{
	return strchr(*(char *const *)member, ' ') ? "must not hold a space" : NULL;
}

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct tp_config_field item_fields[] = {
	{.name = "name",
	 .type = TP_CONFIG_STRING,
	 .offset = offsetof(struct item, name),
	 .max = 8,
	 .required = true,
	 .help = "Name."},
	{.name = "weight",
	 .type = TP_CONFIG_INT,
	 .offset = offsetof(struct item, weight),
	 .size = 4,
	 .min = 1,
	 .max = 9,
	 .preset = "5",
	 .help = "Weight."},
};
static const struct tp_config_table item_table = {item_fields, 2, sizeof(struct item),
						  offsetof(struct item, line)};

static const struct tp_config_field inner_fields[] = {
	{.name = "depth",
	 .type = TP_CONFIG_INT,
	 AT(depth),
	 .size = 4,
	 .max = 10,
	 .preset = "3",
	 .frozen = true,
	 .help = "Depth."},
};
static const struct tp_config_table inner_table = {.fields = inner_fields, .n = 1};

static const struct tp_config_field fields[] = {
	{.name = "flag", .type = TP_CONFIG_BOOL, AT(flag), .preset = "true", .help = "Flag a . b."},
	{.name = "colour",
	 .type = TP_CONFIG_ENUM,
	 AT(colour),
	 .names = colours,
	 .preset = "green",
	 .frozen = true,
	 .help = "Paint."},
	{.name = "port",
	 .type = TP_CONFIG_INT,
	 AT(port),
	 .size = 2,
	 .min = 1,
	 .max = 65535,
	 .required = true,
	 .frozen = true,
	 .help = "First. .Dangerous. 'Quoted' back\\slash."},
	{.name = "count",
	 .type = TP_CONFIG_QUANTITY,
	 AT(count),
	 .size = 4,
	 .max = 4000000000,
	 .preset = "10k",
	 .help = "Count."},
	{.name = "rate",
	 .type = TP_CONFIG_QUANTITY,
	 AT(rate),
	 .size = 8,
	 .max = 10000000000000,
	 .unit = "bit",
	 .help = "Rate."},
	{.name = "word",
	 .type = TP_CONFIG_STRING,
	 AT(word),
	 .min = 2,
	 .max = 4,
	 .check = no_spaces,
	 .frozen = true,
	 .help = "Word."},
	{.name = "path", .type = TP_CONFIG_PATH, AT(path), .preset = "/tmp", .help = "Path."},
	{.name = "key", .type = TP_CONFIG_KEY, AT(key), .frozen = true, .help = "Key."},
	{.name = "addr", .type = TP_CONFIG_ADDR, AT(addr), .frozen = true, .help = "Address."},
	{.name = "net", .type = TP_CONFIG_CIDR, CIDR(net), .frozen = true, .help = "Net."},
	{.name = "at", .type = TP_CONFIG_ENDPOINT, AT(at), .help = "At."},
	{.name = "maybe",
	 .type = TP_CONFIG_ENDPOINT,
	 AT(maybe),
	 .or_off = true,
	 .preset = "127.0.0.1:9",
	 .frozen = true,
	 .help = "Maybe."},
	{.name = "words",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_STRING,
	 LIST(words),
	 .max = 3,
	 .check = no_spaces,
	 .frozen = true,
	 .help = "Words."},
	{.name = "peers",
	 .type = TP_CONFIG_LIST,
	 .element = TP_CONFIG_ENDPOINT,
	 LIST(peers),
	 .frozen = true,
	 .help = "Peers."},
	{.name = "items",
	 .type = TP_CONFIG_GROUPS,
	 LIST(items),
	 .table = &item_table,
	 .help = "Items."},
	{.name = "inner", .type = TP_CONFIG_GROUP, .table = &inner_table, .help = "Inner."},
};
const struct tp_config_table thing_table = {fields, sizeof(fields) / sizeof(fields[0]),
					    sizeof(struct thing), 0};

/* --- helpers --------------------------------------------------------------------------------- */

static int parse_bytes(const char *text, size_t len, struct thing **out, char **errors)
{
	size_t n;
	FILE *f = open_memstream(errors, &n);
	void *object;
	int err = tp_config_parse("t.conf", text, len, &thing_table, NULL, &object, f);

	fclose(f);
	*out = object;
	return err;
}

struct thing *good(const char *text)
{
	struct thing *thing;
	char *errors;

	assert_int_equal(parse_bytes(text, strlen(text), &thing, &errors), 0);
	assert_string_equal(errors, "");
	assert_non_null(thing);
	free(errors);
	return thing;
}

void bad_bytes(const char *text, size_t len, const char *expected)
{
	struct thing *thing;
	char *errors;

	assert_int_equal(parse_bytes(text, len, &thing, &errors), -EINVAL);
	assert_null(thing);
	assert_string_equal(errors, expected);
	free(errors);
}

void bad(const char *text, const char *expected)
{
	bad_bytes(text, strlen(text), expected);
}

void drop(struct thing *thing)
{
	tp_config_free(&thing_table, thing);
}
