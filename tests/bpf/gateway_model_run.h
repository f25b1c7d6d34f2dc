/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet on its way through the model. A step gives MODEL_ANYWHERE, or the reason that ends it.
 */
#ifndef TP_TESTS_BPF_GATEWAY_MODEL_RUN_H
#define TP_TESTS_BPF_GATEWAY_MODEL_RUN_H

#include "gateway_model_state.h"

#define MODEL_UPLINK_MTU 1500

struct model_run {
	struct model *m;
	enum lab_side side;
	struct model_packet p;
	struct model_result *r;
};

bool model_is_masquerade(const struct model *m, const uint8_t addr[16]);
bool model_is_neighbourly(const struct model_packet *p);
struct model_end model_outside_of(const struct model_flow *flow);
int model_may_open(const struct model_packet *p);

/* The live flow with this key; NULL, with *why when the policy has just ended it. */
struct model_flow *model_known(struct model *m, const struct model_key *key, int *why);
/* A flow of an older policy is asked about anew. False: it was ended. */
bool model_stands(struct model *m, struct model_flow *flow);

/* What the node's packet was refused for, in answer to it; `quiet` when the node was told enough.
 */
int model_tell_refused(struct model_run *run, int told, int quiet);
int model_fits(struct model_run *run, const struct model_key *key, uint32_t mtu);
int model_send(struct model_run *run, const struct model_end *src, const struct model_end *dst,
	       int reason);
int model_send_plain(struct model_run *run, struct model_flow *flow, bool out, int reason);
/* From the flow's node, and to it from an uplink. */
int model_out_flow(struct model_run *run, struct model_flow *flow);
int model_in_flow(struct model_run *run, struct model_flow *flow);

/* Each side; `why` is what reading the packet gave. */
int model_from_node(struct model_run *run, int why);
int model_from_host(struct model_run *run, int why);
int model_from_uplink(struct model_run *run, int why);

#endif
