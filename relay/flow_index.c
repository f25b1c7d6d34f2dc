/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "relay/flow_index.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/lib/relay/flow.h"

#define START_BUCKETS 1024 /* of 64 bytes; grows when there are more than 4096 flows */

uint32_t relay_flow_buckets(uint32_t flows)
{
	uint32_t n = 1;

	while ((uint64_t)n * TP_FLOW_WAYS < 4ull * flows)
		n *= 2;
	return n;
}

/* --- entries -------------------------------------------------------------------------------- */

/* The bucket's one entry with this fingerprint; 0 finds a free one. */
static uint64_t *entry_in(struct relay_flow_bucket *bucket, uint32_t fingerprint)
{
	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (flow_entry_fingerprint(bucket->entry[i]) == fingerprint)
			return (uint64_t *)&bucket->entry[i];
	return NULL;
}

static uint32_t buckets_in_use(const struct relay_flow_memory *m)
{
	return *m->mask + 1;
}

struct relay_flow_key flow_key_of(const struct relay_flow_memory *m, const struct relay_slot *slot)
{
	const struct relay_place *src = &m->places[slot->src];
	struct relay_flow_key key = {.index = slot->index, .port = src->port};

	tp_copy16(key.addr, src->addr);
	return key;
}

struct flow_home flow_index_home(const struct relay_flow_memory *m,
				 const struct relay_flow_key *key)
{
	uint64_t hash = tp_flow_hash(key, &m->seed);
	uint32_t mask = *m->mask;

	return (struct flow_home){
		.first = &m->buckets[tp_flow_bucket(hash, mask)],
		.second = &m->buckets[tp_flow_second_bucket(hash, mask)],
		.fingerprint = tp_flow_fingerprint(hash),
	};
}

static bool leads_to(const struct relay_flow_memory *m, const uint64_t *entry,
		     const struct relay_flow_key *key)
{
	const struct relay_slot *slot;

	if (!entry)
		return false;
	slot = &m->slots[flow_entry_slot(*entry)];
	return tp_flow_matches(slot, &m->places[slot->src], key);
}

uint64_t *flow_index_find(const struct relay_flow_memory *m, const struct flow_home *home,
			  const struct relay_flow_key *key)
{
	uint64_t *entry = entry_in(home->first, home->fingerprint);

	if (!leads_to(m, entry, key))
		entry = entry_in(home->second, home->fingerprint);
	return leads_to(m, entry, key) ? entry : NULL;
}

/* A bucket must not have the fingerprint twice: it would not tell the flows apart. */
static uint64_t *room_in(struct relay_flow_bucket *bucket, uint32_t fingerprint)
{
	__u64 *preferred = &bucket->entry[tp_flow_way(fingerprint)];

	if (entry_in(bucket, fingerprint))
		return NULL;
	return *preferred ? entry_in(bucket, 0) : (uint64_t *)preferred;
}

bool flow_index_right(const struct relay_flow_memory *m, const uint64_t *entry,
		      const struct relay_flow_key *key)
{
	struct flow_home home = flow_index_home(m, key);

	return entry_in(home.first, home.fingerprint) == entry ||
	       entry_in(home.second, home.fingerprint) == entry;
}

static uint64_t *room_for(const struct flow_home *home)
{
	uint64_t *entry = room_in(home->first, home->fingerprint);

	return entry ? entry : room_in(home->second, home->fingerprint);
}

/* --- readers -------------------------------------------------------------------------------- */

