// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control_time.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

/* Seconds, 0 when it is nothing of that kind. */
static long parse_span(const char *text)
{
	static const char units[] = "smhd";
	static const long seconds[] = {1, 60, 3600, 86400};
	char *end;
	long n = strtol(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (end == text || n < 1 || n > 100000 || !unit || end[1])
		return 0;
	return n * seconds[unit - units];
}

int control_add_expiry(json_t *in, const char *after)
{
	long span = after ? parse_span(after) : 0;
	time_t when = time(NULL) + span;
	char text[32];
	struct tm tm;

	if (!after)
		return 0;
	if (!span)
		return cli_fail("--expires: \"%s\" is no time such as 90m, 24h or 30d", after), -1;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
	json_object_set_new(in, "expiresAt", json_string(text));
	return 0;
}
