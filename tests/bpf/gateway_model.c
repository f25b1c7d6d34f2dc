/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of a packet, side by side as docs/gateway-paths.md draws it. */
#include "gateway_model.h"

#include <netinet/in.h>
#include <string.h>

#include "gateway_model_run.h"

static bool is_external(const uint8_t addr[16])
{
	uint8_t external[16];

	lab_addr(external, EXTERNAL);
	return !memcmp(addr, external, 16);
}

bool model_is_masquerade(const struct model *m, const uint8_t addr[16])
{
	return m->knobs.masquerade && is_external(addr);
}

struct model_end model_outside_of(const struct model_flow *flow)
{
	struct model_end end = {.port = flow->mapping->port};

	lab_addr(end.addr, EXTERNAL);
	return end;
}

static enum lab_verdict verdict_of(int reason)
{
	static const enum lab_verdict verdicts[] = {
#define FORWARD_VERDICT		  REDIRECT
#define PASS_VERDICT		  PASS
#define ANSWER_VERDICT		  REDIRECT
#define DROP_VERDICT		  SHOT
#define VERDICT(kind, name, text) kind##_VERDICT,
		TP_GW_REASONS(VERDICT)};

	return reason == GW_ANSWER_punted ? SHOT : verdicts[reason];
}

bool model_is_neighbourly(const struct model_packet *p)
{
	return model_is_link_scope(p->dst.addr) ||
	       (p->v6 && p->icmp == MODEL_OTHER && p->proto == IPPROTO_ICMPV6 && p->ttl == 255);
}

/* --- on the way out -------------------------------------------------------------------------- */

static int tell(struct model_run *run, const uint8_t node[16], struct model_error e, int told,
		int quiet)
{
	const struct model_packet *p = &run->p;
	bool overlay = run->side == FROM_NODE;
	uint8_t own[16];

	if (!model_may_tell(run->m, node))
		return quiet;
	if (p->icmp == MODEL_ERROR || p->part == MODEL_LATER || model_is_link_scope(p->src.addr))
		return quiet;
	if (p->v6 && !overlay)
		memcpy(own, p->dst.addr, 16); /* the lab's uplink has no address of IPv6 */
	else
		lab_addr(own, p->v6 ? "fd00::fe" : overlay ? GATEWAY : EXTERNAL);
	model_answer(p, own, &e, &run->r->frame);
	run->r->mark = overlay ? LAB_MARK : 0;
	return told;
}

int model_tell_refused(struct model_run *run, int told, int quiet)
{
	struct model_error e = {.type = 3, .code = 13};

	if (run->p.v6)
		e = (struct model_error){.type = 1, .code = 1};
	return tell(run, run->p.src.addr, e, told, quiet);
}

/* MODEL_ANYWHERE: it may go there. */
int model_fits(struct model_run *run, const struct model_key *key, uint32_t mtu)
{
	const struct model_packet *p = &run->p;
	struct model_error ttl = {.type = p->v6 ? 3 : 11};
	struct model_error big = {
		.type = p->v6 ? 2 : 3, .code = p->v6 ? 0 : 4, .mtu = (uint16_t)mtu};

	if (p->ttl <= 1)
		return tell(run, key->node.addr, ttl, GW_ANSWER_ttl_exceeded, GW_DROP_ttl);
	if (p->len > mtu && (p->df || p->len > MODEL_FRAGMENT_MOST))
		return tell(run, key->node.addr, big, GW_ANSWER_too_big, GW_DROP_too_big_quietly);
	return MODEL_ANYWHERE;
}

static uint32_t mtu_to(int reason)
{
	return reason == GW_FORWARD_to_uplink ? MODEL_UPLINK_MTU : LAB_MTU;
}

int model_send(struct model_run *run, const struct model_end *src, const struct model_end *dst,
	       int reason)
{
	/* One end of each way is an overlay, so its MTU bounds a segment. */
	model_forward(&run->p, src, dst, LAB_MTU, &run->r->frame);
	if (run->p.len > mtu_to(reason))
		return GW_ANSWER_punted;
	run->r->mark = reason == GW_FORWARD_to_uplink ? 0 : LAB_MARK;
	return reason;
}

/* Addresses stay. */
int model_send_plain(struct model_run *run, struct model_flow *flow, bool out, int reason)
{
	int why = model_fits(run, &flow->key, mtu_to(reason));

	if (why != MODEL_ANYWHERE)
		return why;
	model_flow_note(run->m, flow, &run->p, out);
	return model_send(run, &run->p.src, &run->p.dst, reason);
}

static int out_nat(struct model_run *run, struct model_flow *flow)
{
	struct model_end outside = model_outside_of(flow);
	uint32_t until = flow->until;
	int why = model_fits(run, &flow->key, MODEL_UPLINK_MTU);

	if (why != MODEL_ANYWHERE)
		return why;
	model_flow_note(run->m, flow, &run->p, true);
	if (flow->until != until) {
		model_mapping_keep(run->m, flow->mapping, flow->until);
		if (!flow->from_remote)
			why = model_filter_open(run->m, flow);
	}
	return why == MODEL_ANYWHERE ? model_send(run, &outside, &run->p.dst, GW_FORWARD_to_uplink)
				     : why;
}

static int out_hairpin(struct model_run *run, struct model_flow *flow)
{
	struct model_end outside = model_outside_of(flow);
	struct model_mapping *peer =
		model_mapping_at(run->m, flow->key.proto, flow->key.remote.port);
	int why;

	if (!peer)
		return GW_DROP_no_mapping;
	why = model_fits(run, &flow->key, LAB_MTU);
	if (why != MODEL_ANYWHERE)
		return why;
	model_flow_note(run->m, flow, &run->p, true);
	model_mapping_keep(run->m, flow->mapping, flow->until);
	return model_send(run, &outside, &peer->node, GW_FORWARD_hairpin);
}

