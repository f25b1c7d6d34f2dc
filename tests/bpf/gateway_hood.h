/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Devices, routes and neighbours of the kernel's own around the gateway's lab, in a network
 * namespace of the test's: both devices Ethernet, each neighbour known, the loopback device
 * forwarding.
 */
#ifndef TP_TESTS_BPF_GATEWAY_HOOD_H
#define TP_TESTS_BPF_GATEWAY_HOOD_H

#include "gateway_lab.h"

#define XDP_DROPS    1
#define XDP_PASSES   2
#define XDP_FORWARDS 4

#define HOOD_LAN    "lan0"
#define HOOD_ROUTER "192.168.10.1"

/* Before the lab is opened. 0, or -1. */
int hood_open(void);
/* The lab's devices are these, and take frames from XDP; after lab_reset(). */
void hood_join(struct lab *lab);
/* Runs ip(8) with these arguments, formatted; it must succeed. */
void hood_ip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Another device. */
void hood_device(const char *name, const char *mac);
/* net.ipv4.conf.lo.forwarding */
void hood_forwarding(bool on);
/* Changes what the programs know of the devices. */
void hood_takes_xdp(struct lab *lab, bool takes);

/* Addresses the frame to the device of that side. */
void hood_address(struct lab_frame *f, enum lab_side to);
/* Is the frame from the device to the neighbour of this address, as they are at first? */
void hood_demand_from_to(const struct lab_frame *f, enum lab_side from, const char *neighbour);
/* Is its Ethernet header that of `in`? */
bool hood_same_header(const struct lab_frame *in, const struct lab_frame *f);

#endif
