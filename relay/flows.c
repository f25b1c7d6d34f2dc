/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/admit.h"
#include "relay/datapath.h"
#include "relay/flows_internal.h"
#include "relay/nexthop.h"
#include "relay/register.h"

#define REFUSED(reason) (-1 - (TP_DROP_##reason))
#define PAIR_MEMORY_SEC 600 /* an idle pair's record is kept this long, for `explain` */

static struct relay_flow_key key_of(const struct tp_endpoint *from, uint32_t index)
{
	struct relay_flow_key key = {.index = index, .port = from->port};

	memcpy(key.addr, &from->addr, sizeof(key.addr));
	return key;
}

struct flow *flow_find(const struct relay *r, const struct tp_endpoint *from, uint32_t index)
{
	struct relay_flow_key key = key_of(from, index);
	struct flow *f;

	HASH_FIND(hh, r->flows->by_key, &key, sizeof(key), f);
	return f;
}

bool flow_comes_from(const struct flow *f, const struct tp_endpoint *at)
{
	return f->key.port == at->port && !memcmp(f->key.addr, &at->addr, sizeof(f->key.addr));
}

bool flow_live(const struct flow *f, uint64_t now)
{
	return now < f->value.expires_at;
}

uint32_t flows_total(const struct relay *r)
{
	return HASH_COUNT(r->flows->by_key);
}

int flows_each(const struct relay *r, int (*fn)(void *arg, const struct flow *f), void *arg)
{
	struct flow *f, *tmp;
	int err;

	HASH_ITER (hh, r->flows->by_key, f, tmp) {
		err = fn(arg, f);
		if (err)
			return err;
	}
	return 0;
}

/* --- pairs --- */

static void pair_ids(const struct node *a, const struct node *b, uint32_t ids[2])
{
	bool swap = a->id > b->id;

	ids[0] = swap ? b->id : a->id;
	ids[1] = swap ? a->id : b->id;
}

int pair_side(const struct pair *p, const struct node *n)
{
	return p->ids[0] == n->id ? 0 : 1;
}

struct pair *pair_find(const struct relay *r, const struct node *a, const struct node *b)
{
	uint32_t ids[2];
	struct pair *p;

	pair_ids(a, b, ids);
	HASH_FIND(hh, r->flows->pairs, ids, sizeof(ids), p);
	return p;
}

struct pair *pair_get(struct relay *r, const struct node *a, const struct node *b)
{
	struct pair *p = pair_find(r, a, b);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	pair_ids(a, b, p->ids);
	TAILQ_INIT(&p->sessions);
	HASH_ADD(hh, r->flows->pairs, ids, sizeof(p->ids), p);
	return p;
}

static void pair_free(struct relay *r, struct pair *p)
{
	if (p->narrow)
		LIST_REMOVE(p, in_narrow);
	HASH_DELETE(hh, r->flows->pairs, p);
	free(p);
}

static bool pair_forgotten(const struct pair *p, uint64_t now)
{
	uint64_t last = p->last_end;

	for (int i = 0; i < 2; i++)
		if (p->last_initiation[i] > last)
			last = p->last_initiation[i];
	return !p->n_sessions && now >= last + TP_SEC(PAIR_MEMORY_SEC);
}

static void pairs_forget(struct relay *r, uint64_t now)
{
	struct pair *p, *tmp;

	if (now < r->flows->next_forget)
		return;
	r->flows->next_forget = now + TP_SEC(PAIR_MEMORY_SEC / 10);
	HASH_ITER (hh, r->flows->pairs, p, tmp) {
		if (pair_forgotten(p, now))
			pair_free(r, p);
	}
}

static void pairs_drop_node(struct relay *r, const struct node *n)
{
	const struct node *other;

	LIST_FOREACH (other, &n->network->nodes, in_network) {
		struct pair *p = pair_find(r, n, other);

		if (p)
			pair_free(r, p);
	}
}

/* --- flows and sessions in the daemon's tables --- */

static void path_of(const struct flow *f, struct tp_addr *dst, struct tp_addr *src)
{
	memcpy(dst, f->value.dst, sizeof(*dst));
	memcpy(src, f->value.src, sizeof(*src));
}

void flow_resolve(struct relay *r, struct flow *f)
{
	struct tp_addr dst, src;

	path_of(f, &dst, &src);
	f->value.key = f->key;
	f->value.nexthop = relay_nexthop_get(r->nexthops, &dst, &src);
}

void flow_unresolve(struct relay *r, struct flow *f)
{
	struct tp_addr dst, src;

	path_of(f, &dst, &src);
	relay_nexthop_put(r->nexthops, &dst, &src);
}

uint32_t flow_nexthop(const struct relay *r, const struct flow *f)
{
	struct tp_addr dst, src;

	path_of(f, &dst, &src);
	return relay_nexthop_find(r->nexthops, &dst, &src);
}

