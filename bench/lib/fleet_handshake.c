/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Handshakes as a stock WireGuard peer makes them, in both roles. */
#include <stdlib.h>
#include <string.h>

#include "bench/lib/fleet_private.h"
#include "clock.h"

#define COOKIE_LIFE_SEC (WG_COOKIE_SECRET_TIME - 5)
#define RETRIES_A_TURN	16

/* --- initiations ---------------------------------------------------------------------------- */

static struct tp_noise_peer peer_of(const struct fleet *f, const struct fleet_pair *p, int side)
{
	struct tp_noise_peer peer = {0};

	memcpy(peer.public_key, f->nodes[p->end[side]].id.public_key, WG_KEY_LEN);
	memcpy(peer.static_static, p->static_static, WG_KEY_LEN);
	return peer;
}

static const uint8_t *cookie_for(const struct fleet_attempt *a, uint64_t now)
{
	if (a->node)
		return now < a->node->cookie_until ? a->node->cookie : NULL;
	return now < a->pair->cookie_until ? a->pair->cookie : NULL;
}

/* Noise all over, but for the pair's number, by which the other side knows who it is from. */
static void fake_initiation(const struct fleet *f, const struct fleet_attempt *a,
			    struct wg_initiation *msg)
{
	uint32_t number = (uint32_t)(a->pair - f->pairs);

	tp_random(msg, sizeof(*msg));
	msg->type = htole32(WG_INITIATION);
	msg->sender = a->index;
	memcpy(msg->ephemeral, &number, sizeof(number));
}

static int make_initiation(const struct fleet *f, struct fleet_attempt *a,
			   const struct fleet_node *from, struct wg_initiation *msg)
{
	uint8_t stamp[WG_TIMESTAMP_LEN];
	struct tp_noise_peer peer;

	if (a->pair && f->o.fake) {
		fake_initiation(f, a, msg);
		return 0;
	}
	peer = a->node ? a->node->relay : peer_of(f, a->pair, SIDE_B);
	tp_tai64n_now(stamp);
	return tp_noise_initiate(&a->hs, &from->id, &peer, a->index, stamp, msg);
}

/* (Re)sends the initiation, under an index of its own. */
static void attempt_send(struct fleet *f, struct fleet_attempt *a)
{
	const struct fleet_node *from = a->node ? a->node : &f->nodes[a->pair->end[SIDE_A]];
	struct fleet_index *e;
	struct wg_initiation msg;

	fleet_index_free(f, a->index);
	e = fleet_index_new(f);
	e->attempt = a;
	a->index = e->index;
	a->sent = tp_now();
	TAILQ_INSERT_TAIL(&f->under_way, a, in_age);
	if (make_initiation(f, a, from, &msg))
		return;
	tp_macs_write(a->node ? &f->relay_macs : &f->nodes[a->pair->end[SIDE_B]].macs,
		      cookie_for(a, a->sent), &msg, sizeof(msg));
	memcpy(a->mac1, msg.macs.mac1, sizeof(a->mac1));
	fleet_send(f, from, &msg, sizeof(msg));
	f->stats.initiations++;
}

static void attempt_new(struct fleet *f, struct fleet_node *n, struct fleet_pair *p)
{
	struct fleet_attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return;
	a->node = n;
	a->pair = p;
	f->n_under_way++;
	attempt_send(f, a);
}

static void attempt_end(struct fleet *f, struct fleet_attempt *a)
{
	fleet_index_free(f, a->index);
	TAILQ_REMOVE(&f->under_way, a, in_age);
	f->n_under_way--;
	free(a);
}

/* A few at a time: an answer may be waiting, which making another thousand initiations would delay
 * until its own is given up too. */
void fleet_retry(struct fleet *f, uint64_t now)
{
	struct fleet_attempt *a;

	for (int i = 0; i < RETRIES_A_TURN && (a = TAILQ_FIRST(&f->under_way)); i++) {
		if (now < a->sent + TP_SEC(WG_REKEY_TIMEOUT))
			return;
		TAILQ_REMOVE(&f->under_way, a, in_age);
		f->stats.retries++;
		attempt_send(f, a);
	}
}

void fleet_register(struct fleet *f, struct fleet_node *n)
{
	n->started = tp_now();
	attempt_new(f, n, NULL);
}

