/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "member_config.h"

#include <stdlib.h>
#include <string.h>

const char *tp_member_check_server(const void *member)
{
	uint16_t port;
	char *host;
	int err = tp_member_server(*(char *const *)member, &host, &port);

	free(host);
	return err ? "must be host:port" : NULL;
}

void tp_member_check(const struct tp_member_settings *s, struct tp_config_report *report)
{
	static const uint8_t none[WG_KEY_LEN];

	if (!s->server != !memcmp(s->public_key, none, sizeof(none)))
		tp_config_error(report, tp_config_line(report, "control"),
				"control: server and public_key are needed both");
}
