/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What comes from beyond the uplink. */
#include <netinet/in.h>
#include <string.h>

#include "gateway_model_run.h"

/* --- from beyond the uplink ------------------------------------------------------------------ */

static int admit_in(struct model_run *run, const struct model_key *key,
		    struct model_mapping *mapping)
{
	const struct model_packet *p = &run->p;
	struct model_flow flow = {.key = *key,
				  .kind = mapping ? GW_FLOW_NAT : GW_FLOW_ROUTED,
				  .from_remote = true,
				  .mapping = mapping};
	int why = model_may_open(p);

	if (why != MODEL_ANYWHERE)
		return why;
	if (model_is_local(p->src.addr) || model_is_node(p->src.addr))
		return GW_DROP_spoofed_source;
	if (mapping && run->m->knobs.filtering == GW_FILTER_ADDRESS_DEPENDENT)
		why = model_filter_passes(run->m, mapping, p->src.addr) ? MODEL_ANYWHERE
									: GW_DROP_filtered;
	else if (!model_allows(run->m, p->src.addr, false, key->node.addr, true, p->proto,
			       key->node.port))
		why = GW_DROP_policy_denied;
	if (why != MODEL_ANYWHERE)
		return p->proto == IPPROTO_TCP ? GW_DROP_unsolicited_syn : why;
	model_flow_init(run->m, &flow, p);
	return model_flow_add(run->m, &flow);
}

/* May the remote of a model_known flow be out there, and speak this way? */
static int may_enter(const struct model_flow *flow, const struct model_mapping *mapping)
{
	switch (flow->kind) {
	case GW_FLOW_NAT: return mapping ? MODEL_ANYWHERE : GW_DROP_no_mapping;
	case GW_FLOW_ROUTED: return mapping ? GW_DROP_no_mapping : MODEL_ANYWHERE;
	case GW_FLOW_LOCAL:
		if (!mapping && !model_is_local(flow->key.remote.addr))
			return MODEL_ANYWHERE;
		return GW_DROP_spoofed_source;
	default: return GW_DROP_spoofed_source;
	}
}

static int to_node(struct model_run *run, const struct model_key *key,
		   struct model_mapping *mapping)
{
	struct model_flow *flow;
	int why;

	flow = model_known(run->m, key, &why);
	if (flow)
		why = may_enter(flow, mapping);
	if (why != MODEL_ANYWHERE)
		return why;
	if (flow && flow->mapping != mapping) { /* of an earlier owner of the port */
		model_flow_end(run->m, flow);
		flow = NULL;
	}
	if (!flow) {
		why = admit_in(run, key, mapping);
		if (why != MODEL_ANYWHERE)
			return why;
		flow = model_flow_find(run->m, key);
	}
	if (run->p.part == MODEL_FIRST)
		model_lead(run->m, run->side, &run->p, key);
	return model_in_flow(run, flow);
}

static int to_masquerade(struct model_run *run)
{
	const struct model_packet *p = &run->p;
	struct model_key key = {.remote = p->src, .proto = p->proto};
	struct model_mapping *mapping;
	const struct model_flow *flow;

	if (!model_has_mappings(p->proto) || !model_in_range(run->m, p->dst.port) ||
	    p->icmp == MODEL_QUERY)
		return GW_PASS_not_ours;
	mapping = model_mapping_at(run->m, p->proto, p->dst.port);
	if (!mapping)
		return p->proto == IPPROTO_ICMP ? GW_PASS_not_ours : GW_DROP_no_mapping;
	key.node = mapping->node;
	if (p->proto == IPPROTO_ICMP) {
		key.remote.port = key.node.port;
		flow = model_flow_find(run->m, &key);
		if (!flow || run->m->now >= flow->until)
			return GW_PASS_not_ours;
	}
	return to_node(run, &key, mapping);
}

