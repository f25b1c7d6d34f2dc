/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "relay/admit.h"
#include "relay/budget.h"
#include "relay/datapath.h"
#include "relay/flows.h"
#include "relay/probe.h"
#include "relay/register.h"

#define COOKIE_LIFE_SEC (WG_COOKIE_SECRET_TIME - 5)
#define INITIATION_GAP	TP_MS(20) /* WireGuard: at most 50 initiations a second from one peer */
#define CALL_GAP	TP_MS(25) /* more than that, and than the step of our timestamps */

struct own_sessions {
	struct own_session *by_index;
};

uint8_t own_index_tag(const uint8_t public_key[WG_KEY_LEN])
{
	return public_key[0];
}

struct own_session *own_session_find(const struct relay *r, uint32_t index)
{
	struct own_session *s;

	HASH_FIND(hh, r->sessions->by_index, &index, sizeof(index), s);
	return s;
}

static uint32_t fresh_index(const struct relay *r)
{
	uint32_t index;

	do {
		tp_random(&index, sizeof(index));
		index = htole32((le32toh(index) & 0x00ffffff) |
				(uint32_t)own_index_tag(r->identity.public_key) << 24);
	} while (own_session_find(r, index) || flows_use_index(r, index));
	return index;
}

static struct own_session *session_add(struct relay *r, struct node *n, uint32_t index,
				       enum own_state state, uint64_t now)
{
	struct own_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->index = index;
	s->state = state;
	s->node = n;
	s->born = now;
	LIST_INSERT_HEAD(&n->sessions, s, in_node);
	HASH_ADD(hh, r->sessions->by_index, index, sizeof(s->index), s);
	return s;
}

static void session_drop(struct relay *r, struct own_session *s)
{
	struct node *n = s->node;

	if (n->current == s)
		n->current = NULL;
	if (n->previous == s)
		n->previous = NULL;
	if (n->next == s)
		n->next = NULL;
	if (s->state != OWN_INITIATED)
		relay_datapath_session_del(r->dp, s->index);
	LIST_REMOVE(s, in_node);
	HASH_DELETE(hh, r->sessions->by_index, s);
	if (s->kp) {
		tp_keypair_wipe(s->kp);
		free(s->kp);
	}
	tp_wipe(&s->hs, sizeof(s->hs));
	free(s);
}

static struct own_session *with_keypair(struct own_session *s)
{
	s->kp = calloc(1, sizeof(*s->kp));
	return s->kp ? s : NULL;
}

/* XDP hands packets with this index to the daemon from now on. */
static void session_open(struct relay *r, struct own_session *s)
{
	s->state = OWN_KEYPAIR;
	if (relay_datapath_session_put(r->dp, s->index, s->node->id))
		tp_log_limited(LOG_ERR, "own session table: cannot add a session of %s",
			       s->node->name);
}

/* --- where a node is --- */

void register_adopt(struct relay *r, struct node *n, const struct tp_endpoint *at,
		    const struct tp_addr *local, uint64_t now)
{
	struct tp_endpoint old = n->endpoint;
	bool moved = !n->site || !tp_endpoint_equal(&old, at) || !tp_addr_equal(&n->local, local);
	char was[TP_ADDR_STRLEN], is[TP_ADDR_STRLEN];

	n->last_seen = now;
	if (!moved)
		return;
	if (!tp_addr_equal(&old.addr, &at->addr))
		n->trips = (struct tp_round_trips){0};
	flows_claim(r, n, at, now);
	if (n->site) {
		tp_debug("%s moved from %s to %s", n->name, tp_endpoint_format(&old, was),
			 tp_endpoint_format(at, is));
		flows_move(r, n, NULL, &old, at, local, now);
	}
	node_place(r, n, at, local, now);
	r->stats.moves++;
}

/* --- the relay as responder --- */

static void answer_initiation(struct relay *r, struct node *n, struct tp_noise_handshake *hs,
			      const struct packet *p)
{
	struct wg_response msg;
	struct own_session *s = session_add(r, n, fresh_index(r), OWN_INITIATED, p->now);

	if (!s || !with_keypair(s))
		uthash_fatal("out of memory");
	if (tp_noise_respond(hs, &n->peer, s->index, &msg, s->kp)) {
		session_drop(r, s);
		relay_count(r, TP_DROP_handshake_invalid, p->len);
		return;
	}
	if (n->next)
		session_drop(r, n->next);
	n->next = s;
	s->at = *p->from;
	s->local = *p->local;
	session_open(r, s);
	tp_macs_write(&n->macs, p->now < n->cookie_until ? n->cookie : NULL, &msg, sizeof(msg));
	memcpy(s->mac1, msg.macs.mac1, sizeof(s->mac1));
	r->ops->send(r->ops_ctx, p->local, p->from, &msg, sizeof(msg));
}

