/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "gateway_model_state.h"

#include <netinet/in.h>
#include <string.h>

#define STEP 16 /* ticks */

static const uint8_t nobody[16];

static bool same(const uint8_t a[16], const uint8_t b[16])
{
	return !memcmp(a, b, 16);
}

static uint32_t ticks(uint32_t seconds)
{
	return (uint32_t)((uint64_t)seconds * 1000000000 >> TP_GW_TICK_SHIFT) + 1;
}

void model_reset(struct model *m)
{
	memset(m->flows, 0, sizeof(m->flows));
	memset(m->owner, 0, sizeof(m->owner));
	m->n_mappings = m->n_filters = m->n_leads = m->n_nodes = 0;
}

void model_policy(struct model *m, const struct lab_rule *rules, bool shadow)
{
	m->rules = rules;
	m->shadow = shadow;
	m->generation++;
}

void model_age(struct model *m, uint32_t n)
{
	m->now += n;
}

/* A life is only written again when it grows by about a second (bpf/lib/gateway/clock.h). */
static bool lengthens(uint32_t until, uint32_t was)
{
	return (int32_t)(until - was) >= STEP;
}

/* --- ports ----------------------------------------------------------------------------------- */

bool model_has_mappings(uint8_t proto)
{
	return proto == IPPROTO_UDP || proto == IPPROTO_TCP || proto == IPPROTO_ICMP;
}

bool model_in_range(const struct model *m, uint16_t port)
{
	return port >= m->knobs.nat_base && port < m->knobs.nat_base + m->knobs.nat_range;
}

bool model_mapping_alive(const struct model *m, const struct model_mapping *mapping)
{
	return m->now < mapping->until;
}

/* The last to have had the port. */
static struct model_mapping *last_of(struct model *m, uint8_t proto, uint16_t port)
{
	for (int i = m->n_mappings - 1; i >= 0; i--) {
		if (m->mappings[i].proto == proto && m->mappings[i].port == port)
			return &m->mappings[i];
	}
	return NULL;
}

struct model_mapping *model_mapping_at(struct model *m, uint8_t proto, uint16_t port)
{
	struct model_mapping *mapping = last_of(m, proto, port);

	return mapping && model_mapping_alive(m, mapping) ? mapping : NULL;
}

/* Freed ports rest, unless TCP's end was seen. */
static bool is_free(struct model *m, uint8_t proto, uint16_t port)
{
	const struct model_mapping *mapping = last_of(m, proto, port);

	if (!mapping)
		return true;
	if (model_mapping_alive(m, mapping))
		return false;
	return mapping->ended || m->now - mapping->until >= ticks(m->knobs.timeout.quarantine);
}

static uint8_t *owner_of(struct model *m, uint16_t port)
{
	return m->owner[(port - m->knobs.nat_base) / m->knobs.nat_block];
}

/* Parity 2: any. */
static bool has_free(struct model *m, const uint8_t node[16], uint8_t proto, int parity)
{
	for (uint16_t port = m->knobs.nat_base; model_in_range(m, port); port++) {
		if (same(owner_of(m, port), node) && (parity == 2 || port % 2 == parity) &&
		    is_free(m, proto, port))
			return true;
	}
	return false;
}

static int blocks_of(const struct model *m, const uint8_t node[16])
{
	int n = 0;

	for (int i = 0; i < m->knobs.nat_range / m->knobs.nat_block; i++)
		n += same(m->owner[i], node);
	return n;
}

/* May the node have this port? Of the same parity where there is one; in its own blocks as long as
 * they have any; else in a new one. */
static bool may_have(struct model *m, const struct model_end *node, uint8_t proto, uint16_t port)
{
	int parity = proto == IPPROTO_UDP ? node->port % 2 : 2;
	bool even = has_free(m, node->addr, proto, parity), any = has_free(m, node->addr, proto, 2);

	if (!model_in_range(m, port) || !is_free(m, proto, port))
		return false;
	if (any && !even)
		return same(owner_of(m, port), node->addr);
	return same(owner_of(m, port), any ? node->addr : nobody) &&
	       (parity == 2 || port % 2 == parity);
}

