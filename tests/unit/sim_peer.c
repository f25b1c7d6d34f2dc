/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim_peer.h"

#include <errno.h>
#include <string.h>

void sim_peer_init(struct sim_peer *p, const char *name, const char *endpoint)
{
	uint8_t secret[WG_KEY_LEN];

	memset(p, 0, sizeof(*p));
	assert_int_equal(tp_crypto_init(), 0);
	assert_true(strlen(name) < sizeof(p->name));
	strcpy(p->name, name);
	sim_secret(name, secret);
	assert_int_equal(tp_noise_identity_init(&p->id, secret), 0);
	tp_mac_keys_init(&p->macs, p->id.public_key);
	sim_peer_move(p, endpoint);
}

void sim_peer_move(struct sim_peer *p, const char *endpoint)
{
	p->at = sim_endpoint(endpoint);
	p->relay = sim_addr(tp_addr_is_v4(&p->at.addr) ? SIM_RELAY_V4 : SIM_RELAY_V6);
}

static uint32_t new_index(struct sim *s)
{
	return htole32(s->next_index++);
}

/* Later than any before: peers are never so fast that theirs would be whitened alike. */
static void stamp_of(struct sim *s, uint8_t stamp[WG_TIMESTAMP_LEN])
{
	uint64_t seconds = htobe64((1ull << 62) + s->now / TP_NS_PER_SEC);
	uint32_t rest = htobe32(++s->stamps);

	memcpy(stamp, &seconds, sizeof(seconds));
	memcpy(stamp + sizeof(seconds), &rest, sizeof(rest));
}

static void write_macs(struct sim_end *e, void *msg, size_t len)
{
	const struct wg_macs *macs = (const void *)((uint8_t *)msg + len - sizeof(*macs));
	struct tp_mac_keys keys;

	tp_mac_keys_init(&keys, e->remote);
	tp_macs_write(&keys, e->has_cookie ? e->cookie : NULL, msg, len);
	memcpy(e->mac1, macs->mac1, sizeof(e->mac1));
}

void sim_initiate(struct sim *s, struct sim_end *e, struct sim_peer *self,
		  const uint8_t remote[WG_KEY_LEN], struct wg_initiation *out)
{
	uint8_t stamp[WG_TIMESTAMP_LEN];
	struct tp_noise_peer peer;

	e->self = self;
	e->index = new_index(s);
	memmove(e->remote, remote, WG_KEY_LEN); /* it may be that */
	assert_int_equal(tp_noise_peer_init(&peer, &self->id, remote, NULL), 0);
	stamp_of(s, stamp);
	assert_int_equal(tp_noise_initiate(&e->hs, &self->id, &peer, e->index, stamp, out), 0);
	write_macs(e, out, sizeof(*out));
}

int sim_respond(struct sim *s, struct sim_end *e, struct sim_peer *self,
		const struct wg_initiation *in, struct wg_response *out)
{
	uint8_t stamp[WG_TIMESTAMP_LEN];
	struct tp_noise_peer peer;
	int err;

	if (!tp_mac1_fits(&self->macs, in, sizeof(*in)))
		return -EBADMSG;
	e->self = self;
	e->index = new_index(s);
	err = tp_noise_identify(&e->hs, &self->id, in, e->remote);
	if (err)
		return err;
	assert_int_equal(tp_noise_peer_init(&peer, &self->id, e->remote, NULL), 0);
	err = tp_noise_authenticate(&e->hs, &peer, in, stamp);
	if (err)
		return err;
	err = tp_noise_respond(&e->hs, &peer, e->index, out, &e->kp);
	if (!err)
		write_macs(e, out, sizeof(*out));
	return err;
}

int sim_finish(struct sim_end *e, const struct wg_response *in)
{
	struct tp_noise_peer peer;

	if (in->receiver != e->index || !tp_mac1_fits(&e->self->macs, in, sizeof(*in)))
		return -EBADMSG;
	assert_int_equal(tp_noise_peer_init(&peer, &e->self->id, e->remote, NULL), 0);
	return tp_noise_finish(&e->hs, &e->self->id, &peer, in, &e->kp);
}

size_t sim_seal(struct sim_end *e, const void *inner, size_t len, void *out)
{
	assert_int_equal(tp_keypair_seal(&e->kp, inner, len, out), 0);
	return len + WG_DATA_MIN;
}

int sim_open(struct sim_end *e, const struct sim_message *m, uint8_t *inner)
{
	if (m->data.receiver != e->index)
		return -EBADMSG;
	return tp_keypair_open(&e->kp, m->bytes, m->len, inner);
}

