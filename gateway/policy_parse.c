// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy_parse.h"

#include <netinet/in.h>
#include <string.h>

#define WHOLE(proto)                                                          \
	{                                                                     \
		(uint32_t)(proto) << 16, (uint32_t)(proto) << 16 | UINT16_MAX \
	}

/* Takes one decimal number; the end of it, or NULL. */
static const char *parse_port(const char *text, uint16_t *port)
{
	uint32_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= UINT16_MAX; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	*port = (uint16_t)n;
	return p == text || n > UINT16_MAX ? NULL : p;
}

const char *policy_parse_ports(const char *text, uint16_t *low, uint16_t *high)
{
	const char *end = parse_port(text, low);

	*high = *low;
	if (end && *end == '-')
		end = parse_port(end + 1, high);
	if (!end || *end)
		return "is no port from 0 to 65535, and no range such as 8000-8100";
	return *low > *high ? "ends before it begins" : NULL;
}

static const struct protocol {
	const char *name;
	size_t n;
	struct policy_reach reach[POLICY_REACHES];
	bool ports;
} protocols[] = {
	{"all", 1, {{0, UINT8_MAX << 16 | UINT16_MAX}}, false},
	{"tcp", 1, {WHOLE(IPPROTO_TCP)}, true},
	{"udp", 1, {WHOLE(IPPROTO_UDP)}, true},
	{"icmp", 2, {WHOLE(IPPROTO_ICMP), WHOLE(IPPROTO_ICMPV6)}, false},
};

size_t policy_parse_protocol(const char *text, struct policy_reach reach[POLICY_REACHES],
			     bool *ports)
{
	*ports = false;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		const struct protocol *p = &protocols[i];

		if (strcmp(text ? text : "all", p->name) != 0)
			continue;
		memcpy(reach, p->reach, sizeof(p->reach));
		*ports = p->ports;
		return p->n;
	}
	return 0;
}