static void challenge(struct relay *r, const struct packet *p)
{
	struct wg_cookie_reply reply;

	tp_cookie_reply(&r->cookie_secret, &r->macs, p->from, p->data, p->len, p->now, &reply);
	r->ops->send(r->ops_ctx, p->local, p->from, &reply, sizeof(reply));
	r->stats.challenges++;
	relay_count(r, TP_ANSWER_challenge, p->len);
}

void register_initiation(struct relay *r, const struct packet *p, enum standing standing)
{
	const struct wg_initiation *msg = (const void *)p->data;
	uint8_t key[WG_KEY_LEN], stamp[WG_TIMESTAMP_LEN];
	struct tp_noise_handshake hs;
	enum tp_reason why;
	struct node *n;

	if (!admit_registration(r, p, standing)) {
		if (standing == STANDING_UNPROVEN)
			challenge(r, p);
		else
			relay_count(r, TP_DROP_handshake_rate, p->len);
		return;
	}
	why = TP_DROP_handshake_invalid;
	if (tp_noise_identify(&hs, &r->identity, msg, key))
		goto drop;
	n = node_by_key(r, key);
	why = TP_DROP_key_unknown;
	if (!n)
		goto drop;
	why = TP_DROP_handshake_invalid;
	if (tp_noise_authenticate(&hs, &n->peer, msg, stamp))
		goto drop;
	why = TP_DROP_handshake_replay;
	if (memcmp(stamp, n->tai64n, sizeof(stamp)) <= 0)
		goto drop;
	why = TP_DROP_handshake_rate;
	if (n->last_initiation && p->now < n->last_initiation + INITIATION_GAP)
		goto drop;
	n->last_initiation = p->now;
	memcpy(n->tai64n, stamp, sizeof(n->tai64n));
	node_save(r, n);
	answer_initiation(r, n, &hs, p);
	return;
drop:
	tp_wipe(&hs, sizeof(hs));
	relay_count(r, why, p->len);
}

static void promote(struct relay *r, struct node *n, struct own_session *s)
{
	struct own_session *t, *next;

	if (n->previous)
		session_drop(r, n->previous);
	n->previous = n->current;
	n->current = s;
	if (n->next == s)
		n->next = NULL;
	for (t = LIST_FIRST(&n->sessions); t; t = next) {
		next = LIST_NEXT(t, in_node);
		if (t->state == OWN_STALE)
			session_drop(r, t);
	}
	r->stats.registrations++;
}

void register_confirm(struct relay *r, struct own_session *s, const struct packet *p)
{
	struct node *n = s->node;
	bool was_online = node_online(n, p->now);

	promote(r, n, s);
	n->last_handshake = p->now;
	if (!tp_endpoint_equal(p->from, &s->at)) {
		probe_session(r, n, p);
		return;
	}
	register_adopt(r, n, &s->at, &s->local, p->now);
	tp_round_trip_add(&n->trips, p->now - s->born); /* from our message 2: it answers at once */
	if (!was_online)
		tp_debug("%s is online", n->name);
}

/* --- the relay as initiator --- */

static unsigned int handshakes_under_way(const struct node *n)
{
	const struct own_session *s;
	unsigned int count = 0;

	LIST_FOREACH (s, &n->sessions, in_node)
		count += s->state == OWN_INITIATED;
	return count;
}

static void drop_oldest_handshake(struct relay *r, struct node *n)
{
	struct own_session *s, *oldest = NULL;

	LIST_FOREACH (s, &n->sessions, in_node) {
		if (s->state == OWN_INITIATED && (!oldest || s->born < oldest->born))
			oldest = s;
	}
	if (oldest)
		session_drop(r, oldest);
}

/* Our own clock may be set back, which must not make nodes take our calls for replays. */
static void fresh_stamp(struct relay *r, uint8_t stamp[WG_TIMESTAMP_LEN])
{
	tp_tai64n_now(stamp);
	if (memcmp(stamp, r->last_stamp, WG_TIMESTAMP_LEN) <= 0) {
		memcpy(stamp, r->last_stamp, WG_TIMESTAMP_LEN);
		for (int i = WG_TIMESTAMP_LEN - 1; i >= 0; i--)
			if (++stamp[i])
				break;
	}
	memcpy(r->last_stamp, stamp, WG_TIMESTAMP_LEN);
}

struct own_session *register_call(struct relay *r, struct node *n, const struct tp_endpoint *at,
				  const struct tp_addr *local, uint64_t now)
{
	uint8_t stamp[WG_TIMESTAMP_LEN];
	struct wg_initiation msg;
	struct own_session *s;

	if (n->last_call && now < n->last_call + CALL_GAP)
		return NULL;
	n->last_call = now;
	if (handshakes_under_way(n) >= OWN_HANDSHAKES)
		drop_oldest_handshake(r, n);
	s = session_add(r, n, fresh_index(r), OWN_INITIATED, now);
	if (!s)
		return NULL;
	s->at = *at;
	s->local = *local;
	fresh_stamp(r, stamp);
	if (tp_noise_initiate(&s->hs, &r->identity, &n->peer, s->index, stamp, &msg)) {
		session_drop(r, s);
		return NULL;
	}
	tp_macs_write(&n->macs, now < n->cookie_until ? n->cookie : NULL, &msg, sizeof(msg));
	memcpy(s->mac1, msg.macs.mac1, sizeof(s->mac1));
	r->ops->send(r->ops_ctx, local, at, &msg, sizeof(msg));
	r->stats.probes++;
	return s;
}

