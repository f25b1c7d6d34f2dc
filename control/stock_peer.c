// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "control/stock_peer.h"

#include "control/device.h"
#include "control/network.h"

static int taken(const char *name, struct ctl_error *err)
{
	return ctl_fail(err, CTL_ALREADY_EXISTS, "device \"%s\" is there already", name);
}

/* Its name is never another one, as a node's may be that asks for one itself. */
static int find_device(struct ctl_store *s, const char *tenant, const char *name,
		       struct ctl_device *out, struct ctl_error *err)
{
	if (!ctl_device_by_name(s, tenant, name, out, err))
		return out->kind == CTL_STOCK ? 0 : taken(name, err);
	if (err->code != CTL_NOT_FOUND)
		return -1;
	return ctl_device_create(s, tenant, name, CTL_STOCK, NULL, false, out, err);
}

static int enter(struct ctl_store *s, const char *tenant, const char *network,
		 const struct ctl_device *d, const char *tags, struct ctl_error *err)
{
	struct ctl_peer p;

	if (ctl_peer_get(s, tenant, network, d->id, &p, err))
		return err->code == CTL_NOT_FOUND
			       ? ctl_peer_add(s, tenant, network, d->id, tags, &p, err)
			       : -1;
	if (p.ip)
		return taken(d->name, err);
	return tags[0] ? ctl_peer_set_tags(s, tenant, network, d->id, tags, err) : 0;
}

int ctl_stock_add(struct ctl_store *s, const char *tenant, const char *network, const char *name,
		  const char *tags, const uint8_t key[CTL_KEY_LEN], struct ctl_peer *out,
		  struct ctl_error *err)
{
	struct ctl_network n;
	struct ctl_device d;

	if (ctl_network_get(s, tenant, network, &n, err) || find_device(s, tenant, name, &d, err) ||
	    enter(s, tenant, network, &d, tags, err))
		return -1;
	return ctl_peer_key(s, network, d.id, key, 0, out, err);
}
