/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers for people. Each writes into buf (UNIT_STRLEN) and returns it. */
#ifndef TP_CLI_UNITS_H
#define TP_CLI_UNITS_H

#include <stdint.h>

#define UNIT_STRLEN 32

/* Three significant digits: 950, 12.3k, 4.56M; decimal. */
const char *unit_count(double n, char *buf);
/* 950 B, 1.23 MiB; binary. */
const char *unit_bytes(double n, char *buf);
/* 950 bit, 1.23 Gbit; decimal. "/s" is the column's business. */
const char *unit_bits(double n, char *buf);
/* 0.4s, 12s, 3m05s, 2h03m, 4d02h. */
const char *unit_duration(double seconds, char *buf);

#endif
