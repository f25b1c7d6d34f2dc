/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules, read one by one as docs/acl.md has them. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_model_state.h"

static bool is_one_of(const uint8_t addr[16], const char *const *list)
{
	uint8_t one[16];

	for (; *list; list++) {
		lab_addr(one, *list);
		if (!memcmp(one, addr, 16))
			return true;
	}
	return false;
}

bool model_is_local(const uint8_t addr[16])
{
	static const char *const locals[] = {GATEWAY, EXTERNAL, NULL};

	return is_one_of(addr, locals);
}

bool model_is_node(const uint8_t addr[16])
{
	static const char *const nodes[] = {ALICE, ALICE6, BOB, BOB6, NULL};

	return is_one_of(addr, nodes);
}

static bool is_in_prefix(const uint8_t addr[16], const char *text)
{
	const char *slash = strchr(text, '/');
	char base[64] = {0};
	uint8_t prefix[16];
	int bits;

	memcpy(base, text, slash ? (size_t)(slash - text) : strlen(text));
	lab_addr(prefix, base);
	bits = (strchr(text, ':') ? 0 : 96) + (slash		   ? atoi(slash + 1)
					       : strchr(text, ':') ? 128
								   : 32);
	for (int i = 0; i < bits; i++) {
		if ((addr[i / 8] ^ prefix[i / 8]) >> (7 - i % 8) & 1)
			return false;
	}
	return true;
}

static bool falls_under(const uint8_t addr[16], bool there, const char *selector)
{
	static const char *const alice[] = {ALICE, ALICE6, NULL}, *const bob[] = {BOB, BOB6, NULL};

	if (!strcmp(selector, "any"))
		return true;
	if (!strcmp(selector, "gateway"))
		return model_is_local(addr);
	if (!strcmp(selector, "alice"))
		return there && is_one_of(addr, alice);
	if (!strcmp(selector, "bob"))
		return there && is_one_of(addr, bob);
	return is_in_prefix(addr, selector);
}

static bool has_protocol(const struct lab_rule *rule, uint8_t proto, uint16_t port)
{
	if (!rule->proto)
		return true;
	if (!strcmp(rule->proto, "icmp"))
		return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	if (proto != (strcmp(rule->proto, "tcp") ? IPPROTO_UDP : IPPROTO_TCP))
		return false;
	return !rule->port || port == atoi(rule->port);
}

bool model_allows(const struct model *m, const uint8_t from[16], bool from_there,
		  const uint8_t to[16], bool to_there, uint8_t proto, uint16_t port)
{
	if (m->shadow)
		return true;
	for (const struct lab_rule *rule = m->rules; rule->from; rule++) {
		if (falls_under(from, from_there, rule->from) &&
		    falls_under(to, to_there, rule->to) && has_protocol(rule, proto, port))
			return true;
	}
	return false;
}
