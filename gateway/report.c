/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway/report.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define KIND_FORWARD		      GW_KIND_FORWARD, "forward"
#define KIND_PASS		      GW_KIND_PASS, "pass"
#define KIND_ANSWER		      GW_KIND_ANSWER, "answer"
#define KIND_DROP		      GW_KIND_DROP, "drop"
#define REASON_TEXT(kind, name, text) [GW_##kind##_##name] = {KIND_##kind, #name, text},

const struct gw_reason_text gw_reason_texts[GW_REASON_MAX] = {TP_GW_REASONS(REASON_TEXT)};

void gw_report_totals(const struct gw_daemon *d, struct gw_totals *t)
{
	struct gw_count counts[GW_REASON_MAX];

	memset(t, 0, sizeof(*t));
	if (gw_datapath_reasons(d->dp, counts))
		return;
	for (int i = 0; i < GW_REASON_MAX; i++) {
		t->of[gw_reason_texts[i].kind].packets += counts[i].packets;
		t->of[gw_reason_texts[i].kind].bytes += counts[i].bytes;
	}
}

/* --- names ---------------------------------------------------------------------------------- */

const char *gw_report_overlay(const struct gw_daemon *d, uint32_t id)
{
	return id < TP_GW_OVERLAYS && d->state.overlays[id][0] ? d->state.overlays[id] : "?";
}

const char *gw_report_uplink(const struct gw_daemon *d, uint32_t id)
{
	return id < TP_GW_UPLINKS && d->state.uplinks[id][0] ? d->state.uplinks[id] : "?";
}

const char *gw_report_proto(uint8_t proto, char *buf)
{
	switch (proto) {
	case IPPROTO_TCP: return "tcp";
	case IPPROTO_UDP: return "udp";
	case IPPROTO_ICMP: return "icmp";
	case IPPROTO_ICMPV6: return "icmpv6";
	default: snprintf(buf, 8, "%u", proto); return buf;
	}
}

static bool has_address(const struct gw_config_peer *p, const uint8_t addr[16])
{
	for (size_t i = 0; i < p->n_allowed_ips; i++)
		if (tp_prefix_is_host(&p->allowed_ips[i]) &&
		    !memcmp(p->allowed_ips[i].addr.b, addr, 16))
			return true;
	return false;
}

const char *gw_report_node(const struct gw_daemon *d, uint32_t overlay, const uint8_t addr[16])
{
	const char *device = gw_report_overlay(d, overlay);

	for (size_t i = 0; i < d->config->n_overlays; i++) {
		const struct gw_config_overlay *o = &d->config->overlays[i];

		for (size_t j = 0; !strcmp(o->name, device) && j < o->n_peers; j++)
			if (has_address(&o->peers[j], addr))
				return o->peers[j].name;
	}
	return NULL;
}

const char *gw_report_rule(const struct gw_daemon *d, uint32_t rule)
{
	if (!rule)
		return "default";
	return rule <= d->config->acl.n_rules ? d->config->acl.rules[rule - 1].name : "?";
}

/* --- flows ---------------------------------------------------------------------------------- */

static const char *kind_name(uint8_t kind)
{
	switch (kind) {
	case GW_FLOW_ROUTED: return "routed";
	case GW_FLOW_NAT: return "masqueraded";
	case GW_FLOW_LOCAL: return "local";
	case GW_FLOW_OVERLAY: return "overlay";
	case GW_FLOW_HAIRPIN: return "hairpin";
	default: return "?";
	}
}

static const char *tcp_state_name(uint8_t state)
{
	switch (state) {
	case GW_TCP_SYN_OUT:
	case GW_TCP_SYN_IN: return "opening";
	case GW_TCP_ESTABLISHED: return "established";
	case GW_TCP_FIN_OUT:
	case GW_TCP_FIN_IN: return "half-closed";
	case GW_TCP_CLOSED: return "closed";
	default: return NULL;
	}
}

static json_t *addr_json(const uint8_t addr[16])
{
	char buf[TP_ADDR_STRLEN];
	struct tp_addr a;

	memcpy(a.b, addr, sizeof(a.b));
	return json_string(tp_addr_format(&a, buf));
}

static json_t *external_json(const struct gw_flow *f)
{
	struct tp_endpoint e = {
		.addr = tp_addr_from_v4((struct in_addr){.s_addr = f->ext_addr}),
		.port = f->ext_port,
	};
	char buf[TP_ADDR_STRLEN];

	return f->ext_addr ? json_string(tp_endpoint_format(&e, buf)) : json_null();
}

static json_t *count_json(struct gw_count c)
{
	return json_pack("{s:I,s:I}", "packets", (json_int_t)c.packets, "bytes",
			 (json_int_t)c.bytes);
}

static void set(json_t *out, const char *name, json_t *value)
{
	json_object_set_new(out, name, value);
}

static void describe_state(json_t *out, const struct gw_flow *f, uint32_t now)
{
	const char *state = tcp_state_name(f->tcp_state);

	set(out, "state", state ? json_string(state) : json_null());
	set(out, "replied", json_boolean(f->flags & GW_FLOW_REPLIED));
	set(out, "from_remote", json_boolean(f->flags & GW_FLOW_FROM_REMOTE));
	set(out, "shadow", json_boolean(f->flags & GW_FLOW_SHADOW));
	set(out, "age_s", json_real(gw_ticks_to_seconds(now - f->started)));
	set(out, "expires_in_s",
	    json_real(f->until > now ? gw_ticks_to_seconds(f->until - now) : 0));
}

json_t *gw_report_flow(const struct gw_daemon *d, const struct gw_flow_key *key,
		       const struct gw_flow *f, uint32_t generation, uint32_t now)
{
	const char *name = gw_report_node(d, key->overlay, key->node);
	json_t *out = json_object();
	char proto[8];

	set(out, "overlay", json_string(gw_report_overlay(d, key->overlay)));
	set(out, "node", addr_json(key->node));
	set(out, "node_name", name ? json_string(name) : json_null());
	set(out, "node_port", json_integer(ntohs(key->node_port)));
	set(out, "remote", addr_json(key->remote));
	set(out, "remote_port", json_integer(ntohs(key->remote_port)));
	set(out, "protocol", json_string(gw_report_proto(key->proto, proto)));
	set(out, "kind", json_string(kind_name(f->kind)));
	set(out, "uplink",
	    f->kind == GW_FLOW_ROUTED || f->kind == GW_FLOW_NAT
		    ? json_string(gw_report_uplink(d, f->uplink))
		    : json_null());
	set(out, "external", external_json(f));
	set(out, "rule",
	    f->generation == generation ? json_string(gw_report_rule(d, f->rule)) : json_null());
	set(out, "policy", json_string(f->generation == generation ? "present" : "older"));
	set(out, "generation", json_integer(f->generation));
	describe_state(out, f, now);
	set(out, "out", count_json(f->out));
	set(out, "in", count_json(f->in));
	return out;
}
