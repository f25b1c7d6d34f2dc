/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stock WireGuard peers: their file for wg-quick, which is all that they ever get. It names up to
 * three relays to register with, and every peer that the policy lets it talk to: where that is
 * directly if it was declared public, else through a relay.
 */
#ifndef CONTROL_STOCK_H
#define CONTROL_STOCK_H

#include "control/peer.h"

struct ctl_paths;

#define CTL_STOCK_PRIVATE_KEY "<private key>" /* what stands in the file in its place */

/* The file as it is now, to be freed; from then on it counts as the one that the peer has. Its
 * relays are chosen by `paths` (NULL: nothing is known). Needs a transaction.
 * CTL_FAILED_PRECONDITION when the peer is none of this kind. */
int ctl_stock_export(struct ctl_store *s, const struct ctl_paths *paths, const char *tenant,
		     const char *network, const char *device, char **file, struct ctl_error *err);
/* Stock peers whose file would be another now, in the order of their ids; `revision`: the latest
 * when it was exported. `network` NULL: of all of the tenant's. */
int ctl_stock_stale(struct ctl_store *s, const char *tenant, const char *network, const char *after,
		    unsigned int limit,
		    bool (*fn)(void *arg, const struct ctl_peer *peer, uint64_t revision),
		    void *arg, struct ctl_error *err);

#endif
