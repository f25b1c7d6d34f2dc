/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The relays of a control plane's networks: measured, chosen among for each peer, and what was
 * chosen put into the WireGuard devices.
 *
 * A peer that moves is taken out of its device and put back at the other relay, since that one has
 * no flow for the session that there is; who had one begins the new handshake at once. Where the
 * other side moved first the device has followed it already, and is left alone. All other peers
 * are.
 */
#ifndef GATEWAY_RELAYS_H
#define GATEWAY_RELAYS_H

#include <jansson.h>

#include "gateway/overlay.h"
#include "gateway/relay_choice.h"
#include "member.h"

struct event_base;
struct tp_metrics;
struct gw_relays;

/* state->wireguard says which relays peers went through before. Opens a socket, so before
 * privileges are dropped; without it (logged) peers stay where control has put them. 0 or -ENOMEM.
 */
int gw_relays_new(struct gw_relays **out, struct event_base *base, const struct gw_state *state);
void gw_relays_free(struct gw_relays *r);

/* Another view, before its settings are put in force. New peers are chosen for; those that are
 * there stay where they are until gw_relays_settle(). 0 or -ENOMEM, and then nothing changed. */
int gw_relays_take(struct gw_relays *r, const struct tp_ncp_view *view);

/* For gw_overlays: the peers that a device shall have, with the endpoints of the relays that were
 * chosen. r may be NULL. */
void gw_relays_shape(const struct gw_relays *r, const char *device, struct gw_peers *peers);

/* From now on peers are moved in these devices, and what is measured is reported. */
void gw_relays_start(struct gw_relays *r, struct gw_overlays *overlays, struct tp_member *member);
/* A view is in force: moves what it has given reason to. */
void gw_relays_settle(struct gw_relays *r);
/* A connection to control begins: it knows nothing of what was reported. */
void gw_relays_say_again(struct gw_relays *r);

/* One device's relays, for status; of a device that is no network's an empty list. And all that is
 * known, with the peers that go through them: [{"overlay", "relays", "peers"}]. New references; r
 * may be NULL. */
json_t *gw_relays_list(const struct gw_relays *r, const char *device);
json_t *gw_relays_report(const struct gw_relays *r);
void gw_relays_metrics(const struct gw_relays *r, struct tp_metrics *m);

#endif
