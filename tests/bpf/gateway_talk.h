/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A masqueraded flow between a node and a LAN: packets each way, each demanded to arrive. */
#ifndef TP_TESTS_BPF_GATEWAY_TALK_H
#define TP_TESTS_BPF_GATEWAY_TALK_H

#include "gateway_lab.h"

struct talk {
	struct lab *lab;
	struct gw_flow_key key;
	struct lab_packet out, in;
	uint64_t n_out, n_in; /* packets so far */
};

/* From the node, and to it. */
void talk_says(struct talk *t);
void talk_hears(struct talk *t);

/* By its first packet; by UDP to SERVER; by TCP, established. */
struct talk talk_open(struct lab *lab, struct lab_packet first);
struct talk talk_udp(struct lab *lab, const char *node, uint16_t port);
struct talk talk_tcp(struct lab *lab);

/* Until it has a shortcut each way. */
void talk_settle_down(struct talk *t);
/* The flow without what its shortcuts have counted. */
struct gw_flow talk_bare_flow(const struct talk *t);
/* That the flow, with its shortcuts, has counted every packet. */
void talk_demand_counts(const struct talk *t);

#endif