void sim_hand_out_cookie(struct sim *s, struct sim_peer *self, const void *msg, size_t len,
			 struct wg_cookie_reply *out)
{
	struct tp_endpoint relay = {self->relay, htons(SIM_PORT)};

	if (!self->cookie_secret.born)
		tp_cookie_secret_init(&self->cookie_secret, s->now);
	tp_cookie_reply(&self->cookie_secret, &self->macs, &relay, msg, len, s->now, out);
}

int sim_keep_cookie(struct sim_end *e, const struct wg_cookie_reply *in)
{
	struct tp_mac_keys keys;
	int err;

	if (in->receiver != e->index)
		return -EBADMSG;
	tp_mac_keys_init(&keys, e->remote);
	err = tp_cookie_open(&keys, e->mac1, in, e->cookie);
	e->has_cookie = !err;
	return err;
}

/* --- whole exchanges --- */

void sim_register(struct sim *s, struct sim_peer *p, struct sim_end *e)
{
	struct wg_initiation msg;
	uint8_t keepalive[WG_DATA_MIN];

	s->now += TP_MS(100);
	sim_initiate(s, e, p, s->relay->identity.public_key, &msg);
	sim_deliver(s, p, &msg, sizeof(msg));
	assert_int_equal(sim_finish(e, &sim_take(s, WG_RESPONSE, p)->response), 0);
	sim_deliver(s, p, keepalive, sim_seal(e, NULL, 0, keepalive));
	sim_assert_quiet(s);
	sim_assert_none_counted(s);
	assert_true(tp_endpoint_equal(&sim_node(s, p)->endpoint, &p->at));
	assert_true(node_online(sim_node(s, p), s->now));
}

/* A stock initiator that was given a cookie tries again when its timer runs out. */
static void retry_with_cookie(struct sim *s, struct sim_end *e, struct wg_initiation *msg)
{
	const struct sim_message *m = &s->queue[s->first];

	if (!s->n || le32toh(m->type) != WG_COOKIE_REPLY)
		return;
	m = sim_take(s, WG_COOKIE_REPLY, e->self);
	assert_int_equal(sim_keep_cookie(e, &m->cookie), 0);
	sim_assert_refused(s, TP_ANSWER_challenge);
	s->now += TP_SEC(WG_REKEY_TIMEOUT);
	sim_initiate(s, e, e->self, e->remote, msg);
	sim_deliver(s, e->self, msg, sizeof(*msg));
}

void sim_connect(struct sim *s, struct sim_peer *a, struct sim_end *ea, struct sim_peer *b,
		 struct sim_end *eb)
{
	struct wg_initiation msg;
	struct wg_response answer;

	s->now += TP_MS(100);
	sim_initiate(s, ea, a, b->id.public_key, &msg);
	sim_deliver(s, a, &msg, sizeof(msg));
	retry_with_cookie(s, ea, &msg);
	assert_int_equal(sim_respond(s, eb, b, &sim_take(s, WG_INITIATION, b)->initiation, &answer),
			 0);
	assert_memory_equal(eb->remote, a->id.public_key, WG_KEY_LEN);
	sim_deliver(s, b, &answer, sizeof(answer));
	assert_int_equal(sim_finish(ea, &sim_take(s, WG_RESPONSE, a)->response), 0);
	sim_assert_quiet(s);
	sim_assert_none_counted(s);
}

void sim_assert_passes(struct sim *s, struct sim_end *e, struct sim_end *to)
{
	static const uint8_t inner[64] = "a datagram";
	uint8_t packet[sizeof(inner) + WG_DATA_MIN], opened[sizeof(inner)];
	const struct sim_message *m;

	sim_deliver(s, e->self, packet, sim_seal(e, inner, sizeof(inner), packet));
	m = sim_take(s, WG_DATA, to->self);
	assert_int_equal(m->how, SIM_FORWARDED);
	assert_int_equal(sim_open(to, m, opened), sizeof(inner));
	assert_memory_equal(opened, inner, sizeof(inner));
	sim_assert_quiet(s);
	sim_assert_none_counted(s);
}

void sim_answer_probe(struct sim *s, struct sim_peer *p, struct sim_end *e)
{
	const struct sim_message *m = sim_take(s, WG_INITIATION, p);
	uint8_t nothing[WG_DATA_MIN];
	struct wg_response answer;

	assert_int_equal(sim_respond(s, e, p, &m->initiation, &answer), 0);
	assert_memory_equal(e->remote, s->relay->identity.public_key, WG_KEY_LEN);
	sim_deliver(s, p, &answer, sizeof(answer));
	assert_int_equal(sim_open(e, sim_take(s, WG_DATA, p), nothing), 0);
}
