/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/lib/usage.h"

static double cpu_seconds(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64], line[1024], *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	/* The command may hold anything, spaces and parentheses too. */
	if (fgets(line, sizeof(line), f) && (after = strrchr(line, ')')))
		sscanf(after + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
		       &system);
	fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t anonymous_kib(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %lu", &kib) != 1)
		;
	if (f)
		fclose(f);
	return kib;
}

struct bench_usage bench_usage_of(pid_t pid)
{
	if (!pid)
		return (struct bench_usage){0};
	return (struct bench_usage){cpu_seconds(pid), anonymous_kib(pid)};
}
