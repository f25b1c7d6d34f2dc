/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What changes about live flows: a node that moved, a route, a path MTU. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/datapath.h"
#include "relay/flows_internal.h"
#include "relay/nexthop.h"

#define MTU_MIN_V4 552	/* min_pmtu of Linux, which lets no ICMP error go below it either */
#define MTU_MIN_V6 1280 /* RFC 8200 */

/* The next hop is for all flows to the same place: never an older one. */
static void put(struct relay *r, struct flow *f)
{
	f->value.nexthop = flow_nexthop(r, f);
	if (relay_datapath_flow_put(r->dp, &f->value, tp_now()))
		tp_log_limited(LOG_ERR, "flow table: a flow from %s could not be changed",
			       f->from->name);
}

/* What moves: one end, at its old address, of all sessions or of one. */
struct move {
	const struct session *only;
	const struct tp_endpoint *old, *to;
	const struct tp_addr *local;
	uint64_t now;
};

static bool leads_to(const struct flow *f, const struct tp_endpoint *at)
{
	return f->value.dst_port == at->port &&
	       !memcmp(f->value.dst, &at->addr, sizeof(f->value.dst));
}

static void redirect(struct relay *r, struct flow *f, const struct tp_endpoint *to,
		     const struct tp_addr *local)
{
	flow_unresolve(r, f);
	memcpy(f->value.dst, &to->addr, sizeof(f->value.dst));
	memcpy(f->value.src, local, sizeof(f->value.src));
	f->value.dst_port = to->port;
	f->value.mtu = FLOW_SEE_NO_MTU;
	flow_resolve(r, f);
}

static void rekey(struct relay *r, struct flow *f, const struct tp_endpoint *to,
		  const struct tp_addr *local)
{
	flow_key_remove(r, f);
	memcpy(f->key.addr, &to->addr, sizeof(f->key.addr));
	f->key.port = to->port;
	memcpy(f->value.local, local, sizeof(f->value.local));
	flow_unresolve(r, f);
	flow_resolve(r, f);
	flow_key_add(r, f);
}

/* Another node's flow may hold the key that f is to get, from a time when the address was its. */
static void make_way(struct relay *r, const struct flow *f, const struct move *m)
{
	struct flow *holder = flow_find(r, m->to, f->key.index);

	if (holder && holder != f && holder->session != f->session)
		session_end(r, holder->session, m->now);
}

static bool concerns(const struct move *m, const struct flow *f)
{
	return !m->only || f->session == m->only;
}

/* Packets already come from the new address: first the new key, then the old one goes. */
static void move_sends(struct relay *r, struct node *n, const struct move *m)
{
	struct flow *f;

	LIST_FOREACH (f, &n->sends, in_sends)
		if (concerns(m, f) && flow_comes_from(f, m->old))
			make_way(r, f, m);
	LIST_FOREACH (f, &n->sends, in_sends) {
		struct relay_flow_key was = f->key;

		if (!concerns(m, f) || !flow_comes_from(f, m->old))
			continue;
		rekey(r, f, m->to, m->local);
		put(r, f);
		if (!tp_endpoint_equal(m->old, m->to))
			flow_withdraw(r, f, &was, m->now);
	}
}

static void move_receives(struct relay *r, struct node *n, const struct move *m)
{
	struct flow *f;

	LIST_FOREACH (f, &n->receives, in_receives) {
		if (!concerns(m, f) || !leads_to(f, m->old))
			continue;
		redirect(r, f, m->to, m->local);
		put(r, f);
	}
}

void flows_move(struct relay *r, struct node *n, const struct session *only,
		const struct tp_endpoint *old, const struct tp_endpoint *to,
		const struct tp_addr *local, uint64_t now)
{
	struct move m = {only, old, to, local, now};

	move_receives(r, n, &m);
	move_sends(r, n, &m);
}

static uint32_t nexthop_to(void *arg, const struct relay_place *p)
{
	const struct relay *r = arg;
	struct tp_addr dst, src;

	memcpy(&dst, p->addr, sizeof(dst));
	memcpy(&src, p->local, sizeof(src));
	return relay_nexthop_find(r->nexthops, &dst, &src);
}

void flows_refresh_nexthops(struct relay *r)
{
	relay_datapath_route_places(r->dp, nexthop_to, r);
}

/* --- path MTU --- */

/* Of all the pair's flows that this side sends. */
static void set_mtu(struct relay *r, const struct pair *p, int side, uint16_t mtu)
{
	const struct session *s;
	struct flow *f;

	TAILQ_FOREACH (s, &p->sessions, in_pair) {
		LIST_FOREACH (f, &s->flows, in_session) {
			if (pair_side(p, f->from) != side || f->value.mtu == mtu)
				continue;
			f->value.mtu = mtu;
			put(r, f);
		}
	}
}

static void learn_mtu(struct relay *r, struct pair *p, int side, uint16_t mtu, uint64_t until)
{
	p->mtu[side] = mtu;
	p->mtu_until[side] = until;
	if (!p->narrow)
		LIST_INSERT_HEAD(&r->flows->narrow, p, in_narrow);
	p->narrow = true;
	set_mtu(r, p, side, mtu);
}

/* Back to the next hop's. */
static void forget_mtu(struct relay *r, struct pair *p, int side)
{
	if (!p->mtu[side])
		return;
	p->mtu[side] = 0;
	set_mtu(r, p, side, FLOW_SEE_NO_MTU);
	if (p->mtu[!side])
		return;
	LIST_REMOVE(p, in_narrow);
	p->narrow = false;
}

bool flows_path_mtu(struct relay *r, struct flow *f, uint16_t mtu, uint64_t now)
{
	struct pair *p = f->session->pair;
	struct tp_addr dst;
	uint16_t least;

	memcpy(&dst, f->value.dst, sizeof(dst));
	least = tp_addr_is_v4(&dst) ? MTU_MIN_V4 : MTU_MIN_V6;
	if (mtu < least)
		mtu = least;
	if (mtu >= f->value.mtu)
		return false;
	learn_mtu(r, p, pair_side(p, f->from), mtu, now + TP_SEC(PATH_MTU_SEC));
	tp_log_limited(LOG_INFO, "path MTU from %s to %s is %u", f->from->name, f->to->name, mtu);
	return true;
}

void flows_forget_mtu(struct relay *r, const struct node *n)
{
	struct pair *p, *next;

	for (p = LIST_FIRST(&r->flows->narrow); p; p = next) {
		next = LIST_NEXT(p, in_narrow);
		if (p->ids[0] == n->id || p->ids[1] == n->id)
			forget_mtu(r, p, !pair_side(p, n));
	}
}

void mtus_tick(struct relay *r, uint64_t now)
{
	struct pair *p, *next;

	for (p = LIST_FIRST(&r->flows->narrow); p; p = next) {
		next = LIST_NEXT(p, in_narrow);
		for (int side = 0; side < 2; side++)
			if (now >= p->mtu_until[side])
				forget_mtu(r, p, side);
	}
}

uint16_t node_path_mtu(const struct node *n)
{
	uint16_t least = FLOW_SEE_NO_MTU;
	const struct flow *f;

	LIST_FOREACH (f, &n->receives, in_receives)
		if (f->value.mtu < least)
			least = f->value.mtu;
	return least == FLOW_SEE_NO_MTU ? 0 : least;
}
