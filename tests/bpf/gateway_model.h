/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway once more, in plain C from docs/acl.md, docs/gateway-paths.md and docs/rfc-nat.md and
 * without a line of its programs: mapping, filtering, policy, lifetimes, rewriting. It knows the
 * lab's network (gateway_lab.h) and is told which external port the programs drew; whether they
 * might have drawn it, it judges itself.
 *
 * Its time is ticks that only model_age() moves. It keeps what is dead until a packet finds it, as
 * there is no sweeper.
 */
#ifndef TP_TESTS_BPF_GATEWAY_MODEL_H
#define TP_TESTS_BPF_GATEWAY_MODEL_H

#include "gateway_lab.h"

#define MODEL_FLOWS    2048
#define MODEL_MAPPINGS 2048
#define MODEL_FILTERS  2048
#define MODEL_LEADS    512
#define MODEL_NODES    16
#define MODEL_BLOCKS   64
#define MODEL_ANYWHERE (-1) /* no reason to stop */

struct model_end {
	uint8_t addr[16]; /* IPv4 mapped, as everywhere */
	uint16_t port;	  /* host order; ICMP queries: the identifier */
};

struct model_key {
	struct model_end node, remote;
	uint8_t proto;
};

struct model_mapping {
	struct model_end node;
	uint8_t proto;
	uint16_t port; /* that the outside sees */
	uint32_t until;
	int holders; /* TCP connections that are open */
	bool ended;  /* the last one's end was seen: the port needs no rest */
};

struct model_flow {
	bool used;
	struct model_key key;
	enum gw_flow_kind kind;
	bool from_remote, replied;
	enum gw_tcp_state tcp;
	uint32_t until, generation;
	struct model_mapping *mapping;
	struct gw_count out, in;
};

struct model_filter {
	struct model_mapping *mapping;
	uint8_t remote[16], node[16];
	uint32_t until, generation;
};

/* Where a datagram's first fragment went. */
struct model_lead {
	enum lab_side side;
	uint8_t src[16], dst[16], proto;
	uint16_t id;
	uint32_t until;
	struct model_key key;
};

struct model_node {
	uint8_t addr[16];
	uint32_t told; /* when its budget of errors is whole again */
};

struct model {
	struct gw_knobs knobs;
	const struct lab_rule *rules;
	bool shadow;
	uint32_t generation, now;
	struct model_flow flows[MODEL_FLOWS];
	struct model_mapping mappings[MODEL_MAPPINGS];
	struct model_filter filters[MODEL_FILTERS];
	struct model_lead leads[MODEL_LEADS];
	struct model_node nodes[MODEL_NODES];
	uint8_t owner[MODEL_BLOCKS][16]; /* of blocks of ports; zero: nobody's */
	int n_mappings, n_filters, n_leads, n_nodes;
	/* The port that the programs have drawn for the node's end; 0: none. */
	uint16_t (*drawn)(void *ctx, const struct model_end *node, uint8_t proto);
	void *ctx;
};

struct model_result {
	enum lab_verdict verdict;
	int reason;
	int also; /* another that is counted with it, or -1 */
	uint32_t mark;
	struct lab_frame frame; /* of what is sent, passed or punted */
};

/* Nothing has happened yet. Knobs, policy and `drawn` stay. */
void model_reset(struct model *m);
void model_policy(struct model *m, const struct lab_rule *rules, bool shadow);
void model_age(struct model *m, uint32_t ticks);
/* After the programs have seen the packet. */
void model_see(struct model *m, enum lab_side side, uint32_t mark, const struct lab_frame *in,
	       struct model_result *out);
/* The verdict of XDP on an uplink, PASS or SHOT, and its reason. */
enum lab_verdict model_first_line(struct model *m, const struct lab_frame *in, int *reason);

#endif