static struct flow_list *place_of(const struct relay *r, const void *addr, uint16_t port)
{
	struct {
		uint8_t addr[16];
		uint64_t port;
	} key = {.port = port};

	memcpy(key.addr, addr, sizeof(key.addr));
	return &r->flows->by_place[tp_siphash(&key, sizeof(key)) % PLACE_BUCKETS];
}

void flow_key_add(struct relay *r, struct flow *f)
{
	HASH_ADD(hh, r->flows->by_key, key, sizeof(f->key), f);
	LIST_INSERT_HEAD(place_of(r, f->key.addr, f->key.port), f, in_place);
}

void flow_key_remove(struct relay *r, struct flow *f)
{
	LIST_REMOVE(f, in_place);
	HASH_DELETE(hh, r->flows->by_key, f);
}

void flow_enter(struct relay *r, struct flow *f, struct session *s)
{
	f->session = s;
	LIST_INSERT_HEAD(&s->flows, f, in_session);
	LIST_INSERT_HEAD(&f->from->sends, f, in_sends);
	LIST_INSERT_HEAD(&f->to->receives, f, in_receives);
	f->from->n_sends++;
	flow_key_add(r, f);
	index_add(r, f);
}

void flow_leave(struct relay *r, struct flow *f)
{
	index_remove(r, f);
	flow_key_remove(r, f);
	f->from->n_sends--;
	LIST_REMOVE(f, in_receives);
	LIST_REMOVE(f, in_sends);
	LIST_REMOVE(f, in_session);
}

struct session *session_new(struct relay *r, struct pair *p, uint32_t id, uint64_t handshake,
			    uint64_t expires_at)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->id = id;
	s->handshake = handshake;
	s->expires_at = expires_at;
	s->pair = p;
	LIST_INIT(&s->flows);
	TAILQ_INSERT_TAIL(&r->flows->by_age, s, in_age);
	TAILQ_INSERT_TAIL(&p->sessions, s, in_pair);
	p->n_sessions++;
	return s;
}

static void flow_end(struct relay *r, struct flow *f, uint64_t now)
{
	flow_withdraw(r, f, &f->key, now);
	flow_unresolve(r, f);
	flow_leave(r, f);
	free(f);
}

void session_end(struct relay *r, struct session *s, uint64_t now)
{
	struct flow *f;

	while ((f = LIST_FIRST(&s->flows)))
		flow_end(r, f, now);
	TAILQ_REMOVE(&r->flows->by_age, s, in_age);
	TAILQ_REMOVE(&s->pair->sessions, s, in_pair);
	s->pair->n_sessions--;
	s->pair->last_end = now;
	free(s);
}

/* --- a new session --- */

/* Would a packet from there with this index mean something else already? A flow, or the relay
 * itself. */
static bool index_taken(const struct relay *r, const struct tp_endpoint *from, uint32_t index)
{
	return flow_find(r, from, index) || own_session_find(r, index);
}

/* What `from` sends to `to`: it carries the index that `to` chose. */
static struct flow *flow_new(struct relay *r, const struct flow_end *from,
			     const struct flow_end *to, const struct session *s)
{
	uint16_t mtu = s->pair->mtu[pair_side(s->pair, from->node)];
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->key = key_of(&from->at, to->index);
	f->from = from->node;
	f->to = to->node;
	f->value.expires_at = s->expires_at;
	memcpy(f->value.local, &from->local, sizeof(f->value.local));
	memcpy(f->value.src, &to->local, sizeof(f->value.src));
	memcpy(f->value.dst, &to->at.addr, sizeof(f->value.dst));
	f->value.dst_port = to->at.port;
	f->value.mtu = mtu ? mtu : FLOW_SEE_NO_MTU;
	f->value.src_node = from->node->id;
	f->value.dst_node = to->node->id;
	f->value.session = s->id;
	flow_resolve(r, f);
	return f;
}

static int add_flow(struct relay *r, struct session *s, const struct flow_end *from,
		    const struct flow_end *to, uint64_t now)
{
	struct flow *f = flow_new(r, from, to, s);

	if (!f)
		return REFUSED(flow_table_full);
	flow_enter(r, f, s);
	if (relay_datapath_flow_put(r->dp, &f->value, now)) {
		flow_end(r, f, now);
		return REFUSED(flow_table_full);
	}
	return 0;
}

static int check_room(const struct relay *r, const struct flow_end *a, const struct flow_end *b)
{
	const struct relay_config_limits *limits = &r->config->limits;

	if (a->node->n_sends >= limits->flows_per_node ||
	    b->node->n_sends >= limits->flows_per_node)
		return REFUSED(flow_quota);
	if (flows_total(r) + 2 > limits->flows)
		return REFUSED(flow_table_full);
	return 0;
}

static struct session *session_of(struct pair *p, uint64_t handshake)
{
	struct session *s;

	TAILQ_FOREACH (s, &p->sessions, in_pair) {
		if (s->handshake == handshake)
			return s;
	}
	return NULL;
}