void fleet_handshake(struct fleet *f, struct fleet_pair *p)
{
	p->started = tp_now();
	attempt_new(f, NULL, p);
}

/* --- their ends ----------------------------------------------------------------------------- */

static void completed(struct fleet *f, uint64_t started)
{
	if (f->completed)
		f->completed(f->completed_arg, started);
}

static void send_keepalive(struct fleet *f, const struct fleet_node *from, struct tp_keypair *kp)
{
	uint8_t message[WG_DATA_MIN];

	if (!tp_keypair_seal(kp, NULL, 0, message))
		fleet_send(f, from, message, sizeof(message));
}

static void registered(struct fleet *f, struct fleet_attempt *a, const struct wg_response *msg)
{
	struct fleet_node *n = a->node;

	if (tp_noise_finish(&a->hs, &n->id, &n->relay, msg, &n->session))
		return;
	n->registered = true;
	n->keepalive_due = tp_now() + TP_SEC(WG_REKEY_TIMEOUT) * 5;
	send_keepalive(f, n, &n->session);
	f->stats.registrations++;
	completed(f, n->started);
	attempt_end(f, a);
}

/* The index that this side of the pair goes by from now on. */
static void take_index(struct fleet *f, struct fleet_pair *p, int side, struct fleet_index *e)
{
	fleet_index_free(f, p->index[side]);
	e->pair = p;
	e->side = side;
	p->index[side] = e->index;
}

static void answered(struct fleet *f, struct fleet_attempt *a, const struct wg_response *msg)
{
	struct fleet_pair *p = a->pair;
	const struct fleet_node *from = &f->nodes[p->end[SIDE_A]];
	struct tp_noise_peer peer = peer_of(f, p, SIDE_B);
	struct fleet_index *e = fleet_index_find(f, a->index);
	struct tp_keypair kp;

	if (f->o.fake)
		kp = (struct tp_keypair){.remote_index = msg->sender};
	else if (tp_noise_finish(&a->hs, &from->id, &peer, msg, &kp))
		return;
	attempt_end(f, a);
	take_index(f, p, SIDE_A, e);
	send_keepalive(f, from, &kp);
}

static void receive_response(struct fleet *f, const uint8_t *data)
{
	struct fleet_index *e;
	struct wg_response msg;

	memcpy(&msg, data, sizeof(msg));
	e = fleet_index_find(f, msg.receiver);
	if (!e || !e->attempt)
		f->stats.refused++;
	else if (e->attempt->node)
		registered(f, e->attempt, &msg);
	else
		answered(f, e->attempt, &msg);
}

static void receive_cookie(struct fleet *f, const uint8_t *data)
{
	struct wg_cookie_reply msg;
	struct fleet_attempt *a;
	struct fleet_index *e;
	uint64_t until = tp_now() + TP_SEC(COOKIE_LIFE_SEC);
	int err;

	memcpy(&msg, data, sizeof(msg));
	e = fleet_index_find(f, msg.receiver);
	a = e ? e->attempt : NULL;
	if (!a)
		return;
	if (a->node) {
		err = tp_cookie_open(&f->relay_macs, a->mac1, &msg, a->node->cookie);
		a->node->cookie_until = err ? 0 : until;
	} else {
		err = tp_cookie_open(&f->nodes[a->pair->end[SIDE_B]].macs, a->mac1, &msg,
				     a->pair->cookie);
		a->pair->cookie_until = err ? 0 : until;
	}
	f->stats.cookies += !err;
}

/* --- responders ----------------------------------------------------------------------------- */

/* The relay asks whether the node is where it seems to be. */
static void answer_relay(struct fleet *f, struct fleet_node *n, struct tp_noise_handshake *hs,
			 const struct wg_initiation *msg)
{
	uint8_t stamp[WG_TIMESTAMP_LEN];
	struct wg_response answer;
	uint32_t index;

	if (tp_noise_authenticate(hs, &n->relay, msg, stamp))
		return;
	tp_random(&index, sizeof(index));
	if (tp_noise_respond(hs, &n->relay, index, &answer, &n->session))
		return;
	tp_macs_write(&f->relay_macs, NULL, &answer, sizeof(answer));
	fleet_send(f, n, &answer, sizeof(answer));
}