void register_response(struct relay *r, const struct packet *p, struct own_session *s)
{
	struct node *n = s->node;

	if (s->state != OWN_INITIATED || !tp_endpoint_equal(p->from, &s->at)) {
		relay_count(r, TP_DROP_response_unknown, p->len);
		return;
	}
	if (!s->kp && !with_keypair(s))
		uthash_fatal("out of memory");
	if (tp_noise_finish(&s->hs, &r->identity, &n->peer, (const void *)p->data, s->kp)) {
		relay_count(r, TP_DROP_handshake_invalid, p->len);
		return;
	}
	session_open(r, s);
	promote(r, n, s);
	n->last_handshake = p->now;
	probe_answered(r, s, p->now);
	if (n->site && tp_endpoint_equal(&n->endpoint, &s->at))
		tp_round_trip_add(&n->trips, p->now - s->born);
	/* The responder may not send before it has heard from us with the new keys. */
	register_send(r, s, &s->local, &s->at, NULL, 0);
}

bool register_cookie(struct relay *r, const struct packet *p, struct own_session *s)
{
	struct node *n = s->node;

	if (!tp_endpoint_equal(p->from, &s->at) ||
	    tp_cookie_open(&n->macs, s->mac1, (const void *)p->data, n->cookie))
		return false;
	n->cookie_until = p->now + TP_SEC(COOKIE_LIFE_SEC);
	r->stats.cookies++;
	return true;
}

void register_send(struct relay *r, struct own_session *s, const struct tp_addr *local,
		   const struct tp_endpoint *to, const void *inner, size_t len)
{
	uint8_t padded[2048] = {0}, out[sizeof(padded) + WG_DATA_MIN];
	size_t size = (len + WG_PADDING - 1) / WG_PADDING * WG_PADDING;

	if (size > sizeof(padded))
		return;
	if (len)
		memcpy(padded, inner, len);
	if (!tp_keypair_seal(s->kp, padded, size, out))
		r->ops->send(r->ops_ctx, local, to, out, size + WG_DATA_MIN);
}

/* --- all of them --- */

void own_sessions_drop_node(struct relay *r, struct node *n)
{
	struct own_session *s;

	while ((s = LIST_FIRST(&n->sessions)))
		session_drop(r, s);
}

static bool outlived(const struct own_session *s, uint64_t now)
{
	uint64_t life = s->state == OWN_INITIATED ? WG_REKEY_TIMEOUT : WG_REJECT_AFTER_TIME;

	return now >= s->born + TP_SEC(life);
}

void own_sessions_tick(struct relay *r, uint64_t now)
{
	struct own_session *s, *tmp;

	HASH_ITER (hh, r->sessions->by_index, s, tmp) {
		if (outlived(s, now))
			session_drop(r, s);
	}
}

struct stale {
	struct relay *r;
	uint64_t now;
	uint32_t *unknown;
	size_t n, room;
};

static void adopt_index(void *arg, uint32_t index, uint32_t node)
{
	struct stale *a = arg;
	struct node *n = node_by_id(a->r, node);

	if (n && session_add(a->r, n, index, OWN_STALE, a->now))
		return;
	if (a->n == a->room) {
		size_t room = a->room ? 2 * a->room : 64;
		void *grown = reallocarray(a->unknown, room, sizeof(*a->unknown));

		if (!grown)
			return;
		a->unknown = grown;
		a->room = room;
	}
	a->unknown[a->n++] = index;
}

void own_sessions_adopt(struct relay *r, uint64_t now)
{
	struct stale a = {.r = r, .now = now};

	relay_datapath_sessions_each(r->dp, adopt_index, &a);
	for (size_t i = 0; i < a.n; i++)
		relay_datapath_session_del(r->dp, a.unknown[i]);
	free(a.unknown);
}

int own_sessions_new(struct relay *r)
{
	r->sessions = calloc(1, sizeof(*r->sessions));
	return r->sessions ? 0 : -ENOMEM;
}

void own_sessions_free(struct relay *r)
{
	struct own_session *s, *tmp;

	if (!r->sessions)
		return;
	/* Their indices stay in the map: packets with them make the next daemon re-initiate. */
	HASH_ITER (hh, r->sessions->by_index, s, tmp) {
		LIST_REMOVE(s, in_node);
		HASH_DELETE(hh, r->sessions->by_index, s);
		if (s->kp)
			tp_keypair_wipe(s->kp);
		free(s->kp);
		tp_wipe(s, sizeof(*s));
		free(s);
	}
	free(r->sessions);
	r->sessions = NULL;
}
