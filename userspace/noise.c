/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "noise.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "crypto.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* TAI is ahead of UTC by 10 s and the leap seconds; the label leaves the latter out, as
 * wireguard does, for it only has to grow. */
#define TAI64_EPOCH	(0x4000000000000000ull + 10)
#define TIMESTAMP_GRAIN (1u << 24) /* ns */

/* --- the symmetric state: hash and chain ------------------------------------------------------ */

/* H = HASH(H || data) */
static void mix_hash(struct tp_noise_handshake *hs, const void *data, size_t len)
{
	const struct tp_span parts[] = {{hs->hash, WG_HASH_LEN}, {data, len}};

	tp_hash(hs->hash, parts, 2);
}

/* C = KDF1(C, input) */
static void mix_chain(struct tp_noise_handshake *hs, const void *input, size_t len)
{
	tp_kdf(hs->chain, 1, hs->chain, input, len);
}

/* (C, key) = KDF2(C, input) */
static void mix_key(struct tp_noise_handshake *hs, const uint8_t input[32], uint8_t key[32])
{
	uint8_t out[2][32];

	tp_kdf(out[0], 2, hs->chain, input, 32);
	memcpy(hs->chain, out[0], 32);
	memcpy(key, out[1], 32);
	tp_wipe(out, sizeof(out));
}

/* (C, t, key) = KDF3(C, psk), H = HASH(H || t) */
static void mix_psk(struct tp_noise_handshake *hs, const uint8_t psk[32], uint8_t key[32])
{
	uint8_t out[3][32];

	tp_kdf(out[0], 3, hs->chain, psk, 32);
	memcpy(hs->chain, out[0], 32);
	mix_hash(hs, out[1], 32);
	memcpy(key, out[2], 32);
	tp_wipe(out, sizeof(out));
}

static void mix_ephemeral(struct tp_noise_handshake *hs, const uint8_t ephemeral[32])
{
	mix_chain(hs, ephemeral, 32);
	mix_hash(hs, ephemeral, 32);
}

static int mix_chain_dh(struct tp_noise_handshake *hs, const uint8_t secret[32],
			const uint8_t pub[32])
{
	uint8_t shared[32];
	int err = tp_dh(shared, secret, pub);

	if (!err)
		mix_chain(hs, shared, sizeof(shared));
	tp_wipe(shared, sizeof(shared));
	return err;
}

static int mix_key_dh(struct tp_noise_handshake *hs, const uint8_t secret[32],
		      const uint8_t pub[32], uint8_t key[32])
{
	uint8_t shared[32];
	int err = tp_dh(shared, secret, pub);

	if (!err)
		mix_key(hs, shared, key);
	tp_wipe(shared, sizeof(shared));
	return err;
}

/* Every handshake key seals once, so the counter is always 0. */
static void seal_and_mix(struct tp_noise_handshake *hs, uint8_t *out, uint8_t key[32],
			 const void *in, size_t len)
{
	tp_seal(out, key, 0, in, len, hs->hash, WG_HASH_LEN);
	mix_hash(hs, out, len + WG_TAG_LEN);
	tp_wipe(key, 32);
}

static int open_and_mix(struct tp_noise_handshake *hs, uint8_t *out, uint8_t key[32],
			const void *in, size_t len)
{
	int err = tp_open(out, key, 0, in, len, hs->hash, WG_HASH_LEN);

	if (!err)
		mix_hash(hs, in, len);
	tp_wipe(key, 32);
	return err;
}

/* The state that both sides begin with. */
static void start(struct tp_noise_handshake *hs, const uint8_t responder[WG_KEY_LEN])
{
	const struct tp_span name = {construction, sizeof(construction) - 1};

	memset(hs, 0, sizeof(*hs));
	tp_hash(hs->chain, &name, 1);
	memcpy(hs->hash, hs->chain, WG_HASH_LEN);
	mix_hash(hs, identifier, sizeof(identifier) - 1);
	mix_hash(hs, responder, WG_KEY_LEN);
}

/* KDF2(C, nothing): the initiator sends under the first key. Ends the handshake. */
static void split(struct tp_noise_handshake *hs, struct tp_keypair *kp, bool initiator)
{
	uint8_t keys[2][32];

	tp_kdf(keys[0], 2, hs->chain, NULL, 0);
	memset(kp, 0, sizeof(*kp));
	memcpy(kp->send_key, keys[initiator ? 0 : 1], 32);
	memcpy(kp->recv_key, keys[initiator ? 1 : 0], 32);
	kp->local_index = hs->local_index;
	kp->remote_index = hs->remote_index;
	kp->initiator = initiator;
	tp_wipe(keys, sizeof(keys));
	tp_wipe(hs, sizeof(*hs));
}

/* --- identities ------------------------------------------------------------------------------- */

