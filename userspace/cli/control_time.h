/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TP_CLI_CONTROL_TIME_H
#define TP_CLI_CONTROL_TIME_H

#include <jansson.h>

struct control;

/* Adds "expiresAt": `after` is "90m", "24h" or "30d" from now; NULL: never. 0, or -1, told. */
int control_add_expiry(const struct control *c, json_t *in, const char *after);
/* Adds "since": `when` is such a span ago, or a time as the API has it; NULL: nothing. */
void control_add_since(json_t *in, const char *when);

#endif
