/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A peer as a message: several nouns' RPCs answer with one. */
#ifndef CONTROL_API_PEER_H
#define CONTROL_API_PEER_H

#include <jansson.h>

#include "control/network.h"
#include "control/peer.h"

struct api_call;

json_t *api_peer_json(const struct ctl_peer *p);
/* The field "tags" as the store wants it. 0 or -1 with c->err. */
int api_peer_tags(struct api_call *c, char text[CTL_LIST_LEN]);

#endif
