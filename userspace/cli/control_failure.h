/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a command of `turnpike control` could not do, told alike whoever found out. */
#ifndef TP_CLI_CONTROL_FAILURE_H
#define TP_CLI_CONTROL_FAILURE_H

struct control;

/* Why: a code of Connect's, or "unavailable". */
struct control_failure {
	char code[32];
	char message[256];
};

/* On stderr, with --json on stdout; returns CLI_FAILURE. */
int control_tell(const struct control *c, const struct control_failure *why);
/* The same for what was found out here. */
__attribute__((format(printf, 3, 4))) int control_fail(const struct control *c, const char *code,
						       const char *fmt, ...);

#endif
