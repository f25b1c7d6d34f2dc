/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/lib/usage.h"

struct bench_usage bench_usage_of(pid_t pid)
{
	unsigned long user = 0, system = 0, pages = 0;
	char path[64], line[1024], *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = pid ? fopen(path, "r") : NULL;
	if (!f)
		return (struct bench_usage){0};
	/* The command may hold anything, spaces and parentheses too. */
	if (fgets(line, sizeof(line), f) && (after = strrchr(line, ')')))
		sscanf(after + 1,
		       " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu %*s %*s %*s "
		       "%*s %*s %*s %*s %*s %lu",
		       &user, &system, &pages);
	fclose(f);
	return (struct bench_usage){
		.cpu_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK),
		.rss_kib = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024,
	};
}