static bool can_have(struct model *m, const struct model_end *node, uint8_t proto)
{
	return has_free(m, node->addr, proto, 2) ||
	       (blocks_of(m, node->addr) < m->knobs.nat_blocks_per_node && blocks_of(m, nobody));
}

static int mapping_make(struct model *m, const struct model_key *key, uint32_t until,
			struct model_mapping **mapping)
{
	uint16_t port;

	if (!can_have(m, &key->node, key->proto))
		return GW_DROP_ports_full;
	port = m->drawn(m->ctx, &key->node, key->proto);
	if (!may_have(m, &key->node, key->proto, port))
		fail_msg("port %u is not for port %u of protocol %u of this node", port,
			 key->node.port, key->proto);
	memcpy(owner_of(m, port), key->node.addr, 16);
	assert_true(m->n_mappings < MODEL_MAPPINGS);
	*mapping = &m->mappings[m->n_mappings++];
	**mapping = (struct model_mapping){
		.node = key->node, .proto = key->proto, .port = port, .until = until};
	return MODEL_ANYWHERE;
}

int model_mapping_get(struct model *m, const struct model_key *key, uint32_t until,
		      struct model_mapping **mapping)
{
	if (!model_has_mappings(key->proto))
		return GW_DROP_proto_unmapped;
	for (int i = m->n_mappings - 1; i >= 0; i--) {
		*mapping = &m->mappings[i];
		if ((*mapping)->proto == key->proto &&
		    model_end_equal(&(*mapping)->node, &key->node) &&
		    model_mapping_keep(m, *mapping, until))
			return MODEL_ANYWHERE;
	}
	return mapping_make(m, key, until, mapping);
}

bool model_mapping_keep(struct model *m, struct model_mapping *mapping, uint32_t until)
{
	if (!model_mapping_alive(m, mapping))
		return false;
	if (lengthens(until, mapping->until)) {
		mapping->until = until;
		mapping->ended = false;
	}
	return true;
}

/* A connection on it is over. */
static void mapping_unhold(struct model *m, struct model_mapping *mapping)
{
	uint32_t soon = m->now + ticks(m->knobs.timeout.tcp_closing);

	if (--mapping->holders || mapping->until <= soon)
		return;
	mapping->until = soon;
	mapping->ended = true;
}

/* --- filters --------------------------------------------------------------------------------- */

static struct model_filter *filter_find(struct model *m, const struct model_mapping *mapping,
					const uint8_t remote[16])
{
	for (int i = 0; i < m->n_filters; i++) {
		if (m->filters[i].mapping == mapping && same(m->filters[i].remote, remote))
			return &m->filters[i];
	}
	return NULL;
}

static uint32_t filters_of(const struct model *m, const uint8_t node[16])
{
	uint32_t n = 0;

	for (int i = 0; i < m->n_filters; i++)
		n += same(m->filters[i].node, node);
	return n;
}

int model_filter_open(struct model *m, const struct model_flow *flow)
{
	const struct model_key *key = &flow->key;
	struct model_filter *filter = filter_find(m, flow->mapping, key->remote.addr);

	if (m->knobs.filtering != GW_FILTER_ADDRESS_DEPENDENT)
		return MODEL_ANYWHERE;
	if (!filter) {
		if (filters_of(m, key->node.addr) >= m->knobs.filters_per_node)
			return GW_DROP_filter_quota;
		assert_true(m->n_filters < MODEL_FILTERS);
		filter = &m->filters[m->n_filters++];
		*filter = (struct model_filter){.mapping = flow->mapping};
		memcpy(filter->remote, key->remote.addr, 16);
		memcpy(filter->node, key->node.addr, 16);
	}
	filter->generation = flow->generation;
	if (lengthens(flow->until, filter->until))
		filter->until = flow->until;
	return MODEL_ANYWHERE;
}

