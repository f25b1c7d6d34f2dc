/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs leave to the daemon: fragments that came before the first one of their
 * datagram are held until it has come (RFC 4787 REQ-14), and packets that are too big and may be
 * cut are cut (REQ-13a). Sent by a raw socket, which the kernel finds the way for. Bounded in
 * number and time; what does not fit is counted and dropped.
 */
#ifndef GATEWAY_PUNT_H
#define GATEWAY_PUNT_H

#include <stdint.h>

#include "gateway/datapath.h"

struct event_base;
struct gw_punts;

#define GW_PUNT_HELD	256 /* early fragments at once */
#define GW_PUNT_HOLD_MS 1000

struct gw_punt_stats {
	uint64_t cut;	   /* packets that were cut */
	uint64_t followed; /* early fragments sent after their first one */
	uint64_t full;	   /* early fragments that found no room */
	uint64_t lone;	   /* whose first one never came */
	uint64_t failed;   /* the kernel refused to send, or a flow had gone */
};

/* Opens the socket, which needs CAP_NET_RAW, so before privileges are dropped. dp is kept by
 * reference. 0 or -errno, logged. */
int gw_punts_new(struct gw_punts **out, struct event_base *base, struct gw_datapath *dp);
void gw_punts_free(struct gw_punts *p);

const struct gw_punt_stats *gw_punts_stats(const struct gw_punts *p);

#endif
