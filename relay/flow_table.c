/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/flow_table.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/lib/relay/flow.h"
#include "clock.h"

uint32_t relay_flow_slots(uint32_t flows)
{
	return flows + flows / 4;
}

/* --- slots ---------------------------------------------------------------------------------- */

/* XDP counts on while this reads. */
static struct relay_count count_of(const struct relay_slot *slot)
{
	const volatile struct relay_slot *s = slot;

	return (struct relay_count){s->packets, s->bytes};
}

struct relay_flow relay_flow_of(const struct relay_slot *slot, const struct relay_place *src,
				const struct relay_place *dst, uint32_t session)
{
	struct relay_flow flow = {
		.key = {.index = slot->index, .port = src->port},
		.expires_at = (uint64_t)slot->expires_at << TP_EXPIRY_SHIFT,
		.dst_port = dst->port,
		.mtu = slot->mtu,
		.nexthop = dst->nexthop,
		.src_node = src->node,
		.dst_node = dst->node,
		.session = session,
		.count = count_of(slot),
	};

	tp_copy16(flow.key.addr, src->addr);
	tp_copy16(flow.local, src->local);
	tp_copy16(flow.src, dst->local);
	tp_copy16(flow.dst, dst->addr);
	return flow;
}

struct relay_flow relay_flow_table_get(const struct relay_flow_table *t,
				       const struct relay_slot *slot)
{
	uint64_t session = t->mem.sessions[slot - t->mem.slots];

	return relay_flow_of(slot, &t->mem.places[slot->src], &t->mem.places[slot->dst],
			     (uint32_t)session);
}

static void release_places(struct relay_flow_table *t, const struct relay_slot *slot)
{
	flow_place_release(&t->places, slot->src);
	flow_place_release(&t->places, slot->dst);
}

static void rest(struct relay_flow_table *t, uint32_t slot, struct relay_count seen, uint64_t now)
{
	uint32_t at;

	if (!t->n_resting) /* what was never used of the ring takes no memory */
		t->oldest = 0;
	at = (t->oldest + t->n_resting++) % t->mem.n_slots;
	t->resting[at] = (struct flow_rest){.since = now, .slot = slot, .seen = seen};
}

static void recycle_oldest(struct relay_flow_table *t)
{
	const struct flow_rest *r = &t->resting[t->oldest];
	const struct relay_slot *slot = &t->mem.slots[r->slot];
	struct relay_count late = count_of(slot);
	struct relay_flow flow;

	late.packets = (uint32_t)(late.packets - r->seen.packets);
	late.bytes -= r->seen.bytes;
	if (t->late && (late.packets || late.bytes)) {
		flow = relay_flow_table_get(t, slot);
		t->late(t->late_arg, &flow, late);
	}
	release_places(t, slot);
	t->free[t->n_free++] = r->slot;
	t->oldest = (t->oldest + 1) % t->mem.n_slots;
	t->n_resting--;
}

void relay_flow_table_recycle(struct relay_flow_table *t, uint64_t now)
{
	while (t->n_resting && now >= t->resting[t->oldest].since + TP_SEC(FLOW_REST_SEC))
		recycle_oldest(t);
}

/* A slot, and two places in case that its flow needs new ones. */
static bool has_room(const struct relay_flow_table *t)
{
	return t->n_free && t->places.n_free >= 2;
}

/* As much as can be had. Less may still do: the places of a flow are mostly there already, and one
 * that only gets another next hop takes no slot. */
static void make_room(struct relay_flow_table *t, uint64_t now)
{
	if (!has_room(t))
		relay_flow_table_recycle(t, now);
	if (!has_room(t) && t->n_resting && !flow_readers_wait())
		while (t->n_resting)
			recycle_oldest(t);
}

static uint32_t live(const struct relay_flow_table *t)
{
	return t->mem.n_slots - t->n_free - t->n_resting;
}

/* --- flows ---------------------------------------------------------------------------------- */

struct relay_slot *relay_flow_table_find(const struct relay_flow_table *t,
					 const struct relay_flow_key *key)
{
	struct flow_home home = flow_index_home(&t->mem, key);
	const uint64_t *entry = flow_index_find(&t->mem, &home, key);

	return entry ? &t->mem.slots[flow_entry_slot(*entry)] : NULL;
}

static uint32_t expiry_of(uint64_t ns)
{
	uint64_t steps = ns >> TP_EXPIRY_SHIFT;

	return steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX;
}

