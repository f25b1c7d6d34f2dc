/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "What becomes of a new flow from here to there?": the steps that the programs take, in order. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "control.h"
#include "gateway/commands.h"
#include "gateway/datapath_devices.h"
#include "gateway/report.h"

enum outcome { STEP_OK, STEP_FAILED, STEP_OPEN };

struct end {
	struct gw_policy_end at;
	const char *name;    /* of the node; NULL: no node */
	const char *overlay; /* of the node */
	bool local;	     /* this host's own address */
	char text[96];
};

struct story {
	struct gw_daemon *d;
	struct end src, dst;
	uint8_t proto;
	uint16_t port;
	json_t *steps;
	char verdict[448]; /* of the first step that failed */
};

__attribute__((format(printf, 4, 5))) static void tell(struct story *s, enum outcome outcome,
						       const char *step, const char *fmt, ...)
{
	char detail[320];
	va_list args;
	json_t *ok = outcome == STEP_OPEN ? json_null() : json_boolean(outcome == STEP_OK);

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (outcome == STEP_FAILED && !s->verdict[0])
		snprintf(s->verdict, sizeof(s->verdict), "%s: %s", step, detail);
	json_array_append_new(s->steps,
			      json_pack("{s:s,s:o,s:s}", "step", step, "ok", ok, "detail", detail));
}

/* --- who is meant --------------------------------------------------------------------------- */

static const struct gw_config_peer *peer_named(const struct gw_daemon *d, const char *name,
					       const char **overlay)
{
	for (size_t i = 0; i < d->config->n_overlays; i++) {
		const struct gw_config_overlay *o = &d->config->overlays[i];

		*overlay = o->name;
		for (size_t j = 0; j < o->n_peers; j++)
			if (!strcmp(o->peers[j].name, name))
				return &o->peers[j];
	}
	return NULL;
}

static bool first_address(const struct gw_config_peer *p, struct tp_addr *out)
{
	for (size_t i = 0; i < p->n_allowed_ips; i++) {
		*out = p->allowed_ips[i].addr;
		if (tp_prefix_is_host(&p->allowed_ips[i]))
			return true;
	}
	return false;
}

/* The overlay in which the address is a node's; the first one when there are several. */
static void find_overlay(const struct gw_daemon *d, struct end *e)
{
	for (uint32_t id = 0; id < TP_GW_OVERLAYS && !e->name; id++) {
		e->name = d->state.overlays[id][0] ? gw_report_node(d, id, e->at.addr.b) : NULL;
		if (e->name) {
			e->at.overlay = id;
			e->overlay = gw_report_overlay(d, id);
		}
	}
}

static json_t *find_end(const struct gw_daemon *d, const char *text, struct end *e)
{
	const struct gw_config_peer *p;
	char addr[TP_ADDR_STRLEN];

	memset(e, 0, sizeof(*e));
	e->at.overlay = GW_POLICY_OUTSIDE;
	if (tp_addr_parse(text, &e->at.addr)) {
		p = peer_named(d, text, &e->overlay);
		if (!p)
			return tp_control_error("%s is neither an address nor a node", text);
		if (!first_address(p, &e->at.addr))
			return tp_control_error("node %s has no address of its own", text);
	}
	find_overlay(d, e);
	e->local = gw_links_local(d->links, &e->at.addr);
	tp_addr_format(&e->at.addr, addr);
	if (e->name)
		snprintf(e->text, sizeof(e->text), "node %s (%s) of %s", e->name, addr, e->overlay);
	else
		snprintf(e->text, sizeof(e->text), "%s", addr);
	return NULL;
}

static bool parse_proto(const char *text, bool v4, uint8_t *proto)
{
	static const struct {
		const char *name;
		uint8_t v4, v6;
	} known[] = {
		{"tcp", IPPROTO_TCP, IPPROTO_TCP},
		{"udp", IPPROTO_UDP, IPPROTO_UDP},
		{"icmp", IPPROTO_ICMP, IPPROTO_ICMPV6},
	};
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(text, known[i].name)) {
			*proto = v4 ? known[i].v4 : known[i].v6;
			return true;
		}
	*proto = (uint8_t)n;
	return *text >= '0' && *text <= '9' && !*end && n <= UINT8_MAX;
}