int tp_noise_identity_init(struct tp_noise_identity *id, const uint8_t secret[WG_KEY_LEN])
{
	memcpy(id->secret, secret, WG_KEY_LEN);
	tp_public_key(id->public_key, secret);
	return 0;
}

void tp_noise_identity_wipe(struct tp_noise_identity *id)
{
	tp_wipe(id, sizeof(*id));
}

int tp_noise_peer_init(struct tp_noise_peer *peer, const struct tp_noise_identity *id,
		       const uint8_t public_key[WG_KEY_LEN], const uint8_t *psk)
{
	int err;

	memset(peer, 0, sizeof(*peer));
	memcpy(peer->public_key, public_key, WG_KEY_LEN);
	if (psk)
		memcpy(peer->psk, psk, WG_KEY_LEN);
	err = tp_dh(peer->static_static, id->secret, public_key);
	if (err)
		tp_wipe(peer, sizeof(*peer));
	return err;
}

void tp_tai64n_now(uint8_t out[WG_TIMESTAMP_LEN])
{
	struct timespec t;
	uint64_t seconds;
	uint32_t nanoseconds;

	clock_gettime(CLOCK_REALTIME, &t);
	seconds = htobe64(TAI64_EPOCH + (uint64_t)t.tv_sec);
	nanoseconds = htobe32((uint32_t)t.tv_nsec & ~(TIMESTAMP_GRAIN - 1));
	memcpy(out, &seconds, sizeof(seconds));
	memcpy(out + sizeof(seconds), &nanoseconds, sizeof(nanoseconds));
}

/* --- initiator -------------------------------------------------------------------------------- */

int tp_noise_initiate(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
		      const struct tp_noise_peer *peer, uint32_t local_index,
		      const uint8_t timestamp[WG_TIMESTAMP_LEN], struct wg_initiation *msg)
{
	uint8_t key[32];

	start(hs, peer->public_key);
	hs->local_index = local_index;
	memset(msg, 0, sizeof(*msg));
	msg->type = htole32(WG_INITIATION);
	msg->sender = local_index;

	tp_secret_key(hs->ephemeral_secret);
	tp_public_key(msg->ephemeral, hs->ephemeral_secret);
	mix_ephemeral(hs, msg->ephemeral);

	if (mix_key_dh(hs, hs->ephemeral_secret, peer->public_key, key)) {
		tp_wipe(hs, sizeof(*hs));
		return -EINVAL;
	}
	seal_and_mix(hs, msg->static_sealed, key, id->public_key, WG_KEY_LEN);

	mix_key(hs, peer->static_static, key);
	seal_and_mix(hs, msg->timestamp_sealed, key, timestamp, WG_TIMESTAMP_LEN);
	return 0;
}

static int read_response(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
			 const struct tp_noise_peer *peer, const struct wg_response *msg)
{
	uint8_t key[32];

	if (msg->type != htole32(WG_RESPONSE) || msg->receiver != hs->local_index)
		return -EBADMSG;
	hs->remote_index = msg->sender;
	mix_ephemeral(hs, msg->ephemeral);
	if (mix_chain_dh(hs, hs->ephemeral_secret, msg->ephemeral) ||
	    mix_chain_dh(hs, id->secret, msg->ephemeral))
		return -EBADMSG;
	mix_psk(hs, peer->psk, key);
	return open_and_mix(hs, NULL, key, msg->empty_sealed, sizeof(msg->empty_sealed));
}

int tp_noise_finish(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
		    const struct tp_noise_peer *peer, const struct wg_response *msg,
		    struct tp_keypair *kp)
{
	struct tp_noise_handshake trial = *hs;
	int err = read_response(&trial, id, peer, msg);

	memset(kp, 0, sizeof(*kp));
	if (!err) {
		split(&trial, kp, true);
		tp_wipe(hs, sizeof(*hs));
	}
	tp_wipe(&trial, sizeof(trial));
	return err;
}

/* --- responder -------------------------------------------------------------------------------- */

int tp_noise_identify(struct tp_noise_handshake *hs, const struct tp_noise_identity *id,
		      const struct wg_initiation *msg, uint8_t public_key[WG_KEY_LEN])
{
	uint8_t key[32];
	int err = -EBADMSG;

	memset(public_key, 0, WG_KEY_LEN);
	start(hs, id->public_key);
	if (msg->type != htole32(WG_INITIATION))
		goto out;
	hs->remote_index = msg->sender;
	memcpy(hs->remote_ephemeral, msg->ephemeral, WG_KEY_LEN);
	mix_ephemeral(hs, msg->ephemeral);
	if (mix_key_dh(hs, id->secret, msg->ephemeral, key))
		goto out;
	err = open_and_mix(hs, public_key, key, msg->static_sealed, sizeof(msg->static_sealed));
out:
	if (err)
		tp_wipe(hs, sizeof(*hs));
	return err;
}

