/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/flow_table.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/lib/relay/flow.h"
#include "clock.h"

#define START_BUCKETS 1024 /* of 64 bytes; grows when there are more than 4096 flows */

uint32_t relay_flow_slots(uint32_t flows)
{
	return flows + flows / 4;
}

uint32_t relay_flow_buckets(uint32_t flows)
{
	uint32_t n = 1;

	while ((uint64_t)n * TP_FLOW_WAYS < 4ull * flows)
		n *= 2;
	return n;
}

/* --- entries -------------------------------------------------------------------------------- */

static uint32_t slot_of(uint64_t entry)
{
	return (uint32_t)entry;
}

static uint32_t fingerprint_of(uint64_t entry)
{
	return (uint32_t)(entry >> 32);
}

/* What was written into the slot before is seen by whoever sees the entry. */
static void publish(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* The bucket's one entry with this fingerprint; 0 finds a free one. */
static uint64_t *entry_in(struct relay_flow_bucket *bucket, uint32_t fingerprint)
{
	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (fingerprint_of(bucket->entry[i]) == fingerprint)
			return (uint64_t *)&bucket->entry[i];
	return NULL;
}

static uint32_t buckets_in_use(const struct relay_flow_table *t)
{
	return *t->mem.mask + 1;
}

struct places {
	struct relay_flow_bucket *first, *second;
	uint32_t fingerprint;
};

static struct places places_of(const struct relay_flow_table *t, const struct relay_flow_key *key)
{
	uint64_t hash = tp_flow_hash(key, &t->mem.seed);
	uint32_t mask = *t->mem.mask;

	return (struct places){
		.first = &t->mem.buckets[tp_flow_bucket(hash, mask)],
		.second = &t->mem.buckets[tp_flow_second_bucket(hash, mask)],
		.fingerprint = tp_flow_fingerprint(hash),
	};
}

static bool leads_to(const struct relay_flow_table *t, const uint64_t *entry,
		     const struct relay_flow_key *key)
{
	return entry && tp_flow_key_equal(&t->mem.slots[slot_of(*entry)].key, key);
}

static uint64_t *find(const struct relay_flow_table *t, const struct places *p,
		      const struct relay_flow_key *key)
{
	uint64_t *entry = entry_in(p->first, p->fingerprint);

	if (!leads_to(t, entry, key))
		entry = entry_in(p->second, p->fingerprint);
	return leads_to(t, entry, key) ? entry : NULL;
}

/* A bucket must not have the fingerprint twice: it would not tell the flows apart. */
static uint64_t *room_in(struct relay_flow_bucket *bucket, uint32_t fingerprint)
{
	__u64 *preferred = &bucket->entry[tp_flow_way(fingerprint)];

	if (entry_in(bucket, fingerprint))
		return NULL;
	return *preferred ? entry_in(bucket, 0) : (uint64_t *)preferred;
}

static uint64_t *room_for(const struct places *p)
{
	uint64_t *entry = room_in(p->first, p->fingerprint);

	return entry ? entry : room_in(p->second, p->fingerprint);
}

/* --- slots ---------------------------------------------------------------------------------- */

/* XDP counts on while this reads. */
static struct relay_count count_of(const struct relay_flow *flow)
{
	const volatile struct relay_count *c = &flow->count;

	return (struct relay_count){c->packets, c->bytes};
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
	const struct relay_flow *flow = &t->mem.slots[r->slot];
	struct relay_count late = count_of(flow);

	late.packets -= r->seen.packets;
	late.bytes -= r->seen.bytes;
	if (t->late && late.packets)
		t->late(t->late_arg, flow, late);
	t->free[t->n_free++] = r->slot;
	t->oldest = (t->oldest + 1) % t->mem.n_slots;
	t->n_resting--;
}

void relay_flow_table_recycle(struct relay_flow_table *t, uint64_t now)
{
	while (t->n_resting && now >= t->resting[t->oldest].since + TP_SEC(FLOW_REST_SEC))
		recycle_oldest(t);
}

/* An RCU grace period: every XDP program that runs now has ended after it. */
static int wait_for_readers(void)
{
	return syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

static bool take_slot(struct relay_flow_table *t, uint64_t now, uint32_t *slot)
{
	if (!t->n_free)
		relay_flow_table_recycle(t, now);
	if (!t->n_free && t->n_resting && !wait_for_readers())
		while (t->n_resting)
			recycle_oldest(t);
	if (!t->n_free)
		return false;
	*slot = t->free[--t->n_free];
	return true;
}

/* --- growing -------------------------------------------------------------------------------- */

static uint32_t live(const struct relay_flow_table *t)
{
	return t->mem.n_slots - t->n_free - t->n_resting;
}

/* Where an entry of bucket `at`, of n, belongs among twice as many: there, or n further on. */
static uint32_t place_among_more(const struct relay_flow_table *t, uint64_t entry, uint32_t at,
				 uint32_t n)
{
	uint64_t hash = tp_flow_hash(&t->mem.slots[slot_of(entry)].key, &t->mem.seed);
	uint32_t mask = 2 * n - 1;

	return tp_flow_bucket(hash, n - 1) == at ? tp_flow_bucket(hash, mask)
						 : tp_flow_second_bucket(hash, mask);
}

/* Into the same way of the bucket n further on, which only entries of this one can come to. */
static void copy_up(struct relay_flow_table *t, uint32_t at, uint32_t n)
{
	const struct relay_flow_bucket *from = &t->mem.buckets[at];
	struct relay_flow_bucket *to = &t->mem.buckets[at + n];

	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (from->entry[i] && place_among_more(t, from->entry[i], at, n) != at)
			publish((uint64_t *)&to->entry[i], from->entry[i]);
}

static void clear_copied(struct relay_flow_table *t, uint32_t at, uint32_t n)
{
	struct relay_flow_bucket *from = &t->mem.buckets[at];
	const struct relay_flow_bucket *to = &t->mem.buckets[at + n];

	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (from->entry[i] && from->entry[i] == to->entry[i])
			publish((uint64_t *)&from->entry[i], 0);
}

static void set_mask(struct relay_flow_table *t, uint32_t n)
{
	__atomic_store_n(t->mem.mask, n - 1, __ATOMIC_RELEASE);
}

/* Should the waiting fail, the copies stay: they lead nowhere else, and take up room. */
static bool grow(struct relay_flow_table *t)
{
	uint32_t n = buckets_in_use(t);

	if (n == t->mem.n_buckets)
		return false;
	for (uint32_t at = 0; at < n; at++)
		copy_up(t, at, n);
	set_mask(t, 2 * n);
	if (wait_for_readers())
		return true;
	for (uint32_t at = 0; at < n; at++)
		clear_copied(t, at, n);
	return true;
}

/* A place for a new flow. The index grows when half of it is filled; also when both buckets are
 * full, unless there are so few flows that this is no matter of room. */
static uint64_t *make_place(struct relay_flow_table *t, struct places *p,
			    const struct relay_flow_key *key)
{
	uint64_t *entry = NULL;

	if (live(t) >= buckets_in_use(t) * TP_FLOW_WAYS / 2 && grow(t))
		*p = places_of(t, key);
	while (!(entry = room_for(p)) && live(t) >= buckets_in_use(t) && grow(t))
		*p = places_of(t, key);
	return entry;
}

/* --- flows ---------------------------------------------------------------------------------- */

struct relay_flow *relay_flow_table_find(const struct relay_flow_table *t,
					 const struct relay_flow_key *key)
{
	struct places p = places_of(t, key);
	const uint64_t *entry = find(t, &p, key);

	return entry ? &t->mem.slots[slot_of(*entry)] : NULL;
}

int relay_flow_table_put(struct relay_flow_table *t, const struct relay_flow *flow, uint64_t now)
{
	struct places p = places_of(t, &flow->key);
	uint64_t *entry = find(t, &p, &flow->key);
	bool is_new = !entry;
	struct relay_count count = flow->count;
	uint32_t slot, old = 0;

	if (is_new)
		entry = make_place(t, &p, &flow->key);
	if (!entry || !take_slot(t, now, &slot))
		return -E2BIG;
	if (!is_new) {
		old = slot_of(*entry);
		count = count_of(&t->mem.slots[old]);
	}
	t->mem.slots[slot] = *flow;
	t->mem.slots[slot].count = count;
	publish(entry, tp_flow_entry(p.fingerprint, slot));
	if (!is_new)
		rest(t, old, count, now);
	return 0;
}

void relay_flow_table_del(struct relay_flow_table *t, const struct relay_flow_key *key,
			  struct relay_count *count, uint64_t now)
{
	struct places p = places_of(t, key);
	uint64_t *entry = find(t, &p, key);
	struct relay_count seen = {0};

	if (entry) {
		uint32_t slot = slot_of(*entry);

		publish(entry, 0);
		seen = count_of(&t->mem.slots[slot]);
		rest(t, slot, seen, now);
	}
	if (count)
		*count = seen;
}

void relay_flow_table_each(const struct relay_flow_table *t,
			   int (*fn)(void *arg, const struct relay_flow *flow), void *arg)
{
	for (uint32_t b = 0; b < buckets_in_use(t); b++) {
		for (int i = 0; i < TP_FLOW_WAYS; i++) {
			uint64_t entry = t->mem.buckets[b].entry[i];

			if (entry && fn(arg, &t->mem.slots[slot_of(entry)]))
				return;
		}
	}
}

/* --- taking over ---------------------------------------------------------------------------- */

/* Is it where a look-up for its slot's key would find it? And is the slot this entry's alone? */
static bool makes_sense(const struct relay_flow_table *t, const uint64_t *entry, const bool *used)
{
	uint32_t slot = slot_of(*entry);
	struct places p;

	if (slot >= t->mem.n_slots || used[slot])
		return false;
	p = places_of(t, &t->mem.slots[slot].key);
	return entry_in(p.first, p.fingerprint) == entry ||
	       entry_in(p.second, p.fingerprint) == entry;
}

static void adopt_bucket(struct relay_flow_table *t, struct relay_flow_bucket *bucket, bool *used)
{
	for (int i = 0; i < TP_FLOW_WAYS; i++) {
		uint64_t *entry = (uint64_t *)&bucket->entry[i];

		if (!*entry)
			continue;
		if (makes_sense(t, entry, used))
			used[slot_of(*entry)] = true;
		else
			publish(entry, 0);
	}
}

/* Of a growth that was cut short. */
static void clear_bucket(struct relay_flow_bucket *bucket)
{
	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (bucket->entry[i])
			publish((uint64_t *)&bucket->entry[i], 0);
}

/* Can the kernel be asked to wait for readers? Not with CPUs that are kept free of its ticks. */
static bool can_wait(void)
{
	int commands = (int)syscall(__NR_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return commands > 0 && commands & MEMBARRIER_CMD_GLOBAL;
}

static void adopt_size(struct relay_flow_table *t)
{
	uint32_t room = t->mem.n_buckets, n = buckets_in_use(t);

	if (*t->mem.mask && n && n <= room && !(n & (n - 1)))
		return;
	set_mask(t, room < START_BUCKETS || !can_wait() ? room : START_BUCKETS);
}

int relay_flow_table_init(struct relay_flow_table *t, const struct relay_flow_memory *mem)
{
	bool *used = calloc(mem->n_slots, sizeof(*used));

	*t = (struct relay_flow_table){.mem = *mem};
	t->free = calloc(mem->n_slots, sizeof(*t->free));
	t->resting = calloc(mem->n_slots, sizeof(*t->resting));
	if (!used || !t->free || !t->resting) {
		free(used);
		relay_flow_table_fini(t);
		return -ENOMEM;
	}
	adopt_size(t);
	for (uint32_t b = buckets_in_use(t); b < mem->n_buckets; b++)
		clear_bucket(&mem->buckets[b]);
	for (uint32_t b = 0; b < buckets_in_use(t); b++)
		adopt_bucket(t, &mem->buckets[b], used);
	for (uint32_t slot = mem->n_slots; slot-- > 0;)
		if (!used[slot])
			t->free[t->n_free++] = slot;
	free(used);
	return 0;
}

void relay_flow_table_fini(struct relay_flow_table *t)
{
	free(t->free);
	free(t->resting);
	t->free = NULL;
	t->resting = NULL;
}
