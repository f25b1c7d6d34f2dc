/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Data packets between nodes that XDP left to the daemon, or all of them with attach = "off". The
 * same decisions as bpf/relay.bpf.c: the tests hold the two against each other.
 */
#ifndef RELAY_FORWARD_H
#define RELAY_FORWARD_H

#include "relay/relay.h"

void forward_data(struct relay *r, const struct packet *p);

/* The kernel was told (ICMP) that what went to `to` exceeds `mtu`; quote is what it showed of our
 * UDP payload. Believed only when that names a live flow. True when a path MTU changed. */
bool forward_path_mtu(struct relay *r, const struct tp_endpoint *to, uint32_t mtu,
		      const uint8_t *quote, size_t len, uint64_t now);

#endif
