/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What nodes and this host send into the gateway. */
#include <netinet/in.h>
#include <string.h>

#include "gateway_model_run.h"

/* --- from a node ----------------------------------------------------------------------------- */

static bool is_under(const uint8_t addr[16], const char *first, size_t bytes)
{
	uint8_t prefix[16];

	lab_addr(prefix, first);
	return !memcmp(addr, prefix, bytes);
}

/* Where to, by address alone. */
static int classify(const struct model_run *run, struct model_flow *flow)
{
	const uint8_t *dst = run->p.dst.addr;

	if (model_is_local(dst))
		flow->kind = GW_FLOW_LOCAL;
	else if (model_is_node(dst))
		flow->kind = GW_FLOW_OVERLAY;
	else if (is_under(dst, "192.168.10.0", 15))
		flow->kind = run->m->knobs.masquerade ? GW_FLOW_NAT : GW_FLOW_ROUTED;
	else if (is_under(dst, "172.16.0.0", 14) || is_under(dst, "2001:db8::", 4))
		flow->kind = GW_FLOW_ROUTED;
	else
		return GW_DROP_not_advertised;
	return MODEL_ANYWHERE;
}

/* Is it to a port of another node's? ICMP's identifiers are no ports: those are the host's. */
static bool is_hairpin(const struct model_run *run)
{
	const struct model_packet *p = &run->p;

	return model_is_masquerade(run->m, p->dst.addr) &&
	       (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) &&
	       model_in_range(run->m, p->dst.port);
}

static int judge_hairpin(struct model_run *run, struct model_flow *flow)
{
	const struct model_packet *p = &run->p;
	const struct model_mapping *peer;

	if (!run->m->knobs.hairpin)
		return GW_DROP_hairpin_off;
	peer = model_mapping_at(run->m, p->proto, p->dst.port);
	if (!peer)
		return GW_DROP_no_mapping;
	flow->kind = GW_FLOW_HAIRPIN;
	return model_allows(run->m, p->src.addr, true, peer->node.addr, true, p->proto,
			    peer->node.port)
		       ? MODEL_ANYWHERE
		       : GW_DROP_policy_denied;
}

static int judge_out(struct model_run *run, struct model_flow *flow)
{
	const struct model_packet *p = &run->p;
	int why = model_may_open(p);

	if (why != MODEL_ANYWHERE)
		return why;
	if (!model_is_node(p->src.addr))
		return GW_DROP_overlay_unknown;
	if (model_is_link_scope(p->dst.addr))
		return GW_DROP_not_advertised;
	if (is_hairpin(run))
		return judge_hairpin(run, flow);
	why = classify(run, flow);
	if (why != MODEL_ANYWHERE)
		return why;
	return model_allows(run->m, p->src.addr, true, p->dst.addr, flow->kind == GW_FLOW_OVERLAY,
			    p->proto, p->dst.port)
		       ? MODEL_ANYWHERE
		       : GW_DROP_policy_denied;
}

/* What the node behind the mapping will send back is a flow of its own. */
static int pair_hairpin(struct model_run *run, const struct model_flow *flow)
{
	struct model *m = run->m;
	struct model_mapping *peer = model_mapping_at(m, run->p.proto, run->p.dst.port);
	struct model_flow back = {.kind = GW_FLOW_HAIRPIN, .from_remote = true, .mapping = peer};

	if (!peer)
		return GW_DROP_no_mapping;
	back.key = (struct model_key){peer->node, model_outside_of(flow), run->p.proto};
	if (m->knobs.filtering == GW_FILTER_ADDRESS_DEPENDENT &&
	    !model_filter_passes(m, peer, back.key.remote.addr))
		return GW_DROP_filtered;
	if (model_flow_live(m, &back.key))
		return MODEL_ANYWHERE;
	model_flow_init(m, &back, &run->p);
	return model_flow_add(m, &back);
}