static int error_in(struct model_run *run, const struct model_quote *q, struct model_flow *flow)
{
	const struct model_packet *p = &run->p;

	if (p->ttl <= 1 || p->len > LAB_MTU)
		return p->ttl <= 1 ? GW_DROP_ttl : GW_DROP_too_big_quietly;
	flow->in.packets++;
	flow->in.bytes += p->len;
	if (flow->kind == GW_FLOW_ROUTED)
		return model_send(run, &p->src, &p->dst, GW_FORWARD_to_overlay);
	model_forward_error(p, q, &flow->key.node, NULL, &run->r->frame);
	run->r->mark = LAB_MARK;
	return GW_FORWARD_to_overlay;
}

static int error_to_masquerade(struct model_run *run)
{
	struct model_key key = {0};
	struct model_mapping *mapping;
	struct model_flow *flow;
	struct model_quote q;
	int why;

	if (!model_quote(&run->p, &q) || !model_is_masquerade(run->m, q.src.addr) ||
	    !model_has_mappings(q.proto) || !model_in_range(run->m, q.src.port))
		return GW_PASS_not_ours;
	mapping = model_mapping_at(run->m, q.proto, q.src.port);
	if (!mapping)
		return GW_PASS_not_ours;
	key = (struct model_key){mapping->node, q.dst, q.proto};
	if (q.proto == IPPROTO_ICMP)
		key.remote.port = mapping->node.port;
	flow = model_known(run->m, &key, &why);
	if (why != MODEL_ANYWHERE)
		return why;
	if (!flow || flow->kind != GW_FLOW_NAT || flow->mapping != mapping)
		return GW_DROP_icmp_stray;
	return error_in(run, &q, flow);
}

static int error_to_node(struct model_run *run)
{
	struct model_flow *flow;
	struct model_quote q;
	int why;

	if (!model_quote(&run->p, &q) || memcmp(q.src.addr, run->p.dst.addr, 16))
		return GW_DROP_icmp_stray;
	flow = model_known(run->m, &(struct model_key){q.src, q.dst, q.proto}, &why);
	if (why != MODEL_ANYWHERE)
		return why;
	return flow && flow->kind == GW_FLOW_ROUTED ? error_in(run, &q, flow) : GW_DROP_icmp_stray;
}

/* An early one may be the host's, so the host gets it in any case. */
static int later_fragment(struct model_run *run)
{
	struct model_flow *flow;
	struct model_key key;
	int why;

	if (!model_follow(run->m, run->side, &run->p, &key))
		return GW_PASS_not_ours;
	flow = model_known(run->m, &key, &why);
	if (flow)
		return model_in_flow(run, flow);
	return why == MODEL_ANYWHERE ? GW_DROP_raced : why;
}

/* Behind IPv4 options, to a port that the host must not answer for. */
static bool options_in_range(const struct model_run *run)
{
	const uint8_t *ip = run->p.f->data + 14;
	uint32_t port = 14 + (ip[0] & 15) * 4u + 2;

	return (ip[9] == IPPROTO_TCP || ip[9] == IPPROTO_UDP) && port + 2 <= run->p.f->len &&
	       model_in_range(run->m, lab_get16(run->p.f->data + port));
}

int model_from_uplink(struct model_run *run, int why)
{
	const struct model_packet *p = &run->p;
	bool masquerade = model_is_masquerade(run->m, p->dst.addr);

	if (why == GW_DROP_ip_options && masquerade && options_in_range(run))
		return why;
	if (why != MODEL_ANYWHERE || model_is_link_scope(p->dst.addr))
		return GW_PASS_not_ours;
	if (p->part == MODEL_LATER)
		return later_fragment(run);
	if (masquerade)
		return p->icmp == MODEL_ERROR ? error_to_masquerade(run) : to_masquerade(run);
	if (!model_is_node(p->dst.addr))
		return GW_PASS_not_ours;
	if (p->icmp == MODEL_ERROR)
		return error_to_node(run);
	return to_node(run, &(struct model_key){p->dst, p->src, p->proto}, NULL);
}