bool model_filter_passes(struct model *m, const struct model_mapping *mapping,
			 const uint8_t remote[16])
{
	const struct model_filter *filter = filter_find(m, mapping, remote);

	return filter && m->now < filter->until && filter->generation == m->generation;
}

/* --- flows ----------------------------------------------------------------------------------- */

uint32_t model_lifetime(const struct model *m, uint8_t proto, enum gw_tcp_state tcp)
{
	const struct gw_timeouts *t = &m->knobs.timeout;

	switch (proto) {
	case IPPROTO_UDP: return ticks(t->udp);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return ticks(t->icmp);
	case IPPROTO_TCP: break;
	default: return ticks(t->other);
	}
	if (tcp == GW_TCP_CLOSED)
		return ticks(t->tcp_closing);
	return ticks(tcp >= GW_TCP_ESTABLISHED ? t->tcp_established : t->tcp_transitory);
}

bool model_end_equal(const struct model_end *a, const struct model_end *b)
{
	return same(a->addr, b->addr) && a->port == b->port;
}

static bool key_equal(const struct model_key *a, const struct model_key *b)
{
	return model_end_equal(&a->node, &b->node) && model_end_equal(&a->remote, &b->remote) &&
	       a->proto == b->proto;
}

struct model_flow *model_flow_find(struct model *m, const struct model_key *key)
{
	for (int i = 0; i < MODEL_FLOWS; i++) {
		if (m->flows[i].used && key_equal(&m->flows[i].key, key))
			return &m->flows[i];
	}
	return NULL;
}

struct model_flow *model_flow_live(struct model *m, const struct model_key *key)
{
	struct model_flow *flow = model_flow_find(m, key);

	if (!flow || m->now < flow->until)
		return flow;
	model_flow_end(m, flow);
	return NULL;
}

/* A connection that is open keeps its port. */
static bool holds(const struct model_flow *flow)
{
	return flow->mapping && flow->tcp != GW_TCP_NONE && flow->tcp != GW_TCP_CLOSED;
}

/* After a segment of either side: SYNs open, an acknowledged answer establishes, FINs of both or a
 * reset close. */
static enum gw_tcp_state tcp_after(enum gw_tcp_state was, uint8_t flags, bool out, bool replied)
{
	enum gw_tcp_state opening = out ? GW_TCP_SYN_OUT : GW_TCP_SYN_IN;
	enum gw_tcp_state closing = out ? GW_TCP_FIN_OUT : GW_TCP_FIN_IN;
	enum gw_tcp_state answered = out ? GW_TCP_FIN_IN : GW_TCP_FIN_OUT;

	if (flags & TCP_R)
		return GW_TCP_CLOSED;
	if (flags & TCP_S)
		return was == GW_TCP_NONE || was == GW_TCP_CLOSED ? opening : was;
	if (flags & TCP_F)
		return was == answered || was == GW_TCP_CLOSED ? GW_TCP_CLOSED : closing;
	return was == opening && replied && flags & TCP_A ? GW_TCP_ESTABLISHED : was;
}

void model_flow_init(const struct model *m, struct model_flow *flow, const struct model_packet *p)
{
	flow->used = true;
	flow->generation = m->generation;
	if (p->proto == IPPROTO_TCP)
		flow->tcp = tcp_after(GW_TCP_NONE, p->flags, !flow->from_remote, false);
	flow->until = m->now + model_lifetime(m, p->proto, flow->tcp);
}

static uint32_t flows_of(const struct model *m, const uint8_t node[16])
{
	uint32_t n = 0;

	for (int i = 0; i < MODEL_FLOWS; i++)
		n += m->flows[i].used && same(m->flows[i].key.node.addr, node);
	return n;
}

