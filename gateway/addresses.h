/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which place a masquerade address has: mappings are found by it, so an address that stays keeps
 * its own. */
#ifndef GATEWAY_ADDRESSES_H
#define GATEWAY_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi/gateway.h"

/* Makes the n addresses those of the uplink; what does not fit is left out. Returns a bit for each
 * place whose address has gone, and whose mappings have to end. A place that has become free is the
 * last one to be filled again. */
uint32_t gw_addresses_update(struct gw_uplink *u, const __be32 *now, size_t n);

#endif
