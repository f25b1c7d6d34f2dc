/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a stock WireGuard peer comes into a network: no device reports a key, an operator brings it.
 */
#ifndef CONTROL_STOCK_PEER_H
#define CONTROL_STOCK_PEER_H

#include "control/peer.h"

/* The stock device of this name, which is made if there is none; one that was invited brings its
 * key so. `tags`: as JSON, "" for those that it has. CTL_ALREADY_EXISTS when the name is that of
 * another kind of device, or of one that is in the network with a key. Needs a transaction. */
int ctl_stock_add(struct ctl_store *s, const char *tenant, const char *network, const char *name,
		  const char *tags, const uint8_t key[CTL_KEY_LEN], struct ctl_peer *out,
		  struct ctl_error *err);

#endif
