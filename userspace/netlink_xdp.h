/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What XDP can do with a device, as the kernel's `netdev` family tells it since Linux 6.3. Nothing
 * here waits, and after opening only sendto and recvmsg are called, without privileges.
 */
#ifndef TP_NETLINK_XDP_H
#define TP_NETLINK_XDP_H

struct tp_netlink_xdp;

/* For the calling thread's network namespace. 0, -EOPNOTSUPP: the kernel does not tell, or another
 * -errno. */
int tp_netlink_xdp_open(struct tp_netlink_xdp **out);
void tp_netlink_xdp_close(struct tp_netlink_xdp *xdp);

/* Does the device take frames that XDP programs of other devices redirect to it? 0 or 1, -ENODEV:
 * there is no such device, or another -errno. So it is now: NICs often take them only while they
 * run a program themselves, a veth only while its far end runs one or has GRO on. */
int tp_netlink_xdp_takes(struct tp_netlink_xdp *xdp, int ifindex);

/* Can a program that redirects run in the device's driver? Likewise. */
int tp_netlink_xdp_redirects(struct tp_netlink_xdp *xdp, int ifindex);

#endif
