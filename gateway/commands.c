/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/commands.h"
#include "gateway/datapath_devices.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "control.h"
#include "gateway/report.h"

/* --- status --------------------------------------------------------------------------------- */

/* Peers whose endpoint is a host name. */
static json_t *names_json(const struct gw_daemon *d, const struct gw_config_overlay *c)
{
	const struct gw_endpoints *e = gw_overlays_endpoints(d->overlays);
	json_t *list = json_array();
	struct tp_endpoint at;
	char buf[TP_ADDR_STRLEN];

	for (size_t i = 0; i < c->n_peers; i++) {
		const struct gw_config_peer *p = &c->peers[i];
		const char *state = p->endpoint ? gw_endpoints_state(e, p->endpoint) : NULL;

		if (!state || gw_endpoints_find(e, p->endpoint, &at))
			continue;
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:s,s:s?}", "peer", p->name, "endpoint",
						p->endpoint, "state", state, "address",
						at.port ? tp_endpoint_format(&at, buf) : NULL));
	}
	return list;
}

static json_t *overlay_json(const struct gw_daemon *d, const struct gw_config_overlay *c)
{
	const struct gw_overlay *o =
		gw_links_overlay(d->links, (uint32_t)gw_state_overlay(&d->state, c->name));

	return json_pack("{s:s,s:s,s:b,s:i,s:i,s:s,s:b,s:o,s:o}", "name", c->name, "backend",
			 gw_overlays_backend(d->overlays, (size_t)(c - d->config->overlays)), "up",
			 o->ifindex != 0, "mtu", o->mtu, "peers", (int)c->n_peers, "tc",
			 gw_datapath_tc(d->dp, c->name), "attached",
			 gw_datapath_attached(d->dp, c->name), "names", names_json(d, c), "relays",
			 gw_relays_list(d->relays, c->name));
}

static json_t *addresses_json(const struct gw_uplink *u)
{
	json_t *list = json_array();
	char buf[TP_ADDR_STRLEN];

	for (uint32_t i = 0; i < TP_GW_ADDRS; i++) {
		struct tp_addr a = tp_addr_from_v4((struct in_addr){.s_addr = u->addr[i]});

		if (u->addr[i])
			json_array_append_new(list, json_string(tp_addr_format(&a, buf)));
	}
	return list;
}

static json_t *uplink_json(const struct gw_daemon *d, const char *name)
{
	const struct gw_uplink *u =
		gw_links_uplink(d->links, (uint32_t)gw_state_uplink(&d->state, name));

	return json_pack("{s:s,s:b,s:i,s:o,s:s,s:b}", "name", name, "up", u->ifindex != 0, "mtu",
			 u->mtu, "addresses", addresses_json(u), "tc", gw_datapath_tc(d->dp, name),
			 "attached", gw_datapath_attached(d->dp, name));
}

static json_t *subnet_json(const struct gw_daemon *d, const struct tp_prefix *p)
{
	uint32_t uplink = TP_GW_UPLINKS;
	bool masquerade = false;
	char buf[TP_ADDR_STRLEN];

	gw_links_serving(d->links, &p->addr, &uplink, &masquerade);
	return json_pack("{s:s,s:s,s:b}", "prefix", tp_prefix_format(p, buf), "uplink",
			 gw_report_uplink(d, uplink), "masquerade", masquerade);
}

static json_t *devices_json(const struct gw_daemon *d)
{
	json_t *overlays = json_array(), *uplinks = json_array(), *subnets = json_array();
	const struct gw_config *c = d->config;

	for (size_t i = 0; i < c->n_overlays; i++)
		json_array_append_new(overlays, overlay_json(d, &c->overlays[i]));
	for (size_t i = 0; i < c->egress.n_uplinks; i++)
		json_array_append_new(uplinks, uplink_json(d, c->egress.uplinks[i]));
	for (size_t i = 0; i < c->egress.n_subnets; i++)
		json_array_append_new(subnets, subnet_json(d, &c->egress.subnets[i]));
	return json_pack("{s:o,s:o,s:o}", "overlays", overlays, "uplinks", uplinks, "subnets",
			 subnets);
}

