/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc programs that stay on a device when the process ends: by a pinned tcx link where the kernel
 * has those (6.6), else by a filter of clsact. Either way a successor takes over in one step,
 * without a packet that sees neither. They come before all other programs of the same side.
 *
 * Pins: tc_in_<device>, tc_out_<device>; of the link, or, to know the filter by, of its program.
 */
#ifndef TP_BPF_TC_H
#define TP_BPF_TC_H

#include <stdbool.h>

enum tp_tc_side { TP_TC_INGRESS, TP_TC_EGRESS };
enum tp_tc_kind { TP_TC_BEST, TP_TC_CLSACT }; /* what to try */

/* Runs prog_fd there, in place of what the pin in `dir` stands for. 0 or -errno, logged. */
int tp_tc_attach(int dir, const char *ifname, int ifindex, enum tp_tc_side side, int prog_fd,
		 enum tp_tc_kind kind);
/* Is what is pinned in `dir` on that device of this network namespace? */
bool tp_tc_attached(int dir, const char *ifname, int ifindex, enum tp_tc_side side);
/* How: "tcx", "clsact", or "none". */
const char *tp_tc_how(int dir, const char *ifname, enum tp_tc_side side);

/* Detaches and unpins everything in dir for whose interface keep() says false. keep NULL: all. A
 * clsact qdisc stays behind: others may have filters there. */
int tp_tc_detach(int dir, bool (*keep)(void *arg, const char *ifname), void *arg);

#endif
