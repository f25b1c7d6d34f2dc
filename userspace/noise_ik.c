/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "noise_ik.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "crypto.h"

static const char protocol_name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

/* --- the symmetric state (Noise, 5.2) --------------------------------------------------------- */

static void mix_hash(struct tp_noise_ik *hs, const void *data, size_t len)
{
	const struct tp_span parts[] = {{hs->hash, WG_HASH_LEN}, {data, len}};

	tp_hash(hs->hash, parts, 2);
}

/* MixKey(DH(secret, pub)). Each key of this pattern seals once, so none is kept with a nonce.
 * -EINVAL when the other's key is of small order. */
static int mix_dh(struct tp_noise_ik *hs, const uint8_t secret[32], const uint8_t pub[32],
		  uint8_t key[32])
{
	uint8_t shared[32], out[2][32];
	int err = tp_dh(shared, secret, pub);

	if (!err) {
		tp_kdf(out[0], 2, hs->chain, shared, sizeof(shared));
		memcpy(hs->chain, out[0], 32);
		memcpy(key, out[1], 32);
		tp_wipe(out, sizeof(out));
	}
	tp_wipe(shared, sizeof(shared));
	return err;
}

static void seal_and_mix(struct tp_noise_ik *hs, uint8_t *out, const uint8_t key[32],
			 const void *in, size_t len)
{
	tp_seal(out, key, 0, in, len, hs->hash, WG_HASH_LEN);
	mix_hash(hs, out, len + WG_TAG_LEN);
}

static int open_and_mix(struct tp_noise_ik *hs, uint8_t *out, const uint8_t key[32],
			const uint8_t *in, size_t len)
{
	int err = tp_open(out, key, 0, in, len, hs->hash, WG_HASH_LEN);

	if (!err)
		mix_hash(hs, in, len);
	return err;
}

/* Split(): the initiator sends under the first key. Ends the handshake. */
static void split(struct tp_noise_ik *hs, struct tp_noise_transport *t, bool initiator)
{
	uint8_t keys[2][32];

	tp_kdf(keys[0], 2, hs->chain, NULL, 0);
	memset(t, 0, sizeof(*t));
	memcpy(t->send.key, keys[initiator ? 0 : 1], 32);
	memcpy(t->recv.key, keys[initiator ? 1 : 0], 32);
	memcpy(t->hash, hs->hash, WG_HASH_LEN);
	tp_wipe(keys, sizeof(keys));
	tp_noise_ik_wipe(hs);
}

/* --- the handshake ---------------------------------------------------------------------------- */

static void start(struct tp_noise_ik *hs, const struct tp_noise_identity *id,
		  const uint8_t responder[WG_KEY_LEN], const void *prologue, size_t len)
{
	const struct tp_span name = {protocol_name, sizeof(protocol_name) - 1};

	static_assert(sizeof(protocol_name) - 1 > WG_HASH_LEN, "else it is padded, not hashed");
	memset(hs, 0, sizeof(*hs));
	hs->id = id;
	tp_hash(hs->hash, &name, 1);
	memcpy(hs->chain, hs->hash, WG_HASH_LEN);
	mix_hash(hs, prologue, len);
	mix_hash(hs, responder, WG_KEY_LEN); /* the pattern's premessage */
	tp_secret_key(hs->ephemeral_secret);
}

void tp_noise_ik_initiator(struct tp_noise_ik *hs, const struct tp_noise_identity *id,
			   const uint8_t responder[WG_KEY_LEN], const void *prologue, size_t len)
{
	start(hs, id, responder, prologue, len);
	memcpy(hs->remote_static, responder, WG_KEY_LEN);
	hs->step = TP_IK_WRITE_FIRST;
}

void tp_noise_ik_responder(struct tp_noise_ik *hs, const struct tp_noise_identity *id,
			   const void *prologue, size_t len)
{
	start(hs, id, id->public_key, prologue, len);
	hs->step = TP_IK_READ_FIRST;
}

void tp_noise_ik_wipe(struct tp_noise_ik *hs)
{
	tp_wipe(hs, sizeof(*hs));
}

static void write_ephemeral(struct tp_noise_ik *hs, uint8_t *out)
{
	tp_public_key(out, hs->ephemeral_secret);
	mix_hash(hs, out, WG_KEY_LEN);
}

static void read_ephemeral(struct tp_noise_ik *hs, const uint8_t *in)
{
	memcpy(hs->remote_ephemeral, in, WG_KEY_LEN);
	mix_hash(hs, in, WG_KEY_LEN);
}

/* What every step ends with: the length, or the handshake wiped. */
static int finish(struct tp_noise_ik *hs, uint8_t key[32], int err, size_t len)
{
	tp_wipe(key, 32);
	if (err)
		tp_noise_ik_wipe(hs);
	return err ? err : (int)len;
}

