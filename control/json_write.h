/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * JSON as text, in its shortest form. The same that json_dumps() makes of it with JSON_COMPACT; but
 * that one spends most of its time on whether a value holds itself, which what is made here never
 * does, and leaves out a key that it has no memory for.
 */
#ifndef CONTROL_JSON_WRITE_H
#define CONTROL_JSON_WRITE_H

#include <stddef.h>

struct json_t;

/* Ends in NUL, *len without it; the caller frees it. NULL without memory, or without a value. */
char *ctl_json_write(const struct json_t *value, size_t *len);

#endif
