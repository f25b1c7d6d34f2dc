/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* After a restart: the flows that XDP kept forwarding become the daemon's again. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/admit.h"
#include "relay/datapath.h"
#include "relay/flows_internal.h"

struct adoption {
	struct relay *r;
	struct relay_flow *flows;
	size_t n, room;
	struct relay_flow_key *refused;
	uint32_t n_refused;
};

/* The counter stays where it is. */
static int gather(void *arg, const struct relay_flow *flow)
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
	a->flows[a->n] = *flow;
	a->flows[a->n++].count = (struct relay_count){0};
	return 0;
}

/* By age, and flows of one session side by side. */
static int by_session(const void *x, const void *y)
{
	const struct relay_flow *a = x, *b = y;

	if (a->expires_at != b->expires_at)
		return a->expires_at < b->expires_at ? -1 : 1;
	return a->session < b->session ? -1 : a->session > b->session;
}

static bool same_session(const struct relay_flow *a, const struct relay_flow *b)
{
	return a->session == b->session && a->expires_at == b->expires_at;
}

static bool acceptable(const struct adoption *a, const struct relay_flow *f, uint64_t now)
{
	const struct node *from = node_by_id(a->r, f->src_node);
	const struct node *to = node_by_id(a->r, f->dst_node);

	return from && to && admit_may_talk(from, to) && f->expires_at > now;
}

static void adopt_flow(struct relay *r, struct session *s, const struct relay_flow *found,
		       uint64_t now)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		uthash_fatal("out of memory");
	f->key = found->key;
	f->value = *found;
	f->from = node_by_id(r, found->src_node);
	f->to = node_by_id(r, found->dst_node);
	flow_resolve(r, f);
	flow_enter(r, f, s);
	/* Or a whole network's next handshakes would be first contacts. */
	node_remember_target(f->from, f->to);
	if (memcmp(&f->value, found, sizeof(f->value)))
		relay_datapath_flow_put(r->dp, &f->value, now);
}

/* One session's flows: [first, end). Returns how many were taken. */
static uint32_t adopt_session(struct adoption *a, size_t first, size_t end, uint64_t now)
{
	struct relay *r = a->r;
	struct session *s = NULL;
	uint32_t taken = 0;

	for (size_t i = first; i < end; i++) {
		const struct relay_flow *f = &a->flows[i];
		struct pair *p;

		if (!acceptable(a, f, now)) {
			a->refused[a->n_refused++] = f->key;
			continue;
		}
		if (!s) {
			p = pair_get(r, node_by_id(r, f->src_node), node_by_id(r, f->dst_node));
			s = p ? session_new(r, p, f->session, 0, f->expires_at) : NULL;
			if (!s)
				uthash_fatal("out of memory");
		}
		adopt_flow(r, s, f, now);
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
	uint32_t taken = 0;
	size_t end;

	clear_index_filter(r);
	relay_datapath_flows_each(r->dp, gather, &a);
	if (!a.n)
		goto out;
	a.refused = calloc(a.n, sizeof(*a.refused));
	if (!a.refused)
		goto out;
	qsort(a.flows, a.n, sizeof(*a.flows), by_session);
	for (size_t i = 0; i < a.n; i = end) {
		for (end = i + 1; end < a.n; end++)
			if (!same_session(&a.flows[i], &a.flows[end]))
				break;
		taken += adopt_session(&a, i, end, now);
	}
	for (uint32_t i = 0; i < a.n_refused; i++)
		relay_datapath_flow_del(r->dp, &a.refused[i], NULL, now);
	tp_info("adopted %u flows, removed %u that had ended or whose nodes are gone", taken,
		a.n_refused);
out:
	free(a.refused);
	free(a.flows);
}
