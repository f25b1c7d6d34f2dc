/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The device that a program runs for: one instance serves all of its kind. */
#ifndef TP_BPF_GATEWAY_DEVICE_H
#define TP_BPF_GATEWAY_DEVICE_H

#include "maps.h"

/* False: the daemon knows no such device, or knows it no more. */
TP_INLINE bool gw_device_number(__u32 ifindex, __u32 *id)
{
	for (__u32 i = 0; i < TP_GW_DEVICE_PROBES; i++) {
		__u32 at = (ifindex + i) % TP_GW_DEVICES;
		const struct gw_device_number *device = bpf_map_lookup_elem(&gw_devices, &at);

		if (device && device->ifindex == ifindex) {
			*id = device->id;
			return true;
		}
	}
	return false;
}

/* Looks the number up, for gw_id() in the rest of the run. */
TP_INLINE bool gw_begin(struct __sk_buff *skb)
{
	__u32 id;

	if (!gw_device_number(skb->ifindex, &id))
		return false;
	skb->cb[0] = id;
	return true;
}

/* In gw_overlays or gw_uplinks, as self.role has it. */
TP_INLINE __u32 gw_id(const struct __sk_buff *skb)
{
	return skb->cb[0];
}

#endif
