/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway's programs on maps of their own, fed with frames through BPF test runs:
 *
 *	alice 100.64.1.1 fd00::1 ─┐                                 ┌─ 192.168.10.0/24, masqueraded
 *	bob   100.64.1.2 fd00::2 ─┴ overlay 0 ─ gateway ─ uplink 0 ─┼─ 172.16.0.0/16, routed
 *	                   100.64.1.254, fd00::fe    192.168.10.254 └─ 2001:db8::/32, routed
 *
 * Both devices are Ethernet to the programs. Frames are built, and checksums computed, byte by
 * byte, sharing no code with the programs.
 */
#ifndef TP_TESTS_BPF_GATEWAY_LAB_H
#define TP_TESTS_BPF_GATEWAY_LAB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bpf/abi/gateway.h"
#include "gateway_frame.h"

#define ALICE	 "100.64.1.1"
#define BOB	 "100.64.1.2"
#define ALICE6	 "fd00::1"
#define BOB6	 "fd00::2"
#define GATEWAY	 "100.64.1.254"
#define EXTERNAL "192.168.10.254"
#define SERVER	 "192.168.10.7"
#define OTHER	 "192.168.10.8"
#define ROUTED	 "172.16.3.4"
#define ROUTED6	 "2001:db8::7"

#define LAB_BASE  10000
#define LAB_RANGE 1024
#define LAB_BLOCK 64
#define LAB_MTU	  1420 /* of the overlay; the uplink's is 1500 */
#define LAB_MARK  0x54504757

enum lab_side { FROM_NODE, FROM_HOST, FROM_UPLINK };
enum lab_verdict { PASS = -1, SHOT = 2, REDIRECT = 7 };

struct lab_rule {
	char *from, *to, *proto, *port; /* proto, port NULL: all */
};

struct lab;
struct gw_shortcut_table;

struct gw_knobs lab_knobs(void);
struct lab *lab_open(const struct gw_knobs *knobs);
void lab_close(struct lab *lab);
int lab_tear_down(void **state); /* closes *state: a group's last act */
/* As it was when it was opened, but for the policy and its hits. Loading takes seconds. */
void lab_reset(struct lab *lab);
/* Puts rules in force; what none allows is denied. The last one has from NULL. */
void lab_policy(struct lab *lab, const struct lab_rule *rules);
void lab_policy_shadow(struct lab *lab, const struct lab_rule *rules);
/* Further nodes, from the next policy on: number i, from 0, has this address. */
#define LAB_CROWD      400
#define LAB_CROWD_ADDR 24
void lab_crowd(struct lab *lab, uint32_t n);
const char *lab_crowd_addr(uint32_t i, char text[LAB_CROWD_ADDR]);
struct policy_hit lab_hit(struct lab *lab, uint32_t rule);
int lab_map(struct lab *lab, const char *name);
/* Replaces the uplink's masquerade address in place `i`. */
void lab_external(struct lab *lab, uint32_t i, const char *addr);
/* Takes a device away, until lab_reset(). */
void lab_down(struct lab *lab, enum gw_role role);

/* Runs the side's program on *in; the packet as it leaves is in *out, the mark in lab_mark(). */
int lab_run(struct lab *lab, enum lab_side side, const struct lab_frame *in, struct lab_frame *out);
/* The same with a mark on the skb. */
int lab_run_marked(struct lab *lab, enum lab_side side, uint32_t mark, const struct lab_frame *in,
		   struct lab_frame *out);
/* The same as a packet that stands for segments of this size. */
int lab_run_gso(struct lab *lab, enum lab_side side, uint32_t gso_size, const struct lab_frame *in,
		struct lab_frame *out);
uint32_t lab_mark(const struct lab *lab);
/* XDP's verdict on the side's device, which is not the host's. */
int lab_run_xdp(struct lab *lab, enum lab_side side, const struct lab_frame *in,
		struct lab_frame *out);
/* How many packets were handed to the daemon since the last call, and the last of them. */
int lab_punted(struct lab *lab, struct gw_punt *last);
/* Only what is in gw_sweep_list. */
void lab_sweep(struct lab *lab);

/* The one reason counted since the last call; more or fewer than one fails the test. */
int lab_reason(struct lab *lab, struct gw_count *count);
const char *lab_reason_name(int reason);
/* How often this one was counted since it was last looked at; lab_reason() sees it no more. */
uint64_t lab_counted(struct lab *lab, int reason);

/* Builds, runs, and demands verdict and reason; out may be NULL. */
void lab_expect(struct lab *lab, enum lab_side side, const struct lab_packet *p,
		struct lab_frame *out, int verdict, int reason);
/* The same of a frame that is there. */
void lab_expect_frame(struct lab *lab, enum lab_side side, const struct lab_frame *in,
		      struct lab_frame *out, int verdict, int reason);

/* --- flows, mappings --- */

struct gw_flow_key lab_key(const char *node, uint16_t node_port, const char *remote,
			   uint16_t remote_port, uint8_t proto);
/* False: there is none. */
bool lab_flow(struct lab *lab, const struct gw_flow_key *key, struct gw_flow *flow);
void lab_flow_put(struct lab *lab, const struct gw_flow_key *key, const struct gw_flow *flow);
/* What packets of the common kind go by; see gateway_table.h. */
const struct gw_shortcut_table *lab_shortcuts(struct lab *lab);
uint64_t lab_word(struct lab *lab, uint32_t index);
void lab_word_put(struct lab *lab, uint32_t index, uint64_t word);
/* Quotas used by a node. */
struct gw_node lab_node(struct lab *lab, const char *addr, uint16_t uplink);
uint32_t lab_ticks(void);

/* --- time that stands still (gateway_clock.c) --- */

#define LAB_FROZEN (1u << 30)

/* To be opened with these knobs, where it is always LAB_FROZEN. */
void lab_freeze(struct gw_knobs *knobs);
/* All that is remembered is so much older. */
void lab_age(struct lab *lab, uint32_t ticks);

#endif
