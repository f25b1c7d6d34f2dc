/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/addresses.h"

#include <stdbool.h>

static bool among(__be32 addr, const __be32 *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addrs[i] == addr)
			return true;
	return false;
}

static uint32_t remove_gone(struct gw_uplink *u, const __be32 *now, size_t n)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; i < TP_GW_ADDRS; i++) {
		if (!u->addr[i] || among(u->addr[i], now, n))
			continue;
		u->addr[i] = 0;
		gone |= 1u << i;
	}
	return gone;
}

static void place(struct gw_uplink *u, __be32 addr, uint32_t avoid)
{
	int at = -1;

	for (int i = TP_GW_ADDRS - 1; i >= 0; i--)
		if (!u->addr[i] && (!(avoid & 1u << i) || at < 0 || avoid & 1u << at))
			at = i;
	if (at >= 0)
		u->addr[at] = addr;
}

uint32_t gw_addresses_update(struct gw_uplink *u, const __be32 *now, size_t n)
{
	uint32_t gone = remove_gone(u, now, n);

	for (size_t i = 0; i < n; i++)
		if (!among(now[i], u->addr, TP_GW_ADDRS))
			place(u, now[i], gone);
	u->n_addrs = 0;
	for (uint32_t i = 0; i < TP_GW_ADDRS; i++)
		if (u->addr[i])
			u->n_addrs = i + 1;
	return gone;
}