int model_out_flow(struct model_run *run, struct model_flow *flow)
{
	switch (flow->kind) {
	case GW_FLOW_NAT: return out_nat(run, flow);
	case GW_FLOW_HAIRPIN: return out_hairpin(run, flow);
	case GW_FLOW_LOCAL: model_flow_note(run->m, flow, &run->p, true); return GW_PASS_local;
	case GW_FLOW_ROUTED: return model_send_plain(run, flow, true, GW_FORWARD_to_uplink);
	default: return model_send_plain(run, flow, true, GW_FORWARD_between_nodes);
	}
}

int model_in_flow(struct model_run *run, struct model_flow *flow)
{
	int why;

	if (flow->kind != GW_FLOW_NAT)
		return model_send_plain(run, flow, false, GW_FORWARD_to_overlay);
	why = model_fits(run, &flow->key, LAB_MTU);
	if (why != MODEL_ANYWHERE)
		return why;
	model_flow_note(run->m, flow, &run->p, false);
	if (run->p.proto == IPPROTO_TCP)
		model_mapping_keep(run->m, flow->mapping, flow->until);
	return model_send(run, &run->p.src, &flow->key.node, GW_FORWARD_to_overlay);
}

/* --- the policy ------------------------------------------------------------------------------ */

/* Asks once more what admitted the flow. */
static bool still_allowed(struct model *m, const struct model_flow *flow)
{
	const struct model_key *key = &flow->key;
	struct model_end far = key->remote;
	bool there = flow->kind == GW_FLOW_OVERLAY || flow->kind == GW_FLOW_HAIRPIN;

	if (flow->kind == GW_FLOW_LOCAL && flow->from_remote && model_is_local(key->remote.addr))
		return true;
	if (flow->kind == GW_FLOW_HAIRPIN) {
		struct model_mapping *peer = model_mapping_at(m, key->proto, key->remote.port);

		if (!peer)
			return false;
		far = peer->node;
	}
	return flow->from_remote ? model_allows(m, far.addr, there, key->node.addr, true,
						key->proto, key->node.port)
				 : model_allows(m, key->node.addr, true, far.addr, there,
						key->proto, far.port);
}

/* A flow of an older policy is asked about anew. False: it was ended. */
bool model_stands(struct model *m, struct model_flow *flow)
{
	if (flow->generation == m->generation)
		return true;
	if (!still_allowed(m, flow)) {
		model_flow_end(m, flow);
		return false;
	}
	flow->generation = m->generation;
	if (flow->kind == GW_FLOW_NAT && !flow->from_remote)
		model_filter_open(m, flow);
	return true;
}

/* The live flow with this key; NULL with *why when the policy has ended it. */
struct model_flow *model_known(struct model *m, const struct model_key *key, int *why)
{
	struct model_flow *flow = model_flow_live(m, key);

	*why = MODEL_ANYWHERE;
	if (!flow || model_stands(m, flow))
		return flow;
	*why = GW_DROP_policy_changed;
	return NULL;
}

int model_may_open(const struct model_packet *p)
{
	if (p->part == MODEL_LATER)
		return GW_DROP_fragment_early;
	if (p->proto == IPPROTO_TCP && (p->flags & (TCP_S | TCP_A | TCP_R | TCP_F)) != TCP_S)
		return GW_DROP_no_flow;
	return p->icmp == MODEL_REPLY ? GW_DROP_no_flow : MODEL_ANYWHERE;
}

/* --- */

void model_see(struct model *m, enum lab_side side, uint32_t mark, const struct lab_frame *in,
	       struct model_result *r)
{
	static const uint8_t this_host[6]; /* of the loopback device, where test runs arrive */
	struct model_run run = {.m = m, .side = side, .r = r};
	int why = model_parse(in, &run.p);

	r->also = -1;
	r->mark = mark;
	if (side != FROM_HOST && memcmp(in->data, this_host, sizeof(this_host)))
		r->reason = GW_PASS_other_host;
	else if (side == FROM_NODE)
		r->reason = model_from_node(&run, why);
	else if (side == FROM_UPLINK)
		r->reason = model_from_uplink(&run, why);
	else
		r->reason = mark == LAB_MARK ? GW_PASS_own_send : model_from_host(&run, why);
	r->verdict = verdict_of(r->reason);
	if (r->verdict == PASS)
		r->frame = *in;
	if (r->reason == GW_PASS_own_send)
		r->mark = 0;
}

/* It judges no lengths: what has no mapping may be as malformed as it likes. */
enum lab_verdict model_first_line(struct model *m, const struct lab_frame *in, int *reason)
{
	const uint8_t *ip = in->data + 14;
	uint8_t src[16], dst[16];
	uint16_t port = lab_get16(ip + 22);

	*reason = GW_PASS_first_line;
	lab_addr(src, "0.0.0.0");
	lab_addr(dst, "0.0.0.0");
	memcpy(src + 12, ip + 12, 4);
	memcpy(dst + 12, ip + 16, 4);
	if (lab_get16(in->data + 12) != 0x0800 || in->len < 38 || ip[0] != 0x45 ||
	    lab_get16(ip + 6) & 0x1fff || (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP) ||
	    !model_is_masquerade(m, dst) || !model_in_range(m, port))
		return PASS;
	if (!model_mapping_at(m, ip[9], port))
		*reason = GW_DROP_no_mapping;
	else if (is_external(src))
		*reason = GW_DROP_spoofed_source;
	return *reason == GW_PASS_first_line ? PASS : SHOT;
}
