/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration that has a member of every type. */
#ifndef TESTS_CONFIG_THING_H
#define TESTS_CONFIG_THING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "config.h"

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="

enum colour { RED, GREEN, BLUE };

struct item {
	char *name;
	uint32_t weight;
	int line;
};

struct thing {
	bool flag;
	enum colour colour;
	uint16_t port;
	uint32_t count;
	uint64_t rate;
	char *word;
	char *path;
	uint8_t key[32];
	struct tp_addr addr;
	struct tp_addr net;
	unsigned int net_bits;
	struct tp_endpoint at;
	struct tp_endpoint maybe;
	char **words;
	size_t n_words;
	struct tp_endpoint *peers;
	size_t n_peers;
	struct item *items;
	size_t n_items;
	uint32_t depth;
};

extern const struct tp_config_table thing_table;

/* What this text says, as "t.conf"; it must be right. */
struct thing *good(const char *text);
/* It must be wrong, with these errors. */
void bad(const char *text, const char *expected);
void bad_bytes(const char *text, size_t len, const char *expected);
void drop(struct thing *thing);

#endif
