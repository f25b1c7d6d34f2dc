/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP programs attached by a pinned bpf_link: the program stays when the process ends, and its
 * successor replaces it in one step, without a packet that sees neither.
 */
#ifndef TP_BPF_LINK_H
#define TP_BPF_LINK_H

#include <stdbool.h>
#include <stdint.h>

enum tp_xdp_mode { TP_XDP_NATIVE, TP_XDP_GENERIC };

const char *tp_xdp_mode_name(enum tp_xdp_mode mode);

/* Runs prog_fd on the device, in that mode and no other. The link pinned in `dir` for ifname, or
 * for a name that the device had, is taken over when it is still on the device; a link in another
 * mode, or left over from a device that went away, is replaced. 0 with *link_fd for the caller to
 * close (the pin keeps the program running), or -errno with the reason, and what to do about it,
 * logged. */
int tp_xdp_attach(int dir, const char *ifname, int ifindex, int prog_fd, enum tp_xdp_mode mode,
		  int *link_fd);
/* Is there a pinned link for this interface, of whatever state? */
bool tp_xdp_pinned(int dir, const char *ifname);
/* Does this link still run its program on that device of this network namespace? */
bool tp_xdp_link_on(int link_fd, int ifindex);
/* Is any XDP program on the device, whosoever? */
bool tp_xdp_any_on(int ifindex);

/* Detaches and unpins each link in dir for whose interface keep() says false. keep NULL: all. */
int tp_xdp_detach(int dir, bool (*keep)(void *arg, const char *ifname), void *arg);

/* What can be done about a failed attach, for an error message. */
const char *tp_xdp_advice(int err, enum tp_xdp_mode mode);

#endif
