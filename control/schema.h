/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The migrations, compiled in from schema_*.sql in their order. */
#ifndef CONTROL_SCHEMA_H
#define CONTROL_SCHEMA_H

#include <stddef.h>

extern const char *const ctl_schema[];
extern const size_t ctl_schema_n;

#endif
