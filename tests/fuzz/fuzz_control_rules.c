// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A policy's rules from JSON. A refusal must say why; what one may send to another must be a rule
 * that is there, and then the two must be admitted as a pair.
 */
#include <jansson.h>
#include <stdlib.h>

#include "control/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void judge(const struct ctl_rules *r, const struct ctl_subject *from,
		  const struct ctl_subject *to)
{
	static const char *const protocols[] = {"tcp", "udp", "icmp"};
	static const uint16_t ports[] = {0, 80, 8050, 65535};

	for (size_t i = 0; i < 12; i++) {
		long rule = ctl_rules_judge(r, from, to, protocols[i % 3], ports[i / 3]);

		demand(rule >= -1 && rule < (long)ctl_rules_count(r));
		demand(rule < 0 || ctl_rules_pair(r, from, to));
		demand(rule < 0 || ctl_rules_name(r, (size_t)rule));
	}
	demand(ctl_rules_pair(r, from, to) == ctl_rules_pair(r, to, from));
}

static void judge_all(const struct ctl_rules *r)
{
	static const char *const words[] = {"staff", "ops"};
	static const struct ctl_prefix lan = {0xc0a80a00, 24};
	const struct ctl_subject who[] = {
		{.name = "alice", .ip = 0x64400101, .tags = words, .n_tags = 2},
		{.name = "bob", .ip = 0x64400102, .groups = words, .n_groups = 2},
		{.name = "gw", .ip = 0x64400103, .subnets = &lan, .n_subnets = 1},
		{.ip = 0xc0a80a05},
	};

	for (size_t i = 0; i < 16; i++)
		judge(r, &who[i / 4], &who[i % 4]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *list = json_loadb((const char *)data, len, JSON_DECODE_ANY, NULL);
	struct ctl_error err = {0};
	struct ctl_rules *r;

	if (!list)
		return 0;
	if (ctl_rules_parse(&r, list, &err))
		demand(!r && err.code == CTL_INVALID_ARGUMENT && err.text[0]);
	else
		judge_all(r);
	ctl_rules_free(r);
	json_decref(list);
	return 0;
}