uint64_t relay_flow_expiry(uint64_t ns)
{
	return (uint64_t)expiry_of(ns) << TP_EXPIRY_SHIFT;
}

static int use_places(struct relay_flow_table *t, const struct relay_flow *flow,
		      struct relay_slot *slot)
{
	struct relay_place src = {.port = flow->key.port, .node = flow->src_node};
	struct relay_place dst = {.port = flow->dst_port, .node = flow->dst_node};
	int err;

	tp_copy16(src.addr, flow->key.addr);
	tp_copy16(src.local, flow->local);
	tp_copy16(dst.addr, flow->dst);
	tp_copy16(dst.local, flow->src);
	err = flow_place_use(&t->places, &dst, &slot->dst);
	if (err)
		return err;
	err = flow_place_use(&t->places, &src, &slot->src);
	if (err)
		flow_place_release(&t->places, slot->dst);
	else
		flow_place_nexthop(&t->places, slot->dst, flow->nexthop);
	return err;
}

/* A slot in the making: it has its uses of its places already. */
static int make_slot(struct relay_flow_table *t, const struct relay_flow *flow,
		     struct relay_slot *slot)
{
	*slot = (struct relay_slot){
		.index = flow->key.index,
		.expires_at = expiry_of(flow->expires_at),
		.mtu = flow->mtu,
		.bytes = flow->count.bytes,
		.packets = (uint32_t)flow->count.packets,
	};
	return use_places(t, flow, slot);
}

/* But for the next hop, which is its place's, and what was counted. */
static bool says_the_same(const struct relay_flow_table *t, uint32_t number,
			  const struct relay_slot *slot, uint32_t session)
{
	const struct relay_slot *there = &t->mem.slots[number];

	return there->src == slot->src && there->dst == slot->dst && there->mtu == slot->mtu &&
	       there->expires_at == slot->expires_at && t->mem.sessions[number] == session;
}

static void publish_slot(struct relay_flow_table *t, uint64_t *entry, uint32_t fingerprint,
			 const struct relay_slot *slot, uint32_t session)
{
	uint32_t number = t->free[--t->n_free];

	t->mem.slots[number] = *slot;
	t->mem.sessions[number] = session;
	flow_entry_publish(entry, tp_flow_entry(fingerprint, number));
}

static int add(struct relay_flow_table *t, struct flow_home *home, const struct relay_flow *flow,
	       const struct relay_slot *slot)
{
	uint64_t *entry = flow_index_room(&t->mem, home, &flow->key, live(t));

	if (!entry)
		return -E2BIG;
	publish_slot(t, entry, home->fingerprint, slot, flow->session);
	return 0;
}

static void change(struct relay_flow_table *t, uint64_t *entry, const struct relay_flow *flow,
		   struct relay_slot *slot, uint64_t now)
{
	uint32_t fingerprint = flow_entry_fingerprint(*entry), old = flow_entry_slot(*entry);
	struct relay_count count = count_of(&t->mem.slots[old]);

	slot->packets = (uint32_t)count.packets;
	slot->bytes = count.bytes;
	publish_slot(t, entry, fingerprint, slot, flow->session);
	rest(t, old, count, now);
}

int relay_flow_table_put(struct relay_flow_table *t, const struct relay_flow *flow, uint64_t now)
{
	struct flow_home home = flow_index_home(&t->mem, &flow->key);
	uint64_t *entry = flow_index_find(&t->mem, &home, &flow->key);
	struct relay_slot slot;

	make_room(t, now);
	if (make_slot(t, flow, &slot))
		return -E2BIG;
	if (entry && says_the_same(t, flow_entry_slot(*entry), &slot, flow->session)) {
		release_places(t, &slot);
		return 0;
	}
	if (t->n_free && entry) {
		change(t, entry, flow, &slot, now);
		return 0;
	}
	if (t->n_free && !add(t, &home, flow, &slot))
		return 0;
	release_places(t, &slot);
	return -E2BIG;
}

void relay_flow_table_del(struct relay_flow_table *t, const struct relay_flow_key *key,
			  struct relay_count *count, uint64_t now)
{
	struct flow_home home = flow_index_home(&t->mem, key);
	uint64_t *entry = flow_index_find(&t->mem, &home, key);
	struct relay_count seen = {0};

