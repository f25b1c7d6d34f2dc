/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "control.h"
#include "relay/commands.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/nexthop.h"
#include "relay/pending.h"
#include "relay/groups.h"
#include "relay/membership.h"
#include "relay/report.h"

#define KIND_DROP		      RELAY_DROP, "drop"
#define KIND_PASS		      RELAY_PASS, "pass"
#define KIND_ANSWER		      RELAY_ANSWER, "answer"
#define REASON_TEXT(kind, name, text) [TP_##kind##_##name] = {KIND_##kind, #name, text},

const struct relay_reason_text relay_reason_texts[TP_REASON_MAX] = {TP_REASONS(REASON_TEXT)};

void report_reasons(const struct daemon *d, struct relay_count *xdp)
{
	memset(xdp, 0, TP_REASON_MAX * sizeof(*xdp));
	relay_datapath_reasons(d->dp, xdp);
}

static void add_reasons(const struct daemon *d, struct relay_totals *t)
{
	struct relay_count xdp[TP_REASON_MAX];
	uint64_t *sums[] = {&t->dropped, &t->passed, &t->answered};

	report_reasons(d, xdp);
	for (int i = 0; i < TP_REASON_MAX; i++)
		*sums[relay_reason_texts[i].kind] += xdp[i].packets + d->relay->reasons[i].packets;
}

void report_totals(const struct daemon *d, struct relay_totals *t)
{
	struct node *n, *tmp;
	uint64_t now = tp_now();

	memset(t, 0, sizeof(*t));
	t->user = d->relay->stats.forwarded;
	t->xdp = relay_datapath_count_all(d->dp);
	t->xdp.packets += d->relay->stats.finished.packets;
	t->xdp.bytes += d->relay->stats.finished.bytes;
	add_reasons(d, t);
	HASH_ITER (hh_key, d->relay->nodes->by_key, n, tmp) {
		t->known++;
		t->online += node_online(n, now);
	}
}

/* --- status --- */

static json_t *count_json(struct relay_count c)
{
	return json_pack("{s:I,s:I}", "packets", (json_int_t)c.packets, "bytes",
			 (json_int_t)c.bytes);
}

static json_t *addr_json(const struct tp_addr *a)
{
	char buf[TP_ADDR_STRLEN];

	return tp_addr_is_zero(a) ? json_null() : json_string(tp_addr_format(a, buf));
}

static json_t *interfaces_json(const struct daemon *d)
{
	bool off = d->config->attach == RELAY_ATTACH_OFF;
	json_t *list = json_array();

	for (size_t i = 0; i < d->config->n_interfaces; i++) {
		const char *name = d->config->interfaces[i];

		json_array_append_new(list,
				      json_pack("{s:s,s:b}", "name", name, "attached",
						!off && relay_datapath_attached(d->dp, name)));
	}
	return list;
}

static json_t *handshakes_json(const struct relay_stats *s)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "initiations", (json_int_t)s->initiations,
			 "responses", (json_int_t)s->responses, "cookies", (json_int_t)s->cookies,
			 "challenges", (json_int_t)s->challenges, "registrations",
			 (json_int_t)s->registrations, "probes", (json_int_t)s->probes, "moves",
			 (json_int_t)s->moves);
}

json_t *command_status(struct daemon *d)
{
	const struct relay_config *c = d->config;
	char key[TP_KEY_STRLEN];
	struct relay_totals t;
	json_t *out = json_object();

	report_totals(d, &t);
	json_object_set_new(out, "version", json_string(TP_VERSION));
	json_object_set_new(out, "instance", json_string(c->instance));
	json_object_set_new(out, "public_key",
			    json_string(tp_key_format(d->relay->identity.public_key, key)));
	if (d->member)
		json_object_set_new(out, "control", tp_member_report(d->member));
	json_object_set_new(out, "attach", json_string(relay_datapath_mode(d->dp)));
	json_object_set_new(out, "interfaces", interfaces_json(d));
	json_object_set_new(out, "listen_port", json_integer(c->listen_port));
	json_object_set_new(out, "stun_port",
			    c->stun_port ? json_integer(c->stun_port) : json_null());
	json_object_set_new(out, "service_address", addr_json(&c->service_address));
	json_object_set_new(
		out, "uptime_s",
		json_integer((json_int_t)((tp_now() - d->relay->started) / TP_NS_PER_SEC)));
	json_object_set_new(out, "nodes",
			    json_pack("{s:i,s:i}", "known", t.known, "online", t.online));
	json_object_set_new(out, "flows", json_integer(flows_total(d->relay)));
	json_object_set_new(out, "flows_limit", json_integer(c->limits.flows));
	json_object_set_new(
		out, "forwarded",
		json_pack("{s:o,s:o}", "xdp", count_json(t.xdp), "user", count_json(t.user)));
	json_object_set_new(out, "dropped", json_integer((json_int_t)t.dropped));
	json_object_set_new(out, "answered", json_integer((json_int_t)t.answered));
	json_object_set_new(out, "passed", json_integer((json_int_t)t.passed));
	json_object_set_new(out, "handshakes", handshakes_json(&d->relay->stats));
	json_object_set_new(out, "pending", json_integer(pendings_total(d->relay)));
	return out;
}

/* --- nodes --- */