static bool parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*port = (uint16_t)n;
	return *text >= '0' && *text <= '9' && !*end && n <= UINT16_MAX;
}

/* --- steps ---------------------------------------------------------------------------------- */

static void tell_source(struct story *s)
{
	if (s->src.name)
		tell(s, STEP_OK, "source", "%s", s->src.text);
	else if (s->src.local)
		tell(s, STEP_OK, "source", "%s, this host", s->src.text);
	else
		tell(s, STEP_OK, "source", "%s, on the LAN or beyond", s->src.text);
}

static void tell_served(struct story *s)
{
	bool masquerade;
	uint32_t uplink;

	if (gw_links_serving(s->d->links, &s->dst.at.addr, &uplink, &masquerade))
		tell(s, STEP_FAILED, "destination",
		     "%s is in none of egress.subnets: not_advertised", s->dst.text);
	else
		tell(s, STEP_OK, "destination", "%s, through %s, %s", s->dst.text,
		     gw_report_uplink(s->d, uplink), masquerade ? "masqueraded" : "routed");
}

static void tell_destination(struct story *s)
{
	if (s->dst.local)
		tell(s, STEP_OK, "destination", "%s, this host", s->dst.text);
	else if (s->dst.name && s->src.name && strcmp(s->src.overlay, s->dst.overlay))
		tell(s, STEP_FAILED, "destination", "%s: nodes of two overlays never meet",
		     s->dst.text);
	else if (s->dst.name)
		tell(s, STEP_OK, "destination", "%s", s->dst.text);
	else if (s->src.name)
		tell_served(s);
	else
		tell(s, STEP_FAILED, "destination",
		     "%s is no node, and the source neither: not the gateway's business",
		     s->dst.text);
}

static void tell_policy(struct story *s)
{
	const struct gw_policy_tables *t = s->d->policy;
	struct gw_policy_verdict v;
	char from[128], to[128];

	if (s->src.local && s->dst.name) {
		tell(s, STEP_OK, "policy", "the gateway's own flows need no rule");
		return;
	}
	v = gw_policy_judge(t, &s->src.at, &s->dst.at, s->proto, s->port);
	tell(s, STEP_OK, "classes", "from {%s} to {%s}",
	     gw_policy_class_names(t, v.src_class, from, sizeof(from)),
	     gw_policy_class_names(t, v.dst_class, to, sizeof(to)));
	if (v.allowed)
		tell(s, STEP_OK, "policy", "allowed by %s %s", v.rule ? "rule" : "the",
		     gw_policy_rule_name(t, v.rule));
	else if (v.passes)
		tell(s, STEP_OK, "policy", "no rule allows it; let pass, as acl.shadow is set");
	else
		tell(s, STEP_FAILED, "policy", "no rule allows it: policy_denied%s%s",
		     v.shadow ? "; it would be allowed by the shadow rule " : "",
		     v.shadow ? gw_policy_rule_name(t, v.shadow) : "");
}

/* Uninvited packets to a node that is masqueraded come by its mapping or not at all. */
static void tell_mapping(struct story *s)
{
	const struct gw_nat_memory *m = gw_datapath_nat(s->d->dp);
	const struct gw_uplink *u;
	struct gw_nat_use use = {0};
	uint32_t uplink, slots = 0;
	bool masquerade;

	if (!s->src.name || s->dst.local || s->dst.name ||
	    gw_links_serving(s->d->links, &s->dst.at.addr, &uplink, &masquerade) || !masquerade)
		return;
	u = gw_links_uplink(s->d->links, uplink);
	for (uint32_t i = 0; i < TP_GW_ADDRS; i++) {
		if (!u->addr[i])
			continue;
		use.blocks += gw_nat_use_of(m, uplink * TP_GW_ADDRS + i, gw_ticks(tp_now())).blocks;
		slots++;
	}
	if (!slots)
		tell(s, STEP_FAILED, "mapping", "%s has no address to masquerade with: uplink_down",
		     gw_report_uplink(s->d, uplink));
	else
		tell(s, STEP_OK, "mapping", "%u of %u blocks of ports are taken on %u address%s",
		     use.blocks, slots * (m->ports / m->block), slots, slots > 1 ? "es" : "");
}