int tp_noise_authenticate(struct tp_noise_handshake *hs, const struct tp_noise_peer *peer,
			  const struct wg_initiation *msg, uint8_t timestamp[WG_TIMESTAMP_LEN])
{
	uint8_t key[32];
	int err;

	memset(timestamp, 0, WG_TIMESTAMP_LEN);
	mix_key(hs, peer->static_static, key);
	err = open_and_mix(hs, timestamp, key, msg->timestamp_sealed,
			   sizeof(msg->timestamp_sealed));
	if (err)
		tp_wipe(hs, sizeof(*hs));
	return err;
}

int tp_noise_respond(struct tp_noise_handshake *hs, const struct tp_noise_peer *peer,
		     uint32_t local_index, struct wg_response *msg, struct tp_keypair *kp)
{
	uint8_t secret[32], key[32];
	int err = -EINVAL;

	memset(kp, 0, sizeof(*kp));
	memset(msg, 0, sizeof(*msg));
	msg->type = htole32(WG_RESPONSE);
	msg->sender = local_index;
	msg->receiver = hs->remote_index;
	hs->local_index = local_index;

	tp_secret_key(secret);
	tp_public_key(msg->ephemeral, secret);
	mix_ephemeral(hs, msg->ephemeral);
	if (mix_chain_dh(hs, secret, hs->remote_ephemeral) ||
	    mix_chain_dh(hs, secret, peer->public_key))
		goto out;
	mix_psk(hs, peer->psk, key);
	seal_and_mix(hs, msg->empty_sealed, key, NULL, 0);
	split(hs, kp, false);
	err = 0;
out:
	tp_wipe(secret, sizeof(secret));
	tp_wipe(hs, sizeof(*hs));
	return err;
}

/* --- transport -------------------------------------------------------------------------------- */

int tp_keypair_seal(struct tp_keypair *kp, const void *in, size_t len, void *out)
{
	struct wg_data header = {
		.type = htole32(WG_DATA),
		.receiver = kp->remote_index,
		.counter = htole64(kp->send_counter),
	};

	if (kp->send_counter >= WG_REJECT_AFTER_MESSAGES)
		return -EKEYEXPIRED;
	memcpy(out, &header, sizeof(header));
	tp_seal((uint8_t *)out + sizeof(header), kp->send_key, kp->send_counter, in, len, NULL, 0);
	kp->send_counter++;
	return 0;
}

static uint64_t *window_word(struct tp_keypair *kp, uint64_t counter)
{
	return &kp->recv_window[counter / 64 % (TP_REPLAY_BITS / 64)];
}

/* RFC 6479: moving on clears whole words, never shifts. */
static void advance_window(struct tp_keypair *kp, uint64_t counter)
{
	uint64_t newest = kp->recv_max ? kp->recv_max - 1 : 0;
	uint64_t words = counter / 64 - newest / 64;

	if (words > TP_REPLAY_BITS / 64)
		words = TP_REPLAY_BITS / 64;
	for (; words; words--)
		*window_word(kp, counter - 64 * (words - 1)) = 0;
	kp->recv_max = counter + 1;
}

/* Only for counters of messages that have been authenticated. 0, or -EALREADY when the counter
 * was seen or has fallen out of the window. */
static int accept_counter(struct tp_keypair *kp, uint64_t counter)
{
	uint64_t bit = 1ull << counter % 64, *word = window_word(kp, counter);

	if (counter >= kp->recv_max)
		advance_window(kp, counter);
	else if (kp->recv_max - 1 - counter > TP_REPLAY_WINDOW || *word & bit)
		return -EALREADY;
	*word |= bit;
	return 0;
}

int tp_keypair_open(struct tp_keypair *kp, const void *msg, size_t len, uint8_t *out)
{
	struct wg_data header;
	uint64_t counter;
	int err;

	if (len < WG_DATA_MIN)
		return -EBADMSG;
	memcpy(&header, msg, sizeof(header));
	counter = le64toh(header.counter);
	if (header.type != htole32(WG_DATA) || header.receiver != kp->local_index ||
	    counter >= WG_REJECT_AFTER_MESSAGES)
		return -EBADMSG;
	len -= sizeof(header);
	err = tp_open(out, kp->recv_key, counter, (const uint8_t *)msg + sizeof(header), len, NULL,
		      0);
	if (err)
		return err;
	len -= WG_TAG_LEN;
	err = accept_counter(kp, counter);
	if (err) {
		tp_wipe(out, len);
		return err;
	}
	return (int)len;
}

void tp_keypair_wipe(struct tp_keypair *kp)
{
	tp_wipe(kp, sizeof(*kp));
}
