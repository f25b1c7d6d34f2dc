// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/json_memory.h"

#include <jansson.h>
#include <stdlib.h>

static unsigned long failures;

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		failures++;
	return memory;
}

void ctl_json_watch(void)
{
	json_set_alloc_funcs(allocate, free);
}

unsigned long ctl_json_failures(void)
{
	return failures;
}