static json_t *policy_json(const struct gw_daemon *d)
{
	const struct gw_config_acl *acl = &d->config->acl;
	struct gw_policy_size size = gw_policy_size(d->policy);

	return json_pack(
		"{s:i,s:s,s:b,s:I,s:i,s:i,s:i,s:i,s:I,s:f}", "rules", (int)acl->n_rules, "default",
		acl->verdict == GW_ALLOW ? "allow" : "deny", "shadow", acl->shadow, "generation",
		(json_int_t)gw_datapath_policy_generation(d->published), "nodes", (int)size.nodes,
		"classes", (int)size.classes, "pairs", (int)size.pairs, "segments",
		(int)size.segments, "memory", (json_int_t)size.memory, "compile_ms", d->compile_ms);
}

static json_t *count_json(struct gw_count c)
{
	return json_pack("{s:I,s:I}", "packets", (json_int_t)c.packets, "bytes",
			 (json_int_t)c.bytes);
}

json_t *gw_command_status(struct gw_daemon *d)
{
	json_t *out = json_pack("{s:s,s:s,s:s,s:b}", "version", TP_VERSION, "instance",
				d->config->instance, "attach", gw_datapath_xdp(d->dp), "masquerade",
				d->config->egress.masquerade);
	json_t *devices = devices_json(d);
	struct gw_totals t;

	gw_report_totals(d, &t);
	json_object_update(out, devices);
	json_decref(devices);
	json_object_set_new(out, "policy", policy_json(d));
	if (d->member)
		json_object_set_new(out, "control", tp_member_report(d->member));
	json_object_set_new(out, "uptime_s",
			    json_integer((json_int_t)((tp_now() - d->started) / TP_NS_PER_SEC)));
	json_object_set_new(out, "flows", json_integer(gw_sweeper_stats(d->sweeper)->flows));
	json_object_set_new(out, "flows_limit", json_integer(d->config->egress.flows));
	json_object_set_new(out, "forwarded", count_json(t.of[GW_KIND_FORWARD]));
	json_object_set_new(out, "dropped", json_integer((json_int_t)t.of[GW_KIND_DROP].packets));
	json_object_set_new(out, "answered",
			    json_integer((json_int_t)t.of[GW_KIND_ANSWER].packets));
	json_object_set_new(out, "passed", json_integer((json_int_t)t.of[GW_KIND_PASS].packets));
	return out;
}

/* --- acl ------------------------------------------------------------------------------------ */

static json_t *texts_json(char *const *texts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(texts[i]));
	return list;
}

static json_t *rule_json(const struct gw_config_rule *r, size_t number, uint64_t flows)
{
	return json_pack("{s:i,s:s,s:o,s:o,s:s,s:o,s:b,s:I}", "rule", (int)number, "name", r->name,
			 "from", texts_json(r->from, r->n_from), "to", texts_json(r->to, r->n_to),
			 "protocol", r->protocol, "ports", texts_json(r->ports, r->n_ports),
			 "shadow", r->shadow, "flows", (json_int_t)flows);
}

json_t *gw_command_acl(struct gw_daemon *d)
{
	const struct gw_config_acl *acl = &d->config->acl;
	struct policy_hit *hits = calloc(acl->n_rules + 1, sizeof(*hits));
	json_t *out = policy_json(d), *rules = json_array();

	if (!hits || gw_datapath_policy_hits(d->published, hits, acl->n_rules + 1)) {
		json_decref(rules);
		json_decref(out);
		free(hits);
		return tp_control_error("the counters of rules cannot be read");
	}
	for (size_t i = 0; i < acl->n_rules; i++)
		json_array_append_new(rules, rule_json(&acl->rules[i], i + 1, hits[i + 1].flows));
	json_object_set_new(out, "rules", rules);
	json_object_set_new(out, "default_flows", json_integer((json_int_t)hits[0].flows));
	json_object_set_new(out, "default_refused", json_integer((json_int_t)hits[0].refused));
	free(hits);
	return out;
}

