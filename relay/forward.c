/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#include "bpf/lib/relay/node_limit.h"
#include "clock.h"
#include "relay/budget.h"
#include "relay/flows.h"
#include "relay/forward.h"
#include "relay/probe.h"

#define PROBES_AN_INDEX 4 /* nodes that may share the receiver index of a packet */

static uint32_t receiver_of(const uint8_t *data)
{
	uint32_t index;

	memcpy(&index, data + offsetof(struct wg_data, receiver), sizeof(index));
	return index;
}

/* --- a sender that moved --- */

struct search {
	struct relay *r;
	const struct packet *p;
	unsigned int probes;
};

static int probe_sender(void *arg, struct flow *f)
{
	struct search *s = arg;

	probe_flow(s->r, f, s->p);
	return ++s->probes == PROBES_AN_INDEX;
}

/* Someone sends with a known index from an address that has no such flow: a NAT may have given a
 * node another port. Asking the node there is the only way to know. */
static void look_for_sender(struct relay *r, const struct packet *p, uint32_t index)
{
	struct search s = {.r = r, .p = p};

	flows_each_index(r, index, probe_sender, &s);
}

/* --- limits --- */

/* Of the whole IP packet. */
static uint32_t bytes_of(const struct packet *p)
{
	size_t ip = tp_addr_is_v4(&p->from->addr) ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);

	return (uint32_t)(ip + sizeof(struct udphdr) + p->len);
}

static bool limits_allow(const struct relay *r, struct node *n, const struct packet *p,
			 enum tp_reason *why)
{
	const struct relay_config_limits *l = &r->config->limits;

	*why = TP_DROP_node_packets;
	if (!tp_node_packet(&n->bucket, l->packets_per_node, p->now))
		return false;
	*why = TP_DROP_node_bits;
	return tp_node_bytes(&n->bucket, l->bits_per_node, bytes_of(p), p->now);
}

static void count(struct relay *r, struct flow *f, size_t len)
{
	struct relay_count *counts[] = {&f->user, &f->from->rx, &f->to->tx, &r->stats.forwarded};

	for (unsigned int i = 0; i < 4; i++) {
		counts[i]->packets++;
		counts[i]->bytes += len;
	}
}

static void pass_on(struct relay *r, struct flow *f, const struct packet *p)
{
	struct tp_endpoint to = {.port = f->value.dst_port};
	struct tp_addr local;

	memcpy(&to.addr, f->value.dst, sizeof(to.addr));
	memcpy(&local, f->value.src, sizeof(local));
	count(r, f, p->len);
	r->ops->forward(r->ops_ctx, &local, &to, p->data, p->len, p->tos);
}

void forward_data(struct relay *r, const struct packet *p)
{
	uint32_t index = receiver_of(p->data);
	struct flow *f = flow_find(r, p->from, index);
	enum tp_reason why = TP_DROP_no_flow;

	if (!f || memcmp(f->value.local, p->local, sizeof(f->value.local))) {
		look_for_sender(r, p, index);
		goto drop;
	}
	why = TP_DROP_flow_expired;
	if (!flow_live(f, p->now))
		goto drop;
	if (!limits_allow(r, f->from, p, &why))
		goto drop;
	pass_on(r, f, p);
	return;
drop:
	relay_count(r, why, p->len);
}

/* --- path MTU --- */

struct quoted {
	const struct tp_endpoint *to;
	struct flow *flow;
};

static int find_quoted(void *arg, struct flow *f)
{
	struct quoted *q = arg;

	if (f->value.dst_port != q->to->port ||
	    memcmp(f->value.dst, &q->to->addr, sizeof(f->value.dst)))
		return 0;
	q->flow = f;
	return 1;
}

bool forward_path_mtu(struct relay *r, const struct tp_endpoint *to, uint32_t mtu,
		      const uint8_t *quote, size_t len, uint64_t now)
{
	struct quoted q = {.to = to};
	uint32_t type;

	if (len < offsetof(struct wg_data, counter) || !mtu || mtu > UINT16_MAX)
		return false;
	memcpy(&type, quote, sizeof(type));
	if (le32toh(type) != WG_DATA)
		return false;
	flows_each_index(r, receiver_of(quote), find_quoted, &q);
	if (!q.flow || !flow_live(q.flow, now))
		return false;
	return flows_path_mtu(r, q.flow, (uint16_t)mtu, now);
}