int model_flow_add(struct model *m, const struct model_flow *flow)
{
	int i = 0;

	if (flows_of(m, flow->key.node.addr) >= m->knobs.flows_per_node)
		return GW_DROP_node_quota;
	if (model_flow_find(m, &flow->key))
		return MODEL_ANYWHERE; /* its own other half: the node speaks to itself */
	while (i < MODEL_FLOWS && m->flows[i].used)
		i++;
	assert_true(i < MODEL_FLOWS);
	m->flows[i] = *flow;
	if (holds(flow))
		flow->mapping->holders++;
	return MODEL_ANYWHERE;
}

void model_flow_end(struct model *m, struct model_flow *flow)
{
	if (holds(flow))
		mapping_unhold(m, flow->mapping);
	flow->used = false;
}

static void move(struct model *m, struct model_flow *flow, enum gw_tcp_state next)
{
	bool held = holds(flow);

	if (next == GW_TCP_SYN_OUT || next == GW_TCP_SYN_IN)
		flow->replied = false;
	flow->tcp = next;
	flow->until = m->now + model_lifetime(m, IPPROTO_TCP, next);
	if (held && !holds(flow))
		mapping_unhold(m, flow->mapping);
	else if (!held && holds(flow))
		flow->mapping->holders++;
}

void model_flow_note(struct model *m, struct model_flow *flow, const struct model_packet *p,
		     bool out)
{
	bool tcp = p->proto == IPPROTO_TCP, answers = flow->from_remote ? out : !out;
	struct gw_count *count = out ? &flow->out : &flow->in;
	enum gw_tcp_state next;
	uint32_t until;

	flow->replied |= answers;
	next = tcp && p->part != MODEL_LATER ? tcp_after(flow->tcp, p->flags, out, flow->replied)
					     : flow->tcp;
	if (next != flow->tcp)
		move(m, flow, next);
	/* What comes in keeps no mapping of UDP or ICMP alive. */
	until = m->now + model_lifetime(m, p->proto, flow->tcp);
	if ((out || tcp || flow->kind != GW_FLOW_NAT) && lengthens(until, flow->until))
		flow->until = until;
	count->packets++;
	count->bytes += p->len;
}

/* --- fragments, errors told ------------------------------------------------------------------ */

static struct model_lead *lead_find(struct model *m, enum lab_side side,
				    const struct model_packet *p)
{
	for (int i = 0; i < m->n_leads; i++) {
		struct model_lead *lead = &m->leads[i];

		if (lead->side == side && lead->id == p->id && lead->proto == p->proto &&
		    same(lead->src, p->src.addr) && same(lead->dst, p->dst.addr))
			return lead;
	}
	return NULL;
}

void model_lead(struct model *m, enum lab_side side, const struct model_packet *p,
		const struct model_key *key)
{
	struct model_lead *lead = lead_find(m, side, p);

	assert_true(m->n_leads < MODEL_LEADS);
	if (!lead)
		lead = &m->leads[m->n_leads++];
	*lead = (struct model_lead){.side = side, .proto = p->proto, .id = p->id, .key = *key};
	lead->until = m->now + ticks(30);
	memcpy(lead->src, p->src.addr, 16);
	memcpy(lead->dst, p->dst.addr, 16);
}

bool model_follow(struct model *m, enum lab_side side, const struct model_packet *p,
		  struct model_key *key)
{
	const struct model_lead *lead = lead_find(m, side, p);

	if (!lead || m->now >= lead->until)
		return false;
	*key = lead->key;
	return true;
}

static struct model_node *node_of(struct model *m, const uint8_t addr[16])
{
	struct model_node *node;

	for (int i = 0; i < m->n_nodes; i++) {
		if (same(m->nodes[i].addr, addr))
			return &m->nodes[i];
	}
	assert_true(m->n_nodes < MODEL_NODES);
	node = &m->nodes[m->n_nodes++];
	*node = (struct model_node){.told = 0};
	memcpy(node->addr, addr, 16);
	return node;
}

bool model_may_tell(struct model *m, const uint8_t addr[16])
{
	struct model_node *node = node_of(m, addr);
	uint32_t next = (node->told > m->now ? node->told : m->now) + 1;

	if (next - m->now > 8)
		return false;
	node->told = next;
	return true;
}