int flow_readers_wait(void)
{
	return syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

/* --- growing -------------------------------------------------------------------------------- */

/* Where an entry of bucket `at`, of n, belongs among twice as many: there, or n further on. */
static uint32_t place_among_more(const struct relay_flow_memory *m, uint64_t entry, uint32_t at,
				 uint32_t n)
{
	struct relay_flow_key key = flow_key_of(m, &m->slots[flow_entry_slot(entry)]);
	uint64_t hash = tp_flow_hash(&key, &m->seed);
	uint32_t mask = 2 * n - 1;

	return tp_flow_bucket(hash, n - 1) == at ? tp_flow_bucket(hash, mask)
						 : tp_flow_second_bucket(hash, mask);
}

/* Into the same way of the bucket n further on, which only entries of this one can come to. */
static void copy_up(const struct relay_flow_memory *m, uint32_t at, uint32_t n)
{
	const struct relay_flow_bucket *from = &m->buckets[at];
	struct relay_flow_bucket *to = &m->buckets[at + n];

	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (from->entry[i] && place_among_more(m, from->entry[i], at, n) != at)
			flow_entry_publish((uint64_t *)&to->entry[i], from->entry[i]);
}

static void clear_copied(const struct relay_flow_memory *m, uint32_t at, uint32_t n)
{
	struct relay_flow_bucket *from = &m->buckets[at];
	const struct relay_flow_bucket *to = &m->buckets[at + n];

	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (from->entry[i] && from->entry[i] == to->entry[i])
			flow_entry_publish((uint64_t *)&from->entry[i], 0);
}

static void set_mask(const struct relay_flow_memory *m, uint32_t n)
{
	__atomic_store_n(m->mask, n - 1, __ATOMIC_RELEASE);
}

/* Should the waiting fail, the copies stay: they lead nowhere else, and take up room. */
static bool grow(const struct relay_flow_memory *m)
{
	uint32_t n = buckets_in_use(m);

	if (n == m->n_buckets)
		return false;
	for (uint32_t at = 0; at < n; at++)
		copy_up(m, at, n);
	set_mask(m, 2 * n);
	if (flow_readers_wait())
		return true;
	for (uint32_t at = 0; at < n; at++)
		clear_copied(m, at, n);
	return true;
}

/* An entry for a new flow. The index grows when half of it is filled; also when both buckets are
 * full, unless there are so few flows that this is no matter of room. */
uint64_t *flow_index_room(const struct relay_flow_memory *m, struct flow_home *home,
			  const struct relay_flow_key *key, uint32_t live)
{
	uint64_t *entry = NULL;

	if (live >= buckets_in_use(m) * TP_FLOW_WAYS / 2 && grow(m))
		*home = flow_index_home(m, key);
	while (!(entry = room_for(home)) && live >= buckets_in_use(m) && grow(m))
		*home = flow_index_home(m, key);
	return entry;
}

/* --- taking over ---------------------------------------------------------------------------- */

/* Of a growth that was cut short. */
static void clear_bucket(struct relay_flow_bucket *bucket)
{
	for (int i = 0; i < TP_FLOW_WAYS; i++)
		if (bucket->entry[i])
			flow_entry_publish((uint64_t *)&bucket->entry[i], 0);
}

/* Can the kernel be asked to wait for readers? Not with CPUs that are kept free of its ticks. */
static bool can_wait(void)
{
	int commands = (int)syscall(__NR_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return commands > 0 && commands & MEMBARRIER_CMD_GLOBAL;
}

static void adopt_size(const struct relay_flow_memory *m)
{
	uint32_t room = m->n_buckets, n = buckets_in_use(m);

	if (*m->mask && n && n <= room && !(n & (n - 1)))
		return;
	set_mask(m, room < START_BUCKETS || !can_wait() ? room : START_BUCKETS);
}

void flow_index_adopt(const struct relay_flow_memory *m)
{
	adopt_size(m);
	for (uint32_t b = buckets_in_use(m); b < m->n_buckets; b++)
		clear_bucket(&m->buckets[b]);
}

void flow_index_each(const struct relay_flow_memory *m, int (*fn)(void *arg, uint64_t *entry),
		     void *arg)
{
	for (uint32_t b = 0; b < buckets_in_use(m); b++) {
		for (int i = 0; i < TP_FLOW_WAYS; i++) {
			uint64_t *entry = (uint64_t *)&m->buckets[b].entry[i];

			if (*entry && fn(arg, entry))
				return;
		}
	}
}
