/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP echoes to relays' service addresses, inside the tunnels: one socket for all overlays, each
 * echo sent out of the device that is named, whatever routes say.
 */
#ifndef GATEWAY_RELAY_PROBE_H
#define GATEWAY_RELAY_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct event_base;
struct gw_relay_probe;

/* One of our echoes was answered, by `from`, and came in by that device. */
typedef void gw_relay_answer_fn(void *ctx, int ifindex, const struct tp_addr *from, uint16_t seq);

/* Before privileges are dropped. 0 or -errno, logged. */
int gw_relay_probe_open(struct gw_relay_probe **out, struct event_base *base,
			gw_relay_answer_fn *fn, void *ctx);
void gw_relay_probe_close(struct gw_relay_probe *p);

/* To an IPv4 address. 0 or -errno. */
int gw_relay_probe_send(struct gw_relay_probe *p, int ifindex, const struct tp_addr *to,
			uint16_t seq);

/* An echo's 16 bytes, and the answer to it in an IP packet as a raw socket hands it out: 0 with
 * *seq, or -EINVAL. Public for tests. */
#define GW_ECHO_LEN 16
void gw_relay_echo_make(uint8_t out[GW_ECHO_LEN], uint16_t id, uint16_t seq);
int gw_relay_echo_read(const uint8_t *packet, size_t len, uint16_t id, uint16_t *seq);

#endif
