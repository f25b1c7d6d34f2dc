/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether there was memory for all JSON that was made. What is said of a network is put together in
 * a hundred small steps; instead of asking after each, one asks at the end whether any has failed.
 */
#ifndef CONTROL_JSON_MEMORY_H
#define CONTROL_JSON_MEMORY_H

/* From now on, for the whole process. */
void ctl_json_watch(void);

/* How often there was none. More than before: what was made meanwhile is to be thrown away. */
unsigned long ctl_json_failures(void);

#endif