/* --- nat ------------------------------------------------------------------------------------ */

static json_t *slot_json(const struct gw_daemon *d, uint32_t slot, __be32 addr)
{
	const struct gw_nat_memory *m = gw_datapath_nat(d->dp);
	struct gw_nat_use use = gw_nat_use_of(m, slot, gw_ticks(tp_now()));
	struct tp_addr a = tp_addr_from_v4((struct in_addr){.s_addr = addr});
	char buf[TP_ADDR_STRLEN];

	return json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:i}", "uplink",
			 gw_report_uplink(d, slot / TP_GW_ADDRS), "address",
			 tp_addr_format(&a, buf), "udp", use.mappings[GW_NAT_UDP], "tcp",
			 use.mappings[GW_NAT_TCP], "icmp", use.mappings[GW_NAT_ICMP], "resting",
			 use.resting, "blocks", use.blocks, "blocks_limit", m->ports / m->block);
}

static json_t *slots_json(const struct gw_daemon *d)
{
	uint32_t slots = gw_datapath_nat(d->dp)->slots;
	json_t *list = json_array();

	for (uint32_t slot = 0; slot < slots; slot++) {
		const struct gw_uplink *u = gw_links_uplink(d->links, slot / TP_GW_ADDRS);
		__be32 addr = u->addr[slot % TP_GW_ADDRS];

		if (addr)
			json_array_append_new(list, slot_json(d, slot, addr));
	}
	return list;
}

struct node_list {
	const struct gw_daemon *d;
	json_t *list;
};

static json_t *blocks_json(const struct gw_nat_memory *m, const struct gw_node *n)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < TP_GW_NODE_BLOCKS; i++) {
		uint16_t first;

		if (!n->blocks[i] || n->blocks[i] > gw_nat_blocks(m))
			continue;
		first = gw_block_port(m, n->blocks[i] - 1);
		json_array_append_new(list, json_sprintf("%u-%u", first, first + m->block - 1));
	}
	return list;
}

static int append_node(void *arg, const struct gw_node_key *key, const struct gw_node *n)
{
	const struct node_list *l = arg;
	const char *name = gw_report_node(l->d, key->overlay, key->addr);
	char buf[TP_ADDR_STRLEN];
	struct tp_addr a;

	if (key->uplink >= TP_GW_UPLINKS)
		return 0; /* counts the node's flows */
	memcpy(a.b, key->addr, sizeof(a.b));
	json_array_append_new(l->list,
			      json_pack("{s:s,s:s,s:s?,s:s,s:o}", "overlay",
					gw_report_overlay(l->d, key->overlay), "node",
					tp_addr_format(&a, buf), "node_name", name, "uplink",
					gw_report_uplink(l->d, key->uplink), "blocks",
					blocks_json(gw_datapath_nat(l->d->dp), n)));
	return 0;
}

json_t *gw_command_nat(struct gw_daemon *d)
{
	const struct gw_nat_memory *m = gw_datapath_nat(d->dp);
	const struct gw_blocks_stats *s = gw_blocks_stats(d->blocks);
	struct node_list nodes = {d, json_array()};

	gw_datapath_nodes_each(d->dp, append_node, &nodes);
	return json_pack("{s:b,s:i,s:i,s:i,s:o,s:o,s:I,s:I}", "masquerade",
			 d->config->egress.masquerade, "first_port", m->first, "last_port",
			 m->first + m->ports - 1, "ports_per_block", m->block, "addresses",
			 slots_json(d), "nodes", nodes.list, "blocks_allocated",
			 (json_int_t)s->allocated, "blocks_released", (json_int_t)s->released);
}

/* --- flows ---------------------------------------------------------------------------------- */

struct flow_list {
	const struct gw_daemon *d;
	json_t *list;
	const char *name; /* NULL: all */
	struct tp_addr addr;
	size_t limit;
	uint32_t generation, now;
};

