/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How far the peers of a network are from its relays, as messages. */
#ifndef CONTROL_API_TRIPS_H
#define CONTROL_API_TRIPS_H

#include <stddef.h>

#include "control/peer.h"

struct api_call;
struct api_trip_relay;
struct json_t;

/* The relays of a network, read once for all of its peers. */
struct api_trips {
	const struct api_call *call;
	struct api_trip_relay *relays;
	size_t n;
};

/* 0, or -1 with c->err. End it whatever is returned. */
int api_trips_begin(struct api_call *c, const char *network, struct api_trips *t);
void api_trips_end(struct api_trips *t);

/* The round trips of the peer that are known, the shortest first: a new reference. */
struct json_t *api_trips_json(const struct api_trips *t, const struct ctl_peer *p);

#endif
