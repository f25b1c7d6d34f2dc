/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counter slots and the index filter: memory that XDP and the daemon share. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/flow.h"
#include "clock.h"
#include "relay/datapath.h"
#include "relay/flows_internal.h"

int slots_init(struct slots *s, uint32_t capacity)
{
	STAILQ_INIT(&s->resting);
	s->free = malloc(capacity * sizeof(*s->free));
	if (!s->free)
		return -ENOMEM;
	for (uint32_t i = 0; i < capacity; i++)
		s->free[i] = capacity - 1 - i;
	s->n_free = capacity;
	return 0;
}

void slots_fini(struct slots *s)
{
	struct resting_slot *r;

	while ((r = STAILQ_FIRST(&s->resting))) {
		STAILQ_REMOVE_HEAD(&s->resting, next);
		free(r);
	}
	free(s->free);
}

void slots_claim(struct slots *s, const bool *used, uint32_t capacity)
{
	s->n_free = 0;
	for (uint32_t i = capacity; i-- > 0;)
		if (!used[i])
			s->free[s->n_free++] = i;
}

bool slot_take(struct relay *r, uint32_t *slot)
{
	struct slots *s = &r->flows->slots;
	volatile struct relay_count *c;

	if (!s->n_free)
		return false;
	*slot = s->free[--s->n_free];
	c = relay_datapath_count(r->dp, *slot);
	if (c) {
		c->packets = 0;
		c->bytes = 0;
	}
	return true;
}

static struct relay_count read_slot(const struct relay *r, uint32_t slot)
{
	volatile struct relay_count *c = relay_datapath_count(r->dp, slot);

	return c ? (struct relay_count){c->packets, c->bytes} : (struct relay_count){0, 0};
}

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

void slot_release(struct relay *r, const struct flow *f, uint64_t now)
{
	struct resting_slot *rest = malloc(sizeof(*rest));

	if (!rest)
		uthash_fatal("out of memory");
	*rest = (struct resting_slot){
		.slot = f->value.counter,
		.from = f->from->id,
		.to = f->to->id,
		.since = now,
		.seen = read_slot(r, f->value.counter),
	};
	book(r, f->from, f->to, rest->seen);
	STAILQ_INSERT_TAIL(&r->flows->slots.resting, rest, next);
}

void slots_recycle(struct relay *r, uint64_t now)
{
	struct slots *s = &r->flows->slots;
	struct resting_slot *rest;

	while ((rest = STAILQ_FIRST(&s->resting)) && now >= rest->since + TP_SEC(SLOT_REST_SEC)) {
		struct relay_count late = read_slot(r, rest->slot);

		late.packets -= rest->seen.packets;
		late.bytes -= rest->seen.bytes;
		book(r, node_by_id(r, rest->from), node_by_id(r, rest->to), late);
		s->free[s->n_free++] = rest->slot;
		STAILQ_REMOVE_HEAD(&s->resting, next);
		free(rest);
	}
}

struct relay_count flow_count(const struct relay *r, const struct flow *f)
{
	struct relay_count c = read_slot(r, f->value.counter);

	add(&c, f->user);
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
		add(rx, read_slot(r, f->value.counter));
	LIST_FOREACH (f, &n->receives, in_receives)
		add(tx, read_slot(r, f->value.counter));
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