static int admit_out(struct model_run *run, const struct model_key *key)
{
	struct model_flow flow = {.key = *key};
	int why = judge_out(run, &flow);

	if (why != MODEL_ANYWHERE)
		return why;
	model_flow_init(run->m, &flow, &run->p);
	if (flow.kind == GW_FLOW_NAT || flow.kind == GW_FLOW_HAIRPIN) {
		why = model_mapping_get(run->m, key, flow.until, &flow.mapping);
		if (why == MODEL_ANYWHERE)
			why = model_filter_open(run->m, &flow);
	}
	if (why == MODEL_ANYWHERE && flow.kind == GW_FLOW_HAIRPIN)
		why = pair_hairpin(run, &flow);
	return why == MODEL_ANYWHERE ? model_flow_add(run->m, &flow) : why;
}

static int refuse_out(struct model_run *run, int why)
{
	switch (why) {
	case GW_DROP_policy_denied:
	case GW_DROP_not_advertised: return model_tell_refused(run, GW_ANSWER_refused, why);
	case GW_DROP_ports_full:
	case GW_DROP_node_quota:
	case GW_DROP_filter_quota:
		run->r->also = why;
		return model_tell_refused(run, GW_ANSWER_table_full, GW_DROP_refused_quietly);
	default: return why;
	}
}

/* A masqueraded flow whose mapping has died is ended, and comes anew. */
static struct model_flow *known_out(struct model *m, const struct model_key *key, int *why)
{
	struct model_flow *flow = model_known(m, key, why);

	if (!flow || !flow->mapping || model_mapping_keep(m, flow->mapping, flow->until))
		return flow;
	model_flow_end(m, flow);
	return NULL;
}

/* The flow whose answer this is, between two nodes. */
static struct model_flow *between(struct model *m, const struct model_key *key)
{
	const struct model_key turned = {key->remote, key->node, key->proto};
	struct model_flow *flow = model_flow_find(m, &turned);

	return flow && flow->kind == GW_FLOW_OVERLAY && m->now < flow->until ? flow : NULL;
}

static int answer_between(struct model_run *run, const struct model_key *key,
			  struct model_flow *flow)
{
	if (!model_stands(run->m, flow))
		return GW_DROP_policy_changed;
	if (run->p.part == MODEL_FIRST)
		model_lead(run->m, run->side, &run->p, key);
	return model_send_plain(run, flow, false, GW_FORWARD_between_nodes);
}

static int from_known_node(struct model_run *run, const struct model_key *key)
{
	struct model_flow *flow;
	int why;

	flow = known_out(run->m, key, &why);
	if (why != MODEL_ANYWHERE)
		return why;
	if (!flow) {
		struct model_flow *other = between(run->m, key);

		if (other)
			return answer_between(run, key, other);
		why = admit_out(run, key);
		if (why != MODEL_ANYWHERE)
			return refuse_out(run, why);
		flow = model_flow_find(run->m, key);
	}
	if (run->p.part == MODEL_FIRST)
		model_lead(run->m, run->side, &run->p, key);
	return model_out_flow(run, flow);
}

/* Both mappings have to be what they were when the flow was made. */
static int error_by_hairpin(struct model_run *run, const struct model_quote *q,
			    struct model_flow *flow)
{
	struct model_end outside = model_outside_of(flow);
	struct model_mapping *peer =
		model_mapping_at(run->m, flow->key.proto, flow->key.remote.port);
	const struct model_packet *p = &run->p;
	struct model_flow *sent = NULL;

	if (peer)
		sent = model_flow_live(run->m, &(struct model_key){peer->node, outside, q->proto});
	if (!sent || sent->kind != GW_FLOW_HAIRPIN || sent->mapping != peer)
		return GW_DROP_icmp_stray;
	if (p->ttl <= 1 || p->len > LAB_MTU)
		return p->ttl <= 1 ? GW_DROP_ttl : GW_DROP_too_big_quietly;
	flow->out.packets++;
	flow->out.bytes += p->len;
	model_forward_error(p, q, &peer->node, &outside, &run->r->frame);
	run->r->mark = LAB_MARK;
	return GW_FORWARD_hairpin;
}

