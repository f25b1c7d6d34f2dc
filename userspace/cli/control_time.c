// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control_time.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control_failure.h"

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

static void add_time(json_t *in, const char *key, time_t when)
{
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &tm));
	json_object_set_new(in, key, json_string(text));
}

void control_add_since(json_t *in, const char *when)
{
	long span = when ? parse_span(when) : 0;

	if (span)
		add_time(in, "since", time(NULL) - span);
	else if (when)
		json_object_set_new(in, "since", json_string(when));
}

int control_add_expiry(const struct control *c, json_t *in, const char *after)
{
	long span = after ? parse_span(after) : 0;

	if (!after)
		return 0;
	if (!span)
		return control_fail(c, "invalid_argument",
				    "--expires: \"%s\" is no time such as 90m, 24h or 30d", after);
	add_time(in, "expiresAt", time(NULL) + span);
	return 0;
}
