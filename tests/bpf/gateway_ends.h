/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes' ends that speak to the server, and how the daemon takes from them what they have, while
 * packets run. For that the programs' time stands still, soon after the start of the machine, and
 * the sweeper's goes on: to it all is dead, and it ends a flow at any moment, packets or not. There
 * are two ports, an even and an odd one, so that who takes one after another takes the same.
 */
#ifndef TP_TESTS_BPF_GATEWAY_ENDS_H
#define TP_TESTS_BPF_GATEWAY_ENDS_H

#include "gateway_lab.h"

#define END_PORT  LAB_BASE
#define END_PORTS 2

/* A node's end, and the server's port that it speaks to. */
struct end {
	const char *node;
	uint16_t port, server_port;
};

/* Both are a group's: *state is the lab, whose policy lets alice and bob speak to the server. */
int ends_set_up(void **state);
int ends_before(void **state);
/* The memory of one of the lab's maps, until the lab is closed. */
void *ends_share(struct lab *lab, const char *map, size_t size);

struct lab_frame end_frame(struct lab_packet p);
struct lab_frame end_out(const struct end *e);
/* From the server to a port. */
struct lab_frame end_in(uint16_t port);
struct gw_flow_key end_key(const struct end *e);
/* The node speaks: the port that it has for that, or 0. */
uint16_t end_speak(struct lab *lab, const struct end *e);
/* Did a packet go on? No answer about it did. */
bool end_forwarded(int verdict, const struct lab_frame *out);
bool end_is_at(const struct lab_frame *out, const struct end *e);
/* NULL when the packet is at one of the two, in all of its bytes; or what is wrong. */
const char *end_whole(const struct lab_frame *out, const struct end *a, const struct end *b);

/* The port is nobody's. */
void end_port(uint16_t port);
struct gw_filter_key end_filter(uint16_t port);
/* Ends what there is of an end's flow by a port, all by the sweeper: first what a packet could open
 * it anew by. */
void end_flow(struct lab *lab, const struct end *e, uint16_t port);
/* The end has no port, and its node no block, which is the only one. */
void end_mapping(struct lab *lab, const struct end *e, uint16_t port);
/* The sweeper's list, emptied; lab_sweep() takes what is put into it. */
struct gw_sweep *ends_list(void);

#endif
