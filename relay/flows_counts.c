/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What flows counted, and the index filter: memory that XDP and the daemon share. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/relay/flow.h"
#include "clock.h"
#include "relay/datapath.h"
#include "relay/flows_internal.h"

static void add(struct relay_count *to, struct relay_count what)
{
	to->packets += what.packets;
	to->bytes += what.bytes;
}

static void book(struct relay *r, struct node *from, struct node *to, struct relay_count what)
{
	if (from)
		add(&from->rx, what);
	if (to)
		add(&to->tx, what);
	add(&r->stats.finished, what);
}

void flow_withdraw(struct relay *r, struct flow *f, const struct relay_flow_key *key, uint64_t now)
{
	struct relay_count count;

	relay_datapath_flow_del(r->dp, key, &count, now);
	book(r, f->from, f->to, count);
	add(&f->earlier, count);
}

void book_late(void *arg, const struct relay_flow *flow, struct relay_count late)
{
	struct relay *r = arg;

	book(r, node_by_id(r, flow->src_node), node_by_id(r, flow->dst_node), late);
}

struct relay_count flow_count(const struct relay *r, const struct flow *f)
{
	struct relay_count c = relay_datapath_count(r->dp, &f->key);

	add(&c, f->user);
	add(&c, f->earlier);
	return c;
}

void node_counts(const struct relay *r, const struct node *n, struct relay_count *rx,
		 struct relay_count *tx)
{
	const struct flow *f;

	*rx = n->rx;
	*tx = n->tx;
	/* What the daemon passed on is booked to the nodes at once. */
	LIST_FOREACH (f, &n->sends, in_sends)
		add(rx, relay_datapath_count(r->dp, &f->key));
	LIST_FOREACH (f, &n->receives, in_receives)
		add(tx, relay_datapath_count(r->dp, &f->key));
}

/* --- the index filter --- */

static uint32_t bucket_of(uint32_t index)
{
	return (uint32_t)tp_siphash(&index, sizeof(index)) % INDEX_BUCKETS;
}

static uint8_t *uses_of(struct relay *r, uint32_t index)
{
	return &r->flows->index_uses[le32toh(index) & ((1u << TP_INDEX_BITS) - 1)];
}

void index_add(struct relay *r, struct flow *f)
{
	volatile uint64_t *filter = relay_datapath_index_filter(r->dp);
	uint8_t *uses = uses_of(r, f->key.index);

	LIST_INSERT_HEAD(&r->flows->by_index[bucket_of(f->key.index)], f, in_index);
	/* A count that reaches its top stays there: the bit is then never cleared, which costs
	 * a probe budget's worth of attention and nothing else. */
	if (*uses < UINT8_MAX)
		++*uses;
	if (filter)
		filter[tp_index_word(f->key.index)] |= tp_index_bit(f->key.index);
}

void index_remove(struct relay *r, struct flow *f)
{
	volatile uint64_t *filter = relay_datapath_index_filter(r->dp);
	uint8_t *uses = uses_of(r, f->key.index);

	LIST_REMOVE(f, in_index);
	if (*uses == UINT8_MAX || --*uses)
		return;
	if (filter)
		filter[tp_index_word(f->key.index)] &= ~tp_index_bit(f->key.index);
}

bool flows_use_index(const struct relay *r, uint32_t index)
{
	const struct flow *f;

	LIST_FOREACH (f, &r->flows->by_index[bucket_of(index)], in_index)
		if (f->key.index == index)
			return true;
	return false;
}

void flows_each_index(struct relay *r, uint32_t index, int (*fn)(void *arg, struct flow *f),
		      void *arg)
{
	struct flow *f;

	LIST_FOREACH (f, &r->flows->by_index[bucket_of(index)], in_index) {
		if (f->key.index == index && fn(arg, f))
			return;
	}
}
