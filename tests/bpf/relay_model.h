/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The relay's XDP program once more, in plain C from its description and without a line of its
 * code: what the random test holds the program against.
 */
#ifndef TP_TESTS_BPF_RELAY_MODEL_H
#define TP_TESTS_BPF_RELAY_MODEL_H

#include "harness.h"

#define MODEL_FLOWS    16
#define MODEL_NEXTHOPS 8
#define MODEL_LOCALS   4
#define MODEL_INDICES  4

struct model_flow {
	struct relay_flow value;
	bool other_key; /* its slot has another key, so it is none */
};

struct model {
	struct relay_knobs knobs; /* rates: 0 is off, other values are never reached */
	struct model_flow flows[MODEL_FLOWS];
	struct relay_nexthop nexthops[MODEL_NEXTHOPS]; /* by id; ifindex 0: unresolved */
	uint8_t locals[MODEL_LOCALS][16];
	uint32_t sessions[MODEL_INDICES];
	uint32_t known[MODEL_INDICES]; /* indices in the filter */
	uint32_t port;		       /* the one slot of tx_ports that is filled */
	int n_flows, n_locals, n_sessions, n_known;
};

struct model_result {
	enum verdict verdict;
	int reason;
	struct frame frame;
	int flow;	      /* whose counter went up, -1: none... */
	uint32_t payload_len; /* ... and by how many bytes */
};

void model_run(const struct model *m, const struct frame *in, struct model_result *out);

#endif
