/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The `control` block of a daemon's file: the same in each. */
#ifndef TP_MEMBER_CONFIG_H
#define TP_MEMBER_CONFIG_H

#include "config.h"
#include "member.h"

/* The fields of a table for a struct `type` that has a struct tp_member_settings `control`. */
#define TP_MEMBER_FIELDS(type_)                                                           \
	{                                                                                 \
		.name = "server",                                                         \
		.type = TP_CONFIG_STRING,                                                 \
		.offset = offsetof(struct type_, control.server),                         \
		.check = tp_member_check_server,                                          \
		.frozen = true,                                                           \
		.help = "Host and TCP port of turnpike-control's ncp_listen.",            \
	},                                                                                \
		{                                                                         \
			.name = "public_key",                                             \
			.type = TP_CONFIG_KEY,                                            \
			.offset = offsetof(struct type_, control.public_key),             \
			.frozen = true,                                                   \
			.help = "The key that it answers with; turnpike control daemon "  \
				"prints it.",                                             \
		},                                                                        \
	{                                                                                 \
		.name = "auth_key_file", .type = TP_CONFIG_PATH,                          \
		.offset = offsetof(struct type_, control.auth_key_file), .frozen = true,  \
		.help = "File with the auth key to join by, readable by its owner only. " \
			"Not needed any more once the daemon has joined.",                \
	}

/* A tp_config_field's check. */
const char *tp_member_check_server(const void *member);
/* Checks across the block's settings. */
void tp_member_check(const struct tp_member_settings *s, struct tp_config_report *report);

#endif