static int error_from_node(struct model_run *run)
{
	const struct model_packet *p = &run->p;
	struct model_end outside;
	struct model_flow *flow;
	struct model_quote q;
	int why;

	if (!model_quote(p, &q) || memcmp(q.dst.addr, p->src.addr, 16) ||
	    memcmp(q.src.addr, p->dst.addr, 16))
		return GW_DROP_icmp_stray;
	flow = model_known(run->m, &(struct model_key){q.dst, q.src, q.proto}, &why);
	if (why != MODEL_ANYWHERE)
		return why;
	if (flow && flow->kind == GW_FLOW_LOCAL)
		return GW_PASS_local;
	if (flow && flow->kind == GW_FLOW_HAIRPIN)
		return error_by_hairpin(run, &q, flow);
	if (!flow || (flow->kind != GW_FLOW_NAT && flow->kind != GW_FLOW_ROUTED))
		return GW_DROP_icmp_stray;
	if (p->ttl <= 1 || p->len > MODEL_UPLINK_MTU)
		return p->ttl <= 1 ? GW_DROP_ttl : GW_DROP_too_big_quietly;
	flow->out.packets++;
	flow->out.bytes += p->len;
	if (flow->kind == GW_FLOW_ROUTED)
		return model_send(run, &p->src, &p->dst, GW_FORWARD_to_uplink);
	outside = model_outside_of(flow);
	model_forward_error(p, &q, NULL, &outside, &run->r->frame);
	return GW_FORWARD_to_uplink;
}

int model_from_node(struct model_run *run, int why)
{
	const struct model_packet *p = &run->p;
	struct model_key key = {p->src, p->dst, p->proto};
	bool group = p->dst.addr[12] >> 4 >= 14;

	if (why == GW_PASS_not_ip)
		return why;
	if (model_is_neighbourly(p) && (!model_is_v4(p->dst.addr) || group))
		return GW_PASS_link_scope;
	if (why != MODEL_ANYWHERE)
		return why;
	if (p->icmp == MODEL_ERROR)
		return error_from_node(run);
	if (p->part == MODEL_LATER && !model_follow(run->m, run->side, p, &key)) {
		run->r->frame = *p->f;
		return p->len <= MODEL_FRAGMENT_MOST ? GW_ANSWER_punted : GW_DROP_fragment_early;
	}
	return from_known_node(run, &key);
}

/* --- from the host --------------------------------------------------------------------------- */

static int admit_host(struct model_run *run, const struct model_key *key, bool own)
{
	const struct model_packet *p = &run->p;
	struct model_flow flow = {.key = *key, .kind = GW_FLOW_LOCAL, .from_remote = true};
	int why = model_may_open(p);

	if (own && why == GW_DROP_no_flow)
		return GW_PASS_local; /* a reset, say */
	if (why != MODEL_ANYWHERE)
		return why;
	if (!own &&
	    !model_allows(run->m, p->src.addr, false, p->dst.addr, true, p->proto, p->dst.port))
		return GW_DROP_policy_denied;
	model_flow_init(run->m, &flow, p);
	return model_flow_add(run->m, &flow);
}

int model_from_host(struct model_run *run, int why)
{
	const struct model_packet *p = &run->p;
	const struct model_key key = {p->dst, p->src, p->proto};
	bool own = model_is_local(p->src.addr);
	struct model_flow *flow;

	if (why == GW_PASS_not_ip || model_is_neighbourly(p))
		return GW_PASS_not_ip;
	if (own && (p->icmp == MODEL_ERROR || p->part == MODEL_LATER))
		return GW_PASS_local;
	if (why != MODEL_ANYWHERE || p->icmp == MODEL_ERROR)
		return why != MODEL_ANYWHERE ? why : GW_DROP_icmp_stray;
	flow = model_known(run->m, &key, &why);
	if (why == MODEL_ANYWHERE && !flow) {
		why = admit_host(run, &key, own);
		flow = model_flow_find(run->m, &key);
	}
	if (why != MODEL_ANYWHERE)
		return why;
	model_flow_note(run->m, flow, p, false);
	return GW_PASS_local;
}
