// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "units.h"

#include <stdio.h>

/* Divides by `base` until three digits before the point are enough; the number goes to buf with
 * three significant ones. Returns how often. */
static unsigned int scale(double n, double base, char *buf)
{
	unsigned int times = 0;

	while (n >= 999.5 && times < 6) {
		n /= base;
		times++;
	}
	if (!times && n == (double)(uint64_t)n)
		snprintf(buf, UNIT_STRLEN, "%.0f", n);
	else
		snprintf(buf, UNIT_STRLEN, "%.*f", n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n);
	return times;
}

static const char *with_unit(double n, double base, const char *const *units, char *buf)
{
	char number[UNIT_STRLEN];
	unsigned int times = scale(n, base, number);

	snprintf(buf, UNIT_STRLEN, "%s%s", number, units[times]);
	return buf;
}

const char *unit_count(double n, char *buf)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};

	return with_unit(n, 1000, units, buf);
}

const char *unit_bytes(double n, char *buf)
{
	static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

	return with_unit(n, 1024, units, buf);
}

const char *unit_bits(double n, char *buf)
{
	static const char *const units[] = {" bit",  " kbit", " Mbit", " Gbit",
					    " Tbit", " Pbit", " Ebit"};

	return with_unit(n, 1000, units, buf);
}

const char *unit_duration(double seconds, char *buf)
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

	if (seconds < 10)
		snprintf(buf, UNIT_STRLEN, "%.1fs", seconds > 0 ? seconds : 0);
	else if (s < 60)
		snprintf(buf, UNIT_STRLEN, "%us", (unsigned int)s);
	else if (s < 3600)
		snprintf(buf, UNIT_STRLEN, "%um%02us", (unsigned int)s / 60, (unsigned int)s % 60);
	else if (s < 86400)
		snprintf(buf, UNIT_STRLEN, "%uh%02um", (unsigned int)s / 3600,
			 (unsigned int)s / 60 % 60);
	else
		snprintf(buf, UNIT_STRLEN, "%llud%02uh", (unsigned long long)s / 86400,
			 (unsigned int)(s / 3600 % 24));
	return buf;
}