	if (entry) {
		uint32_t slot = flow_entry_slot(*entry);

		flow_entry_publish(entry, 0);
		seen = count_of(&t->mem.slots[slot]);
		rest(t, slot, seen, now);
	}
	if (count)
		*count = seen;
}

struct walk {
	const struct relay_flow_table *table;
	int (*fn)(void *arg, const struct relay_flow *flow);
	void *arg;
};

static int show_flow(void *arg, uint64_t *entry)
{
	const struct walk *w = arg;
	const struct relay_flow_table *t = w->table;
	struct relay_flow flow = relay_flow_table_get(t, &t->mem.slots[flow_entry_slot(*entry)]);

	return w->fn(w->arg, &flow);
}

void relay_flow_table_each(const struct relay_flow_table *t,
			   int (*fn)(void *arg, const struct relay_flow *flow), void *arg)
{
	struct walk w = {t, fn, arg};

	flow_index_each(&t->mem, show_flow, &w);
}

/* --- counts --------------------------------------------------------------------------------- */

struct relay_count relay_flow_table_count(const struct relay_flow_table *t,
					  const struct relay_flow_key *key)
{
	const struct relay_slot *slot = relay_flow_table_find(t, key);

	return slot ? count_of(slot) : (struct relay_count){0};
}

struct sum {
	const struct relay_slot *slots;
	struct relay_count count;
};

static int add_count(void *arg, uint64_t *entry)
{
	struct sum *sum = arg;
	struct relay_count count = count_of(&sum->slots[flow_entry_slot(*entry)]);

	sum->count.packets += count.packets;
	sum->count.bytes += count.bytes;
	return 0;
}

struct relay_count relay_flow_table_count_all(const struct relay_flow_table *t)
{
	struct sum sum = {.slots = t->mem.slots};

	flow_index_each(&t->mem, add_count, &sum);
	return sum.count;
}

/* --- taking over ---------------------------------------------------------------------------- */

/* Is it where a look-up for its slot's key would find it? And is the slot this entry's alone? */
static bool makes_sense(const struct relay_flow_table *t, const uint64_t *entry, const bool *used)
{
	uint32_t number = flow_entry_slot(*entry);
	const struct relay_slot *slot;
	struct relay_flow_key key;

	if (number >= t->mem.n_slots || used[number])
		return false;
	slot = &t->mem.slots[number];
	if (slot->src >= t->mem.n_places || slot->dst >= t->mem.n_places)
		return false;
	key = flow_key_of(&t->mem, slot);
	return flow_index_right(&t->mem, entry, &key);
}

static bool adopt_places(struct relay_flow_table *t, const struct relay_slot *slot)
{
	if (!flow_place_adopt(&t->places, slot->src))
		return false;
	if (flow_place_adopt(&t->places, slot->dst))
		return true;
	flow_place_release(&t->places, slot->src);
	return false;
}

struct adoption {
	struct relay_flow_table *table;
	bool *used; /* by slot */
};

static int adopt_entry(void *arg, uint64_t *entry)
{
	const struct adoption *a = arg;
	struct relay_flow_table *t = a->table;

	if (makes_sense(t, entry, a->used) &&
	    adopt_places(t, &t->mem.slots[flow_entry_slot(*entry)]))
		a->used[flow_entry_slot(*entry)] = true;
	else
		flow_entry_publish(entry, 0);
	return 0;
}

int relay_flow_table_init(struct relay_flow_table *t, const struct relay_flow_memory *mem)
{
	bool *used = calloc(mem->n_slots, sizeof(*used));

	*t = (struct relay_flow_table){.mem = *mem};
	t->free = calloc(mem->n_slots, sizeof(*t->free));
	t->resting = calloc(mem->n_slots, sizeof(*t->resting));
	if (!used || !t->free || !t->resting ||
	    flow_places_init(&t->places, mem->places, mem->n_places)) {
		free(used);
		relay_flow_table_fini(t);
		return -ENOMEM;
	}
	flow_index_adopt(&t->mem);
	flow_index_each(&t->mem, adopt_entry, &(struct adoption){t, used});
	flow_places_ready(&t->places);
	for (uint32_t slot = mem->n_slots; slot-- > 0;)
		if (!used[slot])
			t->free[t->n_free++] = slot;
	free(used);
	return 0;
}

void relay_flow_table_fini(struct relay_flow_table *t)
{
	flow_places_fini(&t->places);
	free(t->free);
	free(t->resting);
	t->free = NULL;
	t->resting = NULL;
}
