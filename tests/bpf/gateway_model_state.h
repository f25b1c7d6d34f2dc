/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the model of the gateway remembers from packet to packet. */
#ifndef TP_TESTS_BPF_GATEWAY_MODEL_STATE_H
#define TP_TESTS_BPF_GATEWAY_MODEL_STATE_H

#include "gateway_model.h"
#include "gateway_model_packet.h"

/* --- who is who, who may (gateway_model_policy.c) --- */

bool model_is_local(const uint8_t addr[16]);
bool model_is_node(const uint8_t addr[16]);
/* Does a rule allow it? `there`: the end is on the overlay, so that names may mean it. */
bool model_allows(const struct model *m, const uint8_t from[16], bool from_there,
		  const uint8_t to[16], bool to_there, uint8_t proto, uint16_t port);

/* --- mappings and filters --- */

bool model_has_mappings(uint8_t proto);
bool model_in_range(const struct model *m, uint16_t port);
bool model_mapping_alive(const struct model *m, const struct model_mapping *mapping);
/* By external port. NULL: no live one. */
struct model_mapping *model_mapping_at(struct model *m, uint8_t proto, uint16_t port);
/* Found or made, to live until then. MODEL_ANYWHERE or why not. */
int model_mapping_get(struct model *m, const struct model_key *key, uint32_t until,
		      struct model_mapping **mapping);
/* False: it is dead. */
bool model_mapping_keep(struct model *m, struct model_mapping *mapping, uint32_t until);
/* The flow's node sends to its remote. */
int model_filter_open(struct model *m, const struct model_flow *flow);
bool model_filter_passes(struct model *m, const struct model_mapping *mapping,
			 const uint8_t remote[16]);

/* --- flows --- */

uint32_t model_lifetime(const struct model *m, uint8_t proto, enum gw_tcp_state tcp);
bool model_end_equal(const struct model_end *a, const struct model_end *b);
/* Dead or alive. */
struct model_flow *model_flow_find(struct model *m, const struct model_key *key);
/* A dead one is ended. */
struct model_flow *model_flow_live(struct model *m, const struct model_key *key);
void model_flow_init(const struct model *m, struct model_flow *flow, const struct model_packet *p);
int model_flow_add(struct model *m, const struct model_flow *flow);
void model_flow_end(struct model *m, struct model_flow *flow);
/* A packet of it: state, lifetime, counters. */
void model_flow_note(struct model *m, struct model_flow *flow, const struct model_packet *p,
		     bool out);

/* --- fragments, errors told --- */

void model_lead(struct model *m, enum lab_side side, const struct model_packet *p,
		const struct model_key *key);
bool model_follow(struct model *m, enum lab_side side, const struct model_packet *p,
		  struct model_key *key);
/* May this node be told one more thing? Eight at once, then one a tick. */
bool model_may_tell(struct model *m, const uint8_t node[16]);

#endif
