/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* After a restart: the flows that XDP kept forwarding become the daemon's again. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/datapath.h"
#include "relay/flows_internal.h"

struct found {
	struct relay_flow_key key;
	struct relay_flow value;
};

struct adoption {
	struct relay *r;
	struct found *flows;
	size_t n, room;
	struct relay_flow_key *refused;
	uint32_t n_refused;
};

static int gather(void *arg, const struct relay_flow_key *key, const struct relay_flow *value)
{
	struct adoption *a = arg;

	if (a->n == a->room) {
		size_t room = a->room ? 2 * a->room : 1024;
		void *grown = reallocarray(a->flows, room, sizeof(*a->flows));

		if (!grown)
			return -1;
		a->flows = grown;
		a->room = room;
	}
	a->flows[a->n].key = *key;
	a->flows[a->n++].value = *value;
	return 0;
}

/* By age, and flows of one session side by side. */
static int by_session(const void *x, const void *y)
{
	const struct relay_flow *a = &((const struct found *)x)->value;
	const struct relay_flow *b = &((const struct found *)y)->value;

	if (a->expires_at != b->expires_at)
		return a->expires_at < b->expires_at ? -1 : 1;
	return a->session < b->session ? -1 : a->session > b->session;
}

static bool same_session(const struct relay_flow *a, const struct relay_flow *b)
{
	return a->session == b->session && a->expires_at == b->expires_at;
}

static bool acceptable(const struct adoption *a, const struct found *f, const bool *slot_used,
		       uint64_t now)
{
	const struct node *from = node_by_id(a->r, f->value.src_node);
	const struct node *to = node_by_id(a->r, f->value.dst_node);
	uint32_t capacity = a->r->flows->capacity;

	return from && to && from != to && from->network == to->network &&
	       f->value.expires_at > now && f->value.counter < capacity &&
	       !slot_used[f->value.counter];
}

static void adopt_flow(struct relay *r, struct session *s, const struct found *found)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		uthash_fatal("out of memory");
	f->key = found->key;
	f->value = found->value;
	f->from = node_by_id(r, found->value.src_node);
	f->to = node_by_id(r, found->value.dst_node);
	flow_resolve(r, f);
	flow_enter(r, f, s);
	if (memcmp(&f->value, &found->value, sizeof(f->value)))
		relay_datapath_flows_put(r->dp, &f->key, &f->value, 1);
}

/* One session's flows: [first, end). Returns how many were taken. */
static uint32_t adopt_session(struct adoption *a, size_t first, size_t end, bool *slot_used,
			      uint64_t now)
{
	struct relay *r = a->r;
	struct session *s = NULL;
	uint32_t taken = 0;

	for (size_t i = first; i < end; i++) {
		const struct found *f = &a->flows[i];
		struct pair *p;

		if (!acceptable(a, f, slot_used, now)) {
			a->refused[a->n_refused++] = f->key;
			continue;
		}
		if (!s) {
			p = pair_get(r, node_by_id(r, f->value.src_node),
				     node_by_id(r, f->value.dst_node));
			s = p ? session_new(r, p, f->value.session, 0, f->value.expires_at) : NULL;
			if (!s)
				uthash_fatal("out of memory");
		}
		slot_used[f->value.counter] = true;
		adopt_flow(r, s, f);
		taken++;
	}
	return taken;
}

static void clear_index_filter(struct relay *r)
{
	volatile uint64_t *filter = relay_datapath_index_filter(r->dp);

	for (uint32_t i = 0; filter && i < TP_INDEX_WORDS; i++)
		filter[i] = 0;
}

void flows_adopt(struct relay *r, uint64_t now)
{
	struct adoption a = {.r = r};
	uint32_t capacity = r->flows->capacity, taken = 0;
	bool *slot_used = calloc(capacity, sizeof(*slot_used));
	size_t end;

	clear_index_filter(r);
	if (!slot_used || relay_datapath_flows_each(r->dp, gather, &a) || !a.n)
		goto out;
	a.refused = calloc(a.n, sizeof(*a.refused));
	if (!a.refused)
		goto out;
	qsort(a.flows, a.n, sizeof(*a.flows), by_session);
	for (size_t i = 0; i < a.n; i = end) {
		for (end = i + 1; end < a.n; end++)
			if (!same_session(&a.flows[i].value, &a.flows[end].value))
				break;
		taken += adopt_session(&a, i, end, slot_used, now);
	}
	relay_datapath_flows_del(r->dp, a.refused, a.n_refused);
	slots_claim(&r->flows->slots, slot_used, capacity);
	tp_info("adopted %u flows, removed %u that had ended or whose nodes are gone", taken,
		a.n_refused);
out:
	free(a.refused);
	free(a.flows);
	free(slot_used);
}