static void tell_next_hop(struct story *s)
{
	char gateway[TP_ADDR_STRLEN];
	struct tp_addr hop;
	int ifindex, err;

	if (s->dst.local)
		return;
	if (s->dst.name) {
		tell(s, STEP_OK, "next hop", "the overlay %s", s->dst.overlay);
		return;
	}
	err = gw_links_route(s->d->links, &s->dst.at.addr, &ifindex, &hop);
	if (err)
		tell(s, STEP_FAILED, "next hop", "this host has no route: %s", strerror(-err));
	else
		tell(s, STEP_OK, "next hop", "%s", tp_addr_format(&hop, gateway));
}

struct search {
	const struct story *s;
	uint32_t now;
	unsigned int found;
};

static bool ends_are(const struct gw_flow_key *key, const struct end *node,
		     const struct end *remote)
{
	return !memcmp(key->node, node->at.addr.b, sizeof(key->node)) &&
	       !memcmp(key->remote, remote->at.addr.b, sizeof(key->remote));
}

static int count_flow(void *arg, const struct gw_flow_key *key, const struct gw_flow *f)
{
	struct search *q = arg;
	const struct story *s = q->s;
	bool to = ends_are(key, &s->src, &s->dst) && ntohs(key->remote_port) == s->port;
	bool from = ends_are(key, &s->dst, &s->src) && ntohs(key->node_port) == s->port;

	if (key->proto == s->proto && f->until > q->now && (to || from))
		q->found++;
	return 0;
}

static void tell_flows(struct story *s)
{
	struct search q = {s, gw_ticks(tp_now()), 0};

	gw_datapath_flows_each(s->d->dp, count_flow, &q);
	tell(s, STEP_OPEN, "flows in force", "%u", q.found);
}

static void tell_devices(struct story *s)
{
	const struct gw_config *c = s->d->config;

	for (size_t i = 0; i < c->n_overlays; i++)
		if (!gw_datapath_attached(s->d->dp, c->overlays[i].name))
			tell(s, STEP_FAILED, "programs", "not attached to %s", c->overlays[i].name);
	for (size_t i = 0; i < c->egress.n_uplinks; i++)
		if (!gw_datapath_attached(s->d->dp, c->egress.uplinks[i]))
			tell(s, STEP_FAILED, "programs", "not attached to %s",
			     c->egress.uplinks[i]);
}

json_t *gw_command_explain(struct gw_daemon *d, const char *src, const char *dst, const char *proto,
			   const char *port)
{
	struct story s = {.d = d};
	json_t *error = find_end(d, src, &s.src) ?: find_end(d, dst, &s.dst);

	if (error)
		return error;
	if (tp_addr_is_v4(&s.src.at.addr) != tp_addr_is_v4(&s.dst.at.addr))
		return tp_control_error("%s and %s are of two families", src, dst);
	if (!parse_proto(proto, tp_addr_is_v4(&s.src.at.addr), &s.proto))
		return tp_control_error("%s is no protocol: tcp, udp, icmp or a number", proto);
	if (!parse_port(port, &s.port))
		return tp_control_error("%s is no port", port);
	s.steps = json_array();
	tell_devices(&s);
	tell_source(&s);
	tell_destination(&s);
	tell_policy(&s);
	tell_mapping(&s);
	tell_next_hop(&s);
	tell_flows(&s);
	return json_pack("{s:b,s:s,s:o}", "ok", !s.verdict[0], "verdict",
			 s.verdict[0] ? s.verdict : "a new flow passes", "steps", s.steps);
}