int tp_noise_ik_write_first(struct tp_noise_ik *hs, const void *payload, size_t len, uint8_t *out)
{
	const struct tp_noise_identity *id = hs->id;
	uint8_t key[32] = {0}, *at = out;
	int err = -EINVAL;

	if (hs->step != TP_IK_WRITE_FIRST)
		return -EINVAL;
	if (len > TP_IK_PAYLOAD_MAX)
		return -EMSGSIZE;
	write_ephemeral(hs, at);
	at += WG_KEY_LEN;
	if (mix_dh(hs, hs->ephemeral_secret, hs->remote_static, key)) /* es */
		goto out;
	seal_and_mix(hs, at, key, id->public_key, WG_KEY_LEN); /* s */
	at += WG_KEY_LEN + WG_TAG_LEN;
	if (mix_dh(hs, id->secret, hs->remote_static, key)) /* ss */
		goto out;
	seal_and_mix(hs, at, key, payload, len);
	hs->step = TP_IK_READ_SECOND;
	err = 0;
out:
	return finish(hs, key, err, len + TP_IK_FIRST_OVERHEAD);
}

int tp_noise_ik_read_first(struct tp_noise_ik *hs, const void *msg, size_t len, uint8_t *out)
{
	const struct tp_noise_identity *id = hs->id;
	const uint8_t *at = msg, *end = at + len;
	uint8_t key[32] = {0};
	int err = -EBADMSG;

	if (hs->step != TP_IK_READ_FIRST)
		return -EINVAL;
	if (len < TP_IK_FIRST_OVERHEAD || len > TP_IK_MESSAGE_MAX)
		goto out;
	read_ephemeral(hs, at);
	at += WG_KEY_LEN;
	if (mix_dh(hs, id->secret, hs->remote_ephemeral, key) ||		   /* es */
	    open_and_mix(hs, hs->remote_static, key, at, WG_KEY_LEN + WG_TAG_LEN)) /* s */
		goto out;
	at += WG_KEY_LEN + WG_TAG_LEN;
	if (mix_dh(hs, id->secret, hs->remote_static, key) || /* ss */
	    open_and_mix(hs, out, key, at, (size_t)(end - at)))
		goto out;
	hs->step = TP_IK_WRITE_SECOND;
	err = 0;
out:
	return finish(hs, key, err, len - TP_IK_FIRST_OVERHEAD);
}

int tp_noise_ik_write_second(struct tp_noise_ik *hs, const void *payload, size_t len, uint8_t *out,
			     struct tp_noise_transport *t)
{
	uint8_t key[32] = {0};
	int err = -EINVAL;

	memset(t, 0, sizeof(*t));
	if (hs->step != TP_IK_WRITE_SECOND)
		return -EINVAL;
	if (len > TP_IK_PAYLOAD_MAX)
		return -EMSGSIZE;
	write_ephemeral(hs, out);
	if (mix_dh(hs, hs->ephemeral_secret, hs->remote_ephemeral, key) || /* ee */
	    mix_dh(hs, hs->ephemeral_secret, hs->remote_static, key))	   /* se */
		goto out;
	seal_and_mix(hs, out + WG_KEY_LEN, key, payload, len);
	split(hs, t, false);
	err = 0;
out:
	return finish(hs, key, err, len + TP_IK_SECOND_OVERHEAD);
}

int tp_noise_ik_read_second(struct tp_noise_ik *hs, const void *msg, size_t len, uint8_t *out,
			    struct tp_noise_transport *t)
{
	const struct tp_noise_identity *id = hs->id;
	const uint8_t *at = msg;
	uint8_t key[32] = {0};
	int err = -EBADMSG;

	memset(t, 0, sizeof(*t));
	if (hs->step != TP_IK_READ_SECOND)
		return -EINVAL;
	if (len < TP_IK_SECOND_OVERHEAD || len > TP_IK_MESSAGE_MAX)
		goto out;
	read_ephemeral(hs, at);
	if (mix_dh(hs, hs->ephemeral_secret, hs->remote_ephemeral, key) || /* ee */
	    mix_dh(hs, id->secret, hs->remote_ephemeral, key) ||	   /* se */
	    open_and_mix(hs, out, key, at + WG_KEY_LEN, len - WG_KEY_LEN))
		goto out;
	split(hs, t, true);
	err = 0;
out:
	return finish(hs, key, err, len - TP_IK_SECOND_OVERHEAD);
}

/* --- transport -------------------------------------------------------------------------------- */

/* Noise, 5.1: the last nonce is reserved. */
static bool used_up(const struct tp_noise_cipher *c)
{
	return c->nonce == UINT64_MAX;
}

int tp_noise_cipher_seal(struct tp_noise_cipher *c, const void *in, size_t len, uint8_t *out)
{
	if (len > TP_IK_TEXT_MAX)
		return -EMSGSIZE;
	if (used_up(c))
		return -EKEYEXPIRED;
	tp_seal(out, c->key, c->nonce++, in, len, NULL, 0);
	return (int)(len + WG_TAG_LEN);
}

int tp_noise_cipher_open(struct tp_noise_cipher *c, const void *in, size_t len, uint8_t *out)
{
	int err;

	if (len > TP_IK_MESSAGE_MAX)
		return -EMSGSIZE;
	if (used_up(c))
		return -EKEYEXPIRED;
	err = tp_open(out, c->key, c->nonce, in, len, NULL, 0);
	if (err)
		return err;
	c->nonce++;
	return (int)(len - WG_TAG_LEN);
}

void tp_noise_transport_wipe(struct tp_noise_transport *t)
{
	tp_wipe(t, sizeof(*t));
}
