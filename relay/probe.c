/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/budget.h"
#include "relay/flows.h"
#include "relay/probe.h"
#include "relay/register.h"

#define CREDITS	   4096
#define CREDIT_MAX (4 * sizeof(struct wg_initiation))

/* A move that is not believed yet. */
struct doubt {
	uint32_t node;	    /* id */
	uint32_t candidate; /* own index of the call to the new place */
	uint32_t guard;	    /* of the call to the old one; 0: not sent yet */
	bool answered;	    /* at the new place */
	bool there;	    /* and at the old one, too */
	uint32_t index;	    /* of the flow that this is about; 0: none */
	uint64_t born;
	struct tp_endpoint at, old;
	struct tp_addr local, old_local;
	TAILQ_ENTRY(doubt) in_age;
};

struct probes {
	TAILQ_HEAD(, doubt) doubts;
	/* Bytes that came from an address without a flow, by its hash: a stranger is sent no more
	 * than it has sent. */
	uint32_t credit[CREDITS];
};

static uint32_t *credit_of(struct relay *r, const struct packet *p)
{
	return &r->probes->credit[tp_siphash(p->from, sizeof(*p->from)) % CREDITS];
}

/* Has its address sent as much as a call is long? */
static bool earn(struct relay *r, const struct packet *p)
{
	uint32_t *credit = credit_of(r, p);

	*credit += (uint32_t)p->len;
	if (*credit > CREDIT_MAX)
		*credit = CREDIT_MAX;
	return *credit >= sizeof(struct wg_initiation);
}

static struct own_session *call_stranger(struct relay *r, struct node *n, const struct packet *p)
{
	struct own_session *s = register_call(r, n, p->from, p->local, p->now);

	if (s)
		*credit_of(r, p) -= sizeof(struct wg_initiation);
	return s;
}

/* --- doubts --- */

static bool in_doubt(const struct relay *r, const struct node *n, const struct tp_endpoint *at)
{
	const struct doubt *d;

	TAILQ_FOREACH (d, &r->probes->doubts, in_age)
		if (d->node == n->id && tp_endpoint_equal(&d->at, at))
			return true;
	return false;
}

static void forget(struct relay *r, struct doubt *d)
{
	TAILQ_REMOVE(&r->probes->doubts, d, in_age);
	free(d);
}

static void doubt(struct relay *r, struct node *n, const struct packet *p,
		  const struct tp_endpoint *old, const struct tp_addr *old_local, uint32_t index)
{
	struct own_session *s;
	struct doubt *d;

	if (in_doubt(r, n, p->from))
		return;
	s = call_stranger(r, n, p);
	d = s ? calloc(1, sizeof(*d)) : NULL;
	if (!d)
		return;
	s->purpose = OWN_DOUBTED;
	*d = (struct doubt){
		.node = n->id,
		.candidate = s->index,
		.index = index,
		.born = p->now,
		.at = *p->from,
		.local = *p->local,
		.old = *old,
		.old_local = *old_local,
	};
	TAILQ_INSERT_TAIL(&r->probes->doubts, d, in_age);
}

static struct doubt *doubt_of(const struct relay *r, const struct own_session *s)
{
	struct doubt *d;

	TAILQ_FOREACH (d, &r->probes->doubts, in_age)
		if (d->candidate == s->index || d->guard == s->index)
			return d;
	return NULL;
}

static void ask_old_place(struct relay *r, struct doubt *d, uint64_t now)
{
	struct node *n = node_by_id(r, d->node);
	struct own_session *s = n ? register_call(r, n, &d->old, &d->old_local, now) : NULL;

	if (!s)
		return;
	s->purpose = OWN_GUARD;
	d->guard = s->index;
}

/* Answered there, too: it has two addresses, or somebody hands its answers on. Only the session
 * whose index was seen is led there; who knows that index is the node or the other end of this
 * session. */
static void move_session(struct relay *r, struct node *n, const struct doubt *d, uint64_t now)
{
	const struct flow *f = flow_find(r, &d->old, d->index);

	if (!f || f->from != n)
		return;
	flows_move(r, n, f->session, &d->old, &d->at, &d->local, now);
	r->stats.moves++;
}

