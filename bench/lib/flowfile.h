/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files of flows, one a line: what a sender sends, and where it should arrive.
 *
 *	FROM TO INDEX OUT		10.64.0.1:51820 203.0.113.99:443 0a1b2c3d 10.64.0.2:51820
 *
 * INDEX is the receiver index in hex. Empty lines and those that start with # are left out.
 */
#ifndef BENCH_FLOWFILE_H
#define BENCH_FLOWFILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"

struct bench_flow {
	struct tp_endpoint from, to, out;
	uint32_t index; /* as on the wire */
};

/* 0 with *flows for the caller to free, -EINVAL (the line is named on stderr) or -errno. */
int bench_flows_read(const char *path, struct bench_flow **flows, size_t *n);
void bench_flow_print(FILE *to, const struct bench_flow *flow);

#endif