/* One more response to an initiation that already has a session. */
static int add_response(struct relay *r, struct session *s, const struct flow_end *initiator,
			const struct flow_end *responder, uint64_t now)
{
	const struct flow *f = flow_find(r, &initiator->at, responder->index);

	if (f)
		return f->session == s ? 0 : REFUSED(index_collision);
	if (own_session_find(r, responder->index))
		return REFUSED(index_collision);
	if (initiator->node->n_sends >= r->config->limits.flows_per_node)
		return REFUSED(flow_quota);
	if (flows_total(r) >= r->config->limits.flows)
		return REFUSED(flow_table_full);
	return add_flow(r, s, initiator, responder, now);
}

int flows_install(struct relay *r, const struct flow_end *initiator,
		  const struct flow_end *responder, uint64_t handshake, bool proven, uint64_t now)
{
	struct pair *p = pair_get(r, initiator->node, responder->node);
	struct session *s;
	int err;

	if (!p)
		return REFUSED(flow_table_full);
	s = session_of(p, handshake);
	if (s)
		return add_response(r, s, initiator, responder, now);
	if (index_taken(r, &initiator->at, responder->index) ||
	    index_taken(r, &responder->at, initiator->index))
		return REFUSED(index_collision);
	if (!proven && p->n_sessions >= PAIR_UNPROVEN)
		return REFUSED(handshake_quota);
	while (p->n_sessions >= PAIR_SESSIONS)
		session_end(r, TAILQ_FIRST(&p->sessions), now);
	err = check_room(r, initiator, responder);
	if (err)
		return err;
	s = session_new(r, p, r->flows->next_session++, handshake,
			relay_flow_expiry(now + TP_SEC(FLOW_LIFE_SEC)));
	if (!s)
		return REFUSED(flow_table_full);
	err = add_flow(r, s, initiator, responder, now);
	if (!err)
		err = add_flow(r, s, responder, initiator, now);
	if (err)
		session_end(r, s, now);
	return err;
}

/* --- ends --- */

void flows_drop_node(struct relay *r, struct node *n, uint64_t now)
{
	struct flow *f;

	while ((f = LIST_FIRST(&n->sends)) || (f = LIST_FIRST(&n->receives)))
		session_end(r, f->session, now);
	pairs_drop_node(r, n);
}

static struct flow *refused_of(const struct node *n)
{
	struct flow *f;

	LIST_FOREACH (f, &n->sends, in_sends)
		if (!admit_may_talk(f->from, f->to))
			return f;
	return NULL;
}

unsigned int flows_drop_refused(struct relay *r, uint64_t now)
{
	struct node *n, *tmp;
	struct flow *f;
	unsigned int ended = 0;

	HASH_ITER (hh_key, r->nodes->by_key, n, tmp)
		for (; (f = refused_of(n)); ended++)
			session_end(r, f->session, now);
	return ended;
}

static struct flow *stranger_at(const struct relay *r, const struct node *n,
				const struct tp_endpoint *at)
{
	struct flow *f;

	LIST_FOREACH (f, place_of(r, &at->addr, at->port), in_place)
		if (f->from != n && flow_comes_from(f, at))
			return f;
	return NULL;
}

void flows_claim(struct relay *r, const struct node *n, const struct tp_endpoint *at, uint64_t now)
{
	struct flow *f;

	while ((f = stranger_at(r, n, at)))
		session_end(r, f->session, now);
}

void flows_tick(struct relay *r, uint64_t now)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&r->flows->by_age)) && now >= s->expires_at)
		session_end(r, s, now);
	relay_datapath_flows_recycle(r->dp, now);
	mtus_tick(r, now);
	pairs_forget(r, now);
}

int flows_new(struct relay *r)
{
	struct flows *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	r->flows = t;
	TAILQ_INIT(&t->by_age);
	LIST_INIT(&t->narrow);
	tp_random(&t->next_session, sizeof(t->next_session));
	relay_datapath_flows_late(r->dp, book_late, r);
	t->index_uses = calloc(1u << TP_INDEX_BITS, 1);
	return t->index_uses ? 0 : -ENOMEM;
}

void flows_free(struct relay *r)
{
	struct flows *t = r->flows;
	struct session *s, *next;
	struct pair *p, *tmp;

	if (!t)
		return;
	/* The map keeps its flows: forwarding outlives the daemon. */
	for (s = TAILQ_FIRST(&t->by_age); s; s = next) {
		struct flow *f;

		next = TAILQ_NEXT(s, in_age);
		while ((f = LIST_FIRST(&s->flows))) {
			flow_leave(r, f);
			free(f);
		}
		free(s);
	}
	HASH_ITER (hh, t->pairs, p, tmp)
		pair_free(r, p);
	relay_datapath_flows_late(r->dp, NULL, NULL);
	free(t->index_uses);
	free(t);
	r->flows = NULL;
}