static void move_node(struct relay *r, struct node *n, const struct doubt *d, uint64_t now)
{
	if (!n->site || tp_endpoint_equal(&n->endpoint, &d->old)) {
		register_adopt(r, n, &d->at, &d->local, now);
		return;
	}
	/* It sends from more than one address; the one it is registered at has not moved. */
	flows_move(r, n, NULL, &d->old, &d->at, &d->local, now);
	r->stats.moves++;
}

/* True when it is settled. */
static bool settle(struct relay *r, const struct doubt *d, uint64_t now)
{
	struct node *n = node_by_id(r, d->node);

	if (!n || now >= d->born + TP_SEC(WG_REKEY_TIMEOUT))
		return true;
	if (!d->answered || !d->guard)
		return false;
	if (!d->there && now < d->born + TP_MS(PROBE_DOUBT_MS))
		return false;
	if (d->there)
		move_session(r, n, d, now);
	else
		move_node(r, n, d, now);
	return true;
}

void probes_tick(struct relay *r, uint64_t now)
{
	struct doubt *d, *next;

	for (d = TAILQ_FIRST(&r->probes->doubts); d; d = next) {
		next = TAILQ_NEXT(d, in_age);
		if (!d->guard && now >= d->born + TP_MS(PROBE_GUARD_MS))
			ask_old_place(r, d, now);
		if (settle(r, d, now))
			forget(r, d);
	}
}

/* --- calls --- */

void probe_session(struct relay *r, struct node *n, const struct packet *p)
{
	if (budget_take(&n->probe_budget, BUDGET_PROBE, 1, p->now))
		register_call(r, n, p->from, p->local, p->now);
}

void probe_flow(struct relay *r, struct flow *f, const struct packet *p)
{
	struct tp_endpoint old = {.port = f->key.port};
	struct tp_addr old_local;

	memcpy(&old.addr, f->key.addr, sizeof(old.addr));
	memcpy(&old_local, f->value.local, sizeof(old_local));
	if (earn(r, p) && budget_take(&f->probe_budget, BUDGET_PROBE_FLOW, 1, p->now))
		doubt(r, f->from, p, &old, &old_local, f->key.index);
}

void probe_stale(struct relay *r, struct node *n, const struct packet *p)
{
	bool there = n->site && tp_endpoint_equal(&n->endpoint, p->from);

	if ((!there && !earn(r, p)) || !budget_take(&n->stale_budget, BUDGET_PROBE, 1, p->now))
		return;
	if (there)
		register_call(r, n, p->from, p->local, p->now);
	else if (n->site)
		doubt(r, n, p, &n->endpoint, &n->local, 0);
	else
		call_stranger(r, n, p);
}

void probe_answered(struct relay *r, struct own_session *s, uint64_t now)
{
	struct doubt *d = s->purpose == OWN_CALL ? NULL : doubt_of(r, s);

	if (s->purpose == OWN_CALL)
		register_adopt(r, s->node, &s->at, &s->local, now);
	if (!d)
		return;
	if (s->purpose == OWN_GUARD)
		d->there = true;
	else
		d->answered = true;
	if (settle(r, d, now))
		forget(r, d);
}

/* --- life --- */

int probes_new(struct relay *r)
{
	r->probes = calloc(1, sizeof(*r->probes));
	if (!r->probes)
		return -ENOMEM;
	TAILQ_INIT(&r->probes->doubts);
	return 0;
}

void probes_drop_node(struct relay *r, const struct node *n)
{
	struct doubt *d, *next;

	for (d = TAILQ_FIRST(&r->probes->doubts); d; d = next) {
		next = TAILQ_NEXT(d, in_age);
		if (d->node == n->id)
			forget(r, d);
	}
}

void probes_free(struct relay *r)
{
	struct doubt *d;

	if (!r->probes)
		return;
	while ((d = TAILQ_FIRST(&r->probes->doubts)))
		forget(r, d);
	free(r->probes);
	r->probes = NULL;
}