static bool is_of(const struct flow_list *l, const struct gw_flow_key *key)
{
	const char *name;

	if (!l->name || !memcmp(l->addr.b, key->node, sizeof(key->node)) ||
	    !memcmp(l->addr.b, key->remote, sizeof(key->remote)))
		return true;
	name = gw_report_node(l->d, key->overlay, key->node);
	return name && !strcmp(name, l->name);
}

/* Non-zero when the list is full. */
static int append_flow(void *arg, const struct gw_flow_key *key, const struct gw_flow *f)
{
	struct flow_list *l = arg;

	if (f->until <= l->now || !is_of(l, key))
		return 0;
	json_array_append_new(l->list, gw_report_flow(l->d, key, f, l->generation, l->now));
	return json_array_size(l->list) >= l->limit;
}

json_t *gw_command_flows(struct gw_daemon *d, const char *node, size_t limit)
{
	struct flow_list l = {
		.d = d,
		.list = json_array(),
		.name = node,
		.limit = limit,
		.generation = gw_datapath_policy_generation(d->published),
		.now = gw_ticks(tp_now()),
	};

	if (node && tp_addr_parse(node, &l.addr))
		memset(&l.addr, 0, sizeof(l.addr));
	gw_datapath_flows_each(d->dp, append_flow, &l);
	return l.list;
}

/* --- drops ---------------------------------------------------------------------------------- */

json_t *gw_command_drops(struct gw_daemon *d)
{
	struct gw_count counts[GW_REASON_MAX];
	json_t *list = json_array();

	gw_datapath_reasons(d->dp, counts);
	for (int i = 0; i < GW_REASON_MAX; i++) {
		const struct gw_reason_text *t = &gw_reason_texts[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:I,s:I}", "kind", t->kind_name,
						      "reason", t->name, "text", t->text, "packets",
						      (json_int_t)counts[i].packets, "bytes",
						      (json_int_t)counts[i].bytes));
	}
	return list;
}

/* --- which ---------------------------------------------------------------------------------- */

static json_t *run_relays(struct gw_daemon *d)
{
	return gw_relays_report(d->relays);
}

static json_t *run_detach(struct gw_daemon *d)
{
	gw_daemon_stop(d, true);
	return json_pack("{s:b}", "ok", 1);
}

static json_t *run_flows(struct gw_daemon *d, const json_t *request)
{
	const json_t *node = json_object_get(request, "node");
	const json_t *limit = json_object_get(request, "limit");

	if (node && !json_is_string(node))
		return tp_control_error("node must be a name or an address");
	if (limit && json_integer_value(limit) < 1)
		return tp_control_error("limit must be a number above 0");
	return gw_command_flows(d, json_string_value(node),
				limit ? (size_t)json_integer_value(limit) : GW_FLOWS_LISTED);
}

static json_t *run_explain(struct gw_daemon *d, const json_t *request)
{
	const char *src, *dst, *proto, *port;

	if (json_unpack((json_t *)request, "{s:s,s:s,s:s,s:s}", "source", &src, "destination", &dst,
			"protocol", &proto, "port", &port))
		return tp_control_error("source, destination, protocol and port are needed");
	return gw_command_explain(d, src, dst, proto, port);
}

json_t *gw_command(void *arg, const json_t *request)
{
	static const struct {
		const char *name;
		json_t *(*run)(struct gw_daemon *d);
	} plain[] = {
		{"status", gw_command_status}, {"acl", gw_command_acl}, {"nat", gw_command_nat},
		{"drops", gw_command_drops},   {"relays", run_relays},	{"detach", run_detach},
	};
	const char *command = json_string_value(json_object_get(request, "command"));
	struct gw_daemon *d = arg;

	if (!command)
		return tp_control_error("no command given");
	for (unsigned int i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(command, plain[i].name))
			return plain[i].run(d);
	if (!strcmp(command, "flows"))
		return run_flows(d, request);
	if (!strcmp(command, "explain"))
		return run_explain(d, request);
	return tp_control_error("unknown command %s", command);
}