static json_t *seconds_since(uint64_t then, uint64_t now)
{
	return then ? json_real((double)(now - then) / (double)TP_NS_PER_SEC) : json_null();
}

static uint32_t flows_of(const struct node *n)
{
	const struct flow *f;
	uint32_t count = n->n_sends;

	LIST_FOREACH (f, &n->receives, in_receives)
		count++;
	return count;
}

static json_t *node_json(const struct relay *r, const struct node *n, uint64_t now)
{
	char endpoint[TP_ADDR_STRLEN], key[TP_KEY_STRLEN];
	uint16_t mtu = node_path_mtu(n);
	uint32_t trip = tp_round_trip_least(&n->trips);
	struct relay_count rx, tx;

	node_counts(r, n, &rx, &tx);
	return json_pack(
		"{s:s,s:s,s:s?,s:s,s:s,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:i,s:o,s:o}", "name", n->name,
		"network", n->network->name, "group", groups_name(n->network->groups, n->group),
		"public_key", tp_key_format(n->public_key, key), "state",
		node_online(n, now) ? "online" : "offline", "endpoint",
		n->site ? json_string(tp_endpoint_format(&n->endpoint, endpoint)) : json_null(),
		"local", addr_json(&n->local), "last_seen_s", seconds_since(n->last_seen, now),
		"rx_packets", (json_int_t)rx.packets, "rx_bytes", (json_int_t)rx.bytes,
		"tx_packets", (json_int_t)tx.packets, "tx_bytes", (json_int_t)tx.bytes, "flows",
		flows_of(n), "path_mtu", mtu ? json_integer(mtu) : json_null(), "round_trip_us",
		trip ? json_integer(trip) : json_null());
}

json_t *command_nodes(struct daemon *d)
{
	uint64_t now = tp_now();
	json_t *list = json_array();
	struct node *n, *tmp;

	HASH_ITER (hh_key, d->relay->nodes->by_key, n, tmp)
		json_array_append_new(list, node_json(d->relay, n, now));
	return list;
}

/* --- flows --- */

struct flow_list {
	struct daemon *d;
	json_t *list;
	size_t limit;
	uint64_t now;
};

static json_t *endpoint_json(const uint8_t addr[16], uint16_t port)
{
	struct tp_endpoint e = {.port = port};
	char buf[TP_ADDR_STRLEN];

	memcpy(&e.addr, addr, sizeof(e.addr));
	return json_string(tp_endpoint_format(&e, buf));
}

static json_t *expires_json(const struct flow *f, uint64_t now)
{
	uint64_t left = f->value.expires_at > now ? f->value.expires_at - now : 0;

	return json_real((double)left / (double)TP_NS_PER_SEC);
}

/* Non-zero when the list is full. */
static int append_flow(void *arg, const struct flow *f)
{
	struct flow_list *l = arg;
	struct relay_count c = flow_count(l->d->relay, f);
	char index[16], hop[128];
	struct tp_addr local;

	if (json_array_size(l->list) >= l->limit)
		return 1;
	memcpy(&local, f->value.local, sizeof(local));
	snprintf(index, sizeof(index), "0x%08x", le32toh(f->key.index));
	relay_nexthop_describe(l->d->nexthops, flow_nexthop(l->d->relay, f), hop, sizeof(hop));
	json_array_append_new(
		l->list,
		json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:s,s:o,s:I,s:I,s:I,s:s,s:o}", "from",
			  f->from->name, "to", f->to->name, "network", f->from->network->name,
			  "source", endpoint_json(f->key.addr, f->key.port), "local",
			  addr_json(&local), "destination",
			  endpoint_json(f->value.dst, f->value.dst_port), "index", index,
			  "expires_in_s", expires_json(f, l->now), "packets", (json_int_t)c.packets,
			  "bytes", (json_int_t)c.bytes, "user_packets", (json_int_t)f->user.packets,
			  "next_hop", hop, "mtu",
			  f->value.mtu == FLOW_SEE_NO_MTU ? json_null()
							  : json_integer(f->value.mtu)));
	return 0;
}

static void append_flows_of(struct flow_list *l, const struct node *n)
{
	const struct flow *f;

	LIST_FOREACH (f, &n->sends, in_sends)
		if (append_flow(l, f))
			return;
	LIST_FOREACH (f, &n->receives, in_receives)
		if (append_flow(l, f))
			return;
}

json_t *command_flows(struct daemon *d, const char *node, size_t limit)
{
	struct flow_list l = {.d = d, .list = json_array(), .limit = limit, .now = tp_now()};
	const struct node *n = node ? node_by_word(d->relay, node) : NULL;

	if (n)
		append_flows_of(&l, n);
	else
		flows_each(d->relay, append_flow, &l);
	return l.list;
}

/* --- drops --- */

json_t *command_drops(struct daemon *d)
{
	struct relay_count xdp[TP_REASON_MAX];
	json_t *list = json_array();

	report_reasons(d, xdp);
	for (int i = 0; i < TP_REASON_MAX; i++) {
		const struct relay_reason_text *t = &relay_reason_texts[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:I,s:I}", "kind", t->kind_name,
						      "reason", t->name, "text", t->text, "xdp",
						      (json_int_t)xdp[i].packets, "user",
						      (json_int_t)d->relay->reasons[i].packets));
	}
	return list;
}