static struct fleet_pair *fake_sender(struct fleet *f, uint32_t to, const struct wg_initiation *msg)
{
	uint32_t number;

	memcpy(&number, msg->ephemeral, sizeof(number));
	return number < f->n_pairs && f->pairs[number].end[SIDE_B] == to ? &f->pairs[number] : NULL;
}

/* Which pair is it? NULL: none, or it was the relay. */
static struct fleet_pair *sender_of(struct fleet *f, uint32_t to, struct tp_noise_handshake *hs,
				    const struct wg_initiation *msg)
{
	struct fleet_pair *fake = f->o.fake ? fake_sender(f, to, msg) : NULL;
	struct fleet_node *n = &f->nodes[to], *from;
	uint8_t key[WG_KEY_LEN];

	if (fake || tp_noise_identify(hs, &n->id, msg, key))
		return fake;
	if (!memcmp(key, f->o.relay_key, sizeof(key))) {
		answer_relay(f, n, hs, msg);
		return NULL;
	}
	HASH_FIND(hh, f->by_key, key, sizeof(key), from);
	return from ? fleet_pair_find(f, (uint32_t)(from - f->nodes), to) : NULL;
}

static int make_response(const struct fleet *f, const struct fleet_pair *p,
			 struct tp_noise_handshake *hs, const struct wg_initiation *initiation,
			 uint32_t index, struct wg_response *msg, struct tp_keypair *kp)
{
	struct tp_noise_peer peer = peer_of(f, p, SIDE_A);
	uint8_t stamp[WG_TIMESTAMP_LEN];

	if (!f->o.fake)
		return tp_noise_authenticate(hs, &peer, initiation, stamp)
			       ?: tp_noise_respond(hs, &peer, index, msg, kp);
	tp_random(msg, sizeof(*msg));
	msg->type = htole32(WG_RESPONSE);
	msg->sender = index;
	msg->receiver = initiation->sender;
	return 0;
}

static void receive_initiation(struct fleet *f, uint32_t number, const uint8_t *data)
{
	struct tp_noise_handshake hs;
	struct wg_initiation msg;
	struct wg_response answer;
	struct fleet_index *e;
	struct fleet_pair *p;

	memcpy(&msg, data, sizeof(msg));
	p = sender_of(f, number, &hs, &msg);
	if (!p)
		return;
	if (!p->unproven)
		p->unproven = malloc(sizeof(*p->unproven));
	e = fleet_index_new(f);
	if (!p->unproven || make_response(f, p, &hs, &msg, e->index, &answer, p->unproven))
		return;
	take_index(f, p, SIDE_B, e);
	tp_macs_write(&f->nodes[p->end[SIDE_A]].macs, NULL, &answer, sizeof(answer));
	fleet_send(f, &f->nodes[number], &answer, sizeof(answer));
}

/* --- data ----------------------------------------------------------------------------------- */

static void first_data(struct fleet *f, struct fleet_pair *p, const uint8_t *data, size_t len)
{
	uint8_t plain[2048];

	if (!f->o.fake &&
	    (len > sizeof(plain) || tp_keypair_open(p->unproven, data, len, plain) < 0))
		return;
	free(p->unproven);
	p->unproven = NULL;
	p->established = tp_now();
	f->stats.handshakes++;
	completed(f, p->started);
}

static void receive_data(struct fleet *f, const uint8_t *data, size_t len)
{
	const struct fleet_index *e;
	struct wg_data header;

	memcpy(&header, data, sizeof(header));
	e = fleet_index_find(f, header.receiver);
	if (!e || !e->pair)
		return;
	e->pair->heard[e->side] = tp_now();
	if (e->side == SIDE_B && e->pair->unproven)
		first_data(f, e->pair, data, len);
}

void fleet_receive(struct fleet *f, uint32_t node, const uint8_t *data, size_t len)
{
	if (len == sizeof(struct wg_initiation) && data[0] == WG_INITIATION)
		receive_initiation(f, node, data);
	else if (len == sizeof(struct wg_response) && data[0] == WG_RESPONSE)
		receive_response(f, data);
	else if (len == sizeof(struct wg_cookie_reply) && data[0] == WG_COOKIE_REPLY)
		receive_cookie(f, data);
	else if (len >= WG_DATA_MIN && data[0] == WG_DATA)
		receive_data(f, data, len);
}
