/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * net.ipv4.conf.lo.forwarding. The programs ask for next hops as for packets of this host's own, of
 * the loopback device, and bpf_fib_lookup answers only where the device that is asked about
 * forwards. Nobody else's packets come in by that device, so nobody's go further for it. Without
 * it, the kernel looks each packet's next hop up, as it did before.
 */
#ifndef GATEWAY_LOOPBACK_H
#define GATEWAY_LOOPBACK_H

#include <stdbool.h>

/* Switches it on; *ours becomes true when it was off. False, logged: it can't be. */
bool gw_loopback_forward(bool *ours);
/* Off again. */
void gw_loopback_release(void);

#endif
